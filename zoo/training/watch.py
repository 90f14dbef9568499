"""Validation during a training: the best weights, when to end early, and where to go back to after a loss that is not finite."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext

import torch
from torch import Tensor

from zoo.contracts import Method
from zoo.model_folder import inference_state
from zoo.recipe import Validation
from zoo.training.ema import Ema
from zoo.training.losses import DivergedError


class Watch:
    """Scores a training every few steps.

    Args:
        plan: how often, and what follows from the scores.
        score: translates and scores the validation images.
        higher: whether a higher score is better.
    """

    def __init__(self, plan: Validation, score: Callable[[Method], float], *, higher: bool) -> None:
        self.plan, self.score, self.higher = plan, score, higher
        self.value: float | None = None
        """The best score."""
        self.step = 0
        """Steps done when it was measured."""
        self.weights: dict[str, Tensor] = {}
        """What translated then, on the CPU; empty where the last weights are kept."""

    def look(self, step: int, method: Method, ema: Ema | None, rng: torch.Generator) -> float:
        """Score the method as it would translate now, and return the score; the training continues as if nothing had happened."""
        with unchanged(method, rng), ema.applied() if ema else nullcontext():
            value = self.score(method)
            sign = 1 if self.higher else -1
            if not math.isnan(value) and (self.value is None or sign * value > sign * self.value):
                self.value, self.step = value, step
                if self.plan.keep == "best":
                    state = inference_state(method)
                    self.weights = {name: tensor.detach().to("cpu", copy=True) for name, tensor in state.items()}
        return value

    def ends(self, step: int) -> bool:
        """Whether the training ends now, because `patience` validations did not improve the score."""
        patience = self.plan.patience
        return patience is not None and self.value is not None and step - self.step >= patience * self.plan.every

    @torch.no_grad()
    def keep(self, method: Method) -> None:
        """Let the best weights translate, where these are to be kept."""
        for name, tensor in inference_state(method).items():
            if name in self.weights:
                tensor.copy_(self.weights[name])

    def tensors(self) -> dict[str, Tensor]:
        """Return all state by name."""
        value = float("nan") if self.value is None else self.value
        known = {"watch.value": torch.tensor(value, dtype=torch.float64), "watch.step": torch.tensor(self.step)}
        return known | {f"watch.best.{name}": tensor for name, tensor in self.weights.items()}

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Load what `tensors` returned.

        Raises:
            KeyError: they are of a training without validation.
        """
        value = float(tensors["watch.value"])
        self.value, self.step = (None if math.isnan(value) else value), int(tensors["watch.step"])
        prefix = "watch.best."
        self.weights = {name.removeprefix(prefix): t for name, t in tensors.items() if name.startswith(prefix)}


@contextmanager
def unchanged(method: Method, rng: torch.Generator) -> Iterator[None]:
    """Restore random streams, buffers (running statistics of batch norms) and the networks' mode after a `with` block."""
    buffers = [(buffer, buffer.clone()) for buffer in method.buffers()]
    state = rng.get_state()
    with torch.random.fork_rng([] if rng.device.type == "cpu" else [rng.device]):
        try:
            yield
        finally:
            for buffer, before in buffers:
                buffer.copy_(before)
            rng.set_state(state)
            method.train()


def require_finite(step: int, method: Method) -> None:
    """Raise DivergedError where what translates is no longer finite; waits for the device."""
    bad = tuple(name for name, tensor in inference_state(method).items() if not bool(tensor.isfinite().all()))
    if bad:
        found = f"the training diverged: {bad[0]} and others are no longer finite by step {step}"
        raise DivergedError(
            found, "Lower the method's learning rate, or try another normalizer or seed.", step=step, terms=bad
        )
