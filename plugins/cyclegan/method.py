"""CycleGAN (Zhu et al. 2017) with the losses and weights of the authors' code."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from zoo.contracts import Batch, Method, OptimizerSpec, Parts, State
from zoo.layers.gan import discriminator_terms, generator_term
from zoo.layers.pool import HistoryPool
from zoo.sizes import height_width

from .config import CycleGANConfig


class CycleGAN(Method):
    """Two translators, G_A from visible to thermal and G_B back, each with a discriminator in its target domain (D_A thermal, D_B
    visible).

    The generators minimise gan(D_A(G_A(a)), 1) + gan(D_B(G_B(b)), 1) + `cycle` (|G_B(G_A(a)) - a| + |G_A(G_B(b)) - b|)
    + `identity` `cycle` (|G_A(b) - b| + |G_B(a) - a|), with a visible, b thermal and | | the mean absolute difference
    (Eqs. 1-3 and section 5.2). Each discriminator minimises half of gan(D(real), 1) + gan(D(pool(fake)), 0), plus its
    normalizer's penalty in full. Fakes are those made before the generators' update.
    """

    inference = ("G_A",)

    def __init__(self, config: CycleGANConfig, parts: Parts) -> None:
        super().__init__()
        self.config = config
        self.order = ("generator",) + ("discriminator",) * config.discriminator_steps
        self.normalizer = parts.normalizer
        relative = config.identity
        if relative is None:
            relative = 0.5 if parts.visible_channels == parts.thermal_channels else 0.0
        self.identity_weight = relative * config.cycle
        self.G_A = parts.generator(in_channels=parts.visible_channels, out_channels=parts.thermal_channels)

    def prepare_training(self, parts: Parts) -> None:
        """Build the way back, the discriminators and the pools."""
        visible, thermal, pool = parts.visible_channels, parts.thermal_channels, self.config.pool
        self.G_B = parts.generator(in_channels=thermal, out_channels=visible)
        self.D_A = parts.discriminator(in_channels=thermal)
        self.D_B = parts.discriminator(in_channels=visible)
        (height, width), rng = height_width(parts.size), parts.rng
        self.pool_A = HistoryPool(pool, channels=thermal, height=height, width=width, rng=rng)
        self.pool_B = HistoryPool(pool, channels=visible, height=height, width=width, rng=rng)

    def networks(self) -> dict[str, list[nn.Module]]:
        """Return both generators and both discriminators, each with an optimizer."""
        return {"generator": [self.G_A, self.G_B], "discriminator": [self.D_A, self.D_B]}

    def optimizer(self, name: str) -> OptimizerSpec:
        """Return the same settings for both."""
        return OptimizerSpec(
            kind=self.config.optimizer, lr=self.config.lr, betas=(self.config.beta1, self.config.beta2)
        )

    def forward(self, batch: Batch) -> State:
        """Translate both ways and back."""
        visible, thermal = batch["visible"], batch["thermal"]
        fake_thermal, fake_visible = self.G_A(visible), self.G_B(thermal)
        return {
            "visible": visible,
            "thermal": thermal,
            "fake_thermal": fake_thermal,
            "fake_visible": fake_visible,
            "cycled_visible": self.G_B(fake_thermal),
            "cycled_thermal": self.G_A(fake_visible),
        }

    def losses(self, name: str, state: State) -> dict[str, Tensor]:
        """Return the weighted terms of one optimizer."""
        if name == "generator":
            return self._generator_losses(state)
        return {
            **self._discriminator_losses("A", self.D_A, state["thermal"], self.pool_A(state["fake_thermal"])),
            **self._discriminator_losses("B", self.D_B, state["visible"], self.pool_B(state["fake_visible"])),
        }

    def _generator_losses(self, state: State) -> dict[str, Tensor]:
        visible, thermal, config = state["visible"], state["thermal"], self.config
        terms = {
            "gan_A": generator_term(self.D_A, thermal, state["fake_thermal"], config.gan),
            "gan_B": generator_term(self.D_B, visible, state["fake_visible"], config.gan),
            "cycle_A": config.cycle * F.l1_loss(state["cycled_visible"], visible),
            "cycle_B": config.cycle * F.l1_loss(state["cycled_thermal"], thermal),
        }
        if self.identity_weight > 0:
            terms["identity_A"] = self.identity_weight * F.l1_loss(self.G_A(thermal), thermal)
            terms["identity_B"] = self.identity_weight * F.l1_loss(self.G_B(visible), visible)
        return terms

    def _discriminator_losses(
        self, side: str, discriminator: nn.Module, real: Tensor, fake: Tensor
    ) -> dict[str, Tensor]:
        terms = discriminator_terms(discriminator, self.normalizer, real, fake, self.config.gan)
        return {f"{term}_{side}": value for term, value in terms.items()}

    def after_step(self, name: str) -> None:
        """Let the normalizer change the discriminators' weights."""
        if name == "discriminator":
            self.normalizer.after_step(self.D_A)
            self.normalizer.after_step(self.D_B)

    def translate(self, batch: Batch) -> Tensor:
        """Return G_A's thermal images."""
        thermal: Tensor = self.G_A(batch["visible"])
        return thermal
