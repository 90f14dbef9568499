"""The choices that configs offer for the shared blocks. Imports no torch, so that config modules may import it."""

from __future__ import annotations

from typing import Literal

Norm = Literal["instance", "batch", "none"]
"""Feature normalization of a network, see `zoo.layers.norm`."""

Init = Literal["normal", "xavier"]
"""Distribution of the initial weights, see `zoo.layers.init`."""

Antialias = bool | Literal["down", "up"]
"""Where a network blurs as it changes the size: at both, neither, or only where the size is halved (`down`) or doubled (`up`)."""
