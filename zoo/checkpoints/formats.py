"""What an inspected file is: its keys and shapes against the formats that plugins describe. Imports no torch."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cached_property
from itertools import chain

from zoo.checkpoints.entries import Checkpoint, Entry, join
from zoo.checkpoints.templates import Shape, Size, expand, shapes
from zoo.hookspec import CheckpointFormat

WRAPPERS = ("module.", "_orig_mod.")
"""Prefixes of all keys that DataParallel and torch.compile leave."""
NEAREST = 3
"""Formats that are named where none fits."""
_DEEPEST = 3
"""Words at the beginning of keys that may name the network, `netG.` in a file of several."""


@dataclass(frozen=True, kw_only=True)
class Match:
    """A format beside the tensors of a file; it fits where nothing differs."""

    format: CheckpointFormat
    sizes: Mapping[str, int]
    """The named sizes, as most of the tensors have them."""
    missing: tuple[str, ...] = ()
    """Keys of the format that the file lacks."""
    extra: tuple[str, ...] = ()
    """Keys of the file that the format lacks."""
    misshapen: Mapping[str, str] = field(default_factory=dict)
    """Of tensors in another shape than the format's, both, by key: `[9, 3, 7, 7], there [8, 3, 7, 7]`."""
    dropped: tuple[str, ...] = ()
    """Keys of the file that the network has no use for."""

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
        """Kind and name of the network with the options that the file tells; empty where it is no component."""
        if not self.format.component:
            return ""
        told = {option: self.sizes[size] for option, size in self.format.options.items() if size in self.sizes}
        options = ",".join(f"{option}={size}" for option, size in told.items())
        name, colon, fixed = self.format.component.partition(":")
        return f"{name}:{','.join(filter(None, (fixed, options)))}" if colon or options else name


@dataclass(frozen=True, kw_only=True)
class Network:
    """The tensors of one network in a file."""

    part: str
    """Where they are: the path of their dict and the prefix of their keys; empty for the whole file."""
    prefix: str
    """The beginning of each tensor's full name, left out in `tensors`."""
    tensors: Mapping[str, Entry]
    nearest: Sequence[Match]
    """The format that fits, or else those that are nearest."""

    @property
    def match(self) -> Match | None:
        """The format that fits."""
        return self.nearest[0] if self.nearest and self.nearest[0].fits else None


def networks(checkpoint: Checkpoint, formats: Sequence[CheckpointFormat]) -> list[Network]:
    """Return the networks of a file: those of a known format, or, where there is none, the part with most tensors."""
    known = _Known(formats)
    found = [
        network for part, group in checkpoint.groups.items() for network in known.search(part, join(part, ""), group)
    ]
    if found:
        return found
    part, group = max(checkpoint.groups.items(), key=lambda item: len(item[1]))
    prefix, tensors = _unwrapped(join(part, ""), group)
    return [Network(part=part, prefix=prefix, tensors=tensors, nearest=known.nearest(tensors))]


def renamed(key: str, row: CheckpointFormat) -> str:
    """Return what the network calls a tensor of a format."""
    for pattern, replacement in row.renames:
        key = re.sub(pattern, replacement, key)
    return key


def matches_any(key: str, wildcards: Iterable[str]) -> bool:
    """Return whether a key matches one of the wildcards."""
    return any(fnmatchcase(key, wildcard) for wildcard in wildcards)


class _Layout:
    """A format with its keys, written out when they are first asked for."""

    def __init__(self, row: CheckpointFormat) -> None:
        self.row = row

    @property
    def first(self) -> str:
        """The first of its keys."""
        return expand(next(iter(self.row.tensors)))[0]

    @cached_property
    def shapes(self) -> Mapping[str, Shape]:
        """Shape of each of its keys."""
        return shapes(self.row)

    @cached_property
    def least(self) -> int:
        """Number of tensors that every file of the format has."""
        return sum(not matches_any(key, self.row.optional) for key in self.shapes)

    def could_fit(self, tensors: Mapping[str, Entry]) -> bool:
        """Return whether the keys are those of the format, optional and dropped ones aside; shapes are not compared."""
        if len(tensors) < self.least:
            return False
        missing, extra = self.shapes.keys() - tensors.keys(), tensors.keys() - self.shapes.keys()
        return all(matches_any(key, self.row.optional) for key in missing) and all(
            matches_any(key, self.row.dropped) for key in extra
        )

    def match(self, tensors: Mapping[str, Entry]) -> Match:
        """Compare with the tensors of a file."""
        row = self.row
        dropped = tuple(key for key in tensors if key not in self.shapes and matches_any(key, row.dropped))
        sizes = _sizes(self.shapes, tensors)
        wrong = {
            key: f"{list(tensors[key].shape)}, there {_written(shape, sizes)}"
            for key, shape in self.shapes.items()
            if key in tensors and not _has_shape(tensors[key], shape, sizes)
        }
        return Match(
            format=row,
            sizes=sizes,
            missing=tuple(key for key in self.shapes if key not in tensors and not matches_any(key, row.optional)),
            extra=tuple(key for key in tensors if key not in self.shapes and key not in dropped),
            misshapen=wrong,
            dropped=dropped,
        )


