"""ResNet translation networks: the generators of CycleGAN."""

from __future__ import annotations

from zoo.hookspec import CheckpointFormat, Component, Contract, hookimpl
from zoo.layers.kinds import ResNetConfig

from .formats import formats

PAPER = "Zhu et al., CycleGAN, ICCV 2017; junyanz/pytorch-CycleGAN-and-pix2pix@c3268ed"
CONTRACT = Contract(size_multiple=4, min_size=8, offers=frozenset({"taps", "exports", "compiles"}))


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
            small={"width": 4, "blocks": 1},
            quick={"width": 16},
        )
        for blocks in (6, 9)
    ]


@hookimpl
def zoo_checkpoints() -> list[CheckpointFormat]:
    """Return the layouts in which other programs save these networks."""
    return formats()
