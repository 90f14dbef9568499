"""The content of an inspected file: tensors by name, as shapes and types, never as values. Imports no torch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Any

MOST_VALUES = 1_000_000
"""Dicts, lists and their values that are visited; a few bytes can nest to more than any memory."""
MOST_TENSORS = 100_000
MOST_DIMENSIONS = 64
LARGEST = 2**63
"""Bound of sizes and offsets."""
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
"""Last words of the names of tensors that are not trained: the statistics of batch norm and the filters of blurs."""


class MalformedError(Exception):
    """A file is cut off, changed, or not what it begins as; the message is a clause about it."""


class UnsafeError(Exception):
    """A pickle would call what only an attack needs, or holds objects and no tensors; the message names it."""


@dataclass(frozen=True, slots=True)
class StorageView:
    """Where the values of a tensor lie."""

    key: str
    """Of their storage in the file."""
    offset: int
    """Of the first value, in values."""
    stride: tuple[int, ...]
    """From one value to the next along each dimension, in values."""


@dataclass(frozen=True, slots=True)
class TensorEntry:
    """A tensor in a file."""

    shape: tuple[int, ...]
    dtype: str
    """Torch's name, e.g. `float32`."""
    view: StorageView | None = field(default=None, compare=False, repr=False)
    """In pickles, where its values lie; None where they cannot be read from there alone."""

    @property
    def count(self) -> int:
        """Number of values."""
        return prod(self.shape)

    @property
    def bytes(self) -> int:
        """Size of the values."""
        return self.count * SAMPLES[self.dtype]


Groups = Mapping[str, Mapping[str, TensorEntry]]
"""Tensors by name, for each dict that holds some, by its path in the file (`state_dict`); the outermost path is empty."""


@dataclass(frozen=True, kw_only=True)
class WeightsFile:
    """A file that `zoo.checkpoints.peek.peek` inspected."""

    path: Path
    container: str
    """The file's form, e.g. `PyTorch zip archive`."""
    size: int
    """Bytes of the file."""
    groups: Groups
    metadata: Mapping[str, str] = field(default_factory=dict)
    """The texts in the header of a safetensors file."""
    objects: tuple[str, ...] = ()
    """Classes and functions of the other objects in a pickle, which are not read."""

    @property
    def tensors(self) -> dict[str, TensorEntry]:
        """All tensors by path and name."""
        return {join(part, name): entry for part, group in self.groups.items() for name, entry in group.items()}

    @property
    def parameters(self) -> int:
        """Number of trained values, as far as names show."""
        return sum(entry.count for name, entry in self.tensors.items() if name.rpartition(".")[2] not in BUFFERS)

    @property
    def dtypes(self) -> Mapping[str, int]:
        """Number of tensors of each type, the most frequent first."""
        return dict(Counter(entry.dtype for entry in self.tensors.values()).most_common())


def join(part: str, name: str) -> str:
    """Return the name of something inside a part of a file."""
    return f"{part}.{name}" if part else name


def grouped(tree: Any) -> dict[str, dict[str, TensorEntry]]:
    """Return the tensors in nested dicts, lists and tuples, by name, for each container that holds some, by its path.

    Raises:
        MalformedError: the tree is too deep or too large, or two tensors have one name.
    """
    groups: dict[str, dict[str, TensorEntry]] = {}
    names: set[str] = set()
    visited = 0

    def visit(value: Any, part: str, name: str, depth: int) -> None:
        nonlocal visited
        visited += 1  # a tree may share or contain itself
        path = join(part, name)
        if visited > MOST_VALUES or len(names) > MOST_TENSORS or depth > DEEPEST or len(path) > LONGEST:
            raise MalformedError("it nests more than a file of weights does")
        if isinstance(value, TensorEntry):
            if path in names:
                raise MalformedError(f"two tensors are named {shown(path)}")
            names.add(path)
            groups.setdefault(part, {})[name] = value
        elif isinstance(value, dict | list | tuple):
            for key, child in value.items() if isinstance(value, dict) else enumerate(value):
                visit(child, path, str(key), depth + 1)

    visit(tree, "", "", 0)
    return groups


def shown(name: str) -> str:
    """Return a name from a file in printable form: short, and without control codes of a terminal."""
    short = name if len(name) <= 200 else f"{name[:200]}..."
    return short if short.isprintable() else ascii(short)[1:-1]
