"""pix2pix: translation from aligned pairs with a conditional discriminator."""

from __future__ import annotations

from collections.abc import Iterable

from zoo.hookspec import Component, hookimpl

from .config import Pix2PixConfig


@hookimpl
def zoo_components() -> Iterable[Component]:
    """Return the method."""
    return [
        Component(
            kind="method",
            name="pix2pix",
            target="zoo_plugins.pix2pix.method:Pix2Pix",
            config=Pix2PixConfig(),
            summary="one generator on aligned pairs, a discriminator conditioned on the input, and L1",
            paper="Isola et al., Image-to-Image Translation with Conditional Adversarial Networks, CVPR 2017",
            quick={"lr": 5e-4},
        )
    ]
