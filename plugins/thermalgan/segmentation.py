"""Step 1 of ThermalGAN: from a condition, what is seen and how warm things are, to a thermal segmentation."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call

from zoo.contracts import Parts, State
from zoo.layers.parallel import normal_like

from .adversary import discriminator_losses, generator_loss
from .config import ThermalGANConfig
from .encoder import Encoder


class SegmentationStep(nn.Module):
    """A generator G of segmentations S from conditions c, and a discriminator D of both.

    G minimises gan(D(c, G(c)), 1) + `segmentation_l1` |S - G(c)|.

    With a latent code z it is BicycleGAN: an encoder E draws z from N(mean(S), variance(S)) for G(c, z) above, and G and E
    minimise also `kl` KL(E(S) || N(0, 1)). A second discriminator D_random sees G(c, z) of z from N(0, 1), which G, but not
    E, makes such that `latent_l1` |z - mean(G(c, z))| falls (Eqs. 1-9 of Zhu et al. 2017). | | is the mean absolute difference.

    Args:
        channels: channels of a condition.
    """

    def __init__(self, config: ThermalGANConfig, parts: Parts, channels: int) -> None:
        super().__init__()
        self.config, self.normalizer, self.rng, self.channels = config, parts.normalizer, parts.rng, channels
        self.G = parts.generator(in_channels=channels + config.code_length, out_channels=1)

    def prepare_training(self, parts: Parts) -> None:
        """Build the discriminators and the encoder."""
        self.D = parts.discriminator(in_channels=self.channels + 1)
        if self.config.code_length:
            self.D_random = parts.discriminator(in_channels=self.channels + 1)
            self.E = Encoder(self.config.encoder_width, self.config.code_length)

    def networks(self) -> dict[str, list[nn.Module]]:
        """Return the modules of both sides."""
        latent = self.config.code_length > 0
        return {
            "step1_generator": [self.G, self.E] if latent else [self.G],
            "step1_discriminator": [self.D, self.D_random] if latent else [self.D],
        }

    def paint(self, condition: Tensor, code: Tensor | None = None) -> Tensor:
        """Return segmentations [N, 1, H, W] in [-1, 1].

        Args:
            condition: [N, channels, H, W].
            code: [N, latent]; without one, the most likely, all zeros. Not used where the config has no latent code.
        """
        if self.config.code_length:
            size = (-1, -1, *condition.shape[-2:])
            code = condition.new_zeros(condition.shape[0], self.config.code_length) if code is None else code
            condition = torch.cat((condition, code[:, :, None, None].expand(size)), dim=1)
        segmentation: Tensor = self.G(condition)
        return segmentation

    def forward(self, condition: Tensor, segmentation: Tensor) -> State:
        """Paint the condition, with a latent code both as encoded from the real segmentation and at random."""
        state = {"condition": condition, "segmentation": segmentation}
        if not self.config.code_length:
            return {**state, "painted": self.paint(condition)}
        mean, log_variance = self.E(segmentation)
        noise, code = normal_like(mean, self.rng), normal_like(mean, self.rng)
        return {
            **state,
            "painted": self.paint(condition, mean + noise * (log_variance / 2).exp()),
            "painted_random": self.paint(condition, code),
            "code": code,
            "mean": mean,
            "log_variance": log_variance,
        }

    def generator_losses(self, state: State) -> dict[str, Tensor]:
        """Return the weighted terms of G and E."""
        config, condition, painted = self.config, state["condition"], state["painted"]
        terms = {
            "gan": generator_loss(self.D, condition, painted, config.segmentation_gan),
            "l1": config.segmentation_l1 * F.l1_loss(painted, state["segmentation"]),
        }
        if config.code_length:
            mean, log_variance, fake = state["mean"], state["log_variance"], state["painted_random"]
            divergence = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(dim=1).mean()
            terms["kl"] = config.kl * divergence
            terms["gan_random"] = generator_loss(self.D_random, condition, fake, config.segmentation_gan)
            terms["latent"] = config.latent_l1 * F.l1_loss(self._recovered(fake), state["code"])
        return terms

    def discriminator_losses(self, state: State) -> dict[str, Tensor]:
        """Return the weighted terms of the discriminators."""
        given, real, gan = state["condition"], state["segmentation"], self.config.segmentation_gan
        terms = discriminator_losses(self.D, self.normalizer, given, real, state["painted"], gan)
        if self.config.code_length:
            more = discriminator_losses(self.D_random, self.normalizer, given, real, state["painted_random"], gan)
            terms |= {f"{name}_random": term for name, term in more.items()}
        return terms

    def _recovered(self, painted: Tensor) -> Tensor:
        """Return the code that E reads from a painted segmentation; only the painter is to learn from it."""
        frozen = {name: parameter.detach() for name, parameter in self.E.named_parameters()}
        mean: Tensor = functional_call(self.E, frozen, (painted,))[0]
        return mean
