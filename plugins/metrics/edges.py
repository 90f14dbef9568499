"""How well a translation keeps the edges of the visible image."""

from __future__ import annotations

from typing import Any, ClassVar

import torch.nn.functional as F
from torch import Tensor

from zoo.contracts import Batch, Compared
from zoo.layers.pixels import as_saved, to_unit

from .pairs import require_comparable

SOBEL = ((-1.0, 0.0, 1.0), (-2.0, 0.0, 2.0), (-1.0, 0.0, 1.0))
"""Horizontal derivative; the vertical one is its transpose."""


class EdgeFidelity:
    """Correlation of the edge strengths of the translation with those of the visible image, -1 to 1.

    It is Pearson's coefficient of the magnitudes of Sobel gradients over all pixels: the gradient correlation of Penney et al.
    (IEEE TMI 17, 1998) with magnitudes in place of signed derivatives, since what is bright may be cold. An image without
    edges scores 0. The real thermal image is not read: its own value is the reference for a translation's.
    """

    name: ClassVar[str] = "edge_fidelity"
    higher_is_better: ClassVar[bool] = True
    unit: ClassVar[str] = ""
    compares: Compared = "grey"
    reads: tuple[str, ...] = ("visible",)

    def __init__(self, config: object) -> None:
        pass

    def protocol(self) -> dict[str, Any]:
        """Return everything that changes the value without changing the model."""
        return {"gradient": "Sobel 3x3, edges replicated", "against": "visible image, grey by BT.601"}

    def per_image(self, translated: Tensor, real: Tensor, batch: Batch) -> Tensor:
        """Return the correlation for each image, float64 [N], for grey images [N, 1, H, W]."""
        require_comparable(self.name, translated, real)
        visible = to_unit(as_saved(batch["visible"]))
        one, other = (gradients(image.double()).flatten(1) for image in (translated, visible))
        one, other = (values - values.mean(dim=1, keepdim=True) for values in (one, other))
        spread = (one.square().sum(dim=1) * other.square().sum(dim=1)).sqrt()
        return ((one * other).sum(dim=1) / spread).where(spread > 0, 0.0)


def gradients(images: Tensor) -> Tensor:
    """Return the magnitudes [N, 1, H, W] of the Sobel gradients of images [N, 1, H, W]."""
    kernel = images.new_tensor(SOBEL)
    padded = F.pad(images, (1, 1, 1, 1), mode="replicate")
    across, down = F.conv2d(padded, kernel[None, None]), F.conv2d(padded, kernel.T[None, None])
    return (across.square() + down.square()).sqrt()
