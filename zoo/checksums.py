"""SHA-256 of files, and whether a run's files are still those that it wrote: its record and `trained.json` hold theirs. No torch.

A folder without a record (of `zoo convert`, or a download) holds no digests, so only the form of its weights is checked.
"""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from zoo.checkpoints.entries import MalformedError
from zoo.checkpoints.headers import read_header
from zoo.errors import DamagedError

_WITH_DIGESTS = ("record.json", "trained.json")
"""Files of a run that hold SHA-256 of the others."""
_WITH_COMMAND = ("record.json", "run.json", "job.json")


@dataclass(frozen=True, kw_only=True)
class _RunFile:
    """The part of a run's JSON files that this module reads."""

    sha256: dict[str, str] = field(default_factory=dict)
    command: str = ""


@dataclass(frozen=True, kw_only=True)
class Damage:
    """A file of a run that is not what the run wrote."""

    path: Path
    what: str
    """`is missing`, `is damaged: ...`, as the end of a sentence."""

    def __str__(self) -> str:
        return f"`{self.path}` {self.what}"


def sha256_of(path: Path) -> str:
    """Return a file's SHA-256 hex digest; a file is read again only when its size or time has changed.

    Raises:
        OSError: the file cannot be read.
    """
    status = path.stat()
    return _cached_sha256(path, status.st_size, status.st_mtime_ns)


@cache
def _cached_sha256(path: Path, _size: int, _modified: int) -> str:
    return _sha256(path)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file, or of the names and contents of the files in a folder; every file is read.

    Raises:
        OSError: it is missing or cannot be read.
    """
    if not path.is_dir():
        return _sha256(path)
    files = {str(each.relative_to(path)): _sha256(each) for each in sorted(path.rglob("*")) if each.is_file()}
    return hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()


def digests(folder: Path, names: Iterable[str]) -> dict[str, str]:
    """Return the SHA-256 of those files of a run that exist."""
    return {name: digest_of(folder / name) for name in names if (folder / name).exists()}


def known_digests(folder: Path, name: str) -> set[str]:
    """Return the SHA-256 of a file that the run's other files hold; empty where none does."""
    return {found.sha256[name] for found in _read(folder, _WITH_DIGESTS) if name in found.sha256}


def find_damage(
    folder: Path,
    names: Iterable[str],
    *,
    expected: Mapping[str, str] | None = None,
    since: int | None = None,
    required: Collection[str] = (),
) -> list[Damage]:
    """Return which files are not those that the run wrote; without a recorded SHA-256, only the form of weights is checked.

    Args:
        folder: of the run.
        names: files to check.
        expected: SHA-256 by file name; by default those in the run's own files.
        since: in nanoseconds; files that did not change after that are skipped. None: every file is read.
        required: files whose absence is damage; by default those with a recorded SHA-256.
    """
    found = []
    for name in names:
        path = folder / name
        known = known_digests(folder, name) if not expected else {expected[name]} if name in expected else set()
        try:
            if since is not None and path.is_file() and path.stat().st_mtime_ns <= since:
                continue
            fault = _fault(path, known)
        except FileNotFoundError:
            fault = "is missing" if name in required or known else ""
        except OSError as error:
            fault = f"cannot be read: {error.strerror or error}"
        if fault:
            found.append(Damage(path=path, what=fault))
    return found


def require_undamaged(folder: Path, names: Iterable[str]) -> None:
    """Refuse damaged files of a run; those of other folders are not checked.

    Raises:
        DamagedError: one is missing or damaged; the message names it and the command that restores it.
    """
    if is_run(folder):
        for damage in find_damage(folder, names):
            raise DamagedError(str(damage), repair(folder))


def repair(folder: Path, command: str = "") -> str:
    """Return the sentence with the command that restores a run's lost and damaged files.

    Args:
        folder: of the run.
        command: of the bench that is running; by default the one in the run's files.
    """
    recorded = command or recorded_command(folder)
    if not recorded:
        return f"Run the zoo bench command that made it, with --out {shlex.quote(str(folder.parent))} --retry"
    return f"Run: {repair_command(recorded, folder)}"


def recorded_command(folder: Path) -> str:
    """Return the command that made a run, by its files; empty where none has it."""
    return next((found.command for found in _read(folder, _WITH_COMMAND) if found.command), "")


def repair_command(command: str, folder: Path) -> str:
    """Return a command of a bench with `--retry`, which writes to where the run's folder is now."""
    try:
        words = shlex.split(command)
    except ValueError:
        return f"{command} --retry"
    previous = ["", *words]
    others = [
        word
        for word, before in zip(words, previous, strict=False)
        if before != "--out" and word not in ("--out", "--retry") and not word.startswith("--out=")
    ]
    return shlex.join([*others, "--out", str(folder.parent), "--retry"])


def is_run(folder: Path) -> bool:
    """Return whether a folder holds files of a run."""
    names = (*_WITH_DIGESTS, "run.json", "job.json", "checkpoints", "starts", "run.log")
    return any((folder / name).exists() for name in names)


def _fault(path: Path, known: set[str]) -> str:
    """Return what is wrong with a file; empty where nothing is."""
    if path.suffix and path.is_dir():
        return "is damaged: a folder stands in its place"
    if known:
        return "" if digest_of(path) in known else "is damaged: its SHA-256 is not the one that was recorded"
    size = path.stat().st_size
    if path.suffix == ".safetensors":
        try:
            with path.open("rb") as file:
                read_header(file, size)
        except MalformedError as error:
            return f"is damaged: {error}"
    return ""


def _read(folder: Path, names: Iterable[str]) -> Iterator[_RunFile]:
    import msgspec  # which listing components does not need

    for name in names:
        try:
            yield msgspec.json.decode((folder / name).read_bytes(), type=_RunFile)
        except (OSError, ValueError, RecursionError):
            continue
