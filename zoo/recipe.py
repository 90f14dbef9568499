"""Recipes: frozen descriptions of one training. Imports no torch; `zoo.compose` makes and checks them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Part:
    """One component of a recipe with every option spelled out."""

    name: str
    """Full name, `plugin/name`."""
    config: dict[str, Any] = field(default_factory=dict)
    """The component's config dataclass as JSON data."""


@dataclass(frozen=True, kw_only=True)
class Budget:
    """How long to train, in optimizer steps, and how the learning rate falls."""

    steps: int
    constant: int
    """Steps at the full learning rate; over the rest it falls linearly and ends above zero."""
    period: int = 1
    """Steps that share one rate: the steps of an epoch where the budget was given in epochs, else 1."""


@dataclass(frozen=True, kw_only=True)
class DataRef:
    """The dataset of a recipe."""

    name: str
    """Component name (`scenes`) or the name in the folder's `dataset.json`."""
    config: dict[str, Any] = field(default_factory=dict)
    fingerprint: str
    """SHA-256 over the dataset's files; the same for the same content anywhere."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything that decides a training's weights, apart from versions and hardware."""

    method: Part
    generator: Part | None = None
    discriminator: Part | None = None
    normalizer: Part | None = None
    data: DataRef
    size: int
    """Training crop and test size in pixels (height and width)."""
    load_size: int
    """Images are resized to this square before the random crop (286 for 256 in the papers' code)."""
    batch: int = 1
    budget: Budget
    seed: int = 0
    visible_channels: int = 3
    thermal_channels: int = 1
