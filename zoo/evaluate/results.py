"""What scoring a test split yields, as records keep it. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True, kw_only=True)
class Score:
    """A metric's value over a test split, with what is needed to interpret and to repeat it."""

    metric: str
    """The metric's name; in brackets the options or the feature extractor that set its values apart."""
    value: float
    """Mean over the images, or the distance between the two sets of images."""
    n: int
    """Number of translated images."""
    low: float | None
    """Lower end of the value's interval; None for too few images."""
    high: float | None
    """Upper end; None for too few images."""
    level: float
    """Confidence of the interval."""
    unit: str
    """Unit of the value; empty for a plain number."""
    higher_is_better: bool
    """Which way the metric points."""
    protocol: dict[str, Any]
    """Everything that changes the value without changing the model."""
    per_image: dict[str, float]
    """Value of each image, by stem; empty for a distance between sets."""
    interval: Literal["bootstrap", "jackknife"] = "bootstrap"
    """How `low` and `high` were found: `bootstrap_interval` of a mean, `jackknife_interval` of a distance."""
    notes: list[str] = field(default_factory=list)
    """What a reader must know to interpret the value."""


@dataclass(frozen=True, kw_only=True)
class CelsiusErrors:
    """Mean absolute errors over a test split in degrees Celsius."""

    all: float
    """Over all pixels."""
    classes: dict[str, float]
    """Over the pixels of each class, by name; empty without labels."""
    n: int
    """Number of images."""
