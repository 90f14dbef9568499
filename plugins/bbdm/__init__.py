"""BBDM: a Brownian bridge from the visible image to the thermal one, in place of a diffusion to noise."""

from __future__ import annotations

from zoo.hookspec import Component, RecipeConfig, hookimpl

from .config import BBDMConfig

PAPER = "Li et al., BBDM: Image-to-Image Translation with Brownian Bridge Diffusion Models, CVPR 2023"


@hookimpl
def zoo_components() -> list[Component]:
    """Return the method and its recipe."""
    return [
        Component(
            kind="method",
            name="bbdm",
            target="zoo_plugins.bbdm.method:BBDM",
            config=BBDMConfig(),
            summary="Brownian bridge diffusion from the grey visible image to the thermal one, in pixels",
            paper=PAPER,
            small={"steps": 3},
        ),
        Component(
            kind="recipe",
            name="bbdm",
            target="zoo.recipe:Recipe",
            config=RecipeConfig(
                method="bbdm",
                generator="adm_unet:mult=1+4+8,attention=32+16+8",
                quick_method="bbdm:warmup=10,steps=20",
                quick_generator="adm_unet_tiny",
                batch=16,
                quick_batch=4,
            ),
            summary="BBDM with the network of its authors, 237 M parameters, in pixels",
            paper=PAPER,
        ),
    ]
