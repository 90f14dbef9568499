"""The residual discriminator of StyleGAN2."""

from __future__ import annotations

from zoo.hookspec import Component, hookimpl

from .config import StyleGAN2Config


@hookimpl
def zoo_components() -> list[Component]:
    """Return the discriminator."""
    return [
        Component(
            kind="discriminator",
            name="stylegan2",
            target="zoo_plugins.stylegan2.network:StyleGAN2Discriminator",
            config=StyleGAN2Config(),
            summary="residual blocks down to 4x4 pixels, one logit for a whole image of a fixed size",
            paper="Karras et al., StyleGAN2, CVPR 2020; rosinality/stylegan2-pytorch@bef283a",
            small={"channel_multiplier": 0.01, "max_channels": 8},
        )
    ]
