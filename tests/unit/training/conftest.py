from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoo.compute.options import PLAIN, ComputeOptions
from zoo.contracts import Batch, Method, OptimizerSpec, State
from zoo.layers.pool import HistoryPool
from zoo.recipe import Budget, DataRef, Part, Recipe
from zoo.training.engine import TrainResult, train
from zoo.training.loop import StepReport
from zoo.training.samples import Samples
from zoo.training.seeds import seed_everything
from zoo.training.watch import Watch

SIZE = 8


class TinyMethod(Method):
    """A GAN with all that a checkpoint has to keep: a pool, dropout, batch statistics, two updates of one optimizer."""

    order = ("generator", "discriminator", "discriminator")

    def __init__(self, rng: torch.Generator) -> None:
        super().__init__()
        self.translator = nn.Sequential(
            nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.Dropout(0.5), nn.Conv2d(4, 1, 1)
        )
        self.discriminator = nn.Conv2d(1, 1, 3)
        self.frozen = nn.Conv2d(1, 1, 1).requires_grad_(False)
        self.pool = HistoryPool(2, channels=1, height=SIZE, width=SIZE, rng=rng)
        self.gradients_by_update: list[tuple[str, bool, bool]] = []

    def networks(self) -> dict[str, list[nn.Module]]:
        return {"generator": [self.translator, self.frozen], "discriminator": [self.discriminator]}

    def optimizer(self, name: str) -> OptimizerSpec:
        return OptimizerSpec(lr=0.01 if name == "generator" else 0.02, betas=(0.5, 0.99))

    def forward(self, batch: Batch) -> State:
        return {"fake": self.translator(batch["visible"]), "thermal": batch["thermal"]}

    def losses(self, name: str, state: State) -> dict[str, Tensor]:
        with_gradients = (self.translator[0].weight.requires_grad, self.discriminator.weight.requires_grad)
        self.gradients_by_update.append((name, *with_gradients))
        if name == "generator":
            fake = self.frozen(state["fake"])
            return {"gan": -self.discriminator(fake).mean(), "l1": F.l1_loss(fake, state["thermal"])}
        fake = self.pool(state["fake"])
        return {
            "critic": (self.discriminator(fake) - self.discriminator(state["thermal"])).mean()
            + self.discriminator.weight.square().sum()
        }


class TinyStore:
    """Noise images that are mirrored at random."""

    n_visible = n_thermal = 5

    def __init__(self) -> None:
        stream = torch.Generator().manual_seed(3)
        self.visible = torch.rand(5, 3, SIZE, SIZE, generator=stream) * 2 - 1
        self.thermal = torch.rand(5, 1, SIZE, SIZE, generator=stream) * 2 - 1

    def sample(
        self,
        visible: Tensor,
        thermal: Tensor,
        *,
        crop: int,
        rng: torch.Generator,
        aligned: bool,
        flip: bool,
        part: slice,
    ) -> Batch:
        assert crop == SIZE
        mirror = torch.rand((), generator=rng) < 0.5
        batch = {"visible": self.visible[visible[part]], "thermal": self.thermal[thermal[part]]}
        return {name: torch.where(mirror, image.flip(-1), image) for name, image in batch.items()}

    def whole(self, index: Tensor, thermal_index: Tensor | None = None) -> Batch:
        return {
            "visible": self.visible[index],
            "thermal": self.thermal[index if thermal_index is None else thermal_index],
        }


def recipe_of(steps: int) -> Recipe:
    return Recipe(
        method=Part(name="tests/tiny"),
        data=DataRef(name="noise", fingerprint="0"),
        size=SIZE,
        load_size=SIZE,
        batch=2,
        budget=Budget(steps=steps, constant=steps // 2),
    )


class Run:
    """A training of `TinyMethod` in a folder, started afresh each time as a new process would."""

    def __init__(self, folder: Path, make: Callable[[torch.Generator], Method] = TinyMethod) -> None:
        self.folder, self.make = folder, make

    def go(
        self,
        steps: int,
        stop_after: int | None = None,
        every: float = 1e9,
        on_step: Callable[[StepReport], object] = lambda report: None,
        compute: ComputeOptions = PLAIN,
        store: TinyStore | None = None,
        decay_store: Callable[[], TinyStore] | None = None,
        watch: Watch | None = None,
        samples: Samples | None = None,
        **changes: object,
    ) -> TrainResult:
        """Train for `steps`; `changes` are made to the recipe."""
        device = torch.device("cpu")
        rng = seed_everything(0, device)
        self.method = self.make(rng)
        self.reports: list[StepReport] = []

        def report_step(report: StepReport) -> None:
            self.reports.append(report)
            on_step(report)

        return train(
            self.method,
            replace(recipe_of(steps), **changes),
            store or TinyStore(),
            folder=self.folder,
            train_key="key",
            device=device,
            rng=rng,
            paired=False,
            on_step=report_step,
            stop=lambda: stop_after is not None and len(self.reports) >= stop_after,
            checkpoint_every=every,
            log_every=2,
            compute=compute,
            decay_store=decay_store,
            watch=watch,
            samples=samples,
        )

    def end(self) -> dict[str, Tensor]:
        """All state at the end of the last run."""
        return {name: tensor.clone() for name, tensor in self.method.state_dict().items()}


@pytest.fixture
def tiny_store() -> type[TinyStore]:
    return TinyStore


@pytest.fixture
def new_run(tmp_path: Path) -> Callable[..., Run]:
    count = iter(range(100))
    return lambda make=TinyMethod: Run(tmp_path / f"run{next(count)}", make)


@pytest.fixture(autouse=True)
def _global_state() -> Iterator[None]:
    """Leave torch's global settings as they were for other tests."""
    deterministic = torch.are_deterministic_algorithms_enabled()
    warn = torch.is_deterministic_algorithms_warn_only_enabled()
    state, python = torch.get_rng_state(), random.getstate()
    yield
    torch.use_deterministic_algorithms(deterministic, warn_only=warn)
    torch.set_rng_state(state)
    random.setstate(python)
