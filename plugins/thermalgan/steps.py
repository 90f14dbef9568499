"""The two steps of ThermalGAN: from a condition to a thermal segmentation, and from that to the contrasts inside the objects."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call

from zoo.contracts import Parts, State
from zoo.layers.gan import discriminator_terms, gan_loss
from zoo.layers.parallel import normal_like

from .config import ThermalGANConfig
from .encoder import Encoder


class SegmentationStep(nn.Module):
    """A generator G of segmentations S from conditions c, and a discriminator D of both.

    G minimises gan(D(c, G(c)), 1) + `segmentation_l1` |S - G(c)|.

    With a latent code z it is BicycleGAN: an encoder E draws z from N(mean(S), variance(S)) for G(c, z) above, and G and E
    minimise also `kl` KL(E(S) || N(0, 1)). A second discriminator D_random sees G(c, z) of z from N(0, 1); G, but not E, also
    minimises for these `latent_l1` |z - mean(G(c, z))| falls (Eqs. 1-9 of Zhu et al. 2017). | | is the mean absolute difference.

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
        """Return the networks of both optimizers."""
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
            "gan": gan_loss(self.D(torch.cat((condition, painted), dim=1)), True, config.segmentation_gan),
            "l1": config.segmentation_l1 * F.l1_loss(painted, state["segmentation"]),
        }
        if config.code_length:
            mean, log_variance, fake = state["mean"], state["log_variance"], state["painted_random"]
            divergence = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(dim=1).mean()
            terms["kl"] = config.kl * divergence
            logits = self.D_random(torch.cat((condition, fake), dim=1))
            terms["gan_random"] = gan_loss(logits, True, config.segmentation_gan)
            terms["latent"] = config.latent_l1 * F.l1_loss(self._recovered(fake), state["code"])
        return terms

    def discriminator_losses(self, state: State) -> dict[str, Tensor]:
        """Return the weighted terms of the discriminators."""
        condition, config = state["condition"], self.config
        real = torch.cat((condition, state["segmentation"]), dim=1)
        fake = torch.cat((condition, state["painted"].detach()), dim=1)
        terms = discriminator_terms(self.D, self.normalizer, real, fake, config.segmentation_gan)
        if config.code_length:
            fake = torch.cat((condition, state["painted_random"].detach()), dim=1)
            random = discriminator_terms(self.D_random, self.normalizer, real, fake, config.segmentation_gan)
            terms |= {f"{name}_random": term for name, term in random.items()}
        return terms

    def _recovered(self, painted: Tensor) -> Tensor:
        """Return the code that E encodes from a painted segmentation; its gradients reach the segmentation, not E."""
        frozen = {name: parameter.detach() for name, parameter in self.E.named_parameters()}
        mean: Tensor = functional_call(self.E, frozen, (painted,))[0]
        return mean


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
        """Return the networks of both optimizers."""
        return {"step2_discriminator": [self.D], "step2_generator": [self.G]}

    def forward(self, x: Tensor, y: Tensor) -> State:
        """Translate the input."""
        return {"x": x, "y": y, "fake": self.G(x)}

    def generator_losses(self, state: State) -> dict[str, Tensor]:
        """Return the weighted terms of G."""
        logits = self.D(torch.cat((state["x"], state["fake"]), dim=1))
        return {
            "gan": gan_loss(logits, True, self.config.gan),
            "l1": self.config.l1 * F.l1_loss(state["fake"], state["y"]),
        }

    def discriminator_losses(self, state: State) -> dict[str, Tensor]:
        """Return the weighted terms of D."""
        real, fake = (torch.cat((state["x"], y), dim=1) for y in (state["y"], state["fake"].detach()))
        return discriminator_terms(self.D, self.normalizer, real, fake, self.config.gan)
