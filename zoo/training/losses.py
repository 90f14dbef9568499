"""The sums of losses that stay on the device between two log entries, and their check when they are read."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from zoo.errors import ZooError
from zoo.training.distributed import mean


class TrainingError(ZooError):
    """A training that cannot improve any more, with the diagnosis.

    Args:
        message, fix: as for every `ZooError`.
        step: steps done when it was found.
        terms: the losses (`OPTIMIZER/TERM`) or the optimizer that show it.
    """

    final = True

    def __init__(self, message: str, fix: str, *, step: int, terms: tuple[str, ...]) -> None:
        super().__init__(message, fix)
        self.step, self.terms = step, terms


class DivergedError(TrainingError):
    """A training whose loss is no longer finite."""


class RunningLosses:
    """Means of named loss terms since they were last read.

    Adding never waits for the device. A sum keeps a NaN or infinity of any step until it is read. Several processes read
    the same mean of their sums.
    """

    def __init__(self) -> None:
        self.sums: dict[str, Tensor] = {}
        self.counts: dict[str, int] = {}

    @torch.no_grad()
    def add(self, optimizer: str, terms: Mapping[str, Tensor]) -> None:
        """Add the terms of one update, 0-d tensors."""
        for term, value in terms.items():
            name = f"{optimizer}/{term}"
            if name in self.sums:
                self.sums[name].add_(value)
            else:
                self.sums[name] = value.detach().clone()
        self.count({f"{optimizer}/{term}": 1 for term in terms})

    def count(self, updates: Mapping[str, int]) -> None:
        """Count updates by the names of the sums; a replayed CUDA graph adds to the sums without running `add`."""
        for name, number in updates.items():
            self.counts[name] = self.counts.get(name, 0) + number

    def read(self, step: int) -> dict[str, float]:
        """Return the means by `OPTIMIZER/TERM` and reset them.

        Raises:
            DivergedError: a term was NaN or infinite at some step since the last reading.
        """
        values = self.check(step)
        means = {name: value / self.counts[name] for name, value in values.items() if self.counts.get(name)}
        self.counts = {}
        for total in self.sums.values():
            total.zero_()  # in place: a captured CUDA graph adds to the same tensors
        return means

    def check(self, step: int) -> dict[str, float]:
        """Return the sums; raise `DivergedError` where one is no longer finite."""
        if not self.sums:
            return {}
        totals = mean(torch.stack(list(self.sums.values()))).tolist()
        values: dict[str, float] = dict(zip(self.sums, totals, strict=True))
        bad = tuple(name for name, value in values.items() if not math.isfinite(value))
        if bad:
            raise DivergedError(
                f"the training diverged: {', '.join(bad)} no longer finite by step {step}",
                "Lower the method's learning rate, or try another normalizer or seed.",
                step=step,
                terms=bad,
            )
        return values
