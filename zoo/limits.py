"""Limits of numbers in a plugin's options, as annotations of their types: shown by `zoo info`, and other values are refused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated


@dataclass(frozen=True)
class AtLeast:
    """The smallest allowed value of a config field, as an annotation of its type, `Annotated[int, AtLeast(2)]`."""

    value: float

    def allows(self, value: float) -> bool:
        """Return whether a value is within the limit."""
        return value >= self.value

    def __str__(self) -> str:
        return f"{self.value} or more"


@dataclass(frozen=True)
class Above(AtLeast):
    """The value that a config field stays above."""

    def allows(self, value: float) -> bool:
        """Return whether a value is within the limit."""
        return value > self.value

    def __str__(self) -> str:
        return f"above {self.value}"


@dataclass(frozen=True)
class AtMost:
    """The largest allowed value of a config field, as an annotation of its type, `Annotated[float, AtLeast(0), AtMost(1)]`."""

    value: float

    def allows(self, value: float) -> bool:
        """Return whether a value is within the limit."""
        return value <= self.value

    def __str__(self) -> str:
        return f"{self.value} or less"


@dataclass(frozen=True)
class Below(AtMost):
    """The value that a config field stays below."""

    def allows(self, value: float) -> bool:
        """Return whether a value is within the limit."""
        return value < self.value

    def __str__(self) -> str:
        return f"below {self.value}"


Positive = Annotated[int, AtLeast(1)]
"""Type of a config field that is a number of channels, layers or pixels."""
NotNegative = Annotated[float, AtLeast(0)]
"""Type of a config field that is a learning rate or the weight of a loss."""
AboveZero = Annotated[float, Above(0)]
"""Type of a config field that something is divided or multiplied by."""
Decay = Annotated[float, AtLeast(0), Below(1)]
"""Type of a config field that is a decay of a moving average or a dropout rate."""
Share = Annotated[float, AtLeast(0), AtMost(1)]
"""Type of a config field that is a share of something."""
