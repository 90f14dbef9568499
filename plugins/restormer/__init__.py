"""Restormer, a restoration transformer whose attention is across channels, as a generator."""

from __future__ import annotations

from dataclasses import dataclass

from zoo.errors import UsageError
from zoo.hookspec import Component, Contract, hookimpl
from zoo.limits import AboveZero, Positive


@dataclass(frozen=True, kw_only=True)
class RestormerConfig:
    """Widths and depths; the defaults are the paper's network."""

    in_channels: Positive = 3
    """Channels of the input images."""
    out_channels: Positive = 1
    """Channels of the output images."""
    width: Positive = 48
    """Channels at full resolution; they double in each of three downsampling stages, and so do the attention heads."""
    blocks: tuple[int, ...] = (4, 6, 6, 8)
    """Transformer blocks of each level, the finest first; the decoder has as many on the way back."""
    refinement: Positive = 4
    """Transformer blocks at full resolution after the decoder."""
    expansion: AboveZero = 2.66
    """Hidden channels of the feed-forward network over its input's."""
    bias: bool = True
    """Whether layer norms have a mean and a shift (`WithBias` of the authors' code)."""
    grey: bool = False
    """Add the input's mean over its channels to the output, in place of the paper's sum with the degraded image."""

    def __post_init__(self) -> None:
        if len(self.blocks) != 4 or min(self.blocks) < 1:
            raise UsageError(
                f"restormer got blocks={self.blocks}", "Give four numbers of 1 or more, one for each level"
            )


@hookimpl
def zoo_components() -> list[Component]:
    """Return the network at the paper's width."""
    return [
        Component(
            kind="generator",
            name="restormer",
            target="zoo_plugins.restormer.network:Restormer",
            config=RestormerConfig(),
            summary="restoration transformer with attention across channels, 26 M parameters; at width 24, 4 M",
            contract=Contract(size_multiple=8, min_size=8, offers=frozenset({"exports", "compiles"})),
            paper="Zamir et al., Restormer: Efficient Transformer for High-Resolution Image Restoration, CVPR 2022",
            small={"width": 4, "blocks": (1, 1, 1, 1), "refinement": 1},
            quick={"width": 16},
        )
    ]
