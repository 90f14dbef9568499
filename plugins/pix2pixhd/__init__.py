"""pix2pixHD: a coarse-to-fine generator, discriminators at several scales, and feature matching, on aligned pairs."""

from __future__ import annotations

from zoo.hookspec import Component, RecipeConfig, hookimpl

from .config import GlobalConfig, LocalConfig, Pix2PixHDConfig, ScalesConfig

PAPER = "Wang et al., High-Resolution Image Synthesis and Semantic Manipulation with Conditional GANs, CVPR 2018"


@hookimpl
def zoo_components() -> list[Component]:
    """Return both generators, the discriminator, the method and its recipe."""
    return [
        Component(
            kind="generator",
            name="pix2pixhd_global",
            target="zoo_plugins.pix2pixhd.generator:GlobalGenerator",
            config=GlobalConfig(),
            summary="the global generator of pix2pixHD: ResNet-9 with three downsampling stages (`downs=4`: the authors' option)",
            paper=PAPER,
            small={"width": 4, "downs": 2, "blocks": 1},
            quick={"width": 16},
        ),
        Component(
            kind="generator",
            name="pix2pixhd_local",
            target="zoo_plugins.pix2pixhd.generator:LocalEnhancer",
            config=LocalConfig(),
            summary="the local enhancer of pix2pixHD around a global generator at half the size",
            paper=PAPER,
            small={"width": 4, "downs": 2, "blocks": 1, "local_blocks": 1},
            quick={"width": 16},
        ),
        Component(
            kind="discriminator",
            name="pix2pixhd",
            target="zoo_plugins.pix2pixhd.discriminator:MultiScaleFeatures",
            config=ScalesConfig(),
            summary="PatchGANs at several image sizes whose intermediate features are available",
            paper=PAPER,
            small={"width": 4},
            quick={"width": 16},
        ),
        Component(
            kind="method",
            name="pix2pixhd",
            target="zoo_plugins.pix2pixhd.method:Pix2PixHD",
            config=Pix2PixHDConfig(),
            summary="a conditional GAN on aligned pairs with feature matching in place of L1",
            paper=PAPER,
        ),
        Component(
            kind="recipe",
            name="pix2pixhd",
            target="zoo.recipe:Recipe",
            config=RecipeConfig(method="pix2pixhd", generator="pix2pixhd_global", discriminator="pix2pixhd"),
            summary="pix2pixHD with the global generator and two scales",
            paper=PAPER,
        ),
    ]
