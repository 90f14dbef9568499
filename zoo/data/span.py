"""The thermal range of a dataset that does not state it. Imports no torch."""

from __future__ import annotations

import logging
import math
from typing import Any

from numpy.typing import NDArray

log = logging.getLogger(__name__)


class Span:
    """The lowest and the highest thermal value of each split."""

    def __init__(self) -> None:
        self._ends: dict[str, tuple[float, float]] = {}

    def include(self, split: str, thermal: NDArray[Any]) -> None:
        """Widen a split's span by an image."""
        low, high = self._ends.get(split, (math.inf, -math.inf))
        self._ends[split] = min(low, float(thermal.min())), max(high, float(thermal.max()))

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
        measured = None if bits in (None, 8) else self._ends.get("train") or self._ends.get("test")
        usual = measured or (0.0, 255.0)
        first, last = (end if stated is None else float(stated) for stated, end in zip((low, high), usual, strict=True))
        if last <= first:  # every image without contrast
            last = first + 1
        if measured:
            log.warning(
                "%s states no thermal range; its training images have %g to %g, which is used", name, first, last
            )
        return first, last
