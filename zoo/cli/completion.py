"""What the shell completes after `zoo --install-completion`: names of components, weights and tables. Imports no torch."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from zoo.errors import ZooError
from zoo.hookspec import KINDS, Kind

Completer = Callable[[str], list[tuple[str, str]]]
"""From what was typed to names and what they are."""


def components(*kinds: Kind) -> Completer:
    """Return what completes names of these kinds, alone or as the last of a comma-separated list."""

    def complete(incomplete: str) -> list[tuple[str, str]]:
        before, comma, last = incomplete.rpartition(",")
        return [(f"{before}{comma}{name}", summary) for name, summary in _named(kinds) if name.startswith(last)]

    return complete


def discriminators(incomplete: str) -> list[tuple[str, str]]:
    """Complete discriminators, and after their name and `_` the normalizers."""
    norms = [name for name, _ in _named(("normalizer",)) if name != "none"]
    discriminators = list(_named(("discriminator",)))
    names = [
        *discriminators,
        *(
            (f"{discriminator}_{norm}", f"{discriminator} with {norm}")
            for discriminator, _ in discriminators
            for norm in norms
        ),
    ]
    before, comma, last = incomplete.rpartition(",")
    return [(f"{before}{comma}{name}", summary) for name, summary in names if name.startswith(last)]


def kinds(incomplete: str) -> list[tuple[str, str]]:
    """Complete what `zoo list` lists."""
    return [(kind, f"installed {kind}s") for kind in (*KINDS, "weights") if kind.startswith(incomplete)]


def tables(incomplete: str) -> list[tuple[str, str]]:
    """Complete the papers' tables."""
    from zoo.report.tables import table_names

    return [(name, "") for name in table_names() if name.startswith(incomplete)]


def weights(incomplete: str) -> list[tuple[str, str]]:
    """Complete names of the catalogue of weights."""
    from zoo.plugins import installed

    rows = [row for plugin in installed() for row in plugin.rows.weights]
    return [(row.name, row.summary) for row in rows if row.name.startswith(incomplete)]


def anything(incomplete: str) -> list[tuple[str, str]]:
    """Complete whatever `zoo info` knows."""
    return [*components(*KINDS)(incomplete), *weights(incomplete)]


def _named(wanted: tuple[Kind, ...]) -> Iterator[tuple[str, str]]:
    from zoo.registry import get_registry

    try:
        entries = get_registry().list()
    except ZooError:  # a shell that completes is no place for errors
        return
    for entry in entries:
        if entry.kind in wanted:
            yield entry.component.name, entry.component.summary
