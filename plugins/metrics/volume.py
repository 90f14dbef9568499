"""Structural similarity of RGB arrays as volumes, as MATLAB's ssim reads them."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from .config import DATA_RANGE, SSIMConfig

Volume = NDArray[np.float64]


def volume_similarity(x: Volume, y: Volume, config: SSIMConfig) -> float:
    """Return the mean structural similarity (Wang et al. 2004, Eq. 13) of two volumes [C, H, W] in [0, 1], edges repeated.

    torchmetrics filters volumes with a whole 11x11x11 kernel at once, which takes 50 GB at 256x256; the Gaussian is separable.
    """
    mean: Any = partial(gaussian_filter, sigma=config.sigma, radius=config.radius, mode="nearest")
    c1, c2 = (config.k1 * DATA_RANGE) ** 2, (config.k2 * DATA_RANGE) ** 2
    mean_x, mean_y = mean(x), mean(y)
    covariance = mean(x * y) - mean_x * mean_y
    variances = mean(x * x) - mean_x**2 + mean(y * y) - mean_y**2
    luminance = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    return float((luminance * (2 * covariance + c2) / (variances + c2)).mean())
