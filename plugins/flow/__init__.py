"""Conditional flow matching along straight lines (rectified flow), from noise to thermal images, given the visible ones."""

from __future__ import annotations

from zoo.hookspec import Component, RecipeConfig, hookimpl

from .config import FlowConfig

PAPER = "Lipman et al., Flow Matching for Generative Modeling, ICLR 2023; Liu et al., Rectified Flow, ICLR 2023"


@hookimpl
def zoo_components() -> list[Component]:
    """Return the method and its recipe."""
    return [
        Component(
            kind="method",
            name="flow",
            target="zoo_plugins.flow.method:Flow",
            config=FlowConfig(),
            summary="conditional flow matching: a network's velocity carries noise to thermal images in a few steps",
            paper=PAPER,
            small={"steps": 2},
        ),
        Component(
            kind="recipe",
            name="flow",
            target="zoo.recipe:Recipe",
            config=RecipeConfig(
                method="flow",
                generator="adm_unet",
                quick_method="flow:lr=0.0002,warmup=10",
                quick_generator="adm_unet_tiny",
                batch=16,
                quick_batch=4,
            ),
            summary="conditional flow matching with the U-Net of ADM, 86 M parameters",
            paper=PAPER,
        ),
    ]
