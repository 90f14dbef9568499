"""What an inspected file holds: tensors by name, as shapes and types, never as values. Imports no torch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Any

MOST_VALUES = 1_000_000
"""Dicts, lists and what they hold that are looked at; a few bytes can nest to more than any memory."""
MOST_TENSORS = 100_000
MOST_DIMENSIONS = 64
LARGEST = 2**63
"""Sizes and offsets lie below."""
DEEPEST = 50
"""Levels of dicts in dicts; checkpoints have about five."""
LONGEST = 300
"""Characters of a name."""
SAMPLES = {
    "bool": 1, "uint8": 1, "int8": 1, "int16": 2, "uint16": 2, "int32": 4, "uint32": 4, "int64": 8, "uint64": 8,
    "float8_e4m3fn": 1, "float8_e5m2": 1, "float8_e4m3fnuz": 1, "float8_e5m2fnuz": 1, "float8_e8m0fnu": 1,
    "float16": 2, "bfloat16": 2, "float32": 4, "float64": 8, "complex32": 4, "complex64": 8, "complex128": 16,
}  # fmt: skip
"""Bytes of a value, by torch's name of its type."""
BUFFERS = ("running_mean", "running_var", "num_batches_tracked", "filt")
"""Last words of the names of tensors that are no parameters: the statistics of batch norm and the filters of blurs."""


class DamagedError(Exception):
    """A file that is cut off, changed, or not what it begins as; the message says how, in a few words."""


class UnsafeError(Exception):
    """A pickle that would call what only an attack needs, or that holds objects and no tensors; the message names it."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the values of a tensor lie."""

    key: str
    """Of their storage in the file."""
    offset: int
    """Of the first value, in values."""
    stride: tuple[int, ...]
    """From one value to the next along each dimension, in values."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A tensor in a file."""

    shape: tuple[int, ...]
    dtype: str
    """Torch's name, e.g. `float32`."""
    place: Place | None = field(default=None, compare=False, repr=False)
    """In pickles, where its values lie; None where that is not all that is needed to read them."""

    @property
    def count(self) -> int:
        """Number of values."""
        return prod(self.shape)

    @property
    def bytes(self) -> int:
        """Size of the values."""
        return self.count * SAMPLES[self.dtype]


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """What `zoo.checkpoints.peek.peek` found in a file."""

    path: Path
    container: str
    """How the file is written, e.g. `PyTorch zip archive`."""
    size: int
    """Bytes of the file."""
    groups: Mapping[str, Mapping[str, Entry]]
    """Tensors by name, for each dict that holds some, by its path in the file (`state_dict`); that of the outermost is empty."""
    metadata: Mapping[str, str] = field(default_factory=dict)
    """The texts in the header of a safetensors file."""
    objects: tuple[str, ...] = ()
    """Classes and functions of what else lies in a pickle; nothing of it is read."""

    @property
    def tensors(self) -> dict[str, Entry]:
        """All tensors by path and name."""
        return {join(part, name): entry for part, group in self.groups.items() for name, entry in group.items()}

    @property
    def parameters(self) -> int:
        """Number of values that are trained, as far as names tell."""
        return sum(entry.count for name, entry in self.tensors.items() if name.rpartition(".")[2] not in BUFFERS)

    @property
    def bytes(self) -> int:
        """Size of all tensors' values."""
        return sum(entry.bytes for entry in self.tensors.values())

    @property
    def dtypes(self) -> Mapping[str, int]:
        """Number of tensors of each type, the most frequent first."""
        return dict(Counter(entry.dtype for entry in self.tensors.values()).most_common())


def join(part: str, name: str) -> str:
    """Return the name of something inside a part of a file."""
    return f"{part}.{name}" if part else name


def grouped(tree: Any, is_tensor: Callable[[Any], bool]) -> dict[str, dict[str, Any]]:
    """Return the tensors in nested dicts, lists and tuples, by name, for each of these that holds some, by its path.

    Raises:
        DamagedError: the tree is too deep or too large, or two tensors would have one name.
    """
    walk, groups = _Walk(is_tensor), dict[str, dict[str, Any]]()
    taken: set[str] = set()
    for part, name, tensor in walk.tensors(tree):
        if join(part, name) in taken:
            raise DamagedError(f"two tensors are named {shown(join(part, name))}")
        taken.add(join(part, name))
        groups.setdefault(part, {})[name] = tensor
    return groups


def shown(name: str) -> str:
    """Return a name from a file as it may be printed: short, and without codes that a terminal would obey."""
    short = name if len(name) <= 200 else f"{name[:200]}..."
    return short if short.isprintable() else ascii(short)[1:-1]


class _Walk:
    """A look at everything in a tree that may share or contain itself, and is therefore measured on the way."""

    def __init__(self, is_tensor: Callable[[Any], bool]) -> None:
        self.is_tensor, self.values, self.found = is_tensor, 0, 0

    def tensors(self, value: Any, part: str = "", name: str = "", depth: int = 0) -> Iterator[tuple[str, str, Any]]:
        """Yield the path of its container, its name there, and each tensor, in the order of the file."""
        self.values += 1
        path = join(part, name)
        if self.values > MOST_VALUES or self.found > MOST_TENSORS or depth > DEEPEST or len(path) > LONGEST:
            raise DamagedError("it nests more than a file of weights does")
        if self.is_tensor(value):
            self.found += 1
            yield part, name, value
        elif isinstance(value, dict | list | tuple):
            children = value.items() if isinstance(value, dict) else enumerate(value)
            for key, child in children:
                yield from self.tensors(child, path, str(key), depth + 1)
