"""The keys and shapes of a checkpoint format. Imports no torch; plugins use `conv`, `linear` and `norm`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from itertools import product

from zoo.hookspec import CheckpointFormat

_SIZE = re.compile(r"(\d*)([a-z]\w*)?")
_BRACES = re.compile(r"\{([^{}]*)\}")
MOST_KEYS = 10_000
"""Keys of one format."""

COUNTERS = ("*.num_batches_tracked",)
"""Optional: the counters of batch norm since torch 0.4.1, which it does not use."""
STATISTICS = ("*.running_mean", "*.running_var", "*.num_batches_tracked")
"""Dropped with instance norm, which kept them until 2019 and does not use them."""


@dataclass(frozen=True, slots=True)
class Size:
    """A dimension: a number times a named size, or the number alone."""

    factor: int
    name: str = ""


Shape = tuple[Size, ...]


def conv(key: str, shape: str, *, bias: bool = True, transposed: bool = False) -> dict[str, str]:
    """Return weight and bias of a convolution.

    Args:
        key: of the layer, `model.1`, or a pattern of several.
        shape: of the weight, `w i 7 7`.
        bias: whether it has one, of the length of its output channels.
        transposed: whether the weight's second size, instead of its first, is that of the output channels.
    """
    weight = {f"{key}.weight": shape}
    return weight | {f"{key}.bias": shape.split()[1 if transposed else 0]} if bias else weight


def linear(key: str, shape: str) -> dict[str, str]:
    """Return weight and bias of a linear layer of shape `out in`."""
    return conv(key, shape)


def norm(key: str, channels: str, kind: str) -> dict[str, str]:
    """Return the tensors of a normalization: of batch norm its scale, shift and statistics, of any other kind none."""
    if kind != "batch":
        return {}
    names = ("weight", "bias", "running_mean", "running_var")
    return {f"{key}.{name}": channels for name in names} | {f"{key}.num_batches_tracked": ""}


def shapes(row: CheckpointFormat) -> Mapping[str, Shape]:
    """Return the shape of each key of a format.

    Raises:
        ValueError: a key or a shape is not of the form that rows use.
    """
    found: dict[str, Shape] = {}
    for key, text in row.tensors.items():
        shape = parse_shape(text)
        found |= dict.fromkeys(expand(key), shape)
        if len(found) > MOST_KEYS:
            raise ValueError(f"more than {MOST_KEYS} keys")
    return found


def sizes(row: CheckpointFormat) -> set[str]:
    """Return the names of the sizes in a format's shapes.

    Raises:
        ValueError: a shape is not of the form that rows use.
    """
    return {size.name for text in set(row.tensors.values()) for size in parse_shape(text) if size.name}


def expand(key: str) -> list[str]:
    """Return the keys of a pattern with `{a,b}` and `{1..5}`.

    Raises:
        ValueError: a brace holds neither a list nor a range.
    """
    parts = _BRACES.split(key)  # text, content of braces, text, ...
    if "{" in "".join(parts[::2]) or "}" in "".join(parts[::2]):
        raise ValueError(f"key {key!r} has an unmatched brace")
    choices = [[part] if index % 2 == 0 else _alternatives(part) for index, part in enumerate(parts)]
    return ["".join(chosen) for chosen in product(*choices)]


@cache
def parse_shape(text: str) -> Shape:
    """Return the dimensions that a text such as `4w i 3 3` names.

    Raises:
        ValueError: a word is neither a number nor a size's name with or without a factor.
    """
    sizes = []
    for word in text.split():
        match = _SIZE.fullmatch(word)
        if not match:
            raise ValueError(f"{word!r} in shape {text!r} is not a size such as 7, w or 2w")
        sizes.append(Size(int(match[1] or 1), match[2] or ""))
    return tuple(sizes)


def _alternatives(text: str) -> list[str]:
    first, dots, last = text.partition("..")
    if dots and first.isdecimal() and last.isdecimal() and 0 <= int(last) - int(first) < MOST_KEYS:
        return [str(number) for number in range(int(first), int(last) + 1)]
    if dots or not all(text.split(",")):
        raise ValueError(f"{{{text}}} is neither a list {{a,b}} nor a range {{1..5}}")
    return text.split(",")
