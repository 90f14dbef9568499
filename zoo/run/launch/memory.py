"""How much memory a cell needs, of its accelerator or of the machine: as an earlier record of its like measured, else by rule."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from zoo.composition import digest
from zoo.recipe import Budget, Recipe
from zoo.run.record import RECORD_FILE

GIB = 1 << 30
CONTEXT = GIB
"""What a process takes beside its tensors: the driver's context and the libraries' workspaces."""
FRAGMENTS = 1.2
"""Memory that torch holds, relative to the most that tensors took at once."""
BASE, PER_IMAGE = 2 * GIB, 7 * GIB
"""Rule of thumb for two generators and two discriminators of the papers' widths: a constant, and each 256-px image of a step."""
HOST_BASE, HOST_PER_IMAGE = 3 * GIB // 2, 3 * GIB
"""The same on processors, whose libraries ask for less; measured were 1.4 GiB at 64 px and 1.5 GiB at 128 px."""


@dataclass(frozen=True, kw_only=True)
class _Peak:
    """The part of a record that tells a training's memory."""

    recipe: Recipe
    peak_memory: dict[str, int | None]
    processes: int = 1


class MemoryOf:
    """Estimates the memory of recipes; looks at the records of a results folder when first asked.

    Args:
        results: folder of records.
        device: whether of accelerators, or of the machine.
    """

    def __init__(self, results: Path, *, device: bool = True) -> None:
        self._results, self._device = results, device
        self._measured: dict[str, int] | None = None

    def __call__(self, recipe: Recipe) -> int:
        """Return bytes."""
        if self._measured is None:
            self._measured = {}
            for peak in _peaks(self._results):
                kind, found = _kind(peak.recipe), self._of(peak)
                if found:
                    self._measured[kind] = max(found, self._measured.get(kind, 0))
        measured, images = self._measured.get(_kind(recipe)), recipe.batch * (recipe.size / 256) ** 2
        if not self._device:
            return measured or HOST_BASE + round(HOST_PER_IMAGE * images)
        return round(measured * FRAGMENTS) + CONTEXT if measured else BASE + round(PER_IMAGE * images)

    def _of(self, peak: _Peak) -> int | None:
        device = peak.peak_memory.get("device")
        if peak.processes > 1:
            return None  # each had a part of the batch
        if self._device:
            return device
        # What a training on an accelerator took of the machine says nothing of one on processors.
        return None if device else peak.peak_memory.get("host")


def _peaks(results: Path) -> Iterator[_Peak]:
    for path in results.glob(f"*/{RECORD_FILE}"):
        try:
            yield msgspec.json.decode(path.read_bytes(), type=_Peak)
        except (OSError, UnicodeDecodeError, msgspec.MsgspecError):
            continue  # damaged; whoever reads it for its scores says so


def _kind(recipe: Recipe) -> str:
    """Return what trainings of equal memory have in common: all but data, seed and length."""
    return digest(
        replace(recipe, seed=0, data=replace(recipe.data, name="", config={}, fingerprint=""), budget=_NO_BUDGET)
    )


_NO_BUDGET = Budget(steps=0, constant=0)
