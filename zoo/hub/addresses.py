"""The ways to write a model on the Hub: `ORG/NAME[@REVISION]`, `hf://...` and web addresses. Imports no torch."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote

from zoo.errors import UsageError
from zoo.hub.access import Pin, endpoint
from zoo.model_folder import CARD_FILE, CONFIG_FILE, WEIGHTS_FILE

REPOSITORY = re.compile(r"(?P<repo>[\w-][\w.-]*/[\w-][\w.-]*)(@(?P<revision>(?!.*\.\.)\w[\w./-]*))?")
PAGE = re.compile(
    r"(?P<repo>[^/@]+/[^/@]+)/(?:(?:tree|commit)/(?P<page>[^/]+)|(?:blob|resolve|raw)/(?P<file>[^/]+)/(?P<name>.+))"
)
HOSTS = ("huggingface.co", "hf.co", "www.huggingface.co", "www.hf.co")
OTHERS = ("api", "buckets", "collections", "datasets", "docs", "models", "papers", "spaces")
"""First words of addresses on the Hub that are not users or organizations."""


def repository(source: str | Path) -> Pin | None:
    """Return the repository that a text names, or None where it is neither a repository's name nor an address.

    Args:
        source: `ORG/NAME`, `hf://ORG/NAME`, `https://huggingface.co/ORG/NAME` or the same with `$HF_ENDPOINT`, each with an
            optional `@REVISION`; or the address of the page of a revision, or of a model's file on it.

    Raises:
        UsageError: it is an address of something else.
    """
    if not isinstance(source, str):
        return None
    path = _path(source)
    if path is None:
        match = REPOSITORY.fullmatch(source)
        return Pin(repo=match["repo"], revision=match["revision"] or "main") if match else None
    if path.partition("/")[0] in OTHERS or not (pin := _pin(path)):
        raise _refused(source)
    return pin


def is_address(source: str | Path) -> bool:
    """Whether a text can only be an address; use `./NAME` for a folder of that name."""
    return isinstance(source, str) and _path(source) is not None


def title_of(source: str) -> str:
    """Return the title of a model: the name of its folder, `ORG/NAME` without revision, or its name in the catalogue."""
    if Path(source).is_dir():
        return Path(source).resolve().name
    pin = repository(source)
    return pin.repo if pin else source


def repository_name(text: str) -> str:
    """Return the `ORG/NAME` of a text that may be an address; a text of another form as it is.

    Raises:
        UsageError: it is an address of something else, or of a revision.
    """
    pin = repository(text) if is_address(text) else None
    if pin and pin.revision != "main":
        raise UsageError(f"{text!r} names a revision, and publishing makes a new one", f"Use {pin.repo}")
    return pin.repo if pin else text


def _pin(path: str) -> Pin | None:
    page = PAGE.fullmatch(path)
    if page and page["name"] not in (None, WEIGHTS_FILE, CONFIG_FILE, CARD_FILE):
        return None
    text = f"{page['repo']}@{page['page'] or page['file']}" if page else path
    match = REPOSITORY.fullmatch(unquote(text))
    return Pin(repo=match["repo"].removesuffix(".git"), revision=match["revision"] or "main") if match else None


def _path(source: str) -> str | None:
    """Return what follows the host of an address; None for other texts."""
    scheme, separator, rest = source.strip().partition("://")
    if separator and scheme.lower() == "hf":
        return rest.strip("/")
    if separator and scheme.lower() not in ("http", "https"):
        raise _refused(source)
    host, _, path = (rest if separator else source.strip()).partition("/")
    rest = f"{host.rpartition('@')[2].lower()}/{path}" if separator else f"{host.lower()}/{path}"
    bases = list(HOSTS)
    if separator or "/" in path:  # only for an address: importing the client takes time
        host, _, path = endpoint().partition("://")[2].partition("/")
        bases.append(f"{host.lower()}/{path}".strip("/"))
    for base in bases:
        if rest.startswith(f"{base}/"):
            return re.split(r"[?#]", rest.removeprefix(f"{base}/"))[0].strip("/")
    if separator:
        raise _refused(source)
    return None


def _refused(source: str) -> UsageError:
    shown = re.sub(r"://[^/]*@", "://", source)  # which may hold a password
    return UsageError(
        f"{shown!r} is not the address of a model that zoo can fetch",
        "Use ORG/NAME, ORG/NAME@REVISION, hf://ORG/NAME or https://huggingface.co/ORG/NAME, or set HF_ENDPOINT for another Hub",
    )
