"""The training log, `log.jsonl`: one line a reading of the losses. Imports no torch."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO

import msgspec

from zoo.errors import ZooError

LOG = "log.jsonl"
"""Name in a training's folder."""


@dataclass(frozen=True, kw_only=True)
class LogEntry:
    """One line of the log."""

    step: int
    """Optimizer steps done."""
    losses: dict[str, float]
    """`PLAYER/TERM`: mean of the weighted term over the steps since the line before."""
    lr: float
    """Learning rate of the step's last turn."""
    it_s: float
    """Steps a second since the line before."""


class Log:
    """Append readings to a file; the lines up to a checkpoint's step stay, later ones belong to steps done again.

    Args:
        path: file to go on with; made where it is missing.
        after: steps already done; lines beyond it, damaged ones and a last line that was cut off are removed.

    Raises:
        ZooError: the file cannot be written.
    """

    def __init__(self, path: Path, *, after: int) -> None:
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            kept = b"".join(line for line, reading in _lines(path) if reading.step <= after)
            self._file: IO[bytes] = path.open("ab")
            if kept != path.read_bytes():
                self._file.truncate(0)
                self._file.write(kept)
        except OSError as error:
            raise _unwritable(path, error) from error

    def __enter__(self) -> Log:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def append(self, reading: LogEntry) -> None:
        """Write one line through to the file."""
        try:
            self._file.write(msgspec.json.encode(reading) + b"\n")
            self._file.flush()
        except OSError as error:
            raise _unwritable(self.path, error) from error

    def sync(self) -> None:
        """Make the lines last through a power cut, as the checkpoint that follows will."""
        try:
            os.fsync(self._file.fileno())
        except OSError as error:
            raise _unwritable(self.path, error) from error


def read_log(path: Path, last: int | None = None) -> list[LogEntry]:
    """Return the log's readings, or only the `last` ones; none where there is no log."""
    readings = [reading for _, reading in _lines(path)]
    return readings if last is None else readings[-last:]


def _lines(path: Path) -> list[tuple[bytes, LogEntry]]:
    """Return the lines that can be read; damaged ones, and a last one whose write was cut off, are passed over."""
    lines = []
    for line in path.read_bytes().splitlines(keepends=True) if path.is_file() else ():
        try:
            reading = msgspec.json.decode(line, type=LogEntry)
        except (ValueError, RecursionError):
            continue
        if line.endswith(b"\n"):
            lines.append((line, reading))
    return lines


def _unwritable(path: Path, error: OSError) -> ZooError:
    return ZooError(
        f"the training log {path} cannot be written: {error}",
        "Make room and start the same command again; it goes on from the last checkpoint.",
    )
