"""Options of the synthetic road scenes; plain data."""

from __future__ import annotations

from dataclasses import dataclass

from zoo.hookspec import Positive


@dataclass(frozen=True, kw_only=True)
class ScenesConfig:
    """What to draw; a picture depends on these numbers, its split and its index, and on nothing else."""

    seed: int = 0
    """Start of every random stream; two seeds give two unrelated sets."""
    train: Positive = 120
    """Pairs in the training split."""
    test: Positive = 20
    """Pairs in the test split."""
    size: Positive = 128
    """Height and width of the pictures in pixels; the street is the same at every size."""
    night: float = 0.3
    """Share of the pictures taken at night, 0 to 1."""
