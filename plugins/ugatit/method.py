"""U-GAT-IT (Kim et al. 2020) with the losses, weights and update order of the authors' code."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoo.contracts import Batch, Method, OptimizerSpec, Parts, State
from zoo.layers.gan import gan_loss

from .blocks import LayerInstanceNorm
from .config import UGATITConfig


class UGATIT(Method):
    """Two translators, G_A from visible to thermal and G_B back, each with discriminators in its target domain (D_A thermal, D_B
    visible).

    The discriminators are updated first and minimise the sum of (D(real) - 1)^2 + D(fake)^2 over both domains, the global and the
    local discriminator, and their logits and CAM logits (Eq. 3), plus their normalizer's penalties. The generators minimise
    `gan` times the same sum of (D(fake) - 1)^2, `cycle` and `identity` times L1 distances as in CycleGAN (Eqs. 4, 5), and `cam`
    times the cross entropy of their CAM logits, 1 for an image to translate and 0 for one of the target domain (Eq. 6). Both
    generators read three channels, in which grey thermal images are repeated. Where a network has no CAM logits, as those of
    other methods, their terms are left out.
    """

    order = ("discriminator", "generator")
    inference = ("G_A",)

    def __init__(self, config: UGATITConfig, parts: Parts) -> None:
        super().__init__()
        self.config, self.normalizer = config, parts.normalizer
        self.visible_channels = parts.visible_channels
        self.G_A = parts.generator(in_channels=parts.visible_channels, out_channels=parts.thermal_channels)

    def prepare_training(self, parts: Parts) -> None:
        """Build the way back and the discriminators."""
        self.G_B = parts.generator(in_channels=parts.visible_channels, out_channels=parts.visible_channels)
        self.D_A = parts.discriminator(in_channels=parts.thermal_channels)
        self.D_B = parts.discriminator(in_channels=parts.visible_channels)

    def networks(self) -> dict[str, list[nn.Module]]:
        """Return both generators and all discriminators, each with an optimizer."""
        return {"discriminator": [self.D_A, self.D_B], "generator": [self.G_A, self.G_B]}

    def optimizer(self, name: str) -> OptimizerSpec:
        """Return the same Adam for both, with an L2 penalty."""
        config = self.config
        return OptimizerSpec(lr=config.lr, betas=(config.beta1, config.beta2), weight_decay=config.weight_decay)

    def forward(self, batch: Batch) -> State:
        """Translate both ways."""
        visible, thermal = batch["visible"], batch["thermal"]
        fake_thermal, cam_thermal = _translated(self.G_A, visible)
        fake_visible, cam_visible = _translated(self.G_B, self._read(thermal))
        state = {"visible": visible, "thermal": thermal, "fake_thermal": fake_thermal, "fake_visible": fake_visible}
        if cam_thermal is None or cam_visible is None:
            return state
        return {**state, "cam_A": cam_thermal, "cam_B": cam_visible}

    def losses(self, name: str, state: State) -> dict[str, Tensor]:
        """Return the weighted terms of one optimizer."""
        visible, thermal = state["visible"], state["thermal"]
        sides = (("A", self.D_A, thermal, state["fake_thermal"]), ("B", self.D_B, visible, state["fake_visible"]))
        if name == "generator":
            gan = {f"gan_{side}": self.config.gan * _adversarial(critic, fake, True) for side, critic, _, fake in sides}
            return gan | self._cycle_losses(state) | self._target_losses(state)
        terms: dict[str, Tensor] = {}
        for side, critic, real, fake in sides:
            terms[f"D_{side}"] = _adversarial(critic, real, True) + _adversarial(critic, fake.detach(), False)
            penalty = self.normalizer.penalty(critic, real, fake.detach())
            if penalty is not None:
                terms[f"penalty_{side}"] = penalty
        return terms

    def _cycle_losses(self, state: State) -> dict[str, Tensor]:
        """Return the distances between images and their translations there and back."""
        cycled_visible, cycled_thermal = self.G_B(self._read(state["fake_thermal"])), self.G_A(state["fake_visible"])
        return {
            "cycle_A": self.config.cycle * F.l1_loss(cycled_visible, state["visible"]),
            "cycle_B": self.config.cycle * F.l1_loss(cycled_thermal, state["thermal"]),
        }

    def _target_losses(self, state: State) -> dict[str, Tensor]:
        """Return what images of a generator's target domain cost: their change, and their confusion with the other domain."""
        terms = {}
        sides = (("A", self.G_A, state["thermal"]), ("B", self.G_B, state["visible"]))
        for side, generator, image in sides:
            same, target = _translated(generator, self._read(image))
            terms[f"identity_{side}"] = self.config.identity * F.l1_loss(same, image)
            if target is not None:
                entropy = gan_loss(state[f"cam_{side}"], True, "log") + gan_loss(target, False, "log")
                terms[f"cam_{side}"] = self.config.cam * entropy
        return terms

    @torch.no_grad()
    def after_step(self, name: str) -> None:
        """Keep the generators' rho in [0, 1], and let the normalizer change the discriminators' weights."""
        if name == "discriminator":
            self.normalizer.after_step(self.D_A)
            self.normalizer.after_step(self.D_B)
            return
        for module in (*self.G_A.modules(), *self.G_B.modules()):
            if isinstance(module, LayerInstanceNorm):
                module.rho.clamp_(0, 1)

    def translate(self, batch: Batch) -> Tensor:
        """Return G_A's thermal images."""
        thermal: Tensor = self.G_A(batch["visible"])
        return thermal

    def _read(self, images: Tensor) -> Tensor:
        """Return images [N, C, H, W] with as many channels as the generators read; grey is repeated."""
        return images.expand(-1, self.visible_channels, -1, -1)


def _translated(generator: nn.Module, x: Tensor) -> tuple[Tensor, Tensor | None]:
    """Return a generator's images and, where it has attention, its CAM logits."""
    network: Any = generator
    return network.with_cam(x) if hasattr(network, "with_cam") else (network(x), None)


def _adversarial(discriminator: nn.Module, x: Tensor, target_is_real: bool) -> Tensor:
    """Return the sum of the squared distances of all of a discriminator's logits, each output's mean."""
    network: Any = discriminator
    outputs = network.with_cam(x) if hasattr(network, "with_cam") else [(network(x),)]
    return torch.stack([gan_loss(logits, target_is_real, "lsgan") for scored in outputs for logits in scored]).sum()
