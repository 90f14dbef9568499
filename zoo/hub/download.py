"""From the name of a model to the folder that holds it: from a Hub pinned, verified, and without a request where it is cached.

Imports no torch.
"""

from __future__ import annotations

import contextlib
import errno
import re
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from zoo.data.layout import IMAGE_SUFFIXES
from zoo.errors import UsageError, ZooError, did_you_mean
from zoo.files import expand, temporary_folder, why_not_writable
from zoo.hub import cached
from zoo.hub.access import Access, Pin, endpoint
from zoo.hub.addresses import is_address, repository
from zoo.hub.cached import CachedModel
from zoo.hub.catalog import CatalogEntry, bundled_folder, catalog_entries, find_weights
from zoo.hub.errors import cannot_cache, client_errors, is_no_repository
from zoo.hub.requests import Listing, log, look_up, send
from zoo.model_folder import CARD_FILE, CONFIG_FILE, WEIGHTS_FILE

RESULTS = "results"
"""The results folder of `zoo.bench` by default; a name that begins with it is no repository."""
MOST_NAMED = 3
"""Most runs that an error names."""


@dataclass(frozen=True, kw_only=True)
class Located:
    """A model on this machine."""

    folder: Path
    """Holds `config.json`, the weights and, where there is one, the card."""
    file: str = WEIGHTS_FILE


def locate(source: str | Path, access: Access) -> Located:
    """Return where a model is, downloaded if necessary.

    Args:
        source: a name of the catalogue, a folder, `org/repo[@revision]` or an address (`zoo.hub.addresses`). A name of the
            catalogue comes before a folder of the same name (use `./NAME` for that), and a folder before a repository.
        access: how to reach the Hub.

    Raises:
        UsageError: there is no such name, folder or repository, or its weights are not published.
        ZooError: it cannot be fetched.
    """
    if not str(source):
        raise UsageError("the name of the model is empty", "Name weights of the catalogue, a run folder or org/repo")
    row = find_weights(source) if isinstance(source, str) else None
    if row:
        return _locate_row(row, access)
    path = expand(source)
    if path.is_dir():
        return Located(folder=path)
    if path.is_file():
        if path.suffix == ".safetensors":
            reason = f"`{path}` is a file, and a model is a folder with its config.json"
            raise UsageError(reason, f"Name the folder: {path.parent}")
        if path.suffix.lower() in IMAGE_SUFFIXES:
            fix = f'Load weights, then translate it: `zoo.load("pix2pix-scenes").translate("{path}")`'
            raise UsageError(f"`{path}` is an image, not trained weights", fix)
        raise UsageError(f"`{path}` is a file, and a model is a folder", f"Run: zoo convert {path}")
    pin, exact = repository(source), is_address(source) or "@" in str(source)
    if pin is None or (not exact and (path.parent.is_dir() or Path(pin.repo).parts[0] == RESULTS)):
        if isinstance(source, str) and re.fullmatch(r"[\w.-]+", source) and not source.startswith("."):
            fix = did_you_mean(source, [row.name for row in catalog_entries()]) or "Run: `zoo.list_weights()`"
            raise UsageError(f"no weights are named {source!r}, and there is no folder of that name here", fix)
        raise _no_folder(path)
    try:
        return Located(folder=fetch(pin, access))
    except ZooError as error:
        if exact or not is_no_repository(error):
            raise
        raise type(error)(f"there is no folder `{source}` here, and {error.message}", error.fix) from error.__cause__


def _no_folder(path: Path) -> UsageError:
    """Return the error of a path that does not exist, with what there is in its place."""
    parents = [parent for parent in path.parents if parent.is_dir()]
    if not path.parent.is_dir():
        lacking = [path, *path.parents][len(path.parents) - len(parents)]
        where = "here" if not path.is_absolute() and parents[0] == Path() else f"in `{parents[0]}`"
        reason = f"there is no folder `{path}`: `{lacking.name}` does not exist {where}"
        fix = "Check the path and the current folder"
        if lacking == Path(RESULTS):
            fix = f"`zoo.bench(...)` writes to {RESULTS}/ in the current folder: change to that folder, or name the run's path"
        return UsageError(reason, fix)
    runs = sorted(folder.parent.name for folder in path.parent.glob(f"*/{WEIGHTS_FILE}"))
    if not runs:
        return UsageError(
            f"there is no folder `{path}`, and `{path.parent}` holds no trained run",
            "Check the path, or run `zoo.bench(...)`",
        )
    more = f" and {len(runs) - MOST_NAMED} more" if len(runs) > MOST_NAMED else ""
    fix = did_you_mean(path.name, runs) or f"It holds {', '.join(runs[:MOST_NAMED])}{more}"
    return UsageError(f"there is no run `{path.name}` in `{path.parent}`", fix)


def _locate_row(row: CatalogEntry, access: Access) -> Located:
    weights = row.weights
    if weights.folder:
        located = Located(folder=bundled_folder(row), file=weights.file)
        path = located.folder / located.file
        if weights.sha256 and path.is_file() and (fault := cached.mismatch(path, weights.sha256)):
            fix = f"Run: pip install --force-reinstall {row.plugin.distribution}"
            raise ZooError(f"the weights {row.name} were changed: {path} has {fault}", fix)
        return located
    if not weights.repo:
        raise UsageError(
            f"the weights {row.name} ({weights.summary}) are not published yet",
            f"Run: {weights.train}, then: {row.publish}; the run folder loads too: zoo.load('results/RUN')",
        )
    pin = Pin(repo=weights.repo, revision=weights.revision, file=weights.file, sha256=weights.sha256)
    return Located(folder=fetch(pin, access), file=weights.file)


