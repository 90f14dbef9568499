"""Scores of a test split, as records store them. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

SCORED_IMAGES = "scored images"
"""Entry of a protocol: how many images of another program were scored where some are missing, and their resize."""


@dataclass(frozen=True, kw_only=True)
class Score:
    """A metric's value over a test split, with everything needed to interpret and reproduce it."""

    metric: str
    """The metric's name; options or a feature extractor that change its values follow in brackets."""
    value: float
    """Mean over the images, or distance between the two sets of images."""
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
    """Value of each image, by stem; empty for a distance between sets."""
    interval: Literal["bootstrap", "jackknife"] = "bootstrap"
    """How `low` and `high` were computed: `bootstrap` for a mean over images, `jackknife` for a distance between sets."""
    notes: list[str] = field(default_factory=list)
    """Limitations that a reader must know to interpret the value."""


@dataclass(frozen=True, kw_only=True)
class CelsiusErrors:
    """Mean absolute errors over a test split in degrees Celsius."""

    all: float
    """Over all pixels."""
    classes: dict[str, float]
    """Over the pixels of each class, by name; empty without labels."""
    n: int
    """Number of images."""
