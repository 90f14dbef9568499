"""How an inspected file differs from a format, in words. Imports no torch."""

from __future__ import annotations

from collections.abc import Sequence

from zoo.checkpoints.entries import shown
from zoo.checkpoints.formats import Match


def differences(match: Match, limit: int) -> list[str]:
    """Return in which keys a file differs from a format, a phrase for each kind, which names up to `limit` keys."""
    kinds = {
        "lacks": match.missing,
        "has besides": match.extra,
        "has in another shape": [f"{key} {shapes}" for key, shapes in match.misshapen.items()],
    }
    return [f"{what} {listed(keys, limit)}" for what, keys in kinds.items() if keys]


def listed(keys: Sequence[str], limit: int) -> str:
    """Return up to `limit` keys, and how many there are besides."""
    rest = len(keys) - limit
    return ", ".join(shown(key) for key in keys[:limit]) + (f" and {rest} more" if rest > 0 else "")
