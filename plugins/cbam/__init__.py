"""ResNets with a convolutional block attention module in their residual blocks: the generators of GN-CycleGAN."""

from __future__ import annotations

from zoo.hookspec import Component, Contract, hookimpl

from .config import CBAMResNetConfig

PAPER = "GN-CycleGAN; Woo et al., CBAM, ECCV 2018"
CONTRACT = Contract(size_multiple=4, min_size=8, offers=frozenset({"taps", "exports", "compiles"}))


@hookimpl
def zoo_components() -> list[Component]:
    """Return the attended ResNets with six and with nine residual blocks."""
    return [
        Component(
            kind="generator",
            name=f"resnet{blocks}_cbam",
            target="zoo_plugins.cbam.network:CBAMResNet",
            config=CBAMResNetConfig(blocks=blocks),
            summary=f"ResNet with {blocks} residual blocks and CBAM attention",
            contract=CONTRACT,
            paper=PAPER,
            small={"width": 8, "blocks": 1},
            quick={"width": 16},
        )
        for blocks in (6, 9)
    ]
