"""Requests to a Hugging Face Hub: repeated while it does not answer, with every fault as one `ZooError`. Imports no torch."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from zoo.errors import UsageError, ZooError
from zoo.hub.access import COMMIT, Access, Pin, endpoint
from zoo.hub.cached import DIGEST
from zoo.hub.errors import client_errors, explain, is_transient, malformed

if TYPE_CHECKING:
    from huggingface_hub.hf_api import ModelInfo, RepoSibling

PATIENCE = "ZOO_PATIENCE"
"""Environment variable: seconds for which a request without an answer is repeated; 20 by default, 0 sends it once."""

Answer = TypeVar("Answer")


@dataclass(frozen=True, kw_only=True)
class HubFile:
    """A file as the Hub lists it."""

    size: int
    digest: str
    """The SHA-256 of a large file, git's object id of a small one; empty where the Hub lists none."""
    large: bool


@dataclass(frozen=True, kw_only=True)
class Listing:
    """A commit as the Hub lists it."""

    pin: Pin
    """With the commit as its revision."""
    info: ModelInfo
    files: Mapping[str, HubFile]

    @property
    def contents(self) -> str:
        """The names of its visible files, for a message."""
        return ", ".join(sorted(name for name in self.files if not name.startswith("."))[:20]) or "nothing"


def look_up(pin: Pin, access: Access) -> Listing:
    """Return what the Hub lists of the commit that a pin means.

    Raises:
        UsageError: there is no such repository or revision, or it is closed to this user.
        ZooError: the Hub does not answer, or not in the form of a Hub.
    """
    from huggingface_hub import constants

    client, timeout = access.client(), constants.HF_HUB_ETAG_TIMEOUT
    log(f"looking up {pin} at {endpoint()}")
    request = partial(client.model_info, pin.repo, revision=pin.revision, files_metadata=True, timeout=timeout)
    info = send(request, pin, access)
    commit = info.sha if isinstance(info.sha, str) else ""
    if not COMMIT.fullmatch(commit):
        raise ZooError(f"{endpoint()} does not list the commit of {pin}", "Set HF_ENDPOINT to another Hub")
    if pin.revision != commit:
        log(f"{pin} is commit {commit}; to stay with it, use {pin.repo}@{commit}")
    files = {file.rfilename: _hub_file(file) for file in info.siblings or [] if isinstance(file.rfilename, str)}
    return Listing(pin=replace(pin, revision=commit), info=info, files=files)


def _hub_file(file: RepoSibling) -> HubFile:
    """Return a listed file, whatever the types of its fields."""
    size = file.size if isinstance(file.size, int) and file.size > 0 else 0
    digest = file.lfs.sha256 if file.lfs else file.blob_id
    known = digest if isinstance(digest, str) and DIGEST.fullmatch(digest) else ""
    return HubFile(size=size, digest=known, large=bool(file.lfs))


def send(
    request: Callable[[], Answer], pin: Pin, access: Access, *, passed: tuple[type[Exception], ...] = ()
) -> Answer:
    """Return the answer to a request; one that is not answered is repeated, with a line on stderr, until the time is over.

    Args:
        request: calls the client.
        pin, access: what is requested, and how.
        passed: errors that the caller explains.

    Raises:
        UsageError: there is no such repository, revision or file, or it is closed to this user.
        ZooError: the Hub does not answer, or the cache cannot be written.
    """
    text, started, wait = os.environ.get(PATIENCE, "20"), time.monotonic(), 1.0
    try:
        patience = float(text)
    except ValueError:
        raise UsageError(f"{PATIENCE} is {text!r}, not a number of seconds", f"Use e.g. {PATIENCE}=20") from None
    while True:
        try:
            return request()
        except passed:
            raise
        except client_errors() as error:
            explained = explain(error, pin, access)
            if not is_transient(error) or time.monotonic() - started + wait > patience:
                raise explained from error
            log(f"{explained.message}; trying again in {wait:.0f} s")
        except Exception as error:  # what the client raises on an answer that it does not expect
            raise malformed(pin.repo, error) from error
        time.sleep(wait)
        wait *= 2


def log(message: str) -> None:
    """Print a line of progress on stderr."""
    print(f"zoo: {message}", file=sys.stderr, flush=True)
