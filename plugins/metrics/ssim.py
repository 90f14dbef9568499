"""Structural similarity."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, ClassVar

import torch.nn.functional as F
from torch import Tensor
from torchmetrics.functional.image import structural_similarity_index_measure

from zoo.contracts import Compared

from .checks import check_pair, check_size
from .config import DATA_RANGE, SSIMConfig
from .volume import volume_similarity


class SSIM:
    """Mean structural similarity (Wang et al. 2004, Eqs. 13-17) with population covariances; channels are averaged.

    torchmetrics reflects the image at its edges, which neither MATLAB nor scikit-image does. Its map of local
    similarities is therefore cut to the pixels whose window lies within the image; for `replicate` the image is first
    extended by the window's radius, so that the cut map has the image's own size. As a `volume`, the channels are a third
    dimension of the window and are extended in the same way.
    """

    name: ClassVar[str] = "ssim"
    higher_is_better: ClassVar[bool] = True
    unit: ClassVar[str] = ""

    def __init__(self, config: SSIMConfig) -> None:
        self.config = config
        self.compares: Compared = "channels" if config.volume else "grey"

    @property
    def window(self) -> int:
        """Side of the Gaussian window in pixels."""
        return 2 * self.config.radius + 1

    def protocol(self) -> dict[str, Any]:
        """Return everything that changes the value without changing the model."""
        window = "x".join([str(self.window)] * (3 if self.config.volume else 2))
        return {
            "data_range": DATA_RANGE,
            "window": f"gaussian {window}",
            **asdict(self.config),
            "covariance": "population",
        }

    def per_image(self, translated: Tensor, real: Tensor) -> Tensor:
        """Return the SSIM of each image in [-1, 1], float64 [N], for images [N, C, H, W] in [0, 1].

        Raises:
            UsageError: the images differ in shape, or are smaller than the window.
        """
        check_pair(self.name, translated, real)
        check_size(self.name, real, self.window)
        translated, real = translated.double(), real.double()  # variances are small differences of large means
        if self.config.volume:
            volumes = zip(translated.cpu().numpy(), real.cpu().numpy(), strict=True)
            return real.new_tensor([volume_similarity(one, other, self.config) for one, other in volumes])
        edge = self.config.radius
        if self.config.border == "replicate":
            translated, real = (F.pad(image, (edge,) * 4, mode="replicate") for image in (translated, real))
        _, similarity = structural_similarity_index_measure(
            translated,
            real,
            sigma=self.config.sigma,
            data_range=DATA_RANGE,
            k1=self.config.k1,
            k2=self.config.k2,
            reduction="none",
            return_full_image=True,
        )
        inner: Tensor = similarity[..., edge:-edge, edge:-edge]
        return inner.mean(dim=(1, 2, 3))
