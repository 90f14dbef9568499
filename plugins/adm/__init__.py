"""The U-Net of ADM: a network of an image and a time, for diffusion bridges and flow matching."""

from __future__ import annotations

from zoo.hookspec import Component, hookimpl

from .config import ADMUNetConfig

PAPER = "Dhariwal and Nichol, Diffusion Models Beat GANs on Image Synthesis, NeurIPS 2021"
SIZES = (
    (
        "adm_unet_tiny",
        ADMUNetConfig(width=32, mult=(1, 2, 4), blocks=1, attention=(4,), head_channels=32),
        "time-conditioned U-Net of ADM for 64 px, 3 M parameters",
    ),
    (
        "adm_unet_small",
        ADMUNetConfig(width=64, mult=(1, 2, 2, 4), attention=(8,), head_channels=32),
        "time-conditioned U-Net of ADM for 128 px, 21 M parameters",
    ),
    ("adm_unet", ADMUNetConfig(), "time-conditioned U-Net of ADM for 256 px, 86 M parameters"),
)
"""Name, options and summary of each size; the parameters are those with 4 channels in and 1 out."""


@hookimpl
def zoo_components() -> list[Component]:
    """Return the network in three sizes."""
    return [
        Component(
            kind="generator",
            name=name,
            target="zoo_plugins.adm.network:ADMUNet",
            config=config,
            summary=summary,
            paper=PAPER,
            small={"width": 32, "mult": (1, 2), "blocks": 1, "attention": (2,), "head_channels": 32},
        )
        for name, config, summary in SIZES
    ]
