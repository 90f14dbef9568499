"""What went wrong between here and the Hub, told as one `ZooError`: what was looked for, where, what to type now.

Imports no torch.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zoo.errors import UsageError, ZooError, did_you_mean

LOG_IN = "hf auth login"
TRANSIENT = frozenset({408, 429, 500, 502, 503, 504})
"""Answers after which the same request may succeed."""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What a conversation with the Hub is about."""

    repo: str
    revision: str = "main"
    token: str | bool | None = None
    """As users give it: None is the one that they logged in with, False none."""
    cached: str = ""
    """The commit that the revision was when it was last fetched."""
    cache: str | Path | None = None
    """Folder that keeps what is fetched; None: huggingface_hub's."""

    @property
    def endpoint(self) -> str:
        """The Hub, or a mirror by `$HF_ENDPOINT`."""
        from huggingface_hub import constants

        return constants.ENDPOINT

    @property
    def logged_in(self) -> bool:
        """Whether requests carry a token."""
        from huggingface_hub import get_token

        return bool(self.token if self.token is not None else get_token())


def failures() -> tuple[type[Exception], ...]:
    """Return the classes of everything that the client raises, among them those of its HTTP library, whichever it is."""
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    # HfHubHTTPError is a child of its HTTP library's own base class. RuntimeError is hf_xet's.
    return (*HfHubHTTPError.__bases__, OSError, HFValidationError, ValueError, RuntimeError)


def root(error: BaseException) -> BaseException:
    """Return the error beneath those that the client wraps it into."""
    from huggingface_hub.errors import LocalEntryNotFoundError

    wrapped = isinstance(error, LocalEntryNotFoundError) or (type(error) is ValueError and error.__cause__)
    return root(error.__cause__) if wrapped and error.__cause__ else error


def is_transient(error: BaseException) -> bool:
    """Whether the same request may succeed a little later."""
    from huggingface_hub.errors import FileMetadataError, HFValidationError, OfflineModeIsEnabled

    error = root(error)
    status = _status(error)
    if status:
        return status in TRANSIENT
    if isinstance(error, ValueError | OfflineModeIsEnabled | FileMetadataError | HFValidationError):
        return False
    return not is_local(error)


def explain(error: BaseException, wanted: Wanted) -> ZooError:
    """Return the error to show."""
    from huggingface_hub import errors

    error = root(error)
    meanings: tuple[tuple[type[Exception], Callable[[Wanted], ZooError]], ...] = (
        (errors.GatedRepoError, _gated),  # which is also a RepositoryNotFoundError
        (errors.RepositoryNotFoundError, _no_repository),
        (errors.RevisionNotFoundError, _no_revision),
        (errors.HFValidationError, _no_name),
        (errors.OfflineModeIsEnabled, _offline),
    )
    for kind, meaning in meanings:
        if isinstance(error, kind):
            return meaning(wanted)
    if status := _status(error):
        return _answered(status, error, wanted)
    if is_local(error):
        return cannot_keep(wanted.repo, error, wanted.cache)
    if isinstance(error, ValueError):  # such as HTML in the place of JSON
        return malformed(wanted.repo, error)
    return ZooError(
        f"{wanted.repo} cannot be fetched from {wanted.endpoint}: {_line(error)}",
        f"Check the connection, and HF_ENDPOINT if you set it{_or_cached(wanted)}",
    )


def malformed(repo: str, error: BaseException) -> ZooError:
    """Return the error to show for an answer that the Hub's client, or zoo, cannot make sense of."""
    from huggingface_hub import constants

    return ZooError(
        f"{constants.ENDPOINT} answers for {repo} in a form that is not the Hub's ({_line(error)})",
        "Check HF_ENDPOINT if you set it, else try again later",
    )


def is_no_repository(error: ZooError) -> bool:
    """Whether an explained error says that there is no such repository."""
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

    cause = root(error.__cause__) if error.__cause__ else None
    return isinstance(cause, RepositoryNotFoundError) and not isinstance(cause, GatedRepoError)


