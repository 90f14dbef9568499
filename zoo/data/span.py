"""The thermal range of a dataset that does not state it. Imports no torch."""

from __future__ import annotations

import logging
from collections.abc import Collection
from typing import Any

from numpy.typing import NDArray

log = logging.getLogger(__name__)


class Span:
    """The lowest and the highest thermal value of each image."""

    def __init__(self) -> None:
        self._ends: dict[tuple[str, str], tuple[float, float]] = {}

    def include(self, split: str, stem: str, thermal: NDArray[Any]) -> None:
        """Note the lowest and the highest value of an image."""
        self._ends[split, stem] = float(thermal.min()), float(thermal.max())

    def hold_out(self, stems: Collection[str]) -> None:
        """Move images from the training set to the test set."""
        for stem in stems:
            self._ends["test", stem] = self._ends.pop(("train", stem))

    def _of(self, split: str) -> tuple[float, float] | None:
        ends = [ends for (of, _), ends in self._ends.items() if of == split]
        return (min(low for low, _ in ends), max(high for _, high in ends)) if ends else None

    def range_of(self, name: str, low: float | None, high: float | None, bits: int | None) -> tuple[float, float]:
        """Return the range from `low` to `high`; where one is None, the usual end of 8 bits, else that of the training images.

        Numbers of 12 bits fill a sixteenth of 16 bits only, so that the whole range would make every image black. A measured
        range is logged.

        Args:
            name: the dataset's, for the log.
            low: thermal value that networks see as -1, or None where nobody stated it.
            high: thermal value that networks see as 1, or None.
            bits: depth of the thermal images, None where there are none.
        """
        if low is not None and high is not None:
            return float(low), float(high)
        measured = None if bits in (None, 8) else self._of("train") or self._of("test")
        usual = measured or (0.0, 255.0)
        first, last = (end if stated is None else float(stated) for stated, end in zip((low, high), usual, strict=True))
        if last <= first:  # every image without contrast
            last = first + 1
        if measured:
            log.warning(
                "%s states no thermal range; its training images have %g to %g, which is used", name, first, last
            )
        return first, last
