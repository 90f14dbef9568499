"""pix2pixHD (Wang et al. 2018) with the losses and weights of the authors' code, without its VGG loss."""

from __future__ import annotations

from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoo.contracts import Batch, Method, OptimizerSpec, Parts, State
from zoo.errors import UsageError
from zoo.layers.conditions import input_channels, stack
from zoo.layers.gan import gan_loss

from .config import Pix2PixHDConfig
from .discriminator import MultiScaleFeatures

Features = list[list[Tensor]]


class Pix2PixHD(Method):
    """A generator G from what it reads, x, to thermal images y, and a discriminator D of both, concatenated.

    G minimises sum_s gan(D_s(x, G(x)), 1) + `features` sum_s 1/S sum_j |f_sj(x, y) - f_sj(x, G(x))| over the S scales and the
    stages j before the logits (Eqs. 3-5), | | the mean absolute difference; D minimises half of
    sum_s gan(D_s(x, y), 1) + gan(D_s(x, G(x)), 0), plus its normalizer's penalty in full. There is no L1 term.
    """

    order = ("generator", "discriminator")
    inference = ("G",)

    def __init__(self, config: Pix2PixHDConfig, parts: Parts) -> None:
        super().__init__()
        self.config = config
        self.normalizer = parts.normalizer
        self.reads, self.classes, self.thermal_range = parts.reads, len(parts.classes), parts.thermal_range
        self.G = parts.generator(in_channels=input_channels(parts), out_channels=parts.thermal_channels)

    def prepare_training(self, parts: Parts) -> None:
        """Build the discriminator.

        Raises:
            UsageError: its normalizer hides its features.
        """
        self.D = parts.discriminator(in_channels=input_channels(parts) + parts.thermal_channels)
        if not hasattr(self.D, "features"):
            raise UsageError(
                "pix2pixhd matches features of its discriminator, and the normalizer wraps them",
                "Use the normalizer none, sn or gp",
            )

    def networks(self) -> dict[str, list[nn.Module]]:
        """Return both networks, each with an optimizer."""
        return {"generator": [self.G], "discriminator": [self.D]}

    def optimizer(self, name: str) -> OptimizerSpec:
        """Return the same Adam for both."""
        return OptimizerSpec(lr=self.config.lr, betas=(self.config.beta1, self.config.beta2))

    def forward(self, batch: Batch) -> State:
        """Translate the batch."""
        x = stack(batch, self.reads, self.classes, self.thermal_range)
        return {"x": x, "y": batch["thermal"], "fake": self.G(x)}

    def losses(self, name: str, state: State) -> dict[str, Tensor]:
        """Return the weighted terms of one optimizer."""
        real = torch.cat((state["x"], state["y"]), dim=1)
        if name == "generator":
            fake = self._features(torch.cat((state["x"], state["fake"]), dim=1))
            with torch.no_grad():
                matched = self._features(real)
            return {"gan": self._gan(fake, True), "features": self.config.features * feature_matching(fake, matched)}
        fake_pair = torch.cat((state["x"], state["fake"].detach()), dim=1)
        both = self._gan(self._features(real), True) + self._gan(self._features(fake_pair), False)
        penalty = self.normalizer.penalty(self.D, real, fake_pair)
        return {"D": 0.5 * both} if penalty is None else {"D": 0.5 * both, "penalty": penalty}

    def after_step(self, name: str) -> None:
        """Let the normalizer change the discriminator's weights."""
        if name == "discriminator":
            self.normalizer.after_step(self.D)

    def translate(self, batch: Batch) -> Tensor:
        """Return thermal images [N, C, H, W] in [-1, 1] for all that the generator reads."""
        thermal: Tensor = self.G(stack(batch, self.reads, self.classes, self.thermal_range))
        return thermal

    def _features(self, pair: Tensor) -> Features:
        """Return the discriminator's features of images and what they were made from, for each scale."""
        return cast(MultiScaleFeatures, self.D).features(pair)

    def _gan(self, features: Features, target_is_real: bool) -> Tensor:
        """Return the adversarial loss, summed over the scales."""
        return torch.stack([gan_loss(stages[-1], target_is_real, self.config.gan) for stages in features]).sum()


def feature_matching(fake: Features, real: Features) -> Tensor:
    """Return the mean over the scales of the summed mean absolute differences of all features but the logits, a scalar."""
    terms = [
        F.l1_loss(a, b)
        for ours, theirs in zip(fake, real, strict=True)
        for a, b in zip(ours[:-1], theirs[:-1], strict=True)
    ]
    return torch.stack(terms).sum() / len(fake)
