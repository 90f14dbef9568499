"""Limits for networks that a downloaded `config.json` describes: whole numbers, modules, memory and time."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any, Self

import torch
from torch import nn
from torch.nn.modules import module as registration
from torch.overrides import TorchFunctionMode

from zoo.errors import ZooError
from zoo.recipe import Recipe

LARGEST = 2**20
"""Largest whole number of a recipe: channels, layers, sizes in pixels."""
SPARE_BYTES = 2**30
"""Memory for building a network, in addition to four times its weights."""
SPARE_PARTS = 5000
"""Modules, parameters and buffers of a network, in addition to `PER_TENSOR` for each tensor of its weights."""
PER_TENSOR = 50
SECONDS = 60.0
"""Processor time for building a network; a large one takes about ten seconds."""
CHANGED = "It was changed: download or train the model again"


def check_numbers(recipe: Recipe) -> None:
    """Refuse whole numbers that are too large for a network, before a plugin computes with them.

    Raises:
        ZooError: the message names the option.
    """
    fields = ("size", "load_size", "batch", "visible_channels", "thermal_channels")
    values: dict[str, Any] = {name: getattr(recipe, name) for name in fields}
    for kind in ("generator", "method", "discriminator", "normalizer"):
        part = getattr(recipe, kind)
        values |= {f"{kind} option {name}": value for name, value in part.config.items()} if part else {}
    for name, value in values.items():
        if any(abs(number) > LARGEST for number in _numbers(value)):
            raise ZooError(f"its {name} has a number beyond {LARGEST:,}, which no network needs", CHANGED)
        if name in fields and min(_numbers(value)) < 1:
            raise ZooError(f"its {name} is {value}; it must be 1 or more", CHANGED)


def _numbers(value: Any) -> Iterator[int]:
    """Yield the whole numbers in a JSON value; without recursion, since it may be nested deeply."""
    stack = [value]
    while stack:
        found = stack.pop()
        if isinstance(found, int):
            yield found
        elif isinstance(found, dict | list | tuple):
            stack += found.values() if isinstance(found, dict) else found


class Bounded(TorchFunctionMode):
    """A context that refuses to build a network with many more bytes or modules than its weights, or that takes too long.

    Tensors are counted before they are filled, which allocates their memory. Modules, parameters and buffers are counted when
    they are registered in this thread.

    Args:
        size: bytes of the file of weights.
        tensors: number of tensors in it.
    """

    def __init__(self, *, size: int, tensors: int) -> None:
        super().__init__()
        self.most_bytes, self.bytes = 4 * size + SPARE_BYTES, 0
        self.most_parts, self.parts = PER_TENSOR * tensors + SPARE_PARTS, 0
        self.thread = threading.get_ident()

    def __enter__(self) -> Self:
        self.end = time.thread_time() + SECONDS
        self.hooks = [
            registration.register_module_module_registration_hook(self._register),
            registration.register_module_parameter_registration_hook(self._register),
            registration.register_module_buffer_registration_hook(self._register),
        ]
        super().__enter__()  # type: ignore[no-untyped-call]  # torch
        return self

    def __exit__(self, *error: object) -> None:
        super().__exit__(*error)  # type: ignore[no-untyped-call]  # torch
        for hook in self.hooks:
            hook.remove()

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        name, named = getattr(func, "__name__", ""), kwargs or {}
        if name in ("rand", "randn"):  # these fill the tensor immediately
            self._count(torch.empty(*args, **{key: value for key, value in named.items() if key != "generator"}))
        made = func(*args, **named)
        if name in ("empty", "zeros", "ones", "full"):
            self._count(made)
        self._check_time()
        return made

    def _count(self, tensor: torch.Tensor) -> None:
        self.bytes += tensor.nbytes
        if self.bytes > self.most_bytes:
            raise _too_large(f"of more than {self.most_bytes / 1e9:.1f} GB, far more than its weights")

    def _register(self, _module: nn.Module, _name: str, _part: Any) -> None:
        if threading.get_ident() != self.thread:
            return
        self.parts += 1
        if self.parts > self.most_parts:
            raise _too_large(f"of more than {self.most_parts:,} modules and tensors, far more than its weights")
        self._check_time()

    def _check_time(self) -> None:
        if time.thread_time() > self.end:
            raise _too_large(f"that takes more than {SECONDS:.0f} s to build")


def _too_large(what: str) -> ZooError:
    return ZooError(f"its config.json describes a network {what}", CHANGED)
