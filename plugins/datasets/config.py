"""Options of the importers. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class RoadSceneConfig:
    """Options of `roadscene`."""

    test_pairs: int = 20
    """Pairs held out as the test set: those whose file names have the smallest SHA-256."""


@dataclass(frozen=True, kw_only=True)
class CycleGANConfig:
    """`cyclegan` has no options."""


@dataclass(frozen=True, kw_only=True)
class AlignedConfig:
    """`aligned` has no options."""
