"""U-Nets: the generators of pix2pix."""

from __future__ import annotations

from zoo.hookspec import CheckpointFormat, Component, hookimpl

from .config import UNetConfig
from .formats import formats

PAPER = "Isola et al., pix2pix, CVPR 2017; junyanz/pytorch-CycleGAN-and-pix2pix@c3268ed"
SMALL = {"width": 4, "downs": 5}


@hookimpl
def zoo_components() -> list[Component]:
    """Return the U-Nets with seven, eight and nine downsampling stages, and the one that follows the image size."""
    fixed = [
        Component(
            kind="generator",
            name=f"unet_{2**downs}",
            target="zoo_plugins.unet.network:UNetGenerator",
            config=UNetConfig(downs=downs),
            summary=f"U-Net with {downs} downsampling stages, for sizes that are multiples of {2**downs}",
            paper=PAPER,
            small=SMALL,
            quick={"width": 32},
        )
        for downs in (7, 8, 9)
    ]
    auto = Component(
        kind="generator",
        name="unet_auto",
        target="zoo_plugins.unet.network:UNetGenerator",
        config=UNetConfig(downs=None),
        summary="U-Net with as many downsampling stages as the image size allows, 5 to 8",
        paper=PAPER,
        small={"width": 4},
        quick={"width": 32},
    )
    return [*fixed, auto]


@hookimpl
def zoo_checkpoints() -> list[CheckpointFormat]:
    """Return the layouts in which other programs save these networks."""
    return formats()
