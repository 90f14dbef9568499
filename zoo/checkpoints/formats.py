"""The format of an inspected file: its keys and shapes compared with the formats of plugins. Imports no torch."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cached_property

from zoo.checkpoints.entries import TensorEntry, WeightsFile, join, shown
from zoo.checkpoints.templates import Shape, Size, expand, shapes
from zoo.hookspec import CheckpointFormat

WRAPPERS = ("module.", "_orig_mod.")
"""Prefixes that DataParallel and torch.compile add to all keys."""
NEAREST = 3
"""Formats that are named where none fits."""
SHOWN_KEYS = 3
"""Keys that a message names of each kind of difference."""
_DEEPEST = 3
"""Words at the beginning of keys that may name the network, `netG.` in a file of several."""


@dataclass(frozen=True, kw_only=True)
class Match:
    """The comparison of a format with the tensors of a file; the format fits where nothing differs."""

    format: CheckpointFormat
    sizes: Mapping[str, int]
    """The named sizes, as most tensors have them."""
    missing: tuple[str, ...] = ()
    """Keys of the format that the file lacks."""
    extra: tuple[str, ...] = ()
    """Keys of the file that the format lacks."""
    misshapen: Mapping[str, str] = field(default_factory=dict)
    """Shape in the file and in the format, by key, where they differ: `[9, 3, 7, 7] instead of [8, 3, 7, 7]`."""
    dropped: tuple[str, ...] = ()
    """Keys of the file that the network does not use."""

    @property
    def fits(self) -> bool:
        """Whether the file is of this format."""
        return not (self.missing or self.extra or self.misshapen)

    @property
    def differences(self) -> int:
        """Number of keys that differ."""
        return len(self.missing) + len(self.extra) + len(self.misshapen)

    @property
    def title(self) -> str:
        """What the file is, in a few words, with its sizes."""
        sizes = defaultdict(lambda: "?", {name: str(size) for name, size in self.sizes.items()})
        return f"{self.format.summary.format_map(sizes)}, from {self.format.origin}"

    @property
    def component(self) -> str:
        """Kind and name of the network with the options that the file determines; empty where it is not a component."""
        if not self.format.component:
            return ""
        sizes = {option: self.sizes[size] for option, size in self.format.options.items() if size in self.sizes}
        options = ",".join(f"{option}={size}" for option, size in sizes.items())
        name, colon, fixed = self.format.component.partition(":")
        return f"{name}:{','.join(filter(None, (fixed, options)))}" if colon or options else name

    def describe_differences(self) -> list[str]:
        """Return the keys in which the file differs from the format, as a phrase for each kind of difference."""
        kinds = {
            "lacks": self.missing,
            "also has": self.extra,
            "has in another shape": [f"{key} {shapes}" for key, shapes in self.misshapen.items()],
        }
        return [f"{what} {listed(keys)}" for what, keys in kinds.items() if keys]


@dataclass(frozen=True, kw_only=True)
class Network:
    """The tensors of one network in a file."""

    part: str
    """The path of their dict and the prefix of their keys; empty for the whole file."""
    prefix: str
    """The beginning of each tensor's full name, left out in `tensors`."""
    tensors: Mapping[str, TensorEntry]
    nearest: Sequence[Match]
    """The format that fits, or else those that are nearest."""

    @property
    def match(self) -> Match | None:
        """The format that fits."""
        return self.nearest[0] if self.nearest and self.nearest[0].fits else None


def networks(weights: WeightsFile, formats: Sequence[CheckpointFormat]) -> list[Network]:
    """Return the networks of a file: those of a known format, or else the part with most tensors."""
    layouts = [_Layout(row) for row in formats]
    groups = weights.groups.items()
    found = [network for part, group in groups for network in _search(layouts, part, join(part, ""), group)]
    if found:
        return found
    part, group = max(groups, key=lambda item: len(item[1]))
    prefix, tensors = _unwrapped(join(part, ""), group)
    return [Network(part=part, prefix=prefix, tensors=tensors, nearest=_nearest(layouts, tensors))]


def renamed(key: str, row: CheckpointFormat) -> str:
    """Return the network's name of a tensor of a format."""
    for pattern, replacement in row.renames:
        key = re.sub(pattern, replacement, key)
    return key


def listed(keys: Sequence[str]) -> str:
    """Return the first keys as text, and the number of the others."""
    rest = len(keys) - SHOWN_KEYS
    return ", ".join(shown(key) for key in keys[:SHOWN_KEYS]) + (f" and {rest} more" if rest > 0 else "")


