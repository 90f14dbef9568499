"""Step 2 of ThermalGAN: from what is seen and its thermal segmentation to the contrasts inside the objects."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from zoo.contracts import Parts, State

from .adversary import discriminator_losses, generator_loss
from .config import ThermalGANConfig


class ContrastStep(nn.Module):
    """A generator G of targets y from inputs x, and a discriminator D of both, as in pix2pix.

    G minimises gan(D(x, G(x)), 1) + `l1` |y - G(x)|, | | the mean absolute difference.

    Args:
        channels: channels of an input.
        out_channels: channels of a target.
    """

    def __init__(self, config: ThermalGANConfig, parts: Parts, *, channels: int, out_channels: int) -> None:
        super().__init__()
        self.config, self.normalizer = config, parts.normalizer
        self.discriminator_channels = channels + out_channels
        self.G = parts.generator(in_channels=channels, out_channels=out_channels)

    def prepare_training(self, parts: Parts) -> None:
        """Build the discriminator."""
        self.D = parts.discriminator(in_channels=self.discriminator_channels)

    def networks(self) -> dict[str, list[nn.Module]]:
        """Return the modules of both sides."""
        return {"step2_discriminator": [self.D], "step2_generator": [self.G]}

    def forward(self, x: Tensor, y: Tensor) -> State:
        """Translate the input."""
        return {"x": x, "y": y, "fake": self.G(x)}

    def generator_losses(self, state: State) -> dict[str, Tensor]:
        """Return the weighted terms of G."""
        adversarial = generator_loss(self.D, state["x"], state["fake"], self.config.gan)
        return {"gan": adversarial, "l1": self.config.l1 * F.l1_loss(state["fake"], state["y"])}

    def discriminator_losses(self, state: State) -> dict[str, Tensor]:
        """Return the weighted terms of D."""
        return discriminator_losses(self.D, self.normalizer, state["x"], state["y"], state["fake"], self.config.gan)
