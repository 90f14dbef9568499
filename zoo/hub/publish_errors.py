"""The errors of an upload as one `ZooError`: what was requested, what the Hub answered, how to fix it. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from zoo.errors import UsageError, ZooError
from zoo.files import cannot_write
from zoo.hub.errors import LOG_IN, client_errors, is_local, malformed, server_message, status_of

AGAIN = "Run the same command again"


@contextmanager
def explained(repo: str) -> Iterator[None]:
    """Turn the client's errors into one; nothing is published then, since a commit is made completely or not at all.

    Raises:
        UsageError: the token is refused or may not write there.
        ZooError: somebody else changed the repository in between, the card is refused, or the Hub does not answer.
    """
    try:
        yield
    except ZooError:
        raise
    except client_errors() as error:
        raise _explain(error, repo) from error
    except (AttributeError, LookupError, TypeError) as error:  # from an answer that the client does not expect
        raise malformed(repo, error) from error


def _explain(error: BaseException, repo: str) -> ZooError:
    from huggingface_hub import constants

    hub = constants.ENDPOINT
    if isinstance(error, RuntimeError) and error.__cause__:  # the client wraps what an upload raised
        return _explain(error.__cause__, repo)
    if status := status_of(error):
        return _explain_status(status, server_message(error), repo)
    if isinstance(error, ValueError) and "JSON" in type(error).__name__:  # such as HTML in its place
        return malformed(repo, error)
    if isinstance(error, ValueError):
        return ZooError(
            f"{hub} refuses the model card of {repo}: {_card_faults(str(error))}",
            "Correct the front matter of its README.md on the Hub, or the license",
        )
    if is_local(error):
        return cannot_write(getattr(error, "filename", None) or constants.HF_HOME, OSError(*error.args))
    return ZooError(
        f"{repo} was not published: {hub} cannot be reached ({type(error).__name__}: {' '.join(str(error).split())})",
        f"Check the connection, and HF_ENDPOINT if you set it. {AGAIN}",
    )


def _explain_status(status: int, message: str, repo: str) -> ZooError:
    from huggingface_hub import constants

    hub, why = constants.ENDPOINT, f" ({message})" if message else ""
    if status == 401:
        return UsageError(f"{hub} refuses your token{why}", f"Run: {LOG_IN}, or correct the token in HF_TOKEN")
    if status in (402, 403, 404):
        owner = repo.partition("/")[0]
        fix = f"Run: {LOG_IN}, with a token that may write to {owner}, or choose a name of your own"
        return UsageError(f"your token may not write to {repo}{why}", fix)
    if status == 412:
        return ZooError(f"somebody else changed {repo} in between; nothing was published", f"{AGAIN} to build on that")
    return ZooError(f"{repo} was not published: {hub} answers {status}{why}", f"{AGAIN} later")


def _card_faults(text: str) -> str:
    """Return the Hub's messages about a card; the client passes on its JSON in one place and lines of text in another."""
    try:
        return "; ".join(fault["message"] for fault in msgspec.json.decode(text)["errors"])
    except (msgspec.DecodeError, KeyError, TypeError):
        return " ".join(text.split())
