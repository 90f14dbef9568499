"""What metrics ask of their images."""

from __future__ import annotations

from torch import Tensor

from zoo.errors import UsageError


def check_pair(metric: str, translated: Tensor, real: Tensor) -> None:
    """Refuse images that cannot be compared pixel by pixel.

    Raises:
        UsageError: the two are not [N, C, H, W] of one shape.
    """
    if translated.ndim != 4 or translated.shape != real.shape:
        raise UsageError(
            f"{metric} compares images [N, C, H, W] of one shape, and got {list(translated.shape)} against "
            f"{list(real.shape)}",
            "Resize both to the test size first",
        )


def check_size(metric: str, images: Tensor, least: int) -> None:
    """Refuse images that are smaller than what the metric looks at.

    Raises:
        UsageError: height or width is below `least` pixels.
    """
    height, width = images.shape[-2:]
    if min(height, width) < least:
        raise UsageError(
            f"{metric} takes images of at least {least}x{least} pixels, and these have {height}x{width}",
            f"Test at a size of at least {least}",
        )
