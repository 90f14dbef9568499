"""U-GAT-IT: unpaired translation with attention by class activation maps and adaptive layer-instance normalization."""

from __future__ import annotations

from zoo.hookspec import Component, RecipeConfig, hookimpl

from .config import FullConfig, LightConfig, PairConfig, UGATITConfig

PAPER = "Kim et al., U-GAT-IT, ICLR 2020; znxlwm/UGATIT-pytorch@b8c4251"
SMALL = {"width": 4, "blocks": 1}


@hookimpl
def zoo_components() -> list[Component]:
    """Return both generators, the discriminators, the method and its recipe."""
    return [
        Component(
            kind="generator",
            name="ugatit_light",
            target="zoo_plugins.ugatit.networks:LightGenerator",
            config=LightConfig(),
            summary="ResNet with CAM attention and AdaLIN, for images of any size",
            paper=PAPER,
            license="MIT",
            small=SMALL,
            quick={"width": 16},
        ),
        Component(
            kind="generator",
            name="ugatit_full",
            target="zoo_plugins.ugatit.networks:FullGenerator",
            config=FullConfig(),
            summary="ugatit_light with AdaLIN parameters from every pixel, only for the image size of the recipe",
            paper=PAPER,
            license="MIT",
            small=SMALL,
            quick={"width": 16},
        ),
        Component(
            kind="discriminator",
            name="ugatit",
            target="zoo_plugins.ugatit.networks:DiscriminatorPair",
            config=PairConfig(),
            summary="a global and a local discriminator with CAM attention and spectral norm",
            paper=PAPER,
            license="MIT",
            small={"width": 2},
            quick={"width": 16},
        ),
        Component(
            kind="method",
            name="ugatit",
            target="zoo_plugins.ugatit.method:UGATIT",
            config=UGATITConfig(),
            summary="two generators and their discriminators on unpaired images, with cycle, identity and CAM losses",
            paper=PAPER,
            license="MIT",
        ),
        Component(
            kind="recipe",
            name="ugatit",
            target="zoo.recipe:Recipe",
            config=RecipeConfig(method="ugatit", generator="ugatit_light", discriminator="ugatit"),
            summary="U-GAT-IT with the light generator; `ugatit:generator=ugatit_full` is the full one",
            paper=PAPER,
        ),
    ]
