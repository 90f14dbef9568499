"""Where workers are started: on this machine (`local`), or by a cluster's scheduler (`slurm`). Imports no torch."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from zoo.recipe import Recipe


class Launcher(Protocol):
    """Starts workers for planned runs, and says whether any is left. Everything else about a run stands in its folder."""

    @property
    def device(self) -> str:
        """Where the runs are executed: `auto`, `cpu` or `cuda`."""

    @property
    def threads(self) -> int | None:
        """Threads of each process of a run; None: as the libraries choose."""

    @property
    def lasting(self) -> bool:
        """Whether the workers outlive the bench."""

    def expect(self, recipes: Sequence[Recipe]) -> None:
        """Divide the resources among the runs of a grid, before the first worker is started."""

    def start(self, folders: Sequence[Path]) -> None:
        """Start workers for planned runs."""

    def alive(self) -> bool:
        """Return whether any worker may still execute a run."""

    def reason(self) -> str:
        """Return in one line why no worker is left, as far as is known."""

    def stop(self, times: int) -> None:
        """Let the workers end: their runs save their state, the second time they end at once."""


def worker_command(results: Path, *words: str) -> list[str]:
    """Return the command line of a worker."""
    # -P: a file or folder of the user's that is named as a module must not come before it.
    return [sys.executable, "-P", "-m", "zoo", "worker", str(results), *words]
