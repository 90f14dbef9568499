"""Options of CUT. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from zoo.errors import UsageError
from zoo.layers.kinds import AdversarialOptimizer, GanKind
from zoo.limits import AboveZero, AtLeast, Decay, NotNegative, Positive


@dataclass(frozen=True, kw_only=True)
class CUTConfig:
    """Losses, head and optimizer; the defaults are CUT's, and FastCUT has nce=10, identity=false, flip=true."""

    gan: GanKind = "lsgan"
    """Adversarial loss: `lsgan` (squared distance), `log` (cross entropy), `hinge`, `wgan` (Wasserstein), or a relativistic
    average, `rasgan`, `ralsgan` or `rahinge`; see `zoo.layers.gan`."""
    nce: NotNegative = 1.0
    """Weight of the patch-wise contrastive loss."""
    identity: bool = True
    """Add the contrastive loss of translated thermal images (identity); it and that of visible images then count half each."""
    flip: bool = False
    """Mirror a batch with probability one half before it is translated, and its features back afterwards."""
    layers: tuple[int, ...] | None = None
    """Layers of the generator for the contrastive loss; None: the generator's own `tap_layers`."""
    patches: Annotated[int, AtLeast(2)] = 256
    """Patches of each layer and image in the contrastive loss; all where a layer has fewer."""
    temperature: AboveZero = 0.07
    """Divides the similarity of two patches; the lower, the more the nearest wrong patch counts."""
    width: Positive = 256
    """Hidden units, and the length of a patch's vector, in the head on each layer."""
    optimizer: AdversarialOptimizer = "adam"
    """Adam, or RMSprop: with `gan=wgan`, `lr=5e-5` and the normalizer `clip` this is WGAN (Arjovsky et al. 2017, algorithm 1)."""
    lr: NotNegative = 2e-4
    """Learning rate of generator and discriminator; 5e-5 with `rmsprop`, as the WGAN paper has it."""
    beta1: Decay = 0.5
    """Adam's decay of the first moment."""
    beta2: Decay = 0.999
    """Adam's decay of the second moment."""

    def __post_init__(self) -> None:
        if self.layers == ():
            raise UsageError("cut got no layers", "Name at least one, or leave the option out.")
