"""Atomic writes, locks, and the cache for files that zoo can create again."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import logging
import os
import stat
import tempfile
import uuid
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

from zoo.errors import UsageError, ZooError
from zoo.version import DISTRIBUTION

LONGEST_NAME = 255
"""Bytes of the longest file name on common file systems."""
_FULL = (errno.ENOSPC, errno.EDQUOT)

log = logging.getLogger(__name__)


def cache_dir() -> Path:
    """Return the cache: `$ZOO_CACHE`, else `thermal-zoo` in the user's cache folder."""
    own = os.environ.get("ZOO_CACHE")
    return expand(own) if own else expand(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / DISTRIBUTION


def cache_places() -> list[Path]:
    """Return the cache, and the temporary folder that replaces it if there is one."""
    with contextlib.suppress(OSError):
        if _is_own(_temporary()):
            return [cache_dir(), _temporary() / "cache"]
    return [cache_dir()]


def in_cache(*parts: str) -> Path | None:
    """Return the path of this name in the cache or in the temporary folder that replaces it, or None."""
    paths = (folder.joinpath(*parts) for folder in cache_places())
    return next((path for path in paths if os.access(path, os.F_OK)), None)


def made_in_cache(make: Callable[[Path], None], *parts: str, whole: str = "") -> Path:
    """Return a folder of the cache, created if it is missing.

    Args:
        make: creates the folder atomically.
        parts: its name below the cache.
        whole: a file that the folder must contain.

    Raises:
        ZooError: it can be created neither in the cache nor in the temporary folder that replaces it.
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
        folder = _replacement(cache_dir(), error.__cause__).joinpath(*parts)  # the disk became full
        make(folder)
    return folder


def writable_cache() -> Path:
    """Return the cache, or if it is not writable a temporary folder of the user, with one warning per process."""
    return _writable(cache_dir())


def remember(content: bytes, *parts: str) -> None:
    """Write a file into the cache if possible; without it, its content is computed again."""
    with contextlib.suppress(ZooError, OSError):
        write_atomically(writable_cache().joinpath(*parts), content)


@cache
def _writable(folder: Path) -> Path:
    error = why_not_writable(folder)
    return _replacement(folder, error) if error else folder


def _replacement(folder: Path, error: OSError) -> Path:
    """Return the temporary folder that replaces a cache, with a warning."""
    try:
        other = temporary_folder() / "cache"
    except OSError as second:
        raise cannot_write(folder, second) from second
    why = "the disk is full" if error.errno in _FULL else error.strerror or error
    fix = "Set ZOO_CACHE to a folder that you may write"
    log.warning("zoo: the cache `%s` cannot be written (%s); `%s` is used. %s", folder, why, other, fix)
    return other


@cache
def temporary_folder() -> Path:
    """Return a folder of this user alone below the system's temporary folder.

    Raises:
        OSError: no temporary folder is writable.
    """
    with contextlib.suppress(OSError):
        _temporary().mkdir(mode=0o700, exist_ok=True)
        if _is_own(_temporary()):
            return _temporary()
    return Path(tempfile.mkdtemp(prefix=f"{DISTRIBUTION}-"))  # another user owns that name


def _temporary() -> Path:
    return Path(tempfile.gettempdir()) / f"{DISTRIBUTION}-{os.getuid()}"


def _is_own(folder: Path) -> bool:
    found = folder.lstat()
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o022


def expand(path: str | Path) -> Path:
    """Return a path with `~` replaced by the user's home, or by a temporary folder for a user without a home."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        inside = str(path).removeprefix("~")
        return temporary_folder() / inside.lstrip("/") if inside.startswith("/") or not inside else Path(path)


def environment_without_home() -> dict[str, str]:
    """Return environment variables that libraries need for a user without a home; empty for all others."""
    try:
        Path.home()
    except RuntimeError:
        with contextlib.suppress(OSError):
            return {"HOME": str(temporary_folder()), "USER": f"uid{os.getuid()}"}
    return {}


def beside(path: Path, ending: str = "") -> Path:
    """Return a hidden name in the same folder, for a file that is renamed to `path` when it is complete.

    Args:
        path: the final name; a long one is replaced by its hash.
        ending: of the hidden name.
    """
    name, own = path.name, f".{uuid.uuid4().hex[:8]}{ending}"
    if len(os.fsencode(name)) + len(own) + 1 > LONGEST_NAME:
        name = hashlib.sha256(os.fsencode(name)).hexdigest()[:16]
    return path.with_name(f".{name}{own}")


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that readers see the old content or the new, even after a power cut.

    Raises:
        ZooError: the folder is not writable or the disk is full; an old file is unchanged.
    """
    part = beside(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
        sync(path.parent)  # the new name
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise cannot_write(path, error) from error


def sync(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk.

    Raises:
        OSError: the disk reports an error.
    """
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def cannot_write(path: Path | str | bytes, error: OSError) -> ZooError:
    """Return the error for a file or folder that cannot be written."""
    target = Path(os.fsdecode(path))
    hub = os.environ.get("HF_HOME") or f"{os.environ.get('XDG_CACHE_HOME') or '~/.cache'}/huggingface"
    caches = {"ZOO_CACHE": cache_dir(), "HF_HOME": expand(hub)}
    if own := os.environ.get("HF_HUB_CACHE"):
        caches["HF_HUB_CACHE"] = expand(own)
    variable = next((name for name, folder in caches.items() if target.is_relative_to(folder)), "")
    if error.errno in _FULL:
        elsewhere = f", or set {variable} to a folder on another disk" if variable else ""
        fix = f"Free some space and run the same command again{elsewhere}"
        return ZooError(f"cannot write `{target}`: the disk is full", fix)
    fix = f"Set {variable} to a folder that you may write" if variable else "Choose a folder that you may write"
    if error.errno == errno.ENAMETOOLONG:
        fix = "Choose a shorter name for the output"
    return ZooError(f"cannot write `{target}`: {error.strerror or error}", fix)


def require_writable(folder: Path) -> None:
    """Check before any work that a results folder can be created and written; changes nothing.

    Raises:
        UsageError: it is not writable, or a file has its name.
        ZooError: the disk is full.
    """
    error = why_not_writable(folder)
    if error is None:
        return
    failure = cannot_write(folder, error)
    if error.errno in _FULL:
        raise failure from error
    nearest = _nearest(folder)
    why = f"`{nearest.name}` is a file" if nearest.is_file() else f"in `{nearest}`: {error.strerror or error}"
    raise UsageError(f"results cannot be written to `{folder}`: {why}", failure.fix) from error


def why_not_writable(folder: Path) -> OSError | None:
    """Return the error of a test file in a folder, or in its nearest existing parent; None if it could be written."""
    try:
        with tempfile.NamedTemporaryFile(dir=_nearest(folder), prefix=".probe-") as probe:
            probe.write(b"written")
            probe.flush()
    except OSError as error:
        return error
    return None


def _nearest(folder: Path) -> Path:
    absolute = Path(os.path.realpath(folder))
    return next(path for path in (absolute, *absolute.parents) if os.access(path, os.F_OK))


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock file, created if it is missing, for a `with` block; the system releases it when the process ends."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
