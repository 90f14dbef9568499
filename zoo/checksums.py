"""Whether the files of a run are those that it wrote: their SHA-256 stand in its record and in `trained.json`. No torch.

A file is missing, damaged, or not known: a folder without a record (`zoo convert`, a download) makes no statement.
"""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from zoo.errors import DamagedError

WITNESSES = ("record.json", "trained.json")
"""Files of a run that hold SHA-256 of the others."""
_COMMANDS = ("record.json", "run.json", "job.json")
DIFFERS = "is damaged: its SHA-256 is not the one that was recorded"


@dataclass(frozen=True, kw_only=True)
class _Witness:
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


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file, or of the names and contents of the files in a folder.

    Raises:
        OSError: it is not there or cannot be read.
    """
    if not path.is_dir():
        return _sha256(path)
    files = {str(each.relative_to(path)): _sha256(each) for each in sorted(path.rglob("*")) if each.is_file()}
    return hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()


def digests(folder: Path, names: Iterable[str]) -> dict[str, str]:
    """Return the SHA-256 of those files of a run that are there."""
    return {name: digest_of(folder / name) for name in names if (folder / name).exists()}


def known_digests(folder: Path, name: str) -> set[str]:
    """Return what the run's own files say of the SHA-256 of one of them; empty where none says anything."""
    return {witness.sha256[name] for witness in _read(folder, WITNESSES) if name in witness.sha256}


def find_damage(
    folder: Path,
    names: Iterable[str],
    *,
    expected: Mapping[str, str] | None = None,
    since: int | None = None,
    required: Collection[str] = (),
) -> list[Damage]:
    """Return which files are not those that the run wrote; one without a recorded SHA-256 is only looked at for its form.

    Args:
        folder: of the run.
        names: files to look at.
        expected: SHA-256 by file name; by default what the folder's own files say.
        since: in nanoseconds; files that did not change after that are passed over. None: every file is read.
        required: files that are damage when they are missing; of the others, those with a recorded SHA-256.
    """

    def known(name: str) -> set[str]:
        if expected:
            return {expected[name]} if name in expected else set()
        return known_digests(folder, name)

    found = []
    for name in names:
        path = folder / name
        try:
            if since is not None and path.is_file() and path.stat().st_mtime_ns <= since:
                continue
            fault = _fault(path, known(name))
        except FileNotFoundError:
            fault = "is missing" if name in required or known(name) else ""
        except OSError as error:
            fault = f"cannot be read: {error.strerror or error}"
        if fault:
            found.append(Damage(path=path, what=fault))
    return found


def require_whole(folder: Path, names: Iterable[str]) -> None:
    """Refuse files of a run that are not those that it wrote; those of other folders are let through.

    Raises:
        DamagedError: one is missing or damaged; the message names it and the command that brings it back.
    """
    if not is_run(folder):
        return
    for damage in find_damage(folder, names):
        raise damaged(folder, damage)


def damaged(folder: Path, what: Damage) -> DamagedError:
    """Return the error to raise for a damaged file of a run."""
    return DamagedError(str(what), repair(folder))


def repair(folder: Path, command: str = "") -> str:
    """Return the sentence that names the command which brings a run's lost and damaged files back.

    Args:
        folder: of the run.
        command: of the bench that is running; by default the one that the run's files name.
    """
    recorded = command or next((witness.command for witness in _read(folder, _COMMANDS) if witness.command), "")
    if not recorded:
        return f"Run the zoo bench command that made it, with --out {shlex.quote(str(folder.parent))} --retry"
    return f"Run: {repair_command(recorded, folder)}"


def repair_command(command: str, folder: Path) -> str:
    """Return a command of a bench with `--retry`, which writes where the run's folder is now."""
    try:
        words = shlex.split(command)
    except ValueError:
        return f"{command} --retry"
    kept: list[str] = []
    skip = False
    for word in words:
        if not skip and word != "--out" and not word.startswith("--out="):
            kept.append(word)
        skip = not skip and word == "--out"
    retry = [] if "--retry" in kept else ["--retry"]
    return shlex.join([*kept, "--out", str(folder.parent), *retry])


def is_run(folder: Path) -> bool:
    """Return whether a folder holds what a bench leaves there."""
    return any(
        (folder / name).exists() for name in (*WITNESSES, "run.json", "job.json", "checkpoints", "starts", "run.log")
    )


def _fault(path: Path, known: set[str]) -> str:
    """Return what is wrong with a file; empty where nothing is.

    Raises:
        OSError: it is not there or cannot be read.
    """
    if path.suffix and path.is_dir():
        return "is damaged: a folder stands in its place"
    if known:
        return "" if digest_of(path) in known else DIFFERS
    path.stat()
    return _form(path) if path.suffix == ".safetensors" else ""


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _form(path: Path) -> str:
    """Return in what a safetensors file without a recorded SHA-256 is not whole; empty where its parts add up."""
    size = path.stat().st_size
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            header = msgspec.json.decode(file.read(min(length, size)), type=dict[str, dict[str, object]])
        ends = [entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"]  # type: ignore[index]
    except (ValueError, KeyError, IndexError, TypeError, MemoryError):
        return "is damaged: its header cannot be read"
    return (
        "" if size == 8 + length + max(ends, default=0) else "is damaged: it is shorter or longer than its header says"
    )


def _read(folder: Path, names: Iterable[str]) -> Iterator[_Witness]:
    for name in names:
        try:
            yield msgspec.json.decode((folder / name).read_bytes(), type=_Witness)
        except (OSError, ValueError, RecursionError):
            continue
