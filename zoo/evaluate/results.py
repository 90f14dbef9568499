"""Scores of a test split, as records store them. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from zoo.recipe import Precision

Pooling = Literal["mean", "mse"]
"""How the value of a set of images follows from theirs: `mean` is their mean; `mse` is the PSNR of their mean squared error."""
SCORED_IMAGES = "scored images"
"""Entry of a protocol: how many images of another program were scored where some are missing, and their resize."""
METRIC_READS = "metric_reads"
"""Entry of a score's protocol: entries of the batch that the metric reads."""
OPTIONS = "options"
"""Entry of a score's protocol: options that only translation reads, by name, such as a sampler's steps, solver and seed."""
LEFT_OUT = "left_out"
"""Entry of a score's protocol: number of test images to which the metric does not apply, such as those without boxes."""


def decimals(unit: str, value: float) -> int:
    """Return with how many decimals a score, its interval and differences are printed: four of small ones such as SSIM."""
    return 2 if unit == "dB" or round(abs(value), 4) >= 10 else 4


@dataclass(frozen=True, kw_only=True)
class GroupScore:
    """A metric's mean over some of the images."""

    value: float
    """Mean over the images."""
    n: int
    """Number of images."""


@dataclass(frozen=True, kw_only=True)
class Score:
    """A metric's value over a test split, with everything needed to interpret and reproduce it."""

    metric: str
    """The metric's name; options or a feature extractor that change its values follow in brackets."""
    value: float
    """Value of all images together (see `pooling`), or distance between the two sets of images."""
    n: int
    """Number of translated images."""
    low: float | None
    """Lower end of the value's interval; None for too few images."""
    high: float | None
    """Upper end of the interval; None for too few images."""
    level: float
    """Confidence of the interval."""
    unit: str
    """Unit of the value; empty for a plain number."""
    higher_is_better: bool
    """Whether a greater value is a better one."""
    protocol: dict[str, Any]
    """Everything that changes the value without changing the model."""
    per_image: dict[str, float]
    """Value of each image, by stem; empty for a score of the whole set. An image to which the metric does not apply is absent."""
    groups: dict[str, dict[str, GroupScore]] = field(default_factory=dict)
    """Means over the images of each group, by the entry of the dataset that holds it (`daytime`: day, night), and for metrics by
    class over the images that show it (`labels`, `boxes`: car, person)."""
    interval: Literal["bootstrap", "jackknife"] = "bootstrap"
    """How `low` and `high` were computed: `bootstrap` for a mean over images, `jackknife` for a distance between sets."""
    notes: list[str] = field(default_factory=list)
    """Limitations that a reader must know to interpret the value."""
    pooling: Pooling = "mean"
    """How `value` follows from `per_image`: `mean`, or `mse`, the PSNR of the images' mean squared error."""


def metric_heading(metric: str, unit: str) -> str:
    """Return a metric with its unit, if it has one: `psnr [dB]`."""
    return f"{metric} [{unit}]" if unit else metric


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What the translation of one image of the test split costs, measured without compute options at the first scoring."""

    parameters: int
    """Number of parameters that the translation needs."""
    flops: int
    """Floating-point operations of convolutions, matrix products and attention, where a multiplication and an addition are two,
    by `torch.utils.flop_counter`; normalizations, activations and other elementwise operations are not counted."""
    passes: int
    """Passes through a network: 1 for a single generator, the number of steps for a sampler, 0 without a network."""
    latency_ms: float
    """Median time in milliseconds after a warm-up, with the image on the device."""
    latency_n: int
    """Number of translations whose time was taken."""
    batch: int = 1
    """Images per translation."""
    size: int | tuple[int, int]
    """Height and width of the image in pixels."""
    device: str
    """Name of the accelerator or the processor."""
    precision: Precision
    """Number format."""
    peak_memory: int
    """Bytes of weights, input and intermediate results that are in memory at once: on a GPU as its allocator counts them, on a
    CPU without the workspaces of libraries."""


@dataclass(frozen=True, kw_only=True)
class CelsiusErrors:
    """Mean absolute errors over a test split in degrees Celsius."""

    all: float
    """Over all pixels."""
    classes: dict[str, float]
    """Over the pixels of each class, by name; empty without labels."""
    n: int
    """Number of images."""
