"""NAFNet, a restoration network without nonlinear activations, as a generator of zoo."""

from __future__ import annotations

from dataclasses import dataclass

from zoo.errors import UsageError
from zoo.hookspec import Component, Contract, Positive, hookimpl


@dataclass(frozen=True, kw_only=True)
class NAFNetConfig:
    """Widths and depths; the defaults are the paper's network of width 32."""

    in_channels: Positive = 3
    """Channels of the input images."""
    out_channels: Positive = 1
    """Channels of the output images."""
    width: Positive = 32
    """Channels at full resolution; every halving of the size doubles them."""
    encoder: tuple[int, ...] = (2, 2, 4, 8)
    """Blocks before each halving of the size."""
    middle: Positive = 12
    """Blocks at the coarsest resolution."""
    decoder: tuple[int, ...] = (2, 2, 2, 2)
    """Blocks after each doubling of the size, the coarsest first."""

    def __post_init__(self) -> None:
        if len(self.encoder) != len(self.decoder):
            raise UsageError(
                f"nafnet halves the size {len(self.encoder)} times and doubles it {len(self.decoder)} times",
                "Give encoder and decoder equally many numbers",
            )

    def contract(self) -> Contract:
        """Return which sizes it takes, and that it can be exported."""
        multiple = 2 ** len(self.encoder)
        return Contract(size_multiple=multiple, min_size=multiple, offers=frozenset({"exports", "compiles"}))


@hookimpl
def zoo_components() -> list[Component]:
    """Return the network."""
    return [
        Component(
            kind="generator",
            name="nafnet",
            target="zoo_nafnet.network:NAFNet",
            config=NAFNetConfig(),
            summary="restoration network without nonlinear activations: gates and channel attention",
            paper="Chen et al., Simple baselines for image restoration, ECCV 2022",
            small={"width": 4, "encoder": (1,), "middle": 1, "decoder": (1,)},
        )
    ]
