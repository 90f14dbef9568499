"""The errors that users see: what was requested, what was found, how to fix it. Imports nothing of zoo."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class ZooError(Exception):
    """Work that failed for a reason the user can act on; the command line prints it as one line and exits 1.

    Args:
        message: what was requested and what was found, without a final full stop.
        fix: what to run or change.
    """

    exit_code = 1
    final = False
    """Whether the same work would fail again; a bench then repeats it only with `retry`."""

    def __init__(self, message: str, fix: str = "") -> None:
        super().__init__(f"{message}. {fix}" if fix else message)
        self.message, self.fix = message, fix


class UsageError(ZooError):
    """A request that was wrong before any work began; the command line exits 2."""

    exit_code = 2


class RefusedError(UsageError):
    """A combination of parts that cannot work, with the reason."""


class DataError(UsageError):
    """A dataset, image or folder that cannot be used as it is."""


class SourceError(DataError):
    """A source that was read and contains no usable dataset: too few complete images, or none of a split."""

    exit_code = 1


class DamagedError(ZooError):
    """A file of a run is lost or damaged; the fix names the command that restores it."""


def did_you_mean(asked: str, known: Iterable[str], limit: int = 3) -> str:
    """Return `Did you mean a or b?` for the known names nearest to a name, or the empty string."""
    near = get_close_matches(asked, list(known), n=limit, cutoff=0.6)
    return f"Did you mean {' or '.join(near)}?" if near else ""
