"""Options of InfraGAN's discriminator and losses. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import gcd
from typing import Literal, Self

from zoo.errors import UsageError
from zoo.hookspec import Contract, Training
from zoo.limits import Decay, NotNegative, Positive

FEWEST, MOST = 3, 7
"""Downsampling stages that the discriminator can have."""
MULTIPLIERS = {3: (1, 2, 4), 4: (1, 2, 4, 8), 5: (1, 2, 4, 8, 16), 6: (1, 2, 4, 8, 8, 16), 7: (1, 2, 4, 8, 8, 16, 32)}
"""Channels after each stage over `width`, by number of stages: 5 to 7 are the source's at 128, 256 and 512 px."""
ATTENDED = 64
"""Largest height and width in pixels of features that attend to one another."""
WINDOW = 11
"""Pixels of the Gaussian window of SSIM."""


@dataclass(frozen=True, kw_only=True)
class UNetGANConfig:
    """A discriminator that is a U-Net, as deep as the image size allows."""

    in_channels: Positive = 4
    """Channels of the input images."""
    width: Positive = 64
    """Channels after the first stage."""
    stages: int | None = None
    """Number of downsampling stages, 3 to 7; the image size must be a multiple of two to this power. None: those that leave about
    4 pixels."""
    attention: int | None = None
    """Stage, from 0, after which features attend to one another; None: the first with at most 64 px."""

    def __post_init__(self) -> None:
        stages = FEWEST if self.stages is None else self.stages
        if stages not in MULTIPLIERS:
            raise UsageError(f"unet_gan got stages={stages}", f"Use stages={FEWEST} to stages={MOST}")
        if self.attention is not None and not 0 <= self.attention < stages:
            raise UsageError(
                f"unet_gan got attention={self.attention} with {stages} stages", "Use a stage from 0, or leave it out"
            )

    def contract(self) -> Contract:
        """Return the sizes that can be halved as often, and what the network offers.

        Its weights change with each pass in training mode, so that a gradient of its gradient has no meaning.
        """
        multiple = 2 ** (self.stages or FEWEST)
        return Contract(
            size_multiple=multiple,
            min_size=2 * multiple if self.stages is None else multiple,
            offers=frozenset({"exports", "compiles", "independent_samples"}),
        )

    def for_sides(self, height: int, width: int) -> Self:
        """Return the options with `stages` and `attention` for images of this height and width in pixels."""
        common = gcd(height, width)
        possible = (common & -common).bit_length() - 1  # two to this power divides both sides
        wanted = min(height, width).bit_length() - 3
        stages = self.stages or min(max(min(possible, wanted), FEWEST), MOST)
        small = (stage for stage in range(stages) if max(height, width) >> (stage + 1) <= ATTENDED)
        attention = next(small, stages - 1) if self.attention is None else self.attention
        return replace(self, stages=stages, attention=attention)


@dataclass(frozen=True, kw_only=True)
class InfraGANConfig:
    """Losses, optimizers and test mode; the defaults are those of the authors' code."""

    l1: NotNegative = 100.0
    """Weight of the mean absolute difference between translated and real thermal images."""
    ssim: NotNegative = 100.0
    """Weight of 1 - SSIM of translated and real thermal images."""
    literal_ssim: bool = False
    """Compute the loss's SSIM as the authors' code does: of images in [0, 2], with the constants of images in [0, 1]."""
    evaluation: Literal["train", "eval"] = "train"
    """Mode of the generator when it translates: `train` keeps dropout and batch statistics on, as in the authors' code."""
    lr: NotNegative = 2e-4
    """Adam's learning rate of the generator."""
    discriminator_lr: NotNegative | None = None
    """Adam's learning rate of the discriminator; None: a hundredth of `lr`."""
    beta1: Decay = 0.5
    """Adam's decay of the first moment."""
    beta2: Decay = 0.999
    """Adam's decay of the second moment."""

    def contract(self) -> Contract:
        """Return what the method needs, the norm and dropout of its generator, and how its authors train it."""
        return Contract(
            uses=("generator", "discriminator"),
            needs=frozenset({"pairs"}),
            min_size=WINDOW,
            defaults={"generator": {"norm": "batch", "dropout": True}},
            training=Training(load_scale=1.0, flip=False),
        )
