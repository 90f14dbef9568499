"""Options of the StyleGAN2 discriminator."""

from __future__ import annotations

from dataclasses import dataclass, replace

from zoo.errors import RefusedError
from zoo.hookspec import Contract
from zoo.limits import AboveZero, Positive

SMALLEST = 16
"""Height and width in pixels below which the network has too few blocks."""


@dataclass(frozen=True, kw_only=True)
class StyleGAN2Config:
    """A chain of residual blocks, each at half the size of the previous one, from `size` down to 4 pixels."""

    in_channels: Positive = 1
    """Channels of the input images."""
    size: Positive = 256
    """Height and width of the input images, a power of two; a recipe sets it to its own size."""
    channel_multiplier: AboveZero = 1.0
    """Channels at r pixels are 16384 / r times this; 1 and 2 are the published widths."""
    max_channels: Positive = 512
    """Most channels at any resolution."""
    minibatch_std: bool = True
    """Add the standard deviation over the batch to the last block's input; its logits then depend on the whole batch."""

    def __post_init__(self) -> None:
        if self.size < SMALLEST or self.size & (self.size - 1):
            nearest = max(SMALLEST, 2 ** (self.size.bit_length() - 1))
            raise RefusedError(
                f"discriminator stylegan2 requires a size that is a power of two from {SMALLEST} px, and {self.size} is not",
                f"Use `size`={nearest}",
            )

    def for_size(self, size: int) -> StyleGAN2Config:
        """Return the options for images of this height and width.

        Raises:
            RefusedError: the size is no power of two, or too small.
        """
        return replace(self, size=size)

    def contract(self) -> Contract:
        """Return what these options offer; statistics of a minibatch couple its samples."""
        offers = {"double_backward", "exports", "compiles"}
        if not self.minibatch_std:
            offers.add("independent_samples")
        return Contract(size_multiple=SMALLEST, min_size=SMALLEST, offers=frozenset(offers))
