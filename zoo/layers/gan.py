"""Adversarial losses on a discriminator's logits."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoo.contracts import Normalizer

GanKind = Literal["lsgan", "log"]


def gan_loss(logits: Tensor, target_is_real: bool, kind: GanKind) -> Tensor:
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


def discriminator_terms(
    discriminator: nn.Module, normalizer: Normalizer, real: Tensor, fake: Tensor, kind: GanKind
) -> dict[str, Tensor]:
    """Return a discriminator's scalar terms: half of both its losses (`D`), and its normalizer's `penalty`, if any.

    Args:
        real, fake: what it sees, [N, C, H, W]; `fake` is detached.
    """
    terms = {"D": 0.5 * (gan_loss(discriminator(real), True, kind) + gan_loss(discriminator(fake), False, kind))}
    penalty = normalizer.penalty(discriminator, real, fake)
    return terms if penalty is None else {**terms, "penalty": penalty}
