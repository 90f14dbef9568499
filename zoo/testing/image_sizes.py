"""Which image sizes work, where some that a contract allows do not: by trying."""

from __future__ import annotations

from collections.abc import Callable, Sequence

TRIED = (*range(1, 25), 28, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256)
"""Multiples of a contract's own multiple whose sides are tried."""
LARGEST, LEAST_MULTIPLES = 256, 4
"""Largest side in pixels that is tried, unless fewer multiples lie below it."""
ENOUGH = 3
"""Working sides that are no chance."""


def working(works: Callable[[int], bool], *, multiple: int, least: int) -> tuple[int, int] | None:
    """Return the smallest multiple of `multiple` and the smallest side from which all tried sides work; None where too few do.

    Args:
        works: whether square images of this side in pixels work.
        multiple, least: of the contract: the sides that it allows.
    """
    limit = max(LARGEST, LEAST_MULTIPLES * multiple, LEAST_MULTIPLES * least)
    sides = [multiple * number for number in TRIED if least <= multiple * number <= limit]
    good = {side for side in sides if works(side)}
    found = [(*_covered(sides, good, multiple * factor), multiple * factor) for factor in TRIED]
    for count, smallest, best in sorted(found, key=lambda each: (-each[0], each[2])):
        if count < ENOUGH:
            return None
        if all(works(smallest + best * number) for number in (1, 3)):  # large sides are tried at coarse multiples alone
            return best, _smallest(works, sides, best, smallest)
    return None


def smallest_side(works: Callable[[int], bool], start: int, largest: int) -> int | None:
    """Return the smallest working side above `start`, which does not work; None where none does up to `largest`."""
    fails, side = start, 2 * start
    while not works(side):
        fails, side = side, 2 * side
        if side > largest:
            return None
    while side - fails > 1:
        middle = (side + fails) // 2
        fails, side = (fails, middle) if works(middle) else (middle, side)
    return side


def _covered(sides: Sequence[int], good: set[int], multiple: int) -> tuple[int, int]:
    """Return how many of the largest multiples work without a gap, and the smallest of these."""
    count, smallest = 0, 0
    for side in reversed([side for side in sides if side % multiple == 0]):
        if side not in good:
            break
        count, smallest = count + 1, side
    return count, smallest


def _smallest(works: Callable[[int], bool], sides: Sequence[int], multiple: int, smallest: int) -> int:
    """Return the smallest working multiple between a tried side that works and the tried multiple below it."""
    below = max((side for side in sides if side < smallest and side % multiple == 0), default=smallest - multiple)
    return next(side for side in range(below + multiple, smallest + 1, multiple) if side == smallest or works(side))
