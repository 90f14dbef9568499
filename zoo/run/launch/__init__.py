"""How cells are started: in slots of this machine (`local`), or by a cluster's scheduler (`slurm`). Imports no torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from zoo.run.grid import Cell
from zoo.run.job import Ending, Event, Job


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How a started cell ended."""

    how: Ending
    reason: str = ""
    """Why it failed, in one line."""


class Started(Protocol):
    """A cell that a launcher has taken on."""

    @property
    def shared(self) -> bool:
        """Whether it runs beside others on one accelerator."""

    def events(self) -> list[Event]:
        """Return what it told since this was last asked."""

    def ended(self) -> Ended | None:
        """Return how it ended, None while it runs or waits to run."""

    def stop(self) -> None:
        """Ask it to save its state and end."""

    def kill(self) -> None:
        """End it at once."""


class Launcher(Protocol):
    """Starts cells somewhere."""

    device: str
    """Where its cells run: `auto`, `cpu` or `cuda`."""
    lasting: bool
    """Whether its cells go on when the bench ends."""

    def expect(self, cells: Sequence[Cell]) -> None:
        """Hear of all cells of a grid before the first is started, also of those that are done already."""

    def start(self, cell: Cell, job: Job, *, alone: bool = False) -> Started | None:
        """Start a cell, or return None where there is no room for it now.

        Args:
            cell: which has a folder.
            job: what it is to do.
            alone: whether it must have an accelerator for itself.
        """

    def wait(self, seconds: float) -> None:
        """Return when a cell told something or ended, or after that time."""

    def close(self) -> None:
        """Let go of what was held for starting cells."""
