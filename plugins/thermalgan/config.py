"""Options of ThermalGAN. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from zoo.errors import UsageError
from zoo.hookspec import Contract, Training
from zoo.limits import AboveZero, Decay, NotNegative, Positive

SMALLEST = 32
"""Height and width in pixels below which the encoder of the latent code has no features left to normalize."""


@dataclass(frozen=True, kw_only=True)
class ThermalGANConfig:
    """Inputs and losses of the steps, and the degrees of their values."""

    label_mode: Literal["given", "predicted", "none"] = "given"
    """Input of step 1: class labels, also when it translates (`given`); the visible image alone, with labels for training
    only (`predicted`); or no step 1, and step 2 translates to thermal images (`none`)."""
    code: Literal["temperatures", "latent"] = "temperatures"
    """Temperatures in step 1: the mean temperature of each class, painted on its labels (with `label_mode=given`), or a
    random code as in BicycleGAN."""
    edges: bool = False
    """Add the borders between classes to the input of step 1."""
    label_scale: AboveZero = 40.0
    """Degrees Celsius that a thermal segmentation of 1 stands for; warmer and, below zero, colder objects are clipped."""
    contrast: AboveZero = 10.0
    """Degrees Celsius above the object's mean that a relative temperature of 1 stands for; larger contrasts are clipped."""
    segmentation_gan: Literal["lsgan", "log"] = "lsgan"
    """Adversarial loss of step 1."""
    segmentation_l1: NotNegative = 10.0
    """Weight of the mean absolute difference in step 1."""
    latent: Positive = 8
    """Length of the random code."""
    latent_l1: NotNegative = 0.5
    """Weight of recovering a random code from what was painted with it."""
    kl: NotNegative = 0.01
    """Weight of the distance between encoded and random codes."""
    encoder_width: Positive = 64
    """Channels after the first convolution of the encoder of codes."""
    gan: Literal["lsgan", "log"] = "log"
    """Adversarial loss of step 2."""
    l1: NotNegative = 100.0
    """Weight of the mean absolute difference in step 2."""
    evaluation: Literal["train", "eval"] = "train"
    """Mode of the generators when they translate: `train` keeps dropout and batch statistics on, as pix2pix does."""
    lr: NotNegative = 2e-4
    """Adam's learning rate, for all networks."""
    beta1: Decay = 0.5
    """Adam's decay of the first moment."""
    beta2: Decay = 0.999
    """Adam's decay of the second moment."""

    def __post_init__(self) -> None:
        if self.edges and self.label_mode != "given":
            raise UsageError(
                f"thermalgan got edges with label_mode={self.label_mode}, which has no labels to draw them from",
                "Use label_mode=given, or leave edges out.",
            )
        if self.code == "latent" and self.label_mode == "none":
            raise UsageError(
                "thermalgan got a latent code with label_mode=none, which has no step 1",
                "Use label_mode=predicted, or leave code out.",
            )

    @property
    def code_length(self) -> int:
        """Number of random values in the input of step 1."""
        return self.latent if self.code == "latent" else 0

    @property
    def paints_temperatures(self) -> bool:
        """Whether the input of step 1 has each class's temperature."""
        return self.label_mode == "given" and self.code == "temperatures"

    def contract(self) -> Contract:
        """Return what the label mode needs, and the batch norm and dropout of the authors' networks."""
        needs = {"pairs"}
        if self.label_mode != "none":
            needs |= {"labels", "celsius", "thermal_segmentation"}
        if self.paints_temperatures:
            needs |= {"temperatures"}
        reads = ("visible", "labels") if self.label_mode == "given" else ("visible",)
        return Contract(
            min_size=SMALLEST if self.code == "latent" else 1,
            uses=("generator", "discriminator"),
            reads=(*reads, "temperatures") if self.paints_temperatures else reads,
            needs=frozenset(needs),
            defaults={"generator": {"norm": "batch", "dropout": True}, "discriminator": {"norm": "batch"}},
            training=Training(load_scale=542 / 512, flip=False),
        )


@dataclass(frozen=True, kw_only=True)
class ContrastConfig:
    """Step 2 alone, with weights from `zoo convert`."""

    label_scale: AboveZero = 40.0
    """Degrees Celsius that a thermal segmentation of 1 stands for."""
    contrast: AboveZero = 10.0
    """Degrees Celsius above the object's mean that a relative temperature of 1 stands for."""
    evaluation: Literal["train", "eval"] = "train"
    """Mode of the generator when it translates, as for `thermalgan`."""
