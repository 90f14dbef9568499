"""Supervised regression: a generator trained on aligned pairs with a pixel loss alone, the plain baseline of every table."""

from __future__ import annotations

from collections.abc import Iterable

from zoo.hookspec import Component, RecipeConfig, hookimpl

from .config import RegressionConfig


@hookimpl
def zoo_components() -> Iterable[Component]:
    """Return the method and its recipe."""
    return [
        Component(
            kind="method",
            name="regression",
            target="zoo_plugins.regression.method:Regression",
            config=RegressionConfig(),
            summary="one generator on aligned pairs under L1, Charbonnier or L1 + MS-SSIM, without a discriminator",
            paper="Zhao et al., Loss Functions for Image Restoration with Neural Networks, IEEE TCI 2017",
            quick={"lr": 5e-4},
        ),
        Component(
            kind="recipe",
            name="regression",
            target="zoo.recipe:Recipe",
            config=RecipeConfig(method="regression", generator="resnet9", discriminator=None),
            summary="ResNet-9 under L1, the plain supervised baseline",
        ),
    ]
