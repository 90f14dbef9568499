"""Weights from a Hugging Face Hub: pinned, verified, and without a request where they are cached. Imports no torch."""

from __future__ import annotations

import errno
import os
import re
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from zoo.errors import UsageError, ZooError
from zoo.version import __version__
from zoo.weights import cached
from zoo.weights.cached import Mismatch
from zoo.weights.folder import CARD_FILE, CONFIG_FILE, WEIGHTS_FILE
from zoo.weights.hub_errors import Wanted, cannot_keep, explain, failures, is_transient

if TYPE_CHECKING:
    from huggingface_hub import HfApi
    from huggingface_hub.hf_api import ModelInfo

LIBRARY = "zoo"
PATIENCE = "ZOO_PATIENCE"
"""Environment variable: seconds for which a Hub that does not answer is asked again; 20 by default, 0 asks once."""
COMMIT = re.compile(r"[0-9a-f]{40}")

Answer = TypeVar("Answer")


@dataclass(frozen=True, kw_only=True)
class Access:
    """How a user reaches the Hub."""

    offline: bool | None = None
    """True: only the cache is looked into; None: as `$HF_HUB_OFFLINE` says."""
    cache_dir: str | Path | None = None
    """By default that of huggingface_hub."""
    token: str | bool | None = None
    """None: the token that the user is logged in with; False: none."""

    @property
    def cache(self) -> Path:
        """The cache's folder."""
        from huggingface_hub import constants

        return Path(self.cache_dir or constants.HF_HUB_CACHE).expanduser().resolve()

    @property
    def is_offline(self) -> bool:
        """Whether no request may be made."""
        from huggingface_hub import constants

        return bool(constants.HF_HUB_OFFLINE if self.offline is None else self.offline)

    def client(self) -> HfApi:
        """Return the client through which every request goes."""
        from huggingface_hub import HfApi

        return HfApi(token=self.token, library_name=LIBRARY, library_version=__version__)


@dataclass(frozen=True, kw_only=True)
class Pin:
    """A model on the Hub, as exactly as it is known."""

    repo: str
    """`ORG/NAME`."""
    revision: str = "main"
    """The commit in full; or a branch, tag or short commit, which is looked up each time."""
    file: str = WEIGHTS_FILE
    sha256: str = ""
    """Hex digest of `file`, where the catalogue knows it; else that which the Hub tells."""

    def __str__(self) -> str:
        return f"{self.repo}@{self.revision[:7] if COMMIT.fullmatch(self.revision) else self.revision}"


def fetch(pin: Pin, access: Access) -> Path:
    """Return the cache's folder of a model: its config, its weights and its card, verified.

    What is pinned and cached is found without a request; what is damaged is fetched once more.

    Raises:
        UsageError: there is no such repository, revision or file, or it is closed to this user, or it is not cached and offline
            was asked for.
        ZooError: the Hub does not answer, the cache cannot be written, or what comes is not what was published.
    """
    if not COMMIT.fullmatch(pin.revision) and access.is_offline:
        pin = _as_last_seen(pin, access)
    cached.sweep(pin.repo, access.cache)
    if COMMIT.fullmatch(pin.revision):
        found = {name: cached.find(pin.repo, name, pin.revision, access.cache) for name in (CONFIG_FILE, pin.file)}
        faults = {name: cached.mismatch(path, _pinned(pin, name)) for name, path in found.items() if path}
        weights = found[pin.file]
        if weights and all(found.values()) and not any(faults.values()):
            return weights.parent
        if access.is_offline:
            raise _not_here(pin, faults, access)
    return _download(pin, access)


def look_up(pin: Pin, access: Access) -> tuple[Pin, ModelInfo]:
    """Return a pin with its revision as a commit, and what the Hub says of that commit.

    Raises:
        UsageError: there is no such repository or revision, or it is closed to this user.
        ZooError: the Hub does not answer.
    """
    from huggingface_hub import constants

    client = access.client()
    _tell(f"asking {constants.ENDPOINT} for {pin}")
    info = ask(
        lambda: client.model_info(
            pin.repo, revision=pin.revision, files_metadata=True, timeout=constants.HF_HUB_ETAG_TIMEOUT
        ),
        pin,
        access,
    )
    commit = info.sha or ""
    if not COMMIT.fullmatch(commit):
        raise ZooError(f"{constants.ENDPOINT} does not say which commit {pin} is", "Name another with HF_ENDPOINT")
    if pin.revision != commit:
        _tell(f"{pin} is commit {commit}; to stay with it, write {pin.repo}@{commit}")
    return replace(pin, revision=commit), info


