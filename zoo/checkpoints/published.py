"""Files of weights that others published: found or downloaded once, and verified before use. Imports no torch."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from zoo.checksums import sha256_of
from zoo.errors import ZooError
from zoo.files import expand, in_cache, locked, writable_cache, write_atomically

__all__ = ["VARIABLE", "PublishedFile", "find", "find_copy", "sha256_of"]

VARIABLE = "ZOO_WEIGHTS"
"""Environment variable: the folder that is searched first."""
_TIMEOUT = 30.0
"""Seconds without an answer after which a download fails."""


@dataclass(frozen=True, kw_only=True)
class PublishedFile:
    """A file that its publisher does not change."""

    name: str
    """File name, in `$ZOO_WEIGHTS`, in zoo's cache and in torch hub's."""
    url: str
    sha256: str
    """Hex digest, or the beginning that the publisher gives."""
    other_names: tuple[str, ...] = ()
    """Names under which others publish the same bytes."""


def find(file: PublishedFile) -> Path:
    """Return a verified copy: from `$ZOO_WEIGHTS`, zoo's cache or torch hub's, else downloaded into zoo's cache.

    A copy with another digest is skipped, and named in the error where there is no good one.

    Raises:
        ZooError: there is no copy and none can be fetched; the message has its address, its digest and where to put it.
    """
    path, _ = _find_copy(file)
    if path:
        return path
    target = writable_cache() / "weights" / file.name
    with locked(target.with_name(f".{file.name}.lock")):  # one process downloads, the others wait for its copy
        path, wrong = _find_copy(file)
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


def find_copy(file: PublishedFile) -> Path | None:
    """Return a verified copy on this machine; None where there is none."""
    return _find_copy(file)[0]


def _find_copy(file: PublishedFile) -> tuple[Path | None, list[str]]:
    """Return a verified copy on this machine, or None, and the copies with another digest as text."""
    wrong = []
    for path in _candidates(file):
        with contextlib.suppress(OSError):
            found = sha256_of(path)
            if found.startswith(file.sha256):
                return path, []
            wrong.append(f"; `{path}` is another file (sha256 {found})")
    return None, wrong


def _candidates(file: PublishedFile) -> Iterator[Path]:
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
    from urllib.request import urlopen  # imports ssl, http and email, which listing components does not need

    with urlopen(file.url, timeout=_TIMEOUT) as source:
        content = source.read()
    digest = hashlib.sha256(content).hexdigest()
    if not digest.startswith(file.sha256):
        raise OSError(f"the downloaded file has the sha256 {digest}")
    write_atomically(target, content)
    return target
