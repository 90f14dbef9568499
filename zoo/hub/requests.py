"""Questions to a Hugging Face Hub: what is asked for, by whom, and the answers with their faults. Imports no torch."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from zoo.errors import UsageError, ZooError
from zoo.files import cache_places, expand
from zoo.hub import cached
from zoo.hub.cached import COMMIT, DIGEST
from zoo.hub.errors import Wanted, explain, failures, is_transient, malformed
from zoo.model_folder import WEIGHTS_FILE
from zoo.version import __version__

if TYPE_CHECKING:
    from huggingface_hub import HfApi
    from huggingface_hub.hf_api import ModelInfo, RepoSibling

LIBRARY = "zoo"
PATIENCE = "ZOO_PATIENCE"
"""Environment variable: seconds for which a Hub that does not answer is asked again; 20 by default, 0 asks once."""

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

        return expand(self.cache_dir or constants.HF_HUB_CACHE).resolve()

    @property
    def caches(self) -> list[Path]:
        """The cache, and the folder that stands for the client's own where that cannot be written."""
        return [self.cache, *([] if self.cache_dir else [place / "huggingface" for place in cache_places()[1:]])]

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


@dataclass(frozen=True, kw_only=True)
class HubFile:
    """A file as the Hub lists it."""

    size: int
    digest: str
    """The SHA-256 of a large file, git's object id of a small one; empty where the Hub does not say."""
    large: bool


@dataclass(frozen=True, kw_only=True)
class Listing:
    """What the Hub says of a commit."""

    pin: Pin
    """With its revision as a commit."""
    info: ModelInfo
    files: Mapping[str, HubFile]


def look_up(pin: Pin, access: Access) -> Listing:
    """Return what the Hub says of the commit that a pin means.

    Raises:
        UsageError: there is no such repository or revision, or it is closed to this user.
        ZooError: the Hub does not answer, or not in the form of a Hub.
    """
    from huggingface_hub import constants

    client = access.client()
    tell(f"asking {constants.ENDPOINT} for {pin}")
    info = ask(
        lambda: client.model_info(
            pin.repo, revision=pin.revision, files_metadata=True, timeout=constants.HF_HUB_ETAG_TIMEOUT
        ),
        pin,
        access,
    )
    commit = info.sha if isinstance(info.sha, str) else ""
    if not COMMIT.fullmatch(commit):
        raise ZooError(f"{constants.ENDPOINT} does not say which commit {pin} is", "Name another with HF_ENDPOINT")
    if pin.revision != commit:
        tell(f"{pin} is commit {commit}; to stay with it, write {pin.repo}@{commit}")
    files = {file.rfilename: _hub_file(file) for file in info.siblings or [] if isinstance(file.rfilename, str)}
    return Listing(pin=replace(pin, revision=commit), info=info, files=files)


def _hub_file(file: RepoSibling) -> HubFile:
    """Return what a listing says of a file, whatever the types of what it says."""
    size = file.size if isinstance(file.size, int) and file.size > 0 else 0
    digest = file.lfs.sha256 if file.lfs else file.blob_id
    known = digest if isinstance(digest, str) and DIGEST.fullmatch(digest) else ""
    return HubFile(size=size, digest=known, large=bool(file.lfs))


def ask(request: Callable[[], Answer], pin: Pin, access: Access, *, passed: tuple[type[Exception], ...] = ()) -> Answer:
    """Return what a request to the Hub gives; one that is not answered is made again, saying so, until the patience is over.

    Args:
        request: asks the client.
        pin, access: what is asked for, and by whom.
        passed: errors that the caller explains.

    Raises:
        UsageError: there is no such repository, revision or file, or it is closed to this user.
        ZooError: the Hub does not answer, or the cache cannot be written.
    """
    patience, started, wait = _patience(), time.monotonic(), 1.0
    while True:
        try:
            return request()
        except passed:
            raise
        except failures() as error:
            told = explain(error, _wanted(pin, access))
            if not is_transient(error) or time.monotonic() - started + wait > patience:
                raise told from error
            tell(f"{told.message}; trying again in {wait:.0f} s")
        except Exception as error:  # whatever the client makes of an answer that it was not written for
            raise malformed(pin.repo, error) from error
        time.sleep(wait)
        wait *= 2


def _patience() -> float:
    text = os.environ.get(PATIENCE, "20")
    try:
        return float(text)
    except ValueError:
        raise UsageError(f"{PATIENCE} is {text!r}, and should be seconds", f"Type e.g. {PATIENCE}=20") from None


def _wanted(pin: Pin, access: Access) -> Wanted:
    last = "" if COMMIT.fullmatch(pin.revision) else cached.cached_commit(pin.repo, pin.revision, access.cache)
    return Wanted(repo=pin.repo, revision=pin.revision, token=access.token, cached=last, cache=access.cache)


def tell(message: str) -> None:
    """Say on stderr what is being done."""
    print(f"zoo: {message}", file=sys.stderr, flush=True)
