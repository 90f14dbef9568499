"""Options of CycleGAN. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from zoo.hookspec import Contract
from zoo.layers.kinds import AdversarialOptimizer, GanKind
from zoo.limits import AtLeast, Decay, NotNegative, Positive


@dataclass(frozen=True, kw_only=True)
class CycleGANConfig:
    """Losses and optimizer; the defaults are those of the authors' code."""

    gan: GanKind = "lsgan"
    """Adversarial loss: `lsgan` (squared distance), `log` (cross entropy, Eq. 4 of the GN_CycleGAN paper; see the README),
    `hinge`, `wgan` (Wasserstein), or a relativistic average, `rasgan`, `ralsgan` or `rahinge`; see `zoo.layers.gan`."""
    cycle: NotNegative = 10.0
    """Weight of the L1 distance between an image and its translation there and back."""
    identity: NotNegative | None = None
    """Weight, relative to `cycle`, of the identity loss on images of the target domain; None: 0.5 where visible and
    thermal images have as many channels, else 0."""
    pool: Annotated[int, AtLeast(0)] = 50
    """Size of the history pool of translated images for each discriminator; 0: only the newest images."""
    discriminator_steps: Positive = 1
    """Updates of the discriminators for one of the generators (K of the GN_CycleGAN paper)."""
    optimizer: AdversarialOptimizer = "adam"
    """Adam, or RMSprop: with `gan=wgan`, `lr=5e-5` and the normalizer `clip` this is WGAN (Arjovsky et al. 2017, algorithm 1)."""
    lr: NotNegative = 2e-4
    """Learning rate of generators and discriminators; 5e-5 with `rmsprop`, as the WGAN paper has it."""
    beta1: Decay = 0.5
    """Adam's decay of the first moment."""
    beta2: Decay = 0.999
    """Adam's decay of the second moment."""

    def contract(self) -> Contract:
        """Return what the method needs: an explicit identity loss needs domains with as many channels."""
        several = self.discriminator_steps > 1
        equal = self.identity is not None and self.identity > 0
        return Contract(
            uses=("generator", "discriminator"),
            needs=frozenset({"equal_channels"} if equal else ()),
            reads=("visible",),
            offers=frozenset({"several_updates"} if several else ()),
        )
