"""One optimizer step of any method: each player's turn in order, and only that player's weights with gradients."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from zoo.contracts import Batch, Method
from zoo.train.losses import RunningLosses, TrainingError

STALLED = 1e-12
"""Largest first moment of Adam under which nothing is learned: its update divides by at least eps, 1e-8."""


class Turns:
    """A method, one Adam a player, and the losses since they were last read.

    Args:
        method: on its device, prepared for training.
        accelerator: runs the backward passes and wraps the optimizers.
    """

    def __init__(self, method: Method, accelerator: Accelerator) -> None:
        self.method, self.accelerator, self.losses = method, accelerator, RunningLosses()
        self.model: nn.Module = accelerator.prepare_model(method)
        self.parameters = {player: _trained(modules) for player, modules in method.players().items()}
        assert set(method.order) <= set(self.parameters), "the method's order names a player that it does not have"
        self.specs = {player: method.optimizer(player) for player in self.parameters}
        self.optimizers = {
            player: accelerator.prepare_optimizer(
                torch.optim.Adam(parameters, lr=spec.lr, betas=spec.betas, eps=spec.eps)
            )
            for (player, parameters), spec in zip(self.parameters.items(), self.specs.values(), strict=True)
        }

    def step(self, batch: Batch, factor: float) -> None:
        """Let every player have its turn, with `factor` times its learning rate."""
        self._give_gradients(*self.parameters)
        with self.accelerator.autocast():
            state = self.model(batch)
        for player in self.method.order:
            self._give_gradients(player)
            with self.accelerator.autocast():
                terms = self.method.losses(player, state)
            optimizer = self.optimizers[player]
            for group in optimizer.param_groups:
                group["lr"] = self.specs[player].lr * factor
            optimizer.zero_grad()
            self.accelerator.backward(torch.stack(list(terms.values())).sum())
            optimizer.step()
            self.method.after_step(player)
            self.losses.add(player, terms)

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
        return tensors | {f"loss.{name}": value for name, value in self.losses.sums.items()}

    def restore(self, tensors: Mapping[str, Tensor], counts: Mapping[str, int]) -> None:
        """Take over what `tensors` gave.

        Raises:
            RuntimeError, KeyError: the tensors are of another method.
        """
        self.method.load_state_dict(_under("method.", tensors))
        for player, optimizer in self.optimizers.items():
            saved = optimizer.state_dict()
            saved["state"] = {
                place: moments
                for place, name in enumerate(self._named(player))
                if (moments := _under(f"adam.{player}.{name}.", tensors))
            }
            optimizer.load_state_dict(saved)
        device = next(iter(self.parameters.values()))[0].device
        self.losses.sums = {name: value.to(device) for name, value in _under("loss.", tensors).items()}
        self.losses.counts = dict(counts)

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


def _under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
