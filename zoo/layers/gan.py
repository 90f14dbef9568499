"""Adversarial losses on a discriminator's logits."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoo.contracts import Normalizer
from zoo.layers.kinds import GanKind, PointwiseGan

RELATIVISTIC = frozenset({"rasgan", "ralsgan", "rahinge"})
"""Kinds that compare logits with the mean of the other side's."""


def gan_loss(logits: Tensor, target_is_real: bool, kind: PointwiseGan) -> Tensor:
    """Return the mean loss of all logits against real or fake, a scalar.

    `lsgan` is the squared distance to 1 or 0 (Mao et al. 2017, Eq. 9 with a=0, b=c=1); `log` is the cross entropy
    -ln D or -ln(1 - D) with D = sigmoid(logits) (Goodfellow et al. 2014, Eq. 1; the generator's loss, with
    `target_is_real`, is its non-saturating form).

    Args:
        logits: [N, S, h, w] (S scales, usually 1) or [N, 1], any real value.
    """
    target = torch.ones_like(logits) if target_is_real else torch.zeros_like(logits)
    if kind == "lsgan":
        return F.mse_loss(logits, target)
    return F.binary_cross_entropy_with_logits(logits, target)


def discriminator_loss(real: Tensor, fake: Tensor, kind: GanKind) -> Tensor:
    """Return a discriminator's loss on its logits of real and fake images, a scalar.

    `wgan` is mean(fake) - mean(real) (Arjovsky et al. 2017, Eq. 2); `hinge` the mean of max(0, 1 - real) and of
    max(0, 1 + fake) (Lim and Ye 2017, as in Miyato et al. 2018, Eq. 16). `rasgan`, `ralsgan` and `rahinge` are `log`, the squared
    distance to 1 and -1, and `hinge`, of logits that are compared with the mean of the other side's (Jolicoeur-Martineau 2018,
    section 4.3 and appendix). All others are `gan_loss` of both.

    Args:
        real, fake: [N, S, h, w] or [N, 1], any real value.
    """
    if kind in RELATIVISTIC:
        real, fake = _relative(real, fake)
    if kind == "wgan":
        return fake.mean() - real.mean()
    if kind in ("hinge", "rahinge"):
        return F.relu(1 - real).mean() + F.relu(1 + fake).mean()
    if kind == "ralsgan":
        return (real - 1).square().mean() + (fake + 1).square().mean()
    return gan_loss(real, True, _pointwise(kind)) + gan_loss(fake, False, _pointwise(kind))


def generator_loss(fake: Tensor, kind: GanKind, real: Tensor | None = None) -> Tensor:
    """Return a generator's loss on the discriminator's logits of its images, a scalar; equations as of `discriminator_loss`.

    That of `wgan` and `hinge` is -mean(fake); a relativistic one is that of the discriminator with both sides exchanged.

    Args:
        fake: [N, S, h, w] or [N, 1].
        real: logits of real images, which the relativistic losses need.
    """
    if kind in RELATIVISTIC:
        assert real is not None, "a relativistic loss compares with the logits of real images"
        return discriminator_loss(fake, real, kind)
    return -fake.mean() if kind in ("wgan", "hinge") else gan_loss(fake, True, _pointwise(kind))


def generator_term(discriminator: nn.Module, real: Tensor, fake: Tensor, kind: GanKind) -> Tensor:
    """Return a generator's loss on its images, a scalar; the discriminator sees the real ones only for a relativistic loss.

    Args:
        real, fake: what the discriminator sees, [N, C, H, W].
    """
    if kind not in RELATIVISTIC:
        return generator_loss(discriminator(fake), kind)
    with torch.no_grad():
        compared = discriminator(real)
    return generator_loss(discriminator(fake), kind, compared)


def discriminator_terms(
    discriminator: nn.Module, normalizer: Normalizer, real: Tensor, fake: Tensor, kind: GanKind
) -> dict[str, Tensor]:
    """Return a discriminator's scalar terms: half of both its losses (`D`), and its normalizer's `penalty`, if any.

    Args:
        real, fake: what it receives, [N, C, H, W]; `fake` is detached.
    """
    terms = {"D": 0.5 * discriminator_loss(discriminator(real), discriminator(fake), kind)}
    penalty = normalizer.penalty(discriminator, real, fake)
    return terms if penalty is None else {**terms, "penalty": penalty}


def _relative(one: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:
    """Return the logits of each side minus the other side's mean over images and places, scale by scale."""
    places = [0, *range(2, one.dim())]
    return one - other.mean(places, keepdim=True), other - one.mean(places, keepdim=True)


def _pointwise(kind: GanKind) -> PointwiseGan:
    return "lsgan" if kind == "lsgan" else "log"
