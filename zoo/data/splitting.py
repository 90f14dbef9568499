"""Which images become the test set where a publisher says nothing. Imports nothing heavy.

Frames of one video are near copies of their neighbours, so whole sequences are held out, not frames.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence

from zoo.errors import SourceError


def by_digest(names: Iterable[str], salt: str = "") -> list[str]:
    """Return names by the SHA-256 of `salt` and name: an order that no one chose and all can repeat."""
    return sorted(names, key=lambda name: hashlib.sha256(f"{salt}{name}".encode(errors="surrogateescape")).hexdigest())


def hold_out_share(names: Iterable[str], share: float, salt: str = "") -> set[str]:
    """Return the names that make up the test set: `share` of them, 0 to 1, by digest of `salt` and name.

    At least one is held out, and at least one is left to train on.

    Raises:
        SourceError: there are fewer than two names.
    """
    order = by_digest(names, salt)
    if len(order) < 2:
        raise SourceError(
            f"{len(order)} usable pair{'s' * (len(order) != 1)} cannot be split into a training and a test set",
            "Add more pairs to the source",
        )
    return set(order[: min(len(order) - 1, max(1, round(share * len(order))))])


def hold_out_sequences(sizes: Mapping[str, int], share: float) -> set[str]:
    """Return the sequences that make up the test set: by digest, until they hold `share` of all frames.

    At least one is held out, and at least one is left to train on.

    Args:
        sizes: number of frames of each sequence.
        share: wanted share of the frames, 0 to 1.

    Raises:
        SourceError: there are fewer than two sequences.
    """
    if len(sizes) < 2:
        raise SourceError(f"{len(sizes)} sequence cannot be split without leaking frames", "Add the other sequences")
    order = by_digest(sizes)
    held: set[str] = set()
    for name in order[:-1]:
        if held and sum(sizes[each] for each in held) >= share * sum(sizes.values()):
            break
        held.add(name)
    return held


def blocks(stems: Sequence[str], length: int) -> dict[str, str]:
    """Return a sequence for each stem of a set that names none: runs of `length` neighbours in sorted order."""
    return {stem: f"{place // length:06d}" for place, stem in enumerate(sorted(stems))}
