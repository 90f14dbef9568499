"""From the name of a model (of the catalogue, a folder, a repository) to the folder that holds it. Imports no torch."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from zoo.errors import UsageError, ZooError, did_you_mean
from zoo.files import expand
from zoo.hub.access import Access, Pin
from zoo.hub.addresses import is_address, repository
from zoo.hub.cached import mismatch
from zoo.hub.catalog import CatalogEntry, bundled_folder, find_weights, list_weights
from zoo.hub.download import fetch
from zoo.hub.errors import is_no_repository
from zoo.model_folder import WEIGHTS_FILE


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
        raise _is_a_file(path)
    pin, exact = repository(source), is_address(source) or "@" in str(source)
    if pin is None or (not exact and path.parent.is_dir()):
        if isinstance(source, str) and re.fullmatch(r"[\w.-]+", source) and not source.startswith("."):
            near = did_you_mean(source, [row.name for row in list_weights()])
            raise UsageError(
                f"no weights are named {source!r}, and there is no folder of that name here",
                near or "Run: zoo list weights",
            )
        return Located(folder=path)  # reading it raises the error
    try:
        return Located(folder=fetch(pin, access))
    except ZooError as error:
        if exact or not is_no_repository(error):
            raise
        raise type(error)(f"there is no folder `{source}` here, and {error.message}", error.fix) from error.__cause__


def _locate_row(row: CatalogEntry, access: Access) -> Located:
    weights = row.weights
    if weights.folder:
        located = Located(folder=bundled_folder(row), file=weights.file)
        path = located.folder / located.file
        if weights.sha256 and path.is_file() and (fault := mismatch(path, weights.sha256)):
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


def _is_a_file(path: Path) -> UsageError:
    if path.suffix == ".safetensors":
        return UsageError(
            f"`{path}` is a file, and a model is a folder with its config.json", f"Name the folder: {path.parent}"
        )
    return UsageError(f"`{path}` is a file, and a model is a folder", f"Run: zoo convert {path}")
