"""pix2pix (Isola et al. 2017) with the losses and weights of the authors' code."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoo.contracts import Batch, Method, OptimizerSpec, Parts, State
from zoo.layers.conditions import input_channels, stack
from zoo.layers.gan import discriminator_terms, generator_term

from .config import Pix2PixConfig


class Pix2Pix(Method):
    """A generator G from what it reads, x, to thermal images y, and a discriminator D of both, concatenated.

    The discriminator, which is updated first, minimises half of gan(D(x, y), 1) + gan(D(x, G(x)), 0), plus its normalizer's
    penalty in full; the generator minimises gan(D(x, G(x)), 1) + `l1` |y - G(x)| with the same G(x) (Eqs. 1, 3, 4), | | the
    mean absolute difference. There is no noise except dropout, and no history pool.
    """

    order = ("discriminator", "generator")
    inference = ("G",)

    def __init__(self, config: Pix2PixConfig, parts: Parts) -> None:
        super().__init__()
        self.config = config
        self.test_mode = config.evaluation
        self.normalizer = parts.normalizer
        self.reads, self.classes, self.thermal_range = parts.reads, len(parts.classes), parts.thermal_range
        self.G = parts.generator(in_channels=input_channels(parts), out_channels=parts.thermal_channels)

    def prepare_training(self, parts: Parts) -> None:
        """Build the discriminator."""
        self.D = parts.discriminator(in_channels=input_channels(parts) + parts.thermal_channels)

    def networks(self) -> dict[str, list[nn.Module]]:
        """Return both networks, each with an optimizer."""
        return {"discriminator": [self.D], "generator": [self.G]}

    def optimizer(self, name: str) -> OptimizerSpec:
        """Return the same settings for both."""
        return OptimizerSpec(
            kind=self.config.optimizer, lr=self.config.lr, betas=(self.config.beta1, self.config.beta2)
        )

    def forward(self, batch: Batch) -> State:
        """Translate the batch."""
        x = self._input(batch)
        return {"x": x, "y": batch["thermal"], "fake": self.G(x)}

    def losses(self, name: str, state: State) -> dict[str, Tensor]:
        """Return the weighted terms of one optimizer."""
        x, y, fake, gan = state["x"], state["y"], state["fake"], self.config.gan
        real = torch.cat((x, y), dim=1)
        if name == "generator":
            adversarial = generator_term(self.D, real, torch.cat((x, fake), dim=1), gan)
            return {"gan": adversarial, "l1": self.config.l1 * F.l1_loss(fake, y)}
        return discriminator_terms(self.D, self.normalizer, real, torch.cat((x, fake.detach()), dim=1), gan)

    def after_step(self, name: str) -> None:
        """Let the normalizer change the discriminator's weights."""
        if name == "discriminator":
            self.normalizer.after_step(self.D)

    def translate(self, batch: Batch) -> Tensor:
        """Return thermal images [N, C, H, W] in [-1, 1] for all that the generator reads."""
        thermal: Tensor = self.G(self._input(batch))
        return thermal

    def _input(self, batch: Batch) -> Tensor:
        return stack(batch, self.reads, self.classes, self.thermal_range)
