"""The sums of losses that stay on the device between two lines of the log, and what they say when read."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from zoo.errors import ZooError
from zoo.training.distributed import mean


class TrainingError(ZooError):
    """A training that can get no better, with the diagnosis.

    Args:
        message, fix: as for every `ZooError`.
        step: optimizer steps done when it was seen.
        terms: the losses (`PLAYER/TERM`) or the player that show it.
    """

    final = True

    def __init__(self, message: str, fix: str, *, step: int, terms: tuple[str, ...]) -> None:
        super().__init__(message, fix)
        self.step, self.terms = step, terms


class RunningLosses:
    """Means of named loss terms over the turns since the last reading.

    Adding never waits for the device. A sum keeps a NaN or infinity of any step until it is read, so that looking at
    the readings alone misses none. Several processes read the mean of their sums, all of them alike.
    """

    def __init__(self) -> None:
        self.sums: dict[str, Tensor] = {}
        self.counts: dict[str, int] = {}

    @torch.no_grad()
    def add(self, player: str, terms: Mapping[str, Tensor]) -> None:
        """Add one turn's terms, 0-d tensors."""
        for term, value in terms.items():
            name = f"{player}/{term}"
            if name in self.sums:
                self.sums[name].add_(value)
            else:
                self.sums[name] = value.detach().clone()
        self.count({f"{player}/{term}": 1 for term in terms})

    def count(self, turns: Mapping[str, int]) -> None:
        """Count turns whose terms the device has added by itself, by the names of the sums."""
        for name, times in turns.items():
            self.counts[name] = self.counts.get(name, 0) + times

    def read(self, step: int) -> dict[str, float]:
        """Return the means by `PLAYER/TERM` and start again from nothing.

        Raises:
            TrainingError: a term was NaN or infinite at some step since the last reading.
        """
        values = self.check(step)
        means = {name: value / self.counts[name] for name, value in values.items() if self.counts.get(name)}
        self.counts = {}
        for total in self.sums.values():
            total.zero_()  # in place: a recorded step goes on adding there
        return means

    def check(self, step: int) -> dict[str, float]:
        """Return the sums; raise where one is no longer finite."""
        values = _on_host(self.sums)
        bad = tuple(name for name, value in values.items() if not math.isfinite(value))
        if bad:
            raise TrainingError(
                f"the training diverged: {', '.join(bad)} no longer finite by step {step}",
                "Lower the method's learning rate, or try another normalizer or seed.",
                step=step,
                terms=bad,
            )
        return values


def _on_host(sums: Mapping[str, Tensor]) -> dict[str, float]:
    if not sums:
        return {}
    return dict(zip(sums, mean(torch.stack(list(sums.values()))).tolist(), strict=True))
