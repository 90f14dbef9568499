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
    """Weight of the patch-wise contrastive loss."""
    identity: bool = True
    """Add the contrastive loss of translated thermal images (identity); it and that of visible images then count half each."""
    flip: bool = False
    """Mirror a batch with probability one half before it is translated, and its features back afterwards."""
    layers: tuple[int, ...] | None = None
    """Layers of the generator for the contrastive loss; None: the generator's own `tap_layers`."""
    patches: Positive = 256
    """Patches of each layer and image in the contrastive loss; all where a layer has fewer."""
    temperature: float = 0.07
    """Divides the similarity of two patches; the lower, the more the nearest wrong patch counts."""
    width: Positive = 256
    """Hidden units, and the length of a patch's vector, in the head on each layer."""
    lr: float = 2e-4
    """Adam's learning rate, for generator and discriminator."""
    beta1: float = 0.5
    """Adam's decay of the first moment."""
    beta2: float = 0.999
    """Adam's decay of the second moment."""

    def __post_init__(self) -> None:
        if self.nce < 0 or self.temperature <= 0 or self.width < 1:
            raise UsageError(
                f"cut got nce={self.nce}, temperature={self.temperature}, width={self.width}",
                "Weights cannot be negative, and temperature and width are positive.",
            )
        if self.patches < 2:
            raise UsageError(f"cut got {self.patches} patches", "Use patches=2 or more.")
        if self.layers == ():
            raise UsageError("cut got no layers", "Name at least one, or leave the option out.")
