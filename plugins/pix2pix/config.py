"""Options of pix2pix. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from zoo.hookspec import Contract
from zoo.layers.kinds import AdversarialOptimizer, GanKind
from zoo.limits import Decay, NotNegative


@dataclass(frozen=True, kw_only=True)
class Pix2PixConfig:
    """Losses, optimizer and test mode; the defaults are those of the authors' code."""

    gan: GanKind = "log"
    """Adversarial loss: `lsgan` (squared distance), `log` (cross entropy), `hinge`, `wgan` (Wasserstein), or a relativistic
    average, `rasgan`, `ralsgan` or `rahinge`; see `zoo.layers.gan`."""
    l1: NotNegative = 100.0
    """Weight of the mean absolute difference between translated and real thermal images."""
    evaluation: Literal["train", "eval"] = "train"
    """Mode of the generator when it translates: `train` keeps dropout and batch statistics on (section 3.3)."""
    optimizer: AdversarialOptimizer = "adam"
    """Adam, or RMSprop: with `gan=wgan`, `lr=5e-5` and the normalizer `clip` this is WGAN (Arjovsky et al. 2017, algorithm 1)."""
    lr: NotNegative = 2e-4
    """Learning rate of generator and discriminator; 5e-5 with `rmsprop`, as the WGAN paper has it."""
    beta1: Decay = 0.5
    """Adam's decay of the first moment."""
    beta2: Decay = 0.999
    """Adam's decay of the second moment."""

    def contract(self) -> Contract:
        """Return what the method needs, and the batch norm and dropout that its paper gives the networks."""
        return Contract(
            uses=("generator", "discriminator"),
            needs=frozenset({"pairs"}),
            defaults={"generator": {"norm": "batch", "dropout": True}, "discriminator": {"norm": "batch"}},
        )
