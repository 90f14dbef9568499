"""Null baselines without a network: translations that a trained network has to beat."""

from __future__ import annotations

from functools import partial

from zoo.hookspec import Component, Contract, hookimpl

from .config import BaselineConfig, GreyConfig

BASELINE = frozenset({"baseline"})
UNFITTED = BASELINE | {"unfitted"}


@hookimpl
def zoo_components() -> list[Component]:
    """Return the baselines, from those that read the least to those that read the most."""
    method = partial(Component, kind="method", contract=Contract(offers=BASELINE))
    return [
        method(
            name="mean_image",
            target="zoo_plugins.baselines.fitted:MeanImage",
            config=BaselineConfig(),
            summary="the mean of the training thermal images, for every visible image",
        ),
        method(
            name="grey_copy",
            target="zoo_plugins.baselines.unfitted:Grey",
            config=GreyConfig(),
            summary="the visible image in grey",
            contract=Contract(offers=UNFITTED),
        ),
        method(
            name="inverted_grey",
            target="zoo_plugins.baselines.unfitted:Grey",
            config=GreyConfig(inverted=True),
            summary="the visible image in inverted grey",
            contract=Contract(offers=UNFITTED),
        ),
        method(
            name="histogram_matching",
            target="zoo_plugins.baselines.fitted:HistogramMatching",
            config=BaselineConfig(),
            summary="the visible image in grey, matched to the histogram of the training thermal images",
            paper="Gonzalez and Woods, Digital Image Processing, section 3.3",
        ),
        method(
            name="pixel_regression",
            target="zoo_plugins.baselines.fitted:PixelRegression",
            config=BaselineConfig(),
            summary="the least-squares linear map from a pixel's colour to its thermal value",
            contract=Contract(offers=BASELINE, needs=frozenset({"pairs"})),
        ),
        method(
            name="object_means",
            target="zoo_plugins.baselines.unfitted:ObjectMeans",
            config=BaselineConfig(),
            summary="every object at its mean temperature: the additional input of methods that read a thermal segmentation",
            contract=Contract(offers=UNFITTED, reads=("visible", "labels", "thermal_segmentation")),
        ),
    ]
