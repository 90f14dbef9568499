"""Discriminators that classify patches or pixels: those of pix2pix and CycleGAN."""

from __future__ import annotations

from zoo.hookspec import CheckpointFormat, Component, hookimpl

from .config import MultiScaleConfig, PatchGANConfig, PixelConfig
from .formats import formats

PAPER = "Isola et al., pix2pix, CVPR 2017; junyanz/pytorch-CycleGAN-and-pix2pix@c3268ed"


@hookimpl
def zoo_components() -> list[Component]:
    """Return the patch discriminator, at one and at several scales, and the pixel discriminator."""
    return [
        Component(
            kind="discriminator",
            name="patchgan",
            target="zoo_plugins.patchgan.network:PatchGAN",
            config=PatchGANConfig(),
            summary="one logit for each 70x70 patch; more `layers`, larger patches",
            paper=PAPER,
            small={"width": 4},
            quick={"width": 16},
        ),
        Component(
            kind="discriminator",
            name="multiscale",
            target="zoo_plugins.patchgan.network:MultiScale",
            config=MultiScaleConfig(),
            summary="a patchgan for each of `scales` image sizes, each half the size of the previous one",
            paper="Wang et al., pix2pixHD, CVPR 2018",
            small={"width": 4},
            quick={"width": 16},
        ),
        Component(
            kind="discriminator",
            name="pixel",
            target="zoo_plugins.patchgan.network:PixelGAN",
            config=PixelConfig(),
            summary="one logit for each pixel",
            paper=PAPER,
            small={"width": 4},
            quick={"width": 16},
        ),
    ]


@hookimpl
def zoo_checkpoints() -> list[CheckpointFormat]:
    """Return the layouts in which other programs save these networks."""
    return formats()
