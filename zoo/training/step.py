"""One training step of any method: the update of each optimizer in `order`, with gradients for its own weights only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn

from zoo.compute.networks import laid_out
from zoo.compute.options import PLAIN, ComputeOptions
from zoo.contracts import Batch, Method
from zoo.errors import UsageError
from zoo.recipe import Budget
from zoo.training.distributed import average, mean, running_statistics
from zoo.training.losses import RunningLosses, TrainingError
from zoo.training.optimizers import build_optimizer, clip_gradients, is_stalled, restore_state, state_tensors
from zoo.training.schedule import lr_factor

STALLED_CHECKS = 5
"""Checks in a row that find no gradient in a dead network."""


class TrainStep:
    """A method, its optimizers by name, and the losses since the last log entry.

    Args:
        method: on its device, prepared for training.
        compute: how a step is computed; `zoo.compute.networks.prepared` applies its options to the networks.
        budget: of the training, which learning rates and `progress` follow; None: full rates, progress 0.
        accumulate: equal parts of a batch that are computed one after the other; their mean gradient is that of the batch.

    Raises:
        UsageError: a batch in parts, and a method that updates one optimizer several times in a step.
    """

    def __init__(
        self, method: Method, compute: ComputeOptions = PLAIN, *, budget: Budget | None = None, accumulate: int = 1
    ) -> None:
        self.method, self.losses, self.compute = method, RunningLosses(), compute
        self.budget, self.accumulate = budget, accumulate
        if accumulate > 1 and len(set(method.order)) < len(method.order):
            twice = f"{type(method).__name__} updates its {method.order[-1]} several times in a step"
            raise UsageError(f"`accumulate` is {accumulate}, and {twice}", "Use `accumulate`=1 and a smaller batch")
        self.statistics = running_statistics(method)
        self.parameters = {name: _trained(networks) for name, networks in method.networks().items()}
        assert set(method.order) <= set(self.parameters), "the method's order names an optimizer that has no networks"
        self.specs = {name: method.optimizer(name) for name in self.parameters}
        self.stalled: dict[str, int] = {}
        self.scale = 1.0
        """What every learning rate is multiplied by, besides its schedule."""
        self.rates = {name: spec.lr for name, spec in self.specs.items()}
        self.device = next(iter(self.parameters.values()))[0].device
        captured = compute.graph and self.device.type == "cuda"
        self.optimizers = {
            name: build_optimizer(self.specs[name], parameters, fused=compute.fused, captured=captured)
            for name, parameters in self.parameters.items()
        }
        # Tensors, so that a captured CUDA graph reads the present values.
        self.clock = {
            "step": torch.zeros((), dtype=torch.int64, device=self.device),
            "progress": torch.zeros((), device=self.device),
        }

    def step(self, batch: Batch, done: int = 0) -> None:
        """Update the weights of every optimizer; `done` counts the steps before this one."""
        self.begin(done)
        self.run(batch)

    def begin(self, done: int) -> None:
        """Set the learning rates, the step's number and the progress for the next `run`."""
        self.clock["step"].fill_(done)
        if self.budget is None:
            return
        self.clock["progress"].fill_(done / self.budget.steps)
        for name, optimizer in self.optimizers.items():
            spec = self.specs[name]
            self.rates[name] = spec.lr * lr_factor(done, self.budget, spec.schedule) * self.scale
            for group in optimizer.param_groups:
                if isinstance(group["lr"], Tensor):
                    group["lr"].fill_(self.rates[name])
                else:
                    group["lr"] = self.rates[name]

    def run(self, batch: Batch) -> None:
        """Update the weights of every optimizer. Nothing here waits for the device."""
        batch = laid_out(batch, self.compute)
        if self.accumulate > 1:
            self._run_parts(batch)
        else:
            self._require_grad(*self.parameters)
            state = self.method(batch | self.clock)
            for name in self.method.order:
                self.optimizers[name].zero_grad()
                self._backward(name, state)
                self._update(name)
        average(self.statistics)

    def _run_parts(self, batch: Batch) -> None:
        """Update the weights by the mean gradients of the parts of a batch.

        All of them are taken at the weights before the step: the loss of one network does not see the update of another. That is
        no difference for a discriminator that follows its generator, whose translations are from before as well.
        """
        self.drop_gradients()
        for part in _parts(batch, self.accumulate):
            self._require_grad(*self.parameters)
            state = self.method(part | self.clock)
            for name in self.method.order:
                self._backward(name, state)
        for name in self.method.order:
            self._require_grad(name)
            self._update(name)

    def _backward(self, name: str, state: dict[str, Tensor]) -> None:
        """Add the gradients of one optimizer's losses to those of its weights."""
        self._require_grad(name)
        terms = self.method.losses(name, state)
        loss = torch.stack(list(terms.values())).sum()
        (loss / self.accumulate if self.accumulate > 1 else loss).backward()  # type: ignore[no-untyped-call]
        self.losses.add(name, terms)

    def _update(self, name: str) -> None:
        average([parameter.grad for parameter in self.parameters[name] if parameter.grad is not None])
        clip_gradients(self.specs[name], self.parameters[name])
        self.optimizers[name].step()
        self.method.after_step(name)

    def drop_gradients(self) -> None:
        """Delete all gradients."""
        for optimizer in self.optimizers.values():
            optimizer.zero_grad()

    def check_alive(self, step: int) -> None:
        """Check that gradients still reach the networks of every optimizer; waits for the device.

        Call it now and then. One check without gradients is no fault: the hinge loss of a discriminator is flat while all its
        logits are beyond the margin.

        Raises:
            TrainingError: networks, in practice a discriminator, received no gradient in several checks in a row.
        """
        for name, optimizer in self.optimizers.items():
            self.stalled[name] = self.stalled.get(name, 0) + 1 if is_stalled(optimizer) else 0
            if self.stalled[name] == STALLED_CHECKS:
                raise TrainingError(
                    f"the {name} is dead: no gradient reaches its weights by step {step}",
                    "Try another normalizer or adversarial loss, or a lower learning rate.",
                    step=step,
                    terms=(name,),
                )

    def tensors(self) -> dict[str, Tensor]:
        """Return all state by name: the method's, each optimizer's and the sums of losses."""
        tensors = {f"method.{name}": tensor for name, tensor in self.method.state_dict().items()}
        for name, optimizer in self.optimizers.items():
            for key, tensor in state_tensors(optimizer, self._named(name)).items():
                tensors[f"optimizer.{name}.{key}"] = tensor
        return tensors | {f"loss.{name}": mean(value) for name, value in self.losses.sums.items()}

    def restore(self, tensors: Mapping[str, Tensor], counts: Mapping[str, int]) -> None:
        """Load the state that `tensors` returned.

        Raises:
            RuntimeError, KeyError: the tensors are of another method.
        """
        self.method.load_state_dict(self._renamed(_under("method.", tensors)))
        for name, optimizer in self.optimizers.items():
            state = _under(f"optimizer.{name}.", tensors) | _under(f"adam.{name}.", tensors)  # their name until 0.2
            restore_state(optimizer, self._named(name), self._renamed(state))
        sums = _under("loss.", tensors)  # sorted by name, as files of tensors are
        names = [*(name for name in counts if name in sums), *(name for name in sums if name not in counts)]
        self.losses.sums = {name: sums[name].to(self.device) for name in names}
        self.losses.counts = dict(counts)

    def _renamed(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return tensors under the present names of the method's submodules."""
        former = self.method.former_names
        split = {name: name.partition(".") for name in tensors}
        return {f"{former.get(child, child)}{dot}{rest}": tensors[name] for name, (child, dot, rest) in split.items()}

    def _named(self, optimizer_name: str) -> dict[str, nn.Parameter]:
        names = {id(parameter): name for name, parameter in self.method.named_parameters()}
        return {names[id(parameter)]: parameter for parameter in self.parameters[optimizer_name]}

    def _require_grad(self, *names: str) -> None:
        """Let gradients reach the weights of these optimizers only."""
        for parameters in self.parameters.values():
            for parameter in parameters:
                parameter.requires_grad_(False)
        for name in names:
            for parameter in self.parameters[name]:
                parameter.requires_grad_(True)


def _trained(networks: list[nn.Module]) -> list[nn.Parameter]:
    """Return the networks' parameters once each, without those that the method itself froze."""
    found = {id(p): p for network in networks for p in network.parameters() if p.requires_grad}
    return list(found.values())


def _parts(batch: Batch, count: int) -> Iterator[Batch]:
    """Yield the parts of a batch, with as many images each."""
    size = len(batch["visible"]) // count
    for start in range(0, size * count, size):
        yield {name: value[start : start + size] for name, value in batch.items()}


def _under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