def matches_any(key: str, wildcards: Iterable[str]) -> bool:
    """Return whether a key matches one of the wildcards."""
    return any(fnmatchcase(key, wildcard) for wildcard in wildcards)


class _Layout:
    """A format with its keys, expanded at first use."""

    def __init__(self, row: CheckpointFormat) -> None:
        self.row = row
        self.first_key = expand(next(iter(row.tensors)))[0]

    @cached_property
    def shapes(self) -> Mapping[str, Shape]:
        """Shape of each of its keys."""
        return shapes(self.row)

    @cached_property
    def required(self) -> int:
        """Number of tensors in every file of the format."""
        return sum(not matches_any(key, self.row.optional) for key in self.shapes)

    def match(self, tensors: Mapping[str, TensorEntry]) -> Match:
        """Compare with the tensors of a file."""
        row = self.row
        dropped = tuple(key for key in tensors if key not in self.shapes and matches_any(key, row.dropped))
        sizes = _sizes(self.shapes, tensors)
        misshapen = {}
        for key, shape in self.shapes.items():
            lengths = [_length(size, sizes) for size in shape]
            if key in tensors and list(tensors[key].shape) != lengths:
                named = ", ".join(str(length or size.name) for length, size in zip(lengths, shape, strict=True))
                misshapen[key] = f"{list(tensors[key].shape)} instead of [{named}]"
        missing = tuple(key for key in self.shapes if key not in tensors and not matches_any(key, row.optional))
        extra = tuple(key for key in tensors if key not in self.shapes and key not in dropped)
        return Match(format=row, sizes=sizes, missing=missing, extra=extra, misshapen=misshapen, dropped=dropped)


def _search(
    layouts: Sequence[_Layout], part: str, prefix: str, group: Mapping[str, TensorEntry], depth: int = 0
) -> Iterator[Network]:
    """Yield the networks of known formats in a dict of tensors, or in its groups of keys with the same first word."""
    prefix, tensors = _unwrapped(prefix, group)
    for layout in layouts:
        if layout.first_key in tensors and len(tensors) >= layout.required:  # which excludes most at once
            match = layout.match(tensors)
            if match.fits:
                yield Network(part=part, prefix=prefix, tensors=tensors, nearest=[match])
                return
    words: dict[str, dict[str, TensorEntry]] = {}
    for key, entry in tensors.items() if depth < _DEEPEST else ():
        word, dot, rest = key.partition(".")
        if dot:
            words.setdefault(word, {})[rest] = entry
    for word, inner in words.items():
        yield from _search(layouts, join(part, word), f"{prefix}{word}.", inner, depth + 1)


def _nearest(layouts: Sequence[_Layout], tensors: Mapping[str, TensorEntry]) -> list[Match]:
    """Return the formats with the fewest differences, of those that share a key with the file."""
    alike = [layout for layout in layouts if layout.shapes.keys() & tensors.keys()]
    alike.sort(key=lambda layout: len(layout.shapes.keys() ^ tensors.keys()))
    matches = [layout.match(tensors) for layout in alike[: 4 * NEAREST]]
    return sorted(matches, key=lambda match: match.differences)[:NEAREST]


def _unwrapped(prefix: str, group: Mapping[str, TensorEntry]) -> tuple[str, Mapping[str, TensorEntry]]:
    """Return the prefix of a group's keys and its tensors without the prefixes of wrappers."""
    while wrapper := next((word for word in WRAPPERS if all(key.startswith(word) for key in group)), None):
        prefix += wrapper
        group = {key.removeprefix(wrapper): entry for key, entry in group.items()}
    return prefix, group


def _sizes(layout: Mapping[str, Shape], tensors: Mapping[str, TensorEntry]) -> dict[str, int]:
    """Return each named size as most tensors have it."""
    votes: dict[str, Counter[int]] = {}
    for key, shape in layout.items():
        if key in tensors and len(tensors[key].shape) == len(shape):
            for size, length in zip(shape, tensors[key].shape, strict=True):
                if size.name and length and length % size.factor == 0:
                    votes.setdefault(size.name, Counter())[length // size.factor] += 1
    return {name: counter.most_common(1)[0][0] for name, counter in votes.items()}


def _length(size: Size, sizes: Mapping[str, int]) -> int | None:
    return size.factor * sizes[size.name] if size.name in sizes else None if size.name else size.factor
