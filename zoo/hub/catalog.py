"""The catalogue of trained weights: the rows of plugins, by name. Imports neither torch nor the Hub's client."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from importlib.util import find_spec
from pathlib import Path

from zoo.errors import ZooError
from zoo.hookspec import Weights
from zoo.plugins import Plugin, installed
from zoo.registry import natural


@dataclass(frozen=True, kw_only=True)
class CatalogEntry:
    """A row and its plugin."""

    plugin: Plugin
    weights: Weights

    @property
    def name(self) -> str:
        """The argument of `zoo.load`."""
        return self.weights.name

    @property
    def where(self) -> str:
        """Where the weights are, as a phrase."""
        if self.weights.folder:
            return "in " + self.plugin.distribution
        if self.weights.repo:
            return f"{self.weights.repo}@{self.weights.revision[:7]}"
        return "not published yet"

    @property
    def is_published(self) -> bool:
        """Whether `zoo.load` finds weights under this name."""
        return bool(self.weights.repo or self.weights.folder)

    @property
    def publish(self) -> str:
        """The command that publishes a run of `train` under this name."""
        return f"zoo publish results/RUN --to ORG/{self.name}"


def catalog_entries(pattern: str = "*") -> list[CatalogEntry]:
    """Return the rows whose name matches a wildcard, in natural order; of two with one name, zoo's own or the first plugin's."""
    rows: dict[str, CatalogEntry] = {}
    for plugin in installed():
        for weights in plugin.rows.weights:
            rows.setdefault(weights.name, CatalogEntry(plugin=plugin, weights=weights))
    return sorted((row for row in rows.values() if fnmatchcase(row.name, pattern)), key=lambda row: natural(row.name))


def list_weights(pattern: str = "*", *, include_unpublished: bool = False) -> list[str]:
    """Return the names of trained weights that match a wildcard, in natural order; `zoo.load` takes each of them.

    Args:
        pattern: a wildcard.
        include_unpublished: also names without published weights, for which `zoo.load` fails with the command that trains them.

    >>> list_weights("pix2pix-*")
    ['pix2pix-scenes']
    >>> list_weights("pix2pix-*", include_unpublished=True)
    ['pix2pix-scenes', 'pix2pix-thermalworld']
    """
    return [entry.name for entry in catalog_entries(pattern) if entry.is_published or include_unpublished]


def find_weights(name: str) -> CatalogEntry | None:
    """Return the row of this name, or None."""
    return next((row for row in catalog_entries() if row.name == name), None)


def bundled_folder(row: CatalogEntry) -> Path:
    """Return the folder of weights that a distribution contains.

    Raises:
        ZooError: it is not there.
    """
    package, _, folder = row.weights.folder.partition(":")
    try:
        spec = find_spec(package)
    except ImportError:
        spec = None
    for place in (spec.submodule_search_locations or []) if spec else []:
        if (Path(place) / folder).is_dir():
            return Path(place) / folder
    where = f"{row.plugin.distribution} {row.plugin.version}, in {row.weights.folder}"
    fix = f"Run: pip install --force-reinstall {row.plugin.distribution}"
    raise ZooError(f"the weights {row.name} belong to {where}, and are missing", fix)
