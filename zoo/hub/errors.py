"""The errors of downloads and uploads as one `ZooError`: what was requested, what was found, how to fix it. Imports no torch."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator
from pathlib import Path

import msgspec

from zoo.errors import UsageError, ZooError, did_you_mean
from zoo.files import cannot_write
from zoo.hub.access import Access, Pin, endpoint
from zoo.hub.cached import last_commit

LOG_IN, AGAIN = "hf auth login", "Run the same command again"
TRANSIENT = frozenset({408, 429, 500, 502, 503, 504})
"""Statuses after which the same request may succeed."""


def client_errors() -> tuple[type[Exception], ...]:
    """Return the classes of everything that the client raises, among them those of its HTTP library, whichever it is."""
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    # HfHubHTTPError is a child of its HTTP library's own base class. RuntimeError is hf_xet's.
    return (*HfHubHTTPError.__bases__, OSError, HFValidationError, ValueError, RuntimeError)


def root_cause(error: BaseException) -> BaseException:
    """Return the error that the client wrapped into its own."""
    from huggingface_hub.errors import LocalEntryNotFoundError

    wrapped = isinstance(error, LocalEntryNotFoundError) or (type(error) is ValueError and error.__cause__)
    return root_cause(error.__cause__) if wrapped and error.__cause__ else error


def is_transient(error: BaseException) -> bool:
    """Whether the same request may succeed a little later."""
    from huggingface_hub.errors import FileMetadataError, HFValidationError, OfflineModeIsEnabled

    error = root_cause(error)
    if status := status_of(error):
        return status in TRANSIENT
    if isinstance(error, ValueError | OfflineModeIsEnabled | FileMetadataError | HFValidationError):
        return False
    return not is_local(error)


def explain(error: BaseException, pin: Pin, access: Access) -> ZooError:
    """Return the error to show for a download that failed."""
    from huggingface_hub import errors

    error = root_cause(error)
    if isinstance(error, errors.RepositoryNotFoundError | errors.RevisionNotFoundError | errors.HFValidationError):
        return _not_readable(error, pin, access)
    if isinstance(error, errors.OfflineModeIsEnabled):
        return ZooError(f"{pin.repo} cannot be fetched: HF_HUB_OFFLINE is set", "Run: unset HF_HUB_OFFLINE")
    if status := status_of(error):
        return _explain_status(status, error, pin, access)
    if is_local(error):
        return cannot_cache(pin.repo, error, access.cache)
    if isinstance(error, ValueError):  # such as HTML in place of JSON
        return malformed(pin.repo, error)
    fix = f"Check the connection, and HF_ENDPOINT if you set it{_or_cached(pin, access)}"
    return ZooError(f"{pin.repo} cannot be fetched from {endpoint()}: {_first_line(error)}", fix)


def _not_readable(error: BaseException, pin: Pin, access: Access) -> UsageError:
    """Return the error to show where the repository or its revision does not exist or is closed to this user."""
    from huggingface_hub import errors

    repo, hub = pin.repo, endpoint()
    if isinstance(error, errors.HFValidationError):
        return UsageError(f"{repo!r} is not the name of a repository", "Use ORG/NAME or ORG/NAME@REVISION")
    if isinstance(error, errors.GatedRepoError):  # which is also a RepositoryNotFoundError
        then = "run the same command again, as the user who accepted" if access.has_token else f"run: {LOG_IN}"
        fix = f"Accept them at {hub}/{repo}, then {then}"
        return UsageError(f"{repo} is gated: only users who accept its conditions may read it", fix)
    if isinstance(error, errors.RepositoryNotFoundError):
        why = "your token may not read it" if access.has_token else "you are not logged in"
        fix = ", or ask its owner for access" if access.has_token else f"; for a private one run: {LOG_IN}"
        return UsageError(f"{hub} has no repository {repo}, or it is private and {why}", f"Check the name{fix}")
    try:
        refs = access.client().list_repo_refs(repo)
        names = [ref.name for ref in (*refs.branches, *refs.tags)]
    except client_errors():
        names = []
    known = f"It has {', '.join(names)}, and commits by their 40 digits" if names else ""
    reason = f"{repo} at {hub} has no branch, tag or commit {pin.revision!r}"
    return UsageError(reason, " ".join(filter(None, (did_you_mean(pin.revision, names), known))))


def malformed(repo: str, error: BaseException) -> ZooError:
    """Return the error to show for an answer that is not in the form of the Hub's."""
    fix = "Check HF_ENDPOINT if you set it, else try again later"
    return ZooError(f"{endpoint()} answers for {repo} in a form that is not the Hub's ({_first_line(error)})", fix)


def is_no_repository(error: ZooError) -> bool:
    """Whether an explained error means that there is no such repository."""
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

    cause = root_cause(error.__cause__) if error.__cause__ else None
    return isinstance(cause, RepositoryNotFoundError) and not isinstance(cause, GatedRepoError)


