"""Options of the ResNet generators with attention."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from zoo.layers.kinds import ResNetConfig
from zoo.limits import Positive


@dataclass(frozen=True, kw_only=True)
class CBAMResNetConfig(ResNetConfig):
    """A residual translation network with CBAM attention."""

    placement: Literal["every", "last"] = "every"
    """Residual blocks that have the attention."""
    reduction: Positive = 16
    """Channels for each hidden unit of the channel attention."""
    spatial_bn: bool = False
    """Batch norm in the spatial attention, as the CBAM authors' code has it."""
