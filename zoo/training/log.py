"""The training log, `log.jsonl`: one line for each entry. Imports no torch."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO

import msgspec

from zoo.errors import ZooError

LOG = "log.jsonl"
"""Name in a run's folder."""


@dataclass(frozen=True, kw_only=True)
class LogEntry:
    """One line of the log."""

    step: int
    """Steps done."""
    losses: dict[str, float]
    """`OPTIMIZER/TERM`: mean of the weighted term over the steps since the previous entry."""
    lr: float
    """Learning rate of the last optimizer in the step."""
    it_s: float
    """Steps per second since the previous entry."""
    validation: float | None = None
    """Score on the validation images after this step, where it was measured."""


class Log:
    """Append entries to a file; entries up to a checkpoint's step stay, later ones belong to steps that are repeated.

    Args:
        path: file to append to; created where it is missing.
        after: steps already done; later entries and damaged lines are removed.

    Raises:
        ZooError: the file cannot be written.
    """

    def __init__(self, path: Path, *, after: int) -> None:
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            valid = b"".join(line for line, entry in _lines(path) if entry.step <= after)
            self._file: IO[bytes] = path.open("ab")
            if valid != path.read_bytes():
                self._file.truncate(0)
                self._file.write(valid)
        except OSError as error:
            raise _unwritable(path, error) from error

    def __enter__(self) -> Log:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def append(self, entry: LogEntry) -> None:
        """Write one line to the file."""
        try:
            self._file.write(msgspec.json.encode(entry) + b"\n")
            self._file.flush()
        except OSError as error:
            raise _unwritable(self.path, error) from error

    def flush(self) -> None:
        """Sync the file to disk, so that it survives a power cut as the checkpoint written next does."""
        try:
            os.fsync(self._file.fileno())
        except OSError as error:
            raise _unwritable(self.path, error) from error


def read_log(path: Path, last: int | None = None) -> list[LogEntry]:
    """Return the entries of a log, or only the `last` ones; none where there is no log."""
    entries = [entry for _, entry in _lines(path)]
    return entries if last is None else entries[-last:]


def _lines(path: Path) -> list[tuple[bytes, LogEntry]]:
    """Return the lines that can be read; damaged ones, and a last one that was cut off, are skipped."""
    lines = []
    for line in path.read_bytes().splitlines(keepends=True) if path.is_file() else ():
        try:
            entry = msgspec.json.decode(line, type=LogEntry)
        except (ValueError, RecursionError):
            continue
        if line.endswith(b"\n"):
            lines.append((line, entry))
    return lines


def _unwritable(path: Path, error: OSError) -> ZooError:
    return ZooError(
        f"the training log {path} cannot be written: {error}",
        "Free some space and run the same command again; it resumes from the last checkpoint.",
    )
