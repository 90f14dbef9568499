"""One training step of any method: the update of each optimizer in `order`, with gradients for its own weights only."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from zoo.compute.networks import copied_like, laid_out
from zoo.compute.options import PLAIN, ComputeOptions
from zoo.contracts import Batch, Method
from zoo.training.distributed import average, mean, running_statistics
from zoo.training.losses import RunningLosses, TrainingError

STALLED = 1e-12
"""Largest first moment of Adam below which nothing is learned: its update divides by at least eps, 1e-8."""


class TrainStep:
    """A method, its optimizers by name, and the losses since the last log entry.

    Args:
        method: on its device, prepared for training.
        compute: how a step is computed; `zoo.compute.networks.prepared` applies its options to the networks.
    """

    def __init__(self, method: Method, compute: ComputeOptions = PLAIN) -> None:
        self.method, self.losses, self.compute = method, RunningLosses(), compute
        self.statistics = running_statistics(method)
        self.parameters = {name: _trained(networks) for name, networks in method.networks().items()}
        assert set(method.order) <= set(self.parameters), "the method's order names an optimizer that has no networks"
        self.specs = {name: method.optimizer(name) for name in self.parameters}
        self.device = next(iter(self.parameters.values()))[0].device
        self.optimizers = {name: self._adam(name) for name in self.parameters}

    def step(self, batch: Batch, factor: float) -> None:
        """Update the weights of every optimizer, at `factor` times its learning rate."""
        self.set_rates(factor)
        self.run(batch)

    def set_rates(self, factor: float) -> None:
        """Set every optimizer's learning rate for the next updates."""
        for name, optimizer in self.optimizers.items():
            rate = self.specs[name].lr * factor
            for group in optimizer.param_groups:
                if isinstance(group["lr"], Tensor):
                    group["lr"].fill_(rate)  # a captured CUDA graph reads it there
                else:
                    group["lr"] = rate

    def run(self, batch: Batch) -> None:
        """Update the weights of every optimizer. Nothing here waits for the device."""
        self._require_grad(*self.parameters)
        state = self.method(laid_out(batch, self.compute))
        for name in self.method.order:
            self._require_grad(name)
            terms = self.method.losses(name, state)
            optimizer = self.optimizers[name]
            optimizer.zero_grad()
            torch.stack(list(terms.values())).sum().backward()  # type: ignore[no-untyped-call]
            average([parameter.grad for parameter in self.parameters[name] if parameter.grad is not None])
            optimizer.step()
            self.method.after_step(name)
            self.losses.add(name, terms)
        average(self.statistics)

    def drop_gradients(self) -> None:
        """Delete all gradients."""
        for optimizer in self.optimizers.values():
            optimizer.zero_grad()

    def check_alive(self, step: int) -> None:
        """Check that gradients still reach the networks of every optimizer; waits for the device.

        Raises:
            TrainingError: networks, in practice a discriminator, receive no gradient any more.
        """
        for name, optimizer in self.optimizers.items():
            # Adam's first moment is a running mean of the gradients, so it also covers the steps before.
            moments = [state["exp_avg"] for state in optimizer.state.values()]
            if moments and float(nn.utils.get_total_norm(moments, norm_type=float("inf"))) < STALLED:
                raise TrainingError(
                    f"the {name} is dead: no gradient reaches its weights by step {step}",
                    "Try another normalizer or adversarial loss, or a lower learning rate.",
                    step=step,
                    terms=(name,),
                )

    def tensors(self) -> dict[str, Tensor]:
        """Return all state by name: the method's, each Adam's and the sums of losses."""
        tensors = {f"method.{name}": tensor for name, tensor in self.method.state_dict().items()}
        for optimizer_name, optimizer in self.optimizers.items():
            for name, parameter in self._named(optimizer_name).items():
                for key, tensor in optimizer.state.get(parameter, {}).items():
                    tensors[f"adam.{optimizer_name}.{name}.{key}"] = tensor
        return tensors | {f"loss.{name}": mean(value) for name, value in self.losses.sums.items()}

    def restore(self, tensors: Mapping[str, Tensor], counts: Mapping[str, int]) -> None:
        """Load the state that `tensors` returned.

        Raises:
            RuntimeError, KeyError: the tensors are of another method.
        """
        self.method.load_state_dict(self._renamed(_under("method.", tensors)))
        for optimizer_name, optimizer in self.optimizers.items():
            moments = self._renamed(_under(f"adam.{optimizer_name}.", tensors))
            saved = optimizer.state_dict()
            saved["state"] = {
                index: _laid_out_like(parameter, state)
                for index, (name, parameter) in enumerate(self._named(optimizer_name).items())
                if (state := _under(f"{name}.", moments))
            }
            optimizer.load_state_dict(saved)
        self.losses.sums = {name: value.to(self.device) for name, value in _under("loss.", tensors).items()}
        self.losses.counts = dict(counts)

    def _renamed(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return tensors under the present names of the method's submodules."""
        former = self.method.former_names
        split = {name: name.partition(".") for name in tensors}
        return {f"{former.get(child, child)}{dot}{rest}": tensors[name] for name, (child, dot, rest) in split.items()}

    def _adam(self, name: str) -> torch.optim.Adam:
        spec = self.specs[name]
        captured = self.compute.graph and self.device.type == "cuda"
        return torch.optim.Adam(
            self.parameters[name],
            lr=torch.tensor(spec.lr, device=self.device) if captured else spec.lr,
            betas=spec.betas,
            eps=spec.eps,
            fused=self.compute.fused or None,
            capturable=captured,
        )

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


def _laid_out_like(parameter: Tensor, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return Adam's state in the memory layout of its parameter: a fused step iterates over both alike."""
    return {
        key: copied_like(moment, parameter) if moment.shape == parameter.shape else moment
        for key, moment in state.items()
    }


def _under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
