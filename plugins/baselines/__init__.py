"""Null baselines: translations that a trained network has to beat. None has a generator."""

from __future__ import annotations

from zoo.hookspec import Component, Contract, hookimpl

from .config import BaselineConfig, GreyConfig


@hookimpl
def zoo_components() -> list[Component]:
    """Return the baselines, from those that look at nothing to those that look at most."""
    return [
        Component(
            kind="method",
            name="mean_image",
            target="zoo_plugins.baselines.fitted:MeanImage",
            config=BaselineConfig(),
            summary="the mean of the training thermal images, whatever is shown",
        ),
        Component(
            kind="method",
            name="grey_copy",
            target="zoo_plugins.baselines.grey:Grey",
            config=GreyConfig(),
            summary="the visible image in grey",
        ),
        Component(
            kind="method",
            name="inverted_grey",
            target="zoo_plugins.baselines.grey:Grey",
            config=GreyConfig(inverted=True),
            summary="the visible image in grey, bright made dark",
        ),
        Component(
            kind="method",
            name="histogram_matching",
            target="zoo_plugins.baselines.fitted:HistogramMatching",
            config=BaselineConfig(),
            summary="the visible image in grey, with the grey levels of the training thermal images",
            paper="Gonzalez and Woods, Digital Image Processing, section 3.3",
        ),
        Component(
            kind="method",
            name="pixel_regression",
            target="zoo_plugins.baselines.fitted:PixelRegression",
            config=BaselineConfig(),
            summary="the linear map from a pixel's colour to its thermal value that fits the training pairs best",
            contract=Contract(needs=frozenset({"pairs"})),
        ),
        Component(
            kind="method",
            name="object_means",
            target="zoo_plugins.baselines.object_means:ObjectMeans",
            config=BaselineConfig(),
            summary="every object at its mean temperature: what methods that read a thermal segmentation are told",
            contract=Contract(reads=("visible", "labels", "thermal_segmentation")),
        ),
    ]
