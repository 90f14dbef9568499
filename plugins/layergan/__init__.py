"""LayerGAN: a generator layer for every class of objects, at the temperatures that a thermal segmentation gives."""

from __future__ import annotations

from zoo.hookspec import Component, hookimpl

from .config import LayerGANConfig

PAPER = "LayerGAN: thermal image synthesis from a colour image, a semantic map and a thermal segmentation"
SMALL = {"latent": 8, "channel_multiplier": 0.01, "max_channels": 8}


@hookimpl
def zoo_components() -> list[Component]:
    """Return the method and its reduced form."""
    layered, reduced = LayerGANConfig(), LayerGANConfig(layered=False)
    return [
        Component(
            kind="method",
            name="layergan",
            target="zoo_plugins.layergan.method:LayerGAN",
            config=layered,
            summary="a style-based layer for each class of objects, at given temperatures, put together by their masks",
            paper=PAPER,
            small=SMALL | {"classes": ("car",)},
        ),
        Component(
            kind="method",
            name="layergan_reduced",
            target="zoo_plugins.layergan.method:LayerGAN",
            config=reduced,
            summary="layergan with a single layer for the whole image",
            paper=PAPER,
            small=SMALL,
        ),
    ]
