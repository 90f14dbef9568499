"""Files that are whole or not there: atomic writes, locks, and where zoo keeps what it can make again."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

from zoo.errors import UsageError, ZooError
from zoo.version import DISTRIBUTION

_FULL = (errno.ENOSPC, errno.EDQUOT)


def cache_dir() -> Path:
    """Return where zoo keeps what it can make again: `$ZOO_CACHE`, else `thermal-zoo` in the user's cache folder."""
    own = os.environ.get("ZOO_CACHE")
    return Path(own) if own else Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / DISTRIBUTION


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that a reader sees the old content or the new, never a part, even after a power cut.

    Raises:
        ZooError: the folder cannot be written or the disk is full; what was there before is still there.
    """
    part = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
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


def cannot_write(path: Path, error: OSError) -> ZooError:
    """Return the error to show when a file or folder cannot be written."""
    if error.errno in _FULL:
        return ZooError(f"cannot write `{path}`: the disk is full", "Free some space and type the same command again")
    return ZooError(
        f"cannot write `{path}`: {error.strerror or error}", "Choose a folder that you may write, with --out DIR"
    )


def require_writable(folder: Path) -> None:
    """Find out now, not after an hour of training, whether a results folder can be made and written; leaves nothing behind.

    Raises:
        UsageError: the user may not write there, or a file is in the way.
        ZooError: the disk is full.
    """
    whole = folder.resolve()
    nearest = next(path for path in (whole, *whole.parents) if path.exists())
    try:
        with tempfile.NamedTemporaryFile(dir=nearest, prefix=".probe-") as probe:
            probe.write(b"written")
            probe.flush()
    except OSError as error:
        failure = cannot_write(folder, error)
        if error.errno in _FULL:
            raise failure from error
        why = f"`{nearest.name}` is a file" if nearest.is_file() else f"in `{nearest}`: {error.strerror or error}"
        raise UsageError(f"results cannot be written to `{folder}`: {why}", failure.fix) from error


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
