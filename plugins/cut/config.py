"""Options of CUT. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from zoo.errors import UsageError
from zoo.hookspec import Positive


@dataclass(frozen=True, kw_only=True)
class CUTConfig:
    """Losses, head and optimizer; the defaults are CUT's, and FastCUT has nce=10, identity=false, flip=true."""

    gan: Literal["lsgan", "log"] = "lsgan"
    """Adversarial loss: squared distance, or cross entropy."""
    nce: float = 1.0
    """Weight of the contrast of patches, relative to the adversarial loss."""
    identity: bool = True
    """Translate thermal images as well and contrast them with themselves; they and the visible ones then count half each."""
    flip: bool = False
    """Mirror the images of every second batch, on average, before they are translated, and their features back after."""
    layers: tuple[int, ...] | None = None
    """Layers of the generator whose features are contrasted; None: those that the generator itself names."""
    patches: Positive = 256
    """Places contrasted in each layer and image; all of them where a layer has fewer."""
    temperature: float = 0.07
    """Divides the similarity of two patches; the lower, the more the nearest wrong patch counts."""
    width: Positive = 256
    """Hidden units, and the length of a patch's vector, in the head on each layer."""
    lr: float = 2e-4
    """Adam's learning rate, for both."""
    beta1: float = 0.5
    """Adam's decay of the first moment."""
    beta2: float = 0.999
    """Adam's decay of the second moment."""

    def __post_init__(self) -> None:
        if self.nce < 0 or self.temperature <= 0 or self.width < 1:
            raise UsageError(
                f"cut was asked for nce={self.nce}, temperature={self.temperature}, width={self.width}",
                "Weights cannot be negative, and temperature and width are positive.",
            )
        if self.patches < 2:
            raise UsageError(f"cut was asked for {self.patches} patches", "A contrast needs patches=2 or more.")
        if self.layers == ():
            raise UsageError("cut was asked for no layers", "Name at least one, or leave the option out.")
