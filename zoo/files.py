"""Files that are whole or not there: atomic writes, locks, and where zoo keeps what it can make again."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import logging
import os
import stat
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

from zoo.errors import UsageError, ZooError
from zoo.version import DISTRIBUTION

LONGEST_NAME = 255
"""Bytes of the longest name that usual file systems take."""
_FULL = (errno.ENOSPC, errno.EDQUOT)

log = logging.getLogger(__name__)


def cache_dir() -> Path:
    """Return where zoo keeps what it can make again: `$ZOO_CACHE`, else `thermal-zoo` in the user's cache folder."""
    own = os.environ.get("ZOO_CACHE")
    return expand(own) if own else expand(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / DISTRIBUTION


def in_cache(*parts: str) -> Path | None:
    """Return what zoo keeps under this name, from its cache or from the folder that stands for it, or None."""
    places = (folder.joinpath(*parts) for folder in cache_places())
    return next((place for place in places if os.access(place, os.F_OK)), None)


def made_in_cache(make: Callable[[Path], None], *parts: str, whole: str = "") -> Path:
    """Return a folder that zoo keeps under this name, made where it is missing.

    Args:
        make: makes the folder, whole or not at all.
        parts: its name below the cache.
        whole: a file of the folder, without which it is not what is looked for.

    Raises:
        ZooError: it can be made neither in the cache nor in the temporary folder that stands for it.
    """
    found = in_cache(*parts, *filter(None, [whole]))
    if found:
        return found.parent if whole else found
    folder = writable_cache().joinpath(*parts)
    try:
        make(folder)
    except ZooError as error:
        if not isinstance(error.__cause__, OSError) or not folder.is_relative_to(cache_dir()):
            raise
        folder = _stand_in(cache_dir(), error.__cause__).joinpath(*parts)  # it fills up only while it is written
        make(folder)
    return folder


def writable_cache() -> Path:
    """Return the cache, or where it cannot be written a temporary folder of the user's own, which is told once a process."""
    return _writable(cache_dir())


def remember(content: bytes, *parts: str) -> None:
    """Keep a note in the cache if that is possible; without it, the same is found out again."""
    with contextlib.suppress(ZooError, OSError):
        write_atomically(writable_cache().joinpath(*parts), content)


@cache
def _writable(folder: Path) -> Path:
    error = _probe(folder)[1]
    return _stand_in(folder, error) if error else folder


def _stand_in(folder: Path, error: OSError) -> Path:
    """Return the temporary folder that stands for a cache, and say so."""
    try:
        other = temporary_folder() / "cache"
    except OSError as second:
        raise cannot_write(folder, second) from second
    why = "the disk is full" if error.errno in _FULL else error.strerror or error
    fix = "Set ZOO_CACHE to a folder that you may write"
    log.warning("zoo: the cache `%s` cannot be written (%s); `%s` is used. %s", folder, why, other, fix)
    return other


def cache_places() -> list[Path]:
    """Return the cache, and the temporary folder that stands for it where that was ever needed."""
    with contextlib.suppress(OSError):
        if _is_own(_temporary()):
            return [cache_dir(), _temporary() / "cache"]
    return [cache_dir()]


@cache
def temporary_folder() -> Path:
    """Return a folder below the system's temporary one that belongs to this user alone.

    Raises:
        OSError: there is no temporary folder that can be written.
    """
    with contextlib.suppress(OSError):
        _temporary().mkdir(mode=0o700, exist_ok=True)
        if _is_own(_temporary()):
            return _temporary()
    return Path(tempfile.mkdtemp(prefix=f"{DISTRIBUTION}-"))  # another user has that name


def _temporary() -> Path:
    return Path(tempfile.gettempdir()) / f"{DISTRIBUTION}-{os.getuid()}"


def _is_own(folder: Path) -> bool:
    found = folder.lstat()
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o022


def expand(path: str | Path) -> Path:
    """Return a path with `~` as the user's home; a user without one (an unknown id, no `$HOME`) has a temporary one."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        inside = str(path).removeprefix("~")
        return temporary_folder() / inside.lstrip("/") if inside.startswith("/") or not inside else Path(path)


def environment_without_home() -> dict[str, str]:
    """Return what libraries need in the environment of a user who has no home; nothing for all others."""
    try:
        Path.home()
    except RuntimeError:
        with contextlib.suppress(OSError):
            return {"HOME": str(temporary_folder()), "USER": f"uid{os.getuid()}"}
    return {}


def beside(path: Path, ending: str = "") -> Path:
    """Return a hidden name in the folder of a path, for what is renamed to it once it is whole; never too long for a file system.

    Args:
        path: the name that it will have.
        ending: of the hidden name.
    """
    name, own = path.name, f".{uuid.uuid4().hex[:8]}{ending}"
    if len(os.fsencode(name)) + len(own) + 1 > LONGEST_NAME:
        name = hashlib.sha256(os.fsencode(name)).hexdigest()[:16]
    return path.with_name(f".{name}{own}")


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that a reader sees the old content or the new, never a part, even after a power cut.

    Raises:
        ZooError: the folder cannot be written or the disk is full; what was there before is still there.
    """
    part = beside(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise cannot_write(path, error) from error


def sync_folder(folder: Path) -> None:
    """Make the renames in a folder durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def cannot_write(path: Path | str | bytes, error: OSError) -> ZooError:
    """Return the error to show when a file or folder cannot be written."""
    place = Path(os.fsdecode(path))
    variable = next((name for name, folder in _caches().items() if place.is_relative_to(folder)), "")
    if error.errno in _FULL:
        elsewhere = f", or set {variable} to a folder on another disk" if variable else ""
        return ZooError(
            f"cannot write `{place}`: the disk is full", f"Free some space and run the same command again{elsewhere}"
        )
    fix = f"Set {variable} to a folder that you may write" if variable else "Choose a folder that you may write"
    if error.errno == errno.ENAMETOOLONG:
        fix = "Choose a shorter name for the output"
    return ZooError(f"cannot write `{place}`: {error.strerror or error}", fix)


def _caches() -> dict[str, Path]:
    """Return the folders of caches by the variable that moves each; where they are, without importing who uses them."""
    hub = os.environ.get("HF_HOME") or f"{os.environ.get('XDG_CACHE_HOME') or '~/.cache'}/huggingface"
    found = {"ZOO_CACHE": cache_dir(), "HF_HOME": expand(hub)}
    if own := os.environ.get("HF_HUB_CACHE"):
        found["HF_HUB_CACHE"] = expand(own)
    return found


def require_writable(folder: Path) -> None:
    """Find out now, not after an hour of training, whether a results folder can be made and written; leaves nothing behind.

    Raises:
        UsageError: the user may not write there, or a file is in the way.
        ZooError: the disk is full.
    """
    nearest, error = _probe(folder)
    if error is None:
        return
    failure = cannot_write(folder, error)
    if error.errno in _FULL:
        raise failure from error
    why = f"`{nearest.name}` is a file" if nearest.is_file() else f"in `{nearest}`: {error.strerror or error}"
    raise UsageError(f"results cannot be written to `{folder}`: {why}", failure.fix) from error


def why_not_writable(folder: Path) -> OSError | None:
    """Return the error of writing to a folder, there or to be made, or None."""
    return _probe(folder)[1]


def _probe(folder: Path) -> tuple[Path, OSError | None]:
    """Return the nearest folder that is there, and why nothing can be written to it; leaves nothing behind."""
    whole = Path(os.path.realpath(folder))
    nearest = next(path for path in (whole, *whole.parents) if os.access(path, os.F_OK))
    try:
        with tempfile.NamedTemporaryFile(dir=nearest, prefix=".probe-") as probe:
            probe.write(b"written")
            probe.flush()
    except OSError as error:
        return nearest, error
    return nearest, None


@contextlib.contextmanager
def locked(path: Path, *, give_up: Callable[[], bool] = lambda: False) -> Iterator[bool]:
    """Hold a lock file; the system lets go of it when the process ends, however it ends.

    Args:
        path: the lock file, made where it is missing.
        give_up: asked ten times a second while another process holds the lock.

    Yields:
        Whether the lock is held; false only after `give_up` said so.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if give_up():
                    yield False
                    return
                time.sleep(0.1)
        yield True
