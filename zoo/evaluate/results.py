"""What scoring a test split yields, as records keep it. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Score:
    """A metric's mean over a test split, with what it takes to judge and to repeat it."""

    metric: str
    value: float
    """Mean over the images."""
    n: int
    """Number of images."""
    low: float | None
    """Lower end of the mean's interval (`bootstrap_interval` over the images); None for a single image."""
    high: float | None
    """Upper end; None for a single image."""
    level: float
    """Confidence of the interval."""
    unit: str
    higher_is_better: bool
    protocol: dict[str, Any]
    """Everything that changes the value without changing the model."""
    per_image: dict[str, float]
    """Value of each image, by stem."""


@dataclass(frozen=True, kw_only=True)
class CelsiusErrors:
    """Mean absolute errors over a test split in degrees Celsius."""

    all: float
    """Over all pixels."""
    classes: dict[str, float]
    """Over the pixels of each class, by name; empty without labels."""
    n: int
    """Number of images."""