def fetch(pin: Pin, access: Access) -> Path:
    """Return the cache's folder of a model: its config, its weights and its card, verified.

    Cached files of a full commit with known digests are used without a request; a damaged file is downloaded once more.

    Raises:
        UsageError: there is no such repository, revision or file, or it is closed to this user, or it is not cached and
            requests are forbidden.
        ZooError: the Hub does not answer, the cache cannot be written, or the download is not what was published.
    """
    if not pin.is_commit:
        if not access.is_offline:
            return _download(pin, look_up(pin, access), access)
        commit = cached.last_commit(pin, access)
        if not commit:
            raise _not_usable_offline(pin, None, access)
        log(f"{pin} was commit {commit} at the last download")
        pin = replace(pin, revision=commit)
    copies = [cached.read_cache(pin, cached.known_digests(pin), cache) for cache in access.caches]
    best = next((copy for copy in copies if copy.is_complete), None)
    if best and not best.unverified:
        return best.folder
    if access.is_offline:
        if best is None:
            raise _not_usable_offline(pin, copies[0], access)
        return _use_unverified(pin, best, "requests are forbidden offline")
    try:
        listing = look_up(pin, access)
    except ZooError as error:
        if best is None:
            raise
        return _use_unverified(pin, best, error.message)
    return _download(pin, listing, access)


def _download(requested: Pin, listing: Listing, access: Access) -> Path:
    """Download the files that are missing or damaged; the config comes first, since the Hub counts downloads by it."""
    pin, files = listing.pin, listing.files
    if missing := [name for name in (CONFIG_FILE, pin.file) if name not in files]:
        reason = f"{pin} is not a model of zoo: it has no {' and no '.join(missing)}; it holds {listing.contents}"
        raise UsageError(reason, "To use another program's checkpoint, run: zoo convert FILE")
    names = [CONFIG_FILE, pin.file, *([CARD_FILE] if CARD_FILE in files else [])]
    digests = {name: files[name].digest for name in names} | ({pin.file: pin.sha256} if pin.sha256 else {})
    complete = (cache for cache in access.caches if cached.read_cache(pin, digests, cache).is_complete)
    if cache := next(complete, None):
        access = replace(access, cache_dir=cache)
    else:
        access = _with_space(pin, {name: files[name].size for name in names}, access)
    paths = {name: _download_file(pin, name, digests[name], access) for name in names}
    cached.keep_digests(pin, {name: digests[name] or cached.digest_of(path) for name, path in paths.items()})
    if not requested.is_commit and cached.last_commit(requested, access) != pin.revision:
        # The client records the commit of the branch; the file itself is cached.
        with contextlib.suppress(*client_errors()):
            access.client().hf_hub_download(pin.repo, CONFIG_FILE, revision=requested.revision, cache_dir=access.cache)
    return paths[pin.file].parent


def _with_space(pin: Pin, sizes: dict[str, int], access: Access) -> Access:
    """Return an access whose cache can be written and has room for these files."""
    if access.cache_dir is None and (error := why_not_writable(access.cache)):
        other = temporary_folder() / "cache" / "huggingface"
        why = error.strerror or error
        log(f"cannot write to the cache `{access.cache}` ({why}); `{other}` is used. Set HF_HOME to another folder")
        access = replace(access, cache_dir=other)
    missing = sum(size for name, size in sizes.items() if not cached.find(pin.repo, name, pin.revision, access.cache))
    if (free := cached.free_space(access.cache)) < missing:
        full = cannot_cache(str(pin), OSError(errno.ENOSPC, ""), access.cache)
        raise ZooError(f"{full.message} ({missing:,} bytes are needed, {free:,} are free)", full.fix)
    log(f"fetching {pin}{f', {missing / 1e6:.1f} MB,' if missing else ''} into {access.cache}")
    return access


def _download_file(pin: Pin, name: str, digest: str, access: Access) -> Path:
    """Return a verified file of a commit; a damaged one is downloaded once more."""
    download = access.client().hf_hub_download
    request: Any = partial(download, pin.repo, name, revision=pin.revision, cache_dir=access.cache)
    path = Path(send(request, pin, access))
    fault = cached.mismatch(path, digest)
    if fault:
        log(f"{name} of {pin} is damaged: {fault}; fetching it once more")
        if not path.is_symlink():  # the client leaves a plain file as it is
            with contextlib.suppress(OSError):
                path.unlink()
        path = Path(send(partial(request, force_download=True), pin, access))
        fault = cached.mismatch(path, digest)
    if fault:
        fix = "It is not used. Try again later, or write to its owner"
        raise ZooError(f"{name} of {pin} is not what was published: {endpoint()} sent it twice with {fault}", fix)
    return path


def _use_unverified(pin: Pin, copy: CachedModel, why: str) -> Path:
    """Return the folder of files whose digests are unknown, after a line on stderr."""
    log(f"{pin} is used unverified: the cache has no digest of {' and '.join(copy.unverified)}, and {why}")
    return copy.folder


def _not_usable_offline(pin: Pin, copy: CachedModel | None, access: Access) -> ZooError:
    why = "`offline` is true" if access.offline else "HF_HUB_OFFLINE is set"
    fix = "Run the same command once with a connection"
    for name, fault in copy.mismatches.items() if copy else ():
        reason = f"{name} of {pin} in the cache `{access.cache}` is damaged: {fault}; {why}"
        return ZooError(reason, f"{fix}: it is fetched again")
    return UsageError(f"{pin} is not in the cache `{access.cache}`, and {why}", fix)
