"""Room for cells on this machine: processors, or accelerators by their memory. Imports no torch."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from zoo.errors import UsageError
from zoo.recipe import Recipe

PER_CARD = 4
"""Cells that share a card at most: more only take turns."""
AT_ONCE = 4
"""Cells at once on a machine of few cores: each by itself leaves cores idle, and waits for the others less than it gains."""
CORES_PER_CELL = 4
"""Cores for which one more cell is started on a machine of many."""

MEMORY, CONTAINER = Path("/proc/meminfo"), Path("/sys/fs/cgroup")

Need = Callable[[Recipe], int]
"""Bytes of memory that a recipe needs where it runs."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a cell runs."""

    environment: dict[str, str] = field(default_factory=dict)
    """What its processes' environment gets."""
    cards: tuple[str, ...] = ()
    """Accelerators, as `CUDA_VISIBLE_DEVICES` names them."""
    shared: bool = False
    """Whether other cells may run on the same accelerator."""
    bytes: int = 0
    """Memory set aside."""


class Slots(Protocol):
    """Room for cells."""

    @property
    def device(self) -> str:
        """What cells are told to run on."""

    @property
    def environment(self) -> dict[str, str]:
        """What the environment of every cell gets."""

    def expect(self, recipes: Sequence[Recipe]) -> None:
        """Hear of all cells of a grid before the first is started, also of those that are done already."""

    def take(self, recipe: Recipe, *, alone: bool = False) -> Place | None:
        """Return a place for a cell, or None where there is none now."""

    def give(self, place: Place) -> None:
        """Take a place back."""


