"""ResNet translation networks: the generators of CycleGAN."""

from __future__ import annotations

from zoo.hookspec import Component, Contract, hookimpl

from .config import ResNetConfig

PAPER = "Zhu et al., CycleGAN, ICCV 2017; junyanz/pytorch-CycleGAN-and-pix2pix@c3268ed"
CONTRACT = Contract(size_multiple=4, min_size=8, offers=frozenset({"taps"}))


@hookimpl
def zoo_components() -> list[Component]:
    """Return the ResNets with six and with nine residual blocks."""
    return [
        Component(
            kind="generator",
            name=f"resnet{blocks}",
            target="zoo_plugins.resnet.network:ResNetGenerator",
            config=ResNetConfig(blocks=blocks),
            summary=f"ResNet with {blocks} residual blocks, as in CycleGAN",
            contract=CONTRACT,
            paper=PAPER,
        )
        for blocks in (6, 9)
    ]
