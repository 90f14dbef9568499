"""Averaged weights, which translate in place of the last ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor

from zoo.contracts import EmaSpec, Method


class Ema:
    """The average of what a method's `inference` names: parameters are averaged, buffers are the newest.

    Args:
        method: on its device; its weights are where the average begins.
        spec: decay, start and rate of the updates.
    """

    def __init__(self, method: Method, spec: EmaSpec) -> None:
        self.spec = spec
        self._weights = {name: p for name, p in method.named_parameters() if _translates(method, name)}
        self.average = {name: p.detach().clone() for name, p in self._weights.items()}

    def decay(self, n: int) -> float:
        """Return the decay of the n-th update, from 0."""
        return min(self.spec.decay, (1 + n) / (10 + n)) if self.spec.ramp else self.spec.decay

    @torch.no_grad()
    def update(self, done: int) -> None:
        """Average the weights after a step; `done` counts the steps until then, this one included."""
        average: list[Tensor] = list(self.average.values())
        weights: list[Tensor] = list(self._weights.values())
        if done <= self.spec.start:
            torch._foreach_copy_(average, weights)
        elif (done - self.spec.start) % self.spec.every == 0:
            n = (done - self.spec.start) // self.spec.every - 1
            torch._foreach_lerp_(average, weights, 1 - self.decay(n))

    def tensors(self) -> dict[str, Tensor]:
        """Return the average by name of the weight."""
        return {f"ema.{name}": tensor for name, tensor in self.average.items()}

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Load what `tensors` returned.

        Raises:
            KeyError: they are of another method.
        """
        for name, tensor in self.average.items():
            tensor.copy_(tensors[f"ema.{name}"])

    @torch.no_grad()
    def swap(self) -> None:
        """Exchange the method's weights and their average."""
        for name, weight in self._weights.items():
            last = weight.detach().clone()
            weight.copy_(self.average[name])
            self.average[name].copy_(last)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Let the average translate in a `with` block."""
        self.swap()
        try:
            yield
        finally:
            self.swap()


def _translates(method: Method, name: str) -> bool:
    return any(name == part or name.startswith(f"{part}.") for part in method.inference)
