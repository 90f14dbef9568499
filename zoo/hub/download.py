"""Weights from a Hugging Face Hub: pinned, verified, and without a request where they are cached. Imports no torch."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

from zoo.errors import UsageError, ZooError
from zoo.files import temporary_folder, why_not_writable
from zoo.hub import cached
from zoo.hub.cached import COMMIT, Copy, Mismatch
from zoo.hub.errors import cannot_keep
from zoo.hub.requests import Access, Listing, Pin, ask, look_up, tell
from zoo.model_folder import CARD_FILE, CONFIG_FILE

__all__ = ["COMMIT", "Access", "Pin", "ask", "fetch", "look_up"]

LISTED = 20
"""Files that are named of a repository which is no model."""


def fetch(pin: Pin, access: Access) -> Path:
    """Return the cache's folder of a model: its config, its weights and its card, verified.

    What is pinned, cached and of a known checksum is found without a request; what is damaged is fetched once more.

    Raises:
        UsageError: there is no such repository, revision or file, or it is closed to this user, or it is not cached and offline
            was asked for.
        ZooError: the Hub does not answer, the cache cannot be written, or what comes is not what was published.
    """
    if not COMMIT.fullmatch(pin.revision) and access.is_offline:
        pin = _as_last_seen(pin, access)
    cached.sweep(pin.repo, access.cache)
    if not COMMIT.fullmatch(pin.revision):
        return _download(pin, look_up(pin, access), access)
    copies = [cached.copy_of(pin.repo, pin.revision, _digests(pin), cache) for cache in access.caches]
    best = next((copy for copy in copies if copy.whole), None)
    if best and not best.unknown:
        return best.folder
    if access.is_offline:
        return _unverified(pin, best, "there is no request offline") if best else _refuse(pin, copies[0].faults, access)
    try:
        listing = look_up(pin, access)
    except ZooError as error:
        if best is None:
            raise
        return _unverified(pin, best, error.message)
    return _download(pin, listing, access)


def _download(asked: Pin, listing: Listing, access: Access) -> Path:
    """Fetch what is not cached or not whole; the config comes first, since the Hub counts downloads by it."""
    pin, files = listing.pin, listing.files
    lacking = [name for name in (CONFIG_FILE, pin.file) if name not in files]
    if lacking:
        held = ", ".join(sorted(name for name in files if not name.startswith("."))[:LISTED]) or "nothing"
        raise UsageError(
            f"{pin} is not a model of zoo: it has no {' and no '.join(lacking)}; it holds {held}",
            "For another program's checkpoint type: zoo convert FILE",
        )
    names = [CONFIG_FILE, pin.file, *([CARD_FILE] if CARD_FILE in files else [])]
    digests = {name: files[name].digest for name in names} | _catalogued(pin)
    access, absent = _with_room(pin, {name: files[name].size for name in names}, digests, access)
    if absent:
        tell(f"fetching {pin}{f', {absent / 1e6:.1f} MB,' if absent > 0 else ''} into {access.cache}")
    paths = {name: _obtain(pin, name, digests[name], access) for name in names}
    cached.note_digests(
        pin.repo, pin.revision, {name: digests[name] or cached.digest_of(path) for name, path in paths.items()}
    )
    cached.remember_commit(pin.repo, asked.revision, pin.revision, access.cache)
    return paths[pin.file].parent


def _with_room(pin: Pin, sizes: Mapping[str, int], digests: Mapping[str, str], access: Access) -> tuple[Access, float]:
    """Return an access whose cache holds or can take these files, and how many bytes are to be fetched; 0 where all are there.

    Raises:
        ZooError: the disk is too full.
    """
    for cache in access.caches:
        if cached.copy_of(pin.repo, pin.revision, digests, cache).whole:
            return replace(access, cache_dir=cache), 0
    if access.cache_dir is None and (error := why_not_writable(access.cache)):
        stand_in = temporary_folder() / "cache" / "huggingface"
        why = error.strerror or error
        tell(
            f"the cache `{access.cache}` cannot be written ({why}); `{stand_in}` is used. Set HF_HOME to another folder"
        )
        access = replace(access, cache_dir=stand_in)
    missing = sum(size for name, size in sizes.items() if not cached.find(pin.repo, name, pin.revision, access.cache))
    if (free := cached.free_space(access.cache)) < missing:
        full = cannot_keep(str(pin), OSError(errno.ENOSPC, ""), access.cache)
        raise ZooError(f"{full.message} ({missing:,} bytes are needed, {free:,} are free)", full.fix)
    return access, missing or 0.1  # a Hub may not say how large its files are


def _obtain(pin: Pin, name: str, digest: str, access: Access) -> Path:
    """Return one file of a pinned commit, whole; one that is not is fetched once more."""
    from huggingface_hub import constants

    client = access.client()

    def get(again: bool) -> Path:
        path = client.hf_hub_download(
            pin.repo, name, revision=pin.revision, cache_dir=access.cache, force_download=again
        )
        return Path(path)

    path = ask(lambda: get(again=False), pin, access)
    if fault := cached.mismatch(path, digest):
        tell(f"{name} of {pin} is damaged: {fault}; fetching it once more")
        if not path.is_symlink():  # which the client would leave as it is
            with contextlib.suppress(OSError):
                path.unlink()
        path = ask(lambda: get(again=True), pin, access)
        fault = cached.mismatch(path, digest)
    if fault:
        raise ZooError(
            f"{name} of {pin} is not what was published: {constants.ENDPOINT} gave it again with {fault}",
            "It is not used. Try again later, or tell its owner",
        )
    return path


def _as_last_seen(pin: Pin, access: Access) -> Pin:
    """Return a pin with the commit that its branch or tag was when it was last looked up."""
    commit = next(filter(None, (cached.cached_commit(pin.repo, pin.revision, cache) for cache in access.caches)), "")
    if not commit:
        _refuse(pin, {}, access)
    tell(f"{pin} was commit {commit} when it was last looked up")
    return replace(pin, revision=commit)


def _unverified(pin: Pin, copy: Copy, why: str) -> Path:
    """Return the folder of a copy whose digests nobody here knows, after saying so."""
    tell(f"{pin} is used unverified: the cache does not say what {' and '.join(copy.unknown)} should be, and {why}")
    return copy.folder


def _refuse(pin: Pin, faults: Mapping[str, Mismatch], access: Access) -> NoReturn:
    """Raise the error to show offline."""
    why = "offline was asked for" if access.offline else "HF_HUB_OFFLINE is set"
    for name, fault in faults.items():
        raise ZooError(
            f"{name} of {pin} in the cache `{access.cache}` is damaged: {fault}; {why}",
            "Type the same once with a connection, and it is fetched again",
        )
    raise UsageError(f"{pin} is not in the cache `{access.cache}`, and {why}", "Type the same once with a connection")


def _catalogued(pin: Pin) -> dict[str, str]:
    """Return the digest that the catalogue has for the weights."""
    return {pin.file: pin.sha256} if pin.sha256 else {}


def _digests(pin: Pin) -> dict[str, str]:
    """Return what is known without a request of the digests of a commit's config and weights; empty where nothing is."""
    return {CONFIG_FILE: "", pin.file: ""} | cached.noted_digests(pin.repo, pin.revision) | _catalogued(pin)
