"""The systems that the two papers compare: a recipe for each, and catalogue rows for their weights."""

from __future__ import annotations

from zoo.hookspec import Component, RecipeConfig, Weights, hookimpl

GN_CYCLEGAN = "the GN_CycleGAN paper, table 2"
LAYERGAN = "the LayerGAN paper, table 1"
NARROW = "channel_multiplier=0.125,max_channels=64,lambda_adv=0.1"
"""Widths at which LayerGAN trains on two CPU cores at 64 px. The paper does not state the weights of its losses; with an
adversarial weight of 1 a short training ends further from the real images than it began."""

DATASETS = {"osu": "OSU", "flir": "FLIR", "thermalworld": "ThermalWorld"}

SYSTEMS: tuple[tuple[str, str, tuple[str, ...], str], ...] = (
    # name, recipe, datasets, what it is
    ("cyclegan-unet128", "cyclegan:generator=unet_128", ("osu", "flir"), "CycleGAN with U-Net 128"),
    ("cyclegan-unet256", "cyclegan:generator=unet_256", ("osu", "flir"), "CycleGAN with U-Net 256"),
    ("cyclegan-resnet6", "cyclegan:generator=resnet6", ("osu", "flir"), "CycleGAN with ResNet-6"),
    ("cyclegan-resnet9", "cyclegan", ("osu", "flir"), "CycleGAN with ResNet-9"),
    ("cbam-cyclegan", "cbam_cyclegan", ("flir",), "GN_CycleGAN without gradient normalization"),
    ("gn-cyclegan", "gn_cyclegan", ("osu", "flir"), "GN_CycleGAN"),
    ("cut", "cut:epochs=200", ("osu", "flir"), "CUT for 200 epochs"),
    ("pix2pix", "pix2pix:size=512", ("thermalworld",), "pix2pix"),
    ("thermalgan", "thermalgan", ("thermalworld",), "ThermalGAN"),
    ("layergan-reduced", "layergan_reduced", ("thermalworld",), "LayerGAN, not divided into layers"),
    ("layergan", "layergan", ("thermalworld",), "LayerGAN"),
)
"""Tables 2 and 3 of the GN_CycleGAN paper and table 1 of the LayerGAN paper; a system in two of them is listed once."""


def _recipe(name: str, summary: str, paper: str, config: RecipeConfig) -> Component:
    return Component(kind="recipe", name=name, target="zoo.recipe:Recipe", config=config, summary=summary, paper=paper)


@hookimpl
def zoo_components() -> list[Component]:
    """Return the recipes, those of the GN_CycleGAN paper first."""
    return [
        _recipe(
            "gn_cyclegan",
            "CycleGAN with CBAM-ResNet-9 and gradient-normalized PatchGAN",
            GN_CYCLEGAN,
            RecipeConfig(method="cyclegan", generator="resnet9_cbam", discriminator="patchgan_gn"),
        ),
        _recipe(
            "cbam_cyclegan",
            "CycleGAN with CBAM-ResNet-9, the ablation without gradient normalization",
            "the GN_CycleGAN paper, table 3",
            RecipeConfig(method="cyclegan", generator="resnet9_cbam", discriminator="patchgan"),
        ),
        _recipe(
            "cyclegan",
            "CycleGAN with ResNet-9, as its authors train it",
            "Zhu et al., CycleGAN, ICCV 2017",
            RecipeConfig(method="cyclegan", generator="resnet9", discriminator="patchgan"),
        ),
        _recipe(
            "cut",
            "contrastive unpaired translation with an anti-aliased ResNet-9",
            "Park et al., CUT, ECCV 2020",
            RecipeConfig(method="cut", generator="resnet9:antialias=true", discriminator="patchgan:antialias=true"),
        ),
        _recipe(
            "fastcut",
            "CUT without the identity term, lighter and faster",
            "Park et al., CUT, ECCV 2020",
            RecipeConfig(method="fastcut", generator="resnet9:antialias=true", discriminator="patchgan:antialias=true"),
        ),
        _recipe(
            "pix2pix",
            "conditional GAN on pairs with a U-Net and L1",
            "Isola et al., pix2pix, CVPR 2017",
            RecipeConfig(method="pix2pix", generator="unet_auto", discriminator="patchgan"),
        ),
        _recipe(
            "thermalgan",
            "objects at their mean temperatures, then the contrasts inside them",
            LAYERGAN,
            RecipeConfig(method="thermalgan", generator="unet_auto:most=9", discriminator="patchgan", size=512),
        ),
        _recipe(
            "layergan",
            "one style-based layer for each class, put together",
            LAYERGAN,
            RecipeConfig(method="layergan", quick_method=f"layergan:{NARROW}", discriminator="stylegan2_gp", size=512),
        ),
        _recipe(
            "layergan_reduced",
            "LayerGAN without layers: one generator for the whole image",
            LAYERGAN,
            RecipeConfig(
                method="layergan_reduced",
                quick_method=f"layergan_reduced:{NARROW}",
                discriminator="stylegan2_gp",
                size=512,
            ),
        ),
    ]


@hookimpl
def zoo_weights() -> list[Weights]:
    """Return a row for each row and dataset of the papers' tables; none is published yet."""
    return [
        Weights(
            name=f"{name}-{dataset}",
            summary=f"{what}, on {DATASETS[dataset]}",
            train=f"zoo bench --recipe {recipe} --preset paper --data {dataset}",
            dataset=dataset,
            recipe=recipe,
        )
        for name, recipe, datasets, what in SYSTEMS
        for dataset in datasets
    ]
