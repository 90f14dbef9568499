"""Gradient normalization (Wu et al. 2021, equation 8; GN-CycleGAN, equations 2 and 3)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from zoo.contracts import Normalizer

from .config import GradientNormConfig


class GradientNormalizer(Normalizer):
    """Wraps the discriminator in `GradientNormalized`, for its own update and the generator's."""

    def __init__(self, config: GradientNormConfig) -> None:
        self.config = config

    def wrap(self, discriminator: nn.Module) -> nn.Module:
        """Return the discriminator with normalized logits."""
        return GradientNormalized(discriminator, self.config)


class GradientNormalized(nn.Module):
    """f / (|grad_x f(x)| + zeta) of each sample, f the discriminator inside; zeta is |f| unless configured.

    forward(x [N, C, H, W]) -> [N, 1] for the reading `scalar`, else the shape of the discriminator's logits; with the
    default zeta in [-1, 1], squared in [0, 1]. The samples of x must not influence one another inside the
    discriminator. Works under `torch.no_grad`, with frozen parameters and under autocast; x is left as it is.
    """

    def __init__(self, discriminator: nn.Module, config: GradientNormConfig) -> None:
        super().__init__()
        self.discriminator = discriminator
        self.config = config

    def forward(self, x: Tensor) -> Tensor:
        """Return the normalized logits, at least in float32."""
        config = self.config
        # torch.func differentiates with respect to x whatever the grad mode and x.requires_grad are, and torch.compile
        # captures it whole, unlike torch.autograd.grad.
        gradient, f = torch.func.grad(self._sum, has_aux=True)(x)
        norm = torch.linalg.vector_norm(gradient, dim=tuple(range(1, gradient.ndim)), dtype=f.dtype)
        if config.reading != "sum":
            norm = norm / f[0].numel()
        if config.reading == "scalar":
            f = f.flatten(1).mean(1, keepdim=True)

        zeta = f.abs() if config.zeta == "abs" else config.zeta
        normalized = f / (norm.view(-1, *[1] * (f.ndim - 1)) + zeta)
        if config.squared:
            normalized = normalized.square()
        return torch.lerp(normalized, f, config.mix) if config.mix else normalized

    def _sum(self, x: Tensor) -> tuple[Tensor, Tensor]:
        logits: Tensor = self.discriminator(x)
        logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
        return logits.sum(), logits