class _Known:
    """All formats, by the first key of each: nearly all files are none of most of them, and are to be told so at once."""

    def __init__(self, formats: Sequence[CheckpointFormat]) -> None:
        self.layouts = [_Layout(row) for row in formats]
        self.by_first: dict[str, list[_Layout]] = {}
        for layout in self.layouts:
            self.by_first.setdefault(layout.first, []).append(layout)

    def search(self, part: str, prefix: str, group: Mapping[str, Entry], depth: int = 0) -> list[Network]:
        """Return the networks of known formats in a dict of tensors, or in those of its keys that begin with the same word."""
        prefix, tensors = _unwrapped(prefix, group)
        candidates = chain.from_iterable(self.by_first[first] for first in self.by_first if first in tensors)
        for layout in candidates:
            if layout.could_fit(tensors) and (match := layout.match(tensors)).fits:
                return [Network(part=part, prefix=prefix, tensors=tensors, nearest=[match])]
        words: dict[str, dict[str, Entry]] = {}
        for key, entry in tensors.items() if depth < _DEEPEST else ():
            word, dot, rest = key.partition(".")
            if dot:
                words.setdefault(word, {})[rest] = entry
        return [
            network
            for word, inner in words.items()
            for network in self.search(join(part, word), f"{prefix}{word}.", inner, depth + 1)
        ]

    def nearest(self, tensors: Mapping[str, Entry]) -> list[Match]:
        """Return the formats with the fewest keys that differ; none that has nothing in common with the file."""
        alike = [layout for layout in self.layouts if layout.shapes.keys() & tensors.keys()]
        alike.sort(key=lambda layout: len(layout.shapes.keys() ^ tensors.keys()))
        matches = [layout.match(tensors) for layout in alike[: 4 * NEAREST]]
        return sorted(matches, key=lambda match: match.differences)[:NEAREST]


def _unwrapped(prefix: str, group: Mapping[str, Entry]) -> tuple[str, Mapping[str, Entry]]:
    """Return the prefix of a group's keys and its tensors without what wrappers added."""
    while wrapper := next((word for word in WRAPPERS if all(key.startswith(word) for key in group)), None):
        prefix += wrapper
        group = {key.removeprefix(wrapper): entry for key, entry in group.items()}
    return prefix, group


def _sizes(layout: Mapping[str, Shape], tensors: Mapping[str, Entry]) -> dict[str, int]:
    """Return each named size as most tensors have it."""
    votes: dict[str, Counter[int]] = {}
    for key, shape in layout.items():
        if key in tensors and len(tensors[key].shape) == len(shape):
            for size, length in zip(shape, tensors[key].shape, strict=True):
                if size.name and length and length % size.factor == 0:
                    votes.setdefault(size.name, Counter())[length // size.factor] += 1
    return {name: counter.most_common(1)[0][0] for name, counter in votes.items()}


def _has_shape(entry: Entry, shape: Shape, sizes: Mapping[str, int]) -> bool:
    return len(entry.shape) == len(shape) and all(
        length == _length(size, sizes) for size, length in zip(shape, entry.shape, strict=True)
    )


def _length(size: Size, sizes: Mapping[str, int]) -> int | None:
    return size.factor * sizes[size.name] if size.name in sizes else None if size.name else size.factor


def _written(shape: Shape, sizes: Mapping[str, int]) -> str:
    """Return a shape as people read it, with the name of a size that the file does not tell."""
    return f"[{', '.join(str(_length(size, sizes) or size.name) for size in shape)}]"
