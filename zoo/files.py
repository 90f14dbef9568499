"""Files that are whole or not there: atomic writes, locks, and where zoo keeps what it can make again."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

from zoo.errors import ZooError
from zoo.version import DISTRIBUTION


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
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return ZooError(f"cannot write `{path}`: the disk is full", "Free some space and type the same command again")
    return ZooError(
        f"cannot write `{path}`: {error.strerror or error}", "Choose a folder that you may write, with --out DIR"
    )


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
