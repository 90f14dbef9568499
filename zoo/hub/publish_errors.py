"""What went wrong while publishing, told as one `ZooError`: what was asked, what the Hub said, what to type. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec

from zoo.errors import UsageError, ZooError
from zoo.files import cannot_write
from zoo.hub.errors import LOG_IN, failures, is_local, malformed

AGAIN = "Type the same command again"


@contextmanager
def explained(repo: str) -> Iterator[None]:
    """Turn what the Hub's client raises into one error; nothing was published then, since a commit is made whole or not at all.

    Raises:
        UsageError: the token is refused or may not write there.
        ZooError: somebody else changed the repository meanwhile, the card is refused, or the Hub does not answer.
    """
    try:
        yield
    except ZooError:
        raise
    except failures() as error:
        raise _explain(error, repo) from error
    except (AttributeError, LookupError, TypeError) as error:  # of an answer that the client was not written for
        raise malformed(repo, error) from error


def _explain(error: BaseException, repo: str) -> ZooError:
    from huggingface_hub import constants

    if isinstance(error, RuntimeError) and error.__cause__:  # how the client wraps what an upload raised
        return _explain(error.__cause__, repo)
    status = int(getattr(getattr(error, "response", None), "status_code", 0) or 0)
    if status:
        return _answered(status, error, repo)
    if isinstance(error, ValueError) and "JSON" in type(error).__name__:  # HTML in its place
        return malformed(repo, error)
    if isinstance(error, ValueError):
        said = f"{constants.ENDPOINT} refuses the model card of {repo}: {_faults(str(error))}"
        return ZooError(said, "Correct the front matter of its README.md on the Hub, or the license")
    if is_local(error):
        return cannot_write(getattr(error, "filename", None) or constants.HF_HOME, OSError(*error.args))
    return ZooError(
        f"{repo} was not published: {constants.ENDPOINT} cannot be reached ({type(error).__name__}: {_one_line(error)})",
        f"Check the connection, and HF_ENDPOINT if you set it. {AGAIN}",
    )


def _answered(status: int, error: Any, repo: str) -> ZooError:
    from huggingface_hub import constants

    said = " ".join((getattr(error, "server_message", None) or "").split()).rstrip(".")
    why, hub = f" ({said})" if said else "", constants.ENDPOINT
    if status == 401:
        return UsageError(f"{hub} refuses your token{why}", f"Type: {LOG_IN}, or take a wrong one out of HF_TOKEN")
    if status in (402, 403, 404):
        who = f"with a token that may write to {repo.partition('/')[0]}"
        return UsageError(
            f"your token may not write to {repo}{why}", f"Type: {LOG_IN}, {who}, or choose a name of your own"
        )
    if status == 412:
        return ZooError(f"somebody else changed {repo} meanwhile; nothing was published", f"{AGAIN}: it builds on that")
    return ZooError(f"{repo} was not published: {hub} answers {status}{why}", f"{AGAIN} later")


def _faults(text: str) -> str:
    """Return what the Hub finds wrong with a card; the client hands on its JSON in one place and lines of text in another."""
    try:
        return "; ".join(fault["message"] for fault in msgspec.json.decode(text)["errors"])
    except (msgspec.DecodeError, KeyError, TypeError):
        return " ".join(text.split())


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())