class Processors:
    """So many cells at once, which divide the cores among themselves.

    Args:
        cells: at once.
        processes: of a cell.
        device: what cells are told to run on.
        need: memory of a recipe; given, no more cells are started than fit.
    """

    def __init__(self, cells: int, processes: int, device: str, need: Need | None = None) -> None:
        self.device, self._free, self._processes, self._need = device, cells, processes, need
        self.environment: dict[str, str] = {}
        self._divide(cells)

    def expect(self, recipes: Sequence[Recipe]) -> None:
        """Let fewer cells than there is room for have more cores each.

        The cores of a cell follow from the grid alone, not from what is left of it or from free memory: the order of sums and
        so the last bits of a training follow from them.
        """
        self._free = max(1, min(self._free, len(recipes)))
        self._divide(self._free)
        free = free_memory()
        if self._need and free is not None:
            self._free = max(1, min(self._free, free // max(map(self._need, recipes), default=1)))

    def _divide(self, cells: int) -> None:
        processes = cells * self._processes
        if processes > 1 and "OMP_NUM_THREADS" not in os.environ:
            self.environment = {"OMP_NUM_THREADS": str(max(1, _cores() // processes))}
        else:
            self.environment = {}

    def take(self, recipe: Recipe, *, alone: bool = False) -> Place | None:
        """Return a place while there is one."""
        if self._free == 0:
            return None
        self._free -= 1
        return Place()

    def give(self, place: Place) -> None:
        """Take a place back."""
        self._free += 1


@dataclass(kw_only=True)
class Card:
    """One accelerator."""

    name: str
    """As `CUDA_VISIBLE_DEVICES` knows it."""
    free: int | None
    """Bytes of its memory that nobody uses; None where that is not known."""
    cells: int = 0
    """Cells on it now."""
    alone: bool = False
    """Whether one of them must not be joined by others."""


class Cards:
    """Accelerators, on which cells take as much memory as they need.

    Args:
        cards: those that may be used.
        need: memory of a recipe.
        per_cell: cards of one cell; with more than one each has its cards for itself.
        limit: cells at once on all cards; None: as many as fit, `PER_CARD` on each. With a limit memory is not asked for.
    """

    device = "cuda"

    def __init__(self, cards: Sequence[Card], need: Need, *, per_cell: int = 1, limit: int | None = None) -> None:
        self._cards, self._need, self._per_cell, self._by_memory = list(cards), need, per_cell, limit is None
        # Every cell keeps a core busy with telling its card what to do.
        usual = max(len(self._cards) // per_cell, min(PER_CARD * len(self._cards), _cores()))
        self._most = limit or usual
        threads = max(1, _cores() // (self._most * per_cell))
        self.environment = {} if "OMP_NUM_THREADS" in os.environ else {"OMP_NUM_THREADS": str(threads)}

    def expect(self, recipes: Sequence[Recipe]) -> None:
        """Do nothing: a card has room for what is on it now."""

    def take(self, recipe: Recipe, *, alone: bool = False) -> Place | None:
        """Return the place on the card with the fewest cells, and among them the most free memory, where it fits."""
        if sum(card.cells for card in self._cards) >= self._most * self._per_cell:
            return None
        alone = alone or self._per_cell > 1
        need = self._need(recipe)
        open_cards = [card for card in self._cards if self._has_room(card, need, alone)]
        if len(open_cards) < self._per_cell:
            return None
        chosen = sorted(open_cards, key=lambda card: (card.cells, -(card.free or 0)))[: self._per_cell]
        for card in chosen:
            card.cells += 1
            card.alone = alone
            card.free = None if card.free is None else card.free - need
        names = tuple(card.name for card in chosen)
        return Place(environment={"CUDA_VISIBLE_DEVICES": ",".join(names)}, cards=names, shared=not alone, bytes=need)

    def give(self, place: Place) -> None:
        """Take a place back."""
        for card in self._cards:
            if card.name in place.cards:
                card.cells -= 1
                card.alone = False
                card.free = None if card.free is None else card.free + place.bytes

    def _has_room(self, card: Card, need: int, alone: bool) -> bool:
        if card.cells == 0:
            return True  # a cell that needs more than there is finds that out itself
        if card.alone or alone:
            return False
        return not self._by_memory or (card.cells < PER_CARD and card.free is not None and need <= card.free)


def make_slots(device: str, jobs: int | None, per_cell: int, need: Callable[[bool], Need]) -> Slots:
    """Return the room for cells on this machine.

    Args:
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
        jobs: cells at once; None: as many as this machine does well.
        per_cell: processes, and so accelerators, of one cell.
        need: gives the memory of a recipe, on accelerators for True, on processors for False.

    Raises:
        UsageError: there are not so many accelerators, or none of that number.
    """
    cards = [] if device == "cpu" else find_cards(device)
    if cards:
        if per_cell > len(cards):
            raise UsageError(
                f"--gpus-per-cell is {per_cell}, and this machine has {len(cards)} GPUs that may be used",
                f"Type --gpus-per-cell {len(cards)} or less",
            )
        return Cards(cards, need(True), per_cell=per_cell, limit=jobs)
    # Without a word from the driver a cell finds out by itself whether there is an accelerator, one at a time.
    known = device == "cpu" or not _has_driver()
    usual = max(1, max(min(_cores(), AT_ONCE), _cores() // CORES_PER_CELL) // per_cell) if known else 1
    return Processors(jobs or usual, per_cell, device, None if jobs else need(False))


def find_cards(device: str) -> list[Card]:
    """Return the accelerators that nvidia-smi tells of and `CUDA_VISIBLE_DEVICES` allows; none where there is no nvidia-smi.

    Raises:
        UsageError: `device` names one that is not there.
    """
    cards = _query()
    allowed = os.environ.get("CUDA_VISIBLE_DEVICES")
    if allowed is not None:
        names = [name.strip() for name in allowed.split(",") if name.strip()]
        known = {key: card for index, uuid, card in cards for key in (index, uuid)}
        # A slice of a card (MIG) has memory of its own, which the list of cards does not tell.
        usable = [Card(name=name, free=known[name].free if name in known else None) for name in names] if cards else []
    else:
        usable = [card for _, _, card in cards]
    if usable and (number := re.fullmatch(r"cuda:(\d+)", device)):
        if int(number[1]) >= len(usable):
            raise UsageError(f"--device is {device}, and there are {len(usable)} GPUs, counted from 0")
        return [usable[int(number[1])]]
    return usable


def _query() -> list[tuple[str, str, Card]]:
    """Return index, identity and card of every accelerator that nvidia-smi lists."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    words = [program, "--query-gpu=index,uuid,memory.free", "--format=csv,noheader,nounits"]
    try:
        listed = subprocess.run(words, capture_output=True, text=True, timeout=30, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    found = []
    for line in listed.splitlines():
        index, uuid, free = (word.strip() for word in line.split(","))
        found.append((index, uuid, Card(name=index, free=int(free) << 20 if free.isdigit() else None)))
    return found


def _has_driver() -> bool:
    return any(Path(path).exists() for path in ("/dev/nvidia0", "/dev/kfd"))


def free_memory() -> int | None:
    """Return the bytes of memory that programs may still take, on this machine and in this container; None where unknown."""
    free = []
    with contextlib.suppress(OSError, StopIteration, ValueError):
        line = next(line for line in MEMORY.read_text().splitlines() if line.startswith("MemAvailable:"))
        free.append(int(line.split()[1]) << 10)
    with contextlib.suppress(OSError, ValueError):  # no container, or one without a limit
        free.append(int((CONTAINER / "memory.max").read_text()) - int((CONTAINER / "memory.current").read_text()))
    return min(free, default=None)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
