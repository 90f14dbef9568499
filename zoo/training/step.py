"""One optimizer step of any method: each player's turn in order, and only that player's weights with gradients."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from zoo.compute.networks import copied_like, laid_out
from zoo.compute.options import PLAIN, Speed
from zoo.contracts import Batch, Method
from zoo.training.distributed import average, mean, running_statistics
from zoo.training.losses import RunningLosses, TrainingError

STALLED = 1e-12
"""Largest first moment of Adam under which nothing is learned: its update divides by at least eps, 1e-8."""


class TrainStep:
    """A method, one Adam a player, and the losses since they were last read.

    Args:
        method: on its device, prepared for training.
        accelerator: runs the backward passes and wraps the optimizers.
        speed: how the steps are computed; the networks' part in it is given to them by `networks.prepared`.
    """

    def __init__(self, method: Method, accelerator: Accelerator, speed: Speed = PLAIN) -> None:
        self.method, self.accelerator, self.losses, self.speed = method, accelerator, RunningLosses(), speed
        # Not wrapped for several processes: `losses` calls networks too, and each player has gradients of its own to average.
        self.model: nn.Module = accelerator.prepare_model(method, evaluation_mode=True)
        self.statistics = running_statistics(method)
        self.parameters = {player: _trained(modules) for player, modules in method.networks().items()}
        assert set(method.order) <= set(self.parameters), "the method's order names a player that it does not have"
        self.specs = {player: method.optimizer(player) for player in self.parameters}
        self.device = next(iter(self.parameters.values()))[0].device
        self.optimizers = {player: accelerator.prepare_optimizer(self._adam(player)) for player in self.parameters}

    def step(self, batch: Batch, factor: float) -> None:
        """Let every player have its turn, with `factor` times its learning rate."""
        self.set_rates(factor)
        self.run(batch)

    def set_rates(self, factor: float) -> None:
        """Set every player's learning rate for the turns that follow."""
        for player, optimizer in self.optimizers.items():
            rate = self.specs[player].lr * factor
            for group in optimizer.param_groups:
                if isinstance(group["lr"], Tensor):
                    group["lr"].fill_(rate)  # where a recorded step reads it
                else:
                    group["lr"] = rate

    def run(self, batch: Batch) -> None:
        """Let every player have its turn. Nothing here waits for the device."""
        self._give_gradients(*self.parameters)
        state = self.model(laid_out(batch, self.speed))
        for player in self.method.order:
            self._give_gradients(player)
            terms = self.method.losses(player, state)
            optimizer = self.optimizers[player]
            optimizer.zero_grad()
            self.accelerator.backward(torch.stack(list(terms.values())).sum())
            average([parameter.grad for parameter in self.parameters[player] if parameter.grad is not None])
            optimizer.step()
            self.method.after_step(player)
            self.losses.add(player, terms)
        average(self.statistics)

    def drop_gradients(self) -> None:
        """Forget all gradients."""
        for optimizer in self.optimizers.values():
            optimizer.zero_grad()

    def check_alive(self, step: int) -> None:
        """Look whether gradients still reach every player; waits for the device.

        Raises:
            TrainingError: a player, in practice a discriminator, gets none any more.
        """
        for player, optimizer in self.optimizers.items():
            # Adam's first moment is a running mean of the gradients: one look covers the steps before.
            moments = [state["exp_avg"] for state in optimizer.state.values()]
            if moments and float(nn.utils.get_total_norm(moments, norm_type=float("inf"))) < STALLED:
                raise TrainingError(
                    f"the {player} is dead: no gradient reaches its weights by step {step}",
                    "Try another normalizer or adversarial loss, or a lower learning rate.",
                    step=step,
                    terms=(player,),
                )

    def tensors(self) -> dict[str, Tensor]:
        """Return all state by name: the method's, each Adam's and the sums of losses."""
        tensors = {f"method.{name}": tensor for name, tensor in self.method.state_dict().items()}
        for player, optimizer in self.optimizers.items():
            for name, parameter in self._named(player).items():
                for key, tensor in optimizer.state.get(parameter, {}).items():
                    tensors[f"adam.{player}.{name}.{key}"] = tensor
        return tensors | {f"loss.{name}": mean(value) for name, value in self.losses.sums.items()}

    def restore(self, tensors: Mapping[str, Tensor], counts: Mapping[str, int]) -> None:
        """Take over what `tensors` gave.

        Raises:
            RuntimeError, KeyError: the tensors are of another method.
        """
        self.method.load_state_dict(_under("method.", tensors))
        for player, optimizer in self.optimizers.items():
            saved = optimizer.state_dict()
            saved["state"] = {
                place: _laid_out_like(parameter, moments)
                for place, (name, parameter) in enumerate(self._named(player).items())
                if (moments := _under(f"adam.{player}.{name}.", tensors))
            }
            optimizer.load_state_dict(saved)
        self.losses.sums = {name: value.to(self.device) for name, value in _under("loss.", tensors).items()}
        self.losses.counts = dict(counts)

    def _adam(self, player: str) -> torch.optim.Adam:
        spec, on_gpu = self.specs[player], self.device.type == "cuda"
        recorded = self.speed.graph and on_gpu
        return torch.optim.Adam(
            self.parameters[player],
            lr=torch.tensor(spec.lr, device=self.device) if recorded else spec.lr,
            betas=spec.betas,
            eps=spec.eps,
            fused=self.speed.fused or None,
            capturable=recorded,
        )

    def _named(self, player: str) -> dict[str, nn.Parameter]:
        names = {id(parameter): name for name, parameter in self.method.named_parameters()}
        return {names[id(parameter)]: parameter for parameter in self.parameters[player]}

    def _give_gradients(self, *players: str) -> None:
        for parameters in self.parameters.values():
            for parameter in parameters:
                parameter.requires_grad_(False)
        for player in players:
            for parameter in self.parameters[player]:
                parameter.requires_grad_(True)


def _trained(modules: list[nn.Module]) -> list[nn.Parameter]:
    """Return the modules' parameters once each, without those that the method itself froze."""
    found = {id(p): p for module in modules for p in module.parameters() if p.requires_grad}
    return list(found.values())


def _laid_out_like(parameter: Tensor, moments: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return Adam's state with the memory layout of its parameter: a fused step goes through all of them side by side."""
    return {
        key: copied_like(moment, parameter) if moment.shape == parameter.shape else moment
        for key, moment in moments.items()
    }


def _under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
