"""Options of the null baselines. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class BaselineConfig:
    """No options."""


@dataclass(frozen=True, kw_only=True)
class GreyConfig:
    """The visible image in grey."""

    inverted: bool = False
    """Invert the grey values."""
