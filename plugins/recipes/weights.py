"""Rows of the catalogue of weights: one for each row and dataset of the papers' tables. Imports neither torch nor the recipes."""

from __future__ import annotations

from zoo.hookspec import Weights

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
"""Tables 2 and 3 of the GN_CycleGAN paper and table 1 of the LayerGAN paper; a system that stands in two of them is here once."""


def rows() -> list[Weights]:
    """Return the rows; none is published yet."""
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