def cannot_cache(what: str, error: BaseException, cache: Path) -> ZooError:
    """Return the error to show when the cache cannot hold a download."""
    full = _is_full(error)
    why = "the disk is full" if full else getattr(error, "strerror", None) or str(error)
    first = "Free some space, or use a cache elsewhere" if full else "Use a cache that you may write"
    fix = f"{first}: cache_dir=DIR in Python, HF_HOME=DIR in a shell"
    return ZooError(f"{what} cannot be kept in the cache `{cache}`: {why}", fix)


def _explain_status(status: int, error: BaseException, pin: Pin, access: Access) -> ZooError:
    """Return the error to show for a status that has no exception of its own in the client."""
    repo, hub = pin.repo, endpoint()
    text = server_message(error)
    answer = f"{hub} answers {status}{f' ({text})' if text else ''}"
    if status == 401:
        reason = f"{repo} cannot be fetched: {hub} refuses your token"
        return UsageError(reason, f"Run: {LOG_IN}, or correct the token in HF_TOKEN")
    if status == 403:
        return UsageError(f"{repo} is closed to you: {answer}", "Check what your token may do, or ask its owner")
    if status == 429:
        fix = "Wait some minutes" if access.has_token else f"Wait some minutes, or run: {LOG_IN}"
        return ZooError(f"{repo} cannot be fetched now: {answer}, too many requests", fix)
    reason = f"{repo} cannot be fetched: {answer}"
    return ZooError(reason, f"Try again later{_or_cached(pin, access)}" if status >= 500 else "")


def _or_cached(pin: Pin, access: Access) -> str:
    commit = "" if pin.is_commit else last_commit(pin, access)
    return f"; the last download loads as {pin.repo}@{commit}" if commit else ""


@contextlib.contextmanager
def explained_upload(repo: str) -> Iterator[None]:
    """Turn the client's errors into one; nothing is published then, since a commit is made completely or not at all.

    Raises:
        UsageError: the token is refused or may not write there.
        ZooError: somebody else changed the repository in between, the card is refused, or the Hub does not answer.
    """
    try:
        yield
    except client_errors() as error:
        raise _explain_upload(error, repo) from error
    except (AttributeError, LookupError, TypeError) as error:  # from an answer that the client does not expect
        raise malformed(repo, error) from error


def _explain_upload(error: BaseException, repo: str) -> ZooError:
    from huggingface_hub import constants

    hub = endpoint()
    if isinstance(error, RuntimeError) and error.__cause__:  # the client wraps what an upload raised
        return _explain_upload(error.__cause__, repo)
    if status := status_of(error):
        return _explain_upload_status(status, server_message(error), repo)
    if isinstance(error, ValueError) and "JSON" in type(error).__name__:  # such as HTML in its place
        return malformed(repo, error)
    if isinstance(error, ValueError):
        text = str(error)
        with contextlib.suppress(
            msgspec.DecodeError, KeyError, TypeError
        ):  # JSON in one place, lines of text in another
            text = "; ".join(fault["message"] for fault in msgspec.json.decode(text)["errors"])
        fix = "Correct the front matter of its README.md on the Hub, or the license"
        return ZooError(f"{hub} refuses the model card of {repo}: {' '.join(text.split())}", fix)
    if is_local(error):
        return cannot_write(getattr(error, "filename", None) or constants.HF_HOME, OSError(*error.args))
    fix = f"Check the connection, and HF_ENDPOINT if you set it. {AGAIN}"
    return ZooError(f"{repo} was not published: {hub} cannot be reached ({_first_line(error)})", fix)


def _explain_upload_status(status: int, message: str, repo: str) -> ZooError:
    hub, why = endpoint(), f" ({message})" if message else ""
    if status == 401:
        return UsageError(f"{hub} refuses your token{why}", f"Run: {LOG_IN}, or correct the token in HF_TOKEN")
    if status in (402, 403, 404):
        owner = repo.partition("/")[0]
        fix = f"Run: {LOG_IN}, with a token that may write to {owner}, or choose a name of your own"
        return UsageError(f"your token may not write to {repo}{why}", fix)
    if status == 412:
        return ZooError(f"somebody else changed {repo} in between; nothing was published", f"{AGAIN} to build on that")
    return ZooError(f"{repo} was not published: {hub} answers {status}{why}", f"{AGAIN} later")


def status_of(error: BaseException) -> int:
    """Return the HTTP status of an error; 0 where it has none."""
    return int(getattr(getattr(error, "response", None), "status_code", 0) or 0)


def server_message(error: BaseException) -> str:
    """Return the Hub's own words about an error, in one line; empty where there are none."""
    return " ".join((getattr(error, "server_message", None) or "").split()).rstrip(".")


def is_local(error: BaseException) -> bool:
    """Whether the fault is on this machine's disk: the client's own errors carry no number."""
    if isinstance(error, ConnectionError | TimeoutError):
        return False
    return _is_full(error) or (isinstance(error, OSError) and (error.errno or 0) > 0)


def _is_full(error: BaseException) -> bool:
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return True
    return "No space left on device" in str(error)  # hf_xet has no number for it


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:200].rstrip(' .')}" if lines else type(error).__name__
