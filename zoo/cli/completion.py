"""What the shell completes after `zoo --install-completion`: names of components, weights and tables. Imports no torch."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from zoo.errors import ZooError
from zoo.hookspec import KINDS, Kind

Names = list[tuple[str, str]]
"""Names and what they are."""


def components(*kinds: Kind) -> Callable[[str], Names]:
    """Return a completer of the names of these kinds, alone or as the last of a comma-separated list."""
    return lambda incomplete: _matching(_named(*kinds), incomplete)


def discriminators(incomplete: str) -> Names:
    """Complete discriminators, and after their name and `_` the normalizers."""
    plain = _named("discriminator")
    norms = [norm for norm, _ in _named("normalizer") if norm != "none"]
    combined = [(f"{name}_{norm}", f"{name} with {norm}") for name, _ in plain for norm in norms]
    return _matching([*plain, *combined], incomplete)


def kinds(incomplete: str) -> Names:
    """Complete what `zoo list` lists."""
    return _matching([(kind, f"installed {kind}s") for kind in (*KINDS, "weights")], incomplete)


def tables(incomplete: str) -> Names:
    """Complete the papers' tables."""
    from zoo.report.tables import table_names

    return _matching([(name, "") for name in table_names()], incomplete)


def weights(incomplete: str) -> Names:
    """Complete names of the catalogue of weights."""
    from zoo.plugins import installed

    return _matching([(row.name, row.summary) for plugin in installed() for row in plugin.rows.weights], incomplete)


def anything(incomplete: str) -> Names:
    """Complete components and weights."""
    return [*components(*KINDS)(incomplete), *weights(incomplete)]


def _matching(names: Iterable[tuple[str, str]], incomplete: str) -> Names:
    """Return the names that complete a word, or the last word of a comma-separated list."""
    before, comma, last = incomplete.rpartition(",")
    return [(f"{before}{comma}{name}", summary) for name, summary in names if name.startswith(last)]


def _named(*kinds: Kind) -> Names:
    from zoo.registry import get_registry

    try:
        entries = get_registry().list()
    except ZooError:  # a shell that completes cannot show errors
        return []
    return [(entry.component.name, entry.component.summary) for entry in entries if entry.kind in kinds]