def cannot_keep(what: str, error: BaseException, cache: str | Path | None) -> ZooError:
    """Return the error to show when the cache cannot hold what was fetched."""
    from huggingface_hub import constants

    why = "the disk is full" if _is_full(error) else getattr(error, "strerror", None) or str(error)
    first = "Free some space, or name a cache elsewhere" if _is_full(error) else "Name a cache that you may write"
    return ZooError(
        f"{what} cannot be kept in the cache `{cache or constants.HF_HUB_CACHE}`: {why}",
        f"{first}: cache_dir=DIR in Python, HF_HOME=DIR in a shell",
    )


def _no_name(wanted: Wanted) -> ZooError:
    return UsageError(f"{wanted.repo!r} is not the name of a repository", "Write ORG/NAME or ORG/NAME@REVISION")


def _offline(wanted: Wanted) -> ZooError:
    return ZooError(f"{wanted.repo} cannot be asked for: HF_HUB_OFFLINE is set", "Type: unset HF_HUB_OFFLINE")


def _gated(wanted: Wanted) -> ZooError:
    page = f"{wanted.endpoint}/{wanted.repo}"
    then = "then type the same again, as the user who accepted" if wanted.logged_in else f"then type: {LOG_IN}"
    return UsageError(
        f"{wanted.repo} is gated: its owner gives it to those who accept its conditions",
        f"Accept them at {page}, {then}",
    )


def _no_repository(wanted: Wanted) -> ZooError:
    if wanted.logged_in:
        return UsageError(
            f"{wanted.endpoint} has no repository {wanted.repo}, or it is private and your token may not read it",
            "Check the name, or ask its owner to let you in",
        )
    return UsageError(
        f"{wanted.endpoint} has no repository {wanted.repo}, or it is private and you are not logged in",
        f"Check the name; for a private one type: {LOG_IN}",
    )


def _no_revision(wanted: Wanted) -> ZooError:
    """Name what there is, where the Hub says so."""
    from huggingface_hub import HfApi

    try:
        refs = HfApi(token=wanted.token).list_repo_refs(wanted.repo)
        names = [ref.name for ref in (*refs.branches, *refs.tags)]
    except failures():
        names = []
    known = f"It has {', '.join(names)}, and commits by their 40 digits" if names else ""
    return UsageError(
        f"{wanted.repo} at {wanted.endpoint} has no branch, tag or commit {wanted.revision!r}",
        " ".join(filter(None, (did_you_mean(wanted.revision, names), known))),
    )


def _answered(status: int, error: Any, wanted: Wanted) -> ZooError:
    """Return the error to show for a status that has no meaning of its own for the client."""
    said = " ".join((getattr(error, "server_message", None) or "").split())
    where = f"{wanted.endpoint} answers {status}{f' ({said})' if said else ''}"
    if status == 401:
        return UsageError(
            f"{wanted.repo} cannot be asked for: {wanted.endpoint} refuses your token",
            f"Type: {LOG_IN}, or take a wrong one out of HF_TOKEN",
        )
    if status == 403:
        return UsageError(
            f"{wanted.repo} is not open to you: {where}", "Check what your token may do, or ask its owner"
        )
    if status == 429:
        return ZooError(
            f"{wanted.repo} cannot be fetched now: {where}, too many requests",
            "Wait some minutes" if wanted.logged_in else f"Wait some minutes, or type: {LOG_IN}",
        )
    fix = f"Try again later{_or_cached(wanted)}" if status >= 500 else ""
    return ZooError(f"{wanted.repo} cannot be fetched: {where}", fix)


def _or_cached(wanted: Wanted) -> str:
    return f"; what was fetched before loads as {wanted.repo}@{wanted.cached}" if wanted.cached else ""


def _status(error: BaseException) -> int:
    response = getattr(error, "response", None)
    return int(getattr(response, "status_code", 0) or 0)


def is_local(error: BaseException) -> bool:
    """Whether the trouble is on this machine's disk: the client's own errors carry no number."""
    if isinstance(error, ConnectionError | TimeoutError):
        return False
    return _is_full(error) or (isinstance(error, OSError) and (error.errno or 0) > 0)


def _is_full(error: BaseException) -> bool:
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return True
    return "No space left on device" in str(error)  # hf_xet has no number for it


def _line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:200].rstrip(' .')}" if lines else type(error).__name__
