"""How much of an accelerator's memory a cell needs: as an earlier record of its like measured, else by rule of thumb."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from zoo.bench.record import RECORD_FILE
from zoo.composition import digest
from zoo.recipe import Budget, Recipe

GIB = 1 << 30
CONTEXT = GIB
"""What a process takes beside its tensors: the driver's context and the libraries' workspaces."""
FRAGMENTS = 1.2
"""Memory that torch holds, relative to the most that tensors took at once."""
BASE, PER_IMAGE = 2 * GIB, 7 * GIB
"""Rule of thumb for two generators and two discriminators of the papers' widths: a constant, and each 256-px image of a step."""


@dataclass(frozen=True, kw_only=True)
class _Peak:
    """The part of a record that tells a training's memory."""

    recipe: Recipe
    peak_memory: dict[str, int | None]


class MemoryOf:
    """Estimates the memory of recipes; looks at the records of a results folder when first asked."""

    def __init__(self, results: Path) -> None:
        self._results = results
        self._measured: dict[str, int] | None = None

    def __call__(self, recipe: Recipe) -> int:
        """Return bytes."""
        if self._measured is None:
            self._measured = {_kind(peak.recipe): bytes for peak in _peaks(self._results) if (bytes := _device(peak))}
        measured = self._measured.get(_kind(recipe))
        if measured:
            return round(measured * FRAGMENTS) + CONTEXT
        return BASE + round(PER_IMAGE * recipe.batch * (recipe.size / 256) ** 2)

    def learn(self, recipe: Recipe, peak_memory: dict[str, int | None]) -> None:
        """Remember what a cell that just ended needed."""
        device = peak_memory.get("device")
        if self._measured is not None and device:
            self._measured[_kind(recipe)] = device


def _peaks(results: Path) -> Iterator[_Peak]:
    for path in results.glob(f"*/{RECORD_FILE}"):
        try:
            yield msgspec.json.decode(path.read_bytes(), type=_Peak)
        except (OSError, UnicodeDecodeError, msgspec.MsgspecError):
            continue  # damaged; whoever reads it for its scores says so


def _device(peak: _Peak) -> int | None:
    return peak.peak_memory.get("device")


def _kind(recipe: Recipe) -> str:
    """Return what trainings of equal memory have in common: all but data, seed and length."""
    return digest(
        replace(recipe, seed=0, data=replace(recipe.data, name="", config={}, fingerprint=""), budget=_NO_BUDGET)
    )


_NO_BUDGET = Budget(steps=0, constant=0)
