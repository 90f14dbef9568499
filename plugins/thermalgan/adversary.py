"""The two sides of a conditional adversarial loss: a discriminator sees an image beside what it was made from."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from zoo.contracts import Normalizer
from zoo.layers.gan import GanKind, gan_loss


def generator_loss(discriminator: nn.Module, given: Tensor, fake: Tensor, kind: GanKind) -> Tensor:
    """Return the generator's loss, a scalar: how far the fake is from being taken for real."""
    return gan_loss(discriminator(torch.cat((given, fake), dim=1)), True, kind)


def discriminator_losses(
    discriminator: nn.Module, normalizer: Normalizer, given: Tensor, real: Tensor, fake: Tensor, kind: GanKind
) -> dict[str, Tensor]:
    """Return the discriminator's scalar terms: half the sum of its errors (`D`), and its normalizer's `penalty`, if any."""
    shown_real, shown_fake = torch.cat((given, real), dim=1), torch.cat((given, fake.detach()), dim=1)
    terms = {
        "D": 0.5 * (gan_loss(discriminator(shown_real), True, kind) + gan_loss(discriminator(shown_fake), False, kind))
    }
    penalty = normalizer.penalty(discriminator, shown_real, shown_fake)
    return terms if penalty is None else {**terms, "penalty": penalty}
