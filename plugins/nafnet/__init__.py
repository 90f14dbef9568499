"""NAFNet, a restoration network without nonlinear activations, as a generator."""

from __future__ import annotations

from dataclasses import dataclass

from zoo.errors import UsageError
from zoo.hookspec import Component, Contract, hookimpl
from zoo.limits import Positive


@dataclass(frozen=True, kw_only=True)
class NAFNetConfig:
    """Widths and depths; the defaults are the paper's network of width 32 for denoising."""

    in_channels: Positive = 3
    """Channels of the input images."""
    out_channels: Positive = 1
    """Channels of the output images."""
    width: Positive = 32
    """Channels at full resolution; they double in each downsampling stage."""
    encoder: tuple[int, ...] = (2, 2, 4, 8)
    """Blocks before each downsampling stage."""
    middle: Positive = 12
    """Blocks at the coarsest resolution."""
    decoder: tuple[int, ...] = (2, 2, 2, 2)
    """Blocks after each upsampling stage, the coarsest first."""

    def __post_init__(self) -> None:
        if len(self.encoder) != len(self.decoder) or min((*self.encoder, *self.decoder), default=0) < 1:
            raise UsageError(
                f"nafnet got encoder={self.encoder}, decoder={self.decoder}",
                "Give both as many numbers of 1 or more, one for each stage",
            )

    def contract(self) -> Contract:
        """Return the sizes that can be halved as often, and what the network offers."""
        multiple = 2 ** len(self.encoder)
        return Contract(size_multiple=multiple, min_size=multiple, offers=frozenset({"exports", "compiles"}))


@hookimpl
def zoo_components() -> list[Component]:
    """Return the network at the paper's smaller width."""
    return [
        Component(
            kind="generator",
            name="nafnet",
            target="zoo_plugins.nafnet.network:NAFNet",
            config=NAFNetConfig(),
            summary="restoration network of gates and channel attention, 29 M parameters; `width=64`: 116 M, `width=16`: 7 M",
            paper="Chen et al., Simple Baselines for Image Restoration, ECCV 2022",
            small={"width": 4, "encoder": (1,), "middle": 1, "decoder": (1,)},
            quick={"width": 16},
        )
    ]
