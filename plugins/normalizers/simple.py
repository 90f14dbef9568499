"""The short normalizers: none, the gradient penalty and weight clipping."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from zoo.contracts import Normalizer

from .config import ClippingConfig, GradientPenaltyConfig, NoneConfig


class NoNormalizer(Normalizer):
    """Does not change the discriminator."""

    def __init__(self, config: NoneConfig) -> None:
        self.config = config


class GradientPenalty(Normalizer):
    """The gradient penalty of WGAN-GP (Gulrajani et al. 2017, equation 3): weight * mean of (|grad_x f(x)| - 1)^2 over
    x = alpha * real + (1 - alpha) * fake, one alpha from U(0, 1) a sample.

    f is the mean of a sample's logits unless configured. The alphas come from torch's global random stream of the images'
    device, which checkpoints hold. The samples of x must not influence one another inside the discriminator.
    """

    def __init__(self, config: GradientPenaltyConfig) -> None:
        self.config = config

    def penalty(self, discriminator: nn.Module, real: Tensor, fake: Tensor) -> Tensor:
        """Return the weighted penalty, a scalar of at least float32, for real and fake [N, C, H, W]; both stay as they are."""
        alpha = torch.rand(len(real), 1, 1, 1, device=real.device, dtype=real.dtype)
        x = torch.lerp(fake.detach().to(real.dtype), real.detach(), alpha)

        def total(x: Tensor) -> Tensor:
            # The gradient of a sum over independent samples is each sample's own.
            logits: Tensor = discriminator(x)
            f = logits.to(torch.promote_types(logits.dtype, torch.float32)).flatten(1)
            return f.mean(1).sum() if self.config.reading == "mean" else f.sum()

        # As in gradient normalization: torch.compile captures torch.func.grad whole, unlike torch.autograd.grad.
        gradient: Tensor = torch.func.grad(total)(x).flatten(1)
        norms = torch.linalg.vector_norm(gradient.to(torch.promote_types(gradient.dtype, torch.float32)), dim=1)
        penalty: Tensor = self.config.weight * (norms - 1).square().mean()
        return penalty


class WeightClipping(Normalizer):
    """Clamps every parameter of the discriminator to [-c, c] after each update (Arjovsky et al. 2017, algorithm 1)."""

    def __init__(self, config: ClippingConfig) -> None:
        self.config = config

    @torch.no_grad()
    def after_step(self, discriminator: nn.Module) -> None:
        """Clip in place."""
        for parameter in discriminator.parameters():
            parameter.clamp_(-self.config.c, self.config.c)
