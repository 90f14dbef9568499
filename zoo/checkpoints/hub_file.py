"""A file of a repository on the Hub, as others publish weights: looked up offline first, and verified. Imports no torch."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from zoo.errors import ZooError
from zoo.hub.access import Access, Pin
from zoo.hub.cached import find, mismatch
from zoo.hub.requests import send


def find_hub_file(repo: str, names: Sequence[str], *, fetch: bool) -> Path | None:
    """Return the first file of these names that a repository has, from the Hub's cache on this machine or else downloaded.

    A cached file whose SHA-256 is not the one under which the cache has it is damaged: it is not used, and fetched again.

    Args:
        repo: `ORG/NAME`.
        names: of the file, the preferred one first.
        fetch: whether to download it where the cache has no good copy; without, the result is then None.

    Raises:
        ZooError: the file cannot be downloaded, or is not what was published.
    """
    access = Access()
    damaged = False
    for cache in access.caches:
        for path in filter(None, (find(repo, name, Pin(repo=repo).revision, cache) for name in names)):
            if not mismatch(path):
                return path
            damaged = True
    return _download(repo, names, access, again=damaged) if fetch else None


def _download(repo: str, names: Sequence[str], access: Access, *, again: bool) -> Path:
    """Return the first of the files that the repository has, verified."""
    from huggingface_hub.errors import RemoteEntryNotFoundError

    download = access.client().hf_hub_download
    for name in names:
        request: Any = partial(download, repo, name, cache_dir=access.cache, force_download=again)
        pin = Pin(repo=repo, file=name)
        try:
            path = Path(send(request, pin, access, passed=(RemoteEntryNotFoundError,)))
        except RemoteEntryNotFoundError:
            continue
        if fault := mismatch(path):
            raise ZooError(f"{name} of {repo} is not what was published: {fault}", "It is not used. Try again later")
        return path
    raise ZooError(f"{repo} has no file {' or '.join(names)}")