def _download(pin: Pin, access: Access) -> Path:
    """Fetch what is not cached or not whole; the config comes first, since the Hub counts downloads by it."""
    asked, (pin, info) = pin, look_up(pin, access)
    sizes = {file.rfilename: file.size or 0 for file in info.siblings or []}
    lacking = [name for name in (CONFIG_FILE, pin.file) if name not in sizes]
    if lacking:
        held = ", ".join(sorted(name for name in sizes if not name.startswith("."))) or "nothing"
        raise UsageError(
            f"{pin} is not a model of zoo: it has no {' and no '.join(lacking)}; it holds {held}",
            "For another program's checkpoint type: zoo convert FILE",
        )
    names = [CONFIG_FILE, pin.file, *([CARD_FILE] if CARD_FILE in sizes else [])]
    absent = [name for name in names if not cached.find(pin.repo, name, pin.revision, access.cache)]
    missing = sum(sizes[name] for name in absent)
    if (free := cached.free_space(access.cache)) < missing:
        full = cannot_keep(str(pin), OSError(errno.ENOSPC, ""), access.cache)
        raise ZooError(f"{full.message} ({missing:,} bytes are needed, {free:,} are free)", full.fix)
    if absent:
        _tell(f"fetching {pin}{f', {missing / 1e6:.1f} MB,' if missing else ''} into {access.cache}")
    _config, weights, *_card = [_obtain(pin, name, access) for name in names]
    cached.remember(pin.repo, asked.revision, pin.revision, access.cache)
    return weights.parent


def _obtain(pin: Pin, name: str, access: Access) -> Path:
    """Return one file of a pinned commit, whole; one that is not is fetched once more."""
    from huggingface_hub import constants

    client = access.client()

    def get(again: bool) -> Path:
        path = client.hf_hub_download(
            pin.repo, name, revision=pin.revision, cache_dir=access.cache, force_download=again
        )
        return Path(path)

    path = ask(lambda: get(again=False), pin, access)
    if fault := cached.mismatch(path, _pinned(pin, name)):
        _tell(f"{name} of {pin} is damaged: {fault}; fetching it once more")
        path = ask(lambda: get(again=True), pin, access)
        fault = cached.mismatch(path, _pinned(pin, name))
    if fault:
        raise ZooError(
            f"{name} of {pin} is not what was published: {constants.ENDPOINT} gave it again with {fault}",
            "It is not used. Try again later, or tell its owner",
        )
    return path


def ask(request: Callable[[], Answer], pin: Pin, access: Access) -> Answer:
    """Return what a request to the Hub gives; one that is not answered is made again, saying so, until the patience is over.

    Raises:
        UsageError: there is no such repository, revision or file, or it is closed to this user.
        ZooError: the Hub does not answer, or the cache cannot be written.
    """
    patience, started, wait = _patience(), time.monotonic(), 1.0
    while True:
        try:
            return request()
        except failures() as error:
            told = explain(error, _wanted(pin, access))
            if not is_transient(error) or time.monotonic() - started + wait > patience:
                raise told from error
            _tell(f"{told.message}; trying again in {wait:.0f} s")
        time.sleep(wait)
        wait *= 2


def _patience() -> float:
    text = os.environ.get(PATIENCE, "20")
    try:
        return float(text)
    except ValueError:
        raise UsageError(f"{PATIENCE} is {text!r}, and should be seconds", f"Type e.g. {PATIENCE}=20") from None


def _as_last_seen(pin: Pin, access: Access) -> Pin:
    """Return a pin with the commit that its branch or tag was when it was last looked up."""
    commit = cached.cached_commit(pin.repo, pin.revision, access.cache)
    if not commit:
        raise _not_here(pin, {}, access)
    _tell(f"{pin} was commit {commit} when it was last looked up")
    return replace(pin, revision=commit)


def _not_here(pin: Pin, faults: Mapping[str, Mismatch | None], access: Access) -> ZooError:
    """Return the error to show offline."""
    why = "offline was asked for" if access.offline else "HF_HUB_OFFLINE is set"
    for name, fault in faults.items():
        if fault:
            return ZooError(
                f"{name} of {pin} in the cache `{access.cache}` is damaged: {fault}; {why}",
                "Type the same once with a connection, and it is fetched again",
            )
    return UsageError(f"{pin} is not in the cache `{access.cache}`, and {why}", "Type the same once with a connection")


def _pinned(pin: Pin, name: str) -> str:
    """Return the digest that the catalogue has for a file."""
    return pin.sha256 if name == pin.file else ""


def _wanted(pin: Pin, access: Access) -> Wanted:
    last = "" if COMMIT.fullmatch(pin.revision) else cached.cached_commit(pin.repo, pin.revision, access.cache)
    return Wanted(repo=pin.repo, revision=pin.revision, token=access.token, cached=last, cache=access.cache)


def _tell(message: str) -> None:
    print(f"zoo: {message}", file=sys.stderr, flush=True)
