"""Files of weights that others published: looked for, fetched once, verified before anything reads them. Imports no torch."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from zoo.errors import ZooError
from zoo.files import expand, in_cache, locked, writable_cache, write_atomically

VARIABLE = "ZOO_WEIGHTS"
"""Environment variable: a folder in which published files are looked for first."""
_TIMEOUT = 30.0
"""Seconds without an answer after which a download fails."""


@dataclass(frozen=True, kw_only=True)
class PublishedFile:
    """A file that its publisher will not change."""

    name: str
    """File name, in `$ZOO_WEIGHTS`, in zoo's cache and in torch hub's."""
    url: str
    sha256: str
    """Hex digest, or as much of its beginning as the publisher tells."""
    other_names: tuple[str, ...] = ()
    """Names under which others publish the same bytes."""


def find(file: PublishedFile) -> Path:
    """Return a verified copy: from `$ZOO_WEIGHTS`, zoo's cache or torch hub's, else downloaded into zoo's cache.

    A copy with another digest is passed over and named where no good one is found.

    Raises:
        ZooError: there is no copy and none can be fetched; the message says from where, which digest and where to put it.
    """
    path, _ = _look(file)
    if path:
        return path
    target = writable_cache() / "weights" / file.name
    with locked(target.with_name(f".{file.name}.lock")):  # one process fetches, the others wait for its copy
        path, wrong = _look(file)
        if path:
            return path
        try:
            return _fetch(file, target)
        except OSError as error:
            reason = getattr(error, "reason", None) or error
            raise ZooError(
                f"{file.name} is not on this machine and cannot be fetched: {reason}{''.join(wrong)}",
                f"Fetch {file.url} (sha256 {file.sha256}) elsewhere and put it at {target}",
            ) from error


def _look(file: PublishedFile) -> tuple[Path | None, list[str]]:
    """Return a verified copy on this machine, or None, and what is wrong with the others."""
    wrong = []
    for path in _places(file):
        with contextlib.suppress(OSError):
            found = sha256_of(path)
            if found.startswith(file.sha256):
                return path, []
            wrong.append(f"; `{path}` is another file (sha256 {found})")
    return None, wrong


def sha256_of(path: Path) -> str:
    """Return a file's SHA-256 hex digest; a file is read again only when its size or time has changed.

    Raises:
        OSError: the file cannot be read.
    """
    status = path.stat()
    return _sha256(path, status.st_size, status.st_mtime_ns)


@cache
def _sha256(path: Path, _size: int, _modified: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _places(file: PublishedFile) -> Iterator[Path]:
    names = (file.name, *file.other_names)
    if own := os.environ.get(VARIABLE):
        yield from (Path(own) / name for name in names)
    if path := in_cache("weights", file.name):
        yield path
    # As torch.hub.get_dir has it.
    caches = expand(os.environ.get("XDG_CACHE_HOME") or "~/.cache")
    hub = expand(os.environ.get("TORCH_HOME") or caches / "torch") / "hub" / "checkpoints"
    yield from (hub / name for name in names)


def _fetch(file: PublishedFile, target: Path) -> Path:
    from urllib.request import urlopen  # brings ssl, http and email along, which listing components does not need

    with urlopen(file.url, timeout=_TIMEOUT) as source:
        content = source.read()
    digest = hashlib.sha256(content).hexdigest()
    if not digest.startswith(file.sha256):
        raise OSError(f"what came has the sha256 {digest}")
    write_atomically(target, content)
    return target
