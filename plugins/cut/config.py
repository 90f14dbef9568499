"""Options of CUT. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass

from zoo.errors import UsageError
from zoo.hookspec import Positive
from zoo.layers.kinds import AdversarialOptimizer, GanKind


@dataclass(frozen=True, kw_only=True)
class CUTConfig:
    """Losses, head and optimizer; the defaults are CUT's, and FastCUT has nce=10, identity=false, flip=true."""

    gan: GanKind = "lsgan"
    """Adversarial loss: `lsgan` (squared distance), `log` (cross entropy), `hinge`, `wgan` (Wasserstein), or a relativistic
    average, `rasgan`, `ralsgan` or `rahinge`; see `zoo.layers.gan`."""
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
    optimizer: AdversarialOptimizer = "adam"
    """Adam, or RMSprop: with `gan=wgan`, `lr=5e-5` and the normalizer `clip` this is WGAN (Arjovsky et al. 2017, algorithm 1)."""
    lr: float = 2e-4
    """Learning rate of generator and discriminator; 5e-5 with `rmsprop`, as the WGAN paper has it."""
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
