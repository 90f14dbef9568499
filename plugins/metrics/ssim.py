"""Structural similarity, at one scale and at several."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from typing import Any, ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from torch import Tensor
from torchmetrics.functional.image import structural_similarity_index_measure

from zoo.contracts import Compared

from .config import DATA_RANGE, MSSSIMConfig, SSIMConfig
from .pairs import PairMetric

Volume = NDArray[np.float64]


class SSIM(PairMetric):
    """Mean structural similarity (Wang et al. 2004, Eqs. 13-17) with population covariances; channels are averaged.

    torchmetrics reflects the image at its edges, which neither MATLAB nor scikit-image does. Its map of local
    similarities is therefore cropped to the pixels whose window lies within the image; for `replicate` the image is first
    padded by the window's radius, so that the cropped map has the image's own size. As a `volume`, the channels are a third
    dimension of the window and are padded in the same way.
    """

    name: ClassVar[str] = "ssim"
    higher_is_better: ClassVar[bool] = True

    def __init__(self, config: SSIMConfig) -> None:
        self.config = config
        self.compares: Compared = "channels" if config.volume else "grey"
        self.min_size = config.min_size

    def protocol(self) -> dict[str, Any]:
        """Return everything that changes the value without changing the model."""
        window = "x".join([str(self.min_size)] * (3 if self.config.volume else 2))
        fixed = {"data_range": DATA_RANGE, "window": f"gaussian {window}"}
        return {**fixed, **asdict(self.config), "covariance": "population"}

    def values(self, translated: Tensor, real: Tensor) -> Tensor:
        """Return the SSIM of each image in [-1, 1]; in float64, because variances are small differences of large means."""
        if self.config.volume:
            volumes = zip(translated.cpu().numpy(), real.cpu().numpy(), strict=True)
            return real.new_tensor([volume_similarity(one, other, self.config) for one, other in volumes])
        return similarity_map(translated, real, self.config).mean(dim=(1, 2, 3))


def similarity_map(translated: Tensor, real: Tensor, config: SSIMConfig) -> Tensor:
    """Return the local similarities of images [N, C, H, W]: of every pixel, or with `valid` borders of the inner ones."""
    edge = config.radius
    if config.border == "replicate":
        translated, real = (F.pad(image, (edge,) * 4, mode="replicate") for image in (translated, real))
    _, similarity = torchmetrics_ssim(config)(translated, real, return_full_image=True)
    inner: Tensor = similarity[..., edge:-edge, edge:-edge]
    return inner


class MSSSIM(PairMetric):
    """Multi-scale SSIM (Wang et al. 2003, Eq. 7): contrast and structure at every scale, luminance at the coarsest.

    Windows lie within the image. A scale is the mean of the finer one's 2x2 blocks; at odd sides the last block is smaller,
    as in the paper's code. A negative mean of contrast and structure counts as zero, since its power is not real.
    torchmetrics computes the terms of one scale; its own product over scales reflects the coarsest image at its edges.
    """

    name: ClassVar[str] = "ms_ssim"
    higher_is_better: ClassVar[bool] = True

    def __init__(self, config: MSSSIMConfig) -> None:
        self.config, self.min_size = config, config.min_size
        window = SSIMConfig(border="valid")
        self.terms, self.coarsest = torchmetrics_ssim(window), SSIM(window)

    def protocol(self) -> dict[str, Any]:
        """Return everything that changes the value without changing the model."""
        return self.coarsest.protocol() | {"exponents": list(self.config.exponents), "negative": "as zero"}

    def values(self, translated: Tensor, real: Tensor) -> Tensor:
        """Return the MS-SSIM of each image in [0, 1]."""
        *finer, last = self.config.exponents
        product = torch.ones(len(real), dtype=torch.float64, device=real.device)
        for exponent in finer:
            _, contrast_structure = self.terms(translated, real, return_contrast_sensitivity=True)
            product *= contrast_structure.relu() ** exponent
            translated, real = (F.avg_pool2d(image, 2, ceil_mode=True) for image in (translated, real))
        return product * self.coarsest.values(translated, real).relu() ** last


def torchmetrics_ssim(config: SSIMConfig) -> Callable[..., Any]:
    """Return torchmetrics' SSIM of a batch with these options: a function of translated and real images, one value per image."""
    options: Any = {"sigma": config.sigma, "k1": config.k1, "k2": config.k2}
    return partial(structural_similarity_index_measure, data_range=DATA_RANGE, reduction="none", **options)


def volume_similarity(x: Volume, y: Volume, config: SSIMConfig) -> float:
    """Return the mean structural similarity (Wang et al. 2004, Eq. 13) of two volumes [C, H, W] in [0, 1], edges repeated.

    torchmetrics filters volumes with one 11x11x11 kernel, which takes 50 GB at 256x256; here the Gaussian is separable.
    """
    mean: Any = partial(gaussian_filter, sigma=config.sigma, radius=config.radius, mode="nearest")
    c1, c2 = (config.k1 * DATA_RANGE) ** 2, (config.k2 * DATA_RANGE) ** 2
    mean_x, mean_y = mean(x), mean(y)
    covariance = mean(x * y) - mean_x * mean_y
    variances = mean(x * x) - mean_x**2 + mean(y * y) - mean_y**2
    luminance = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    return float((luminance * (2 * covariance + c2) / (variances + c2)).mean())
