"""The images of each training step: a pure function of seed and step, so that resuming needs no saved state."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from zoo.errors import UsageError


@dataclass(frozen=True)
class BatchSampler:
    """The order of a training's images.

    Every epoch is a new permutation of the visible images, cut into full batches (a remainder of fewer than `batch`
    images is dropped). Unpaired, the thermal images of a step are sampled with replacement, as in Zhu et al., "CycleGAN"
    (ICCV 2017).

    Raises:
        UsageError: there are fewer images than a batch needs.
    """

    seed: int
    n_visible: int
    n_thermal: int
    batch: int
    paired: bool

    def __post_init__(self) -> None:
        if self.batch < 1:
            raise UsageError(f"`batch` is {self.batch}, not a positive number", "Use a `batch` of 1 or more")
        if self.n_visible < self.batch or self.n_thermal < 1:
            raise UsageError(
                f"a batch of {self.batch} was requested, but the split has {self.n_visible} visible and "
                f"{self.n_thermal} thermal images",
                "Use a smaller `batch` or a larger dataset",
            )
        if self.paired and self.n_visible != self.n_thermal:
            raise UsageError(f"{self.n_visible} visible and {self.n_thermal} thermal images cannot be pairs")

    @property
    def steps_per_epoch(self) -> int:
        """Full batches in one pass over the visible images."""
        return self.n_visible // self.batch

    def indices(self, step: int) -> tuple[Tensor, Tensor]:
        """Return the visible and the thermal images of a step (from 0), int64 [batch] on the CPU.

        Paired, both are the same tensor, so that `PairStore.sample` crops both images alike.
        """
        epoch, index = divmod(step, self.steps_per_epoch)
        visible = _permutation(self.seed, epoch, self.n_visible)[index * self.batch : (index + 1) * self.batch].clone()
        if self.paired:
            return visible, visible
        return visible, torch.randint(self.n_thermal, (self.batch,), generator=_stream(self.seed, "thermal", step))


@lru_cache(maxsize=2)  # of a large set an epoch's order costs far more than a step's indices
def _permutation(seed: int, epoch: int, count: int) -> Tensor:
    return torch.randperm(count, generator=_stream(seed, "visible", epoch))


def _stream(seed: int, use: str, number: int) -> torch.Generator:
    digest = hashlib.sha256(f"{seed} {use} {number}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "little") >> 1)
