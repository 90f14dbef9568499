"""Supervised regression: its losses against float64 equations and scikit-image, its training against torch's Adam."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import correlate1d

import zoo
from zoo.errors import RefusedError, UsageError
from zoo_plugins.regression.config import RegressionConfig
from zoo_plugins.regression.method import Regression, charbonnier, ms_ssim

RNG = np.random.default_rng(0)


def pair(side: int, n: int = 2) -> tuple[np.ndarray, np.ndarray]:
    coarse = RNG.uniform(-1, 1, (n, 1, side // 4, side // 4)).repeat(4, 2).repeat(4, 3)
    return coarse, np.clip(coarse + RNG.normal(0, 0.2, coarse.shape), -1, 1)


def test_charbonnier_is_its_equation_and_has_a_gradient_at_zero() -> None:
    fake, real = pair(16)
    found = charbonnier(torch.from_numpy(fake), torch.from_numpy(real), 0.1)
    assert found.item() == pytest.approx((np.sqrt((fake - real) ** 2 + 0.01) - 0.1).mean(), rel=1e-12)
    x = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    charbonnier(x, torch.zeros(1, dtype=torch.float64), 1e-3).backward()
    assert x.grad == 0


def ssim(x: np.ndarray, y: np.ndarray) -> float:
    """Wang et al. 2004, Eq. 13, with a Gaussian window of 11 pixels and reflected borders."""
    kernel = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2))

    def smooth(image: np.ndarray) -> np.ndarray:
        rows = correlate1d(image, kernel / kernel.sum(), 0, mode="mirror")
        return correlate1d(rows, kernel / kernel.sum(), 1, mode="mirror")

    mean_x, mean_y = smooth(x), smooth(y)
    covariance = smooth(x * y) - mean_x * mean_y
    variances = smooth(x * x) - mean_x**2 + smooth(y * y) - mean_y**2
    luminance = (2 * mean_x * mean_y + 0.01**2) / (mean_x**2 + mean_y**2 + 0.01**2)
    return float((luminance * (2 * covariance + 0.03**2) / (variances + 0.03**2)).mean())


def test_one_scale_of_ms_ssim_is_the_equation_of_ssim() -> None:
    fake, real = pair(12)
    expected = [ssim((a[0] + 1) / 2, (b[0] + 1) / 2) for a, b in zip(fake, real, strict=True)]
    assert ms_ssim(torch.from_numpy(fake), torch.from_numpy(real)).item() == pytest.approx(np.mean(expected), abs=1e-9)


@pytest.mark.parametrize("side", [12, 48, 64, 176])
def test_ms_ssim_is_one_for_equal_images_and_falls_with_noise(side: int) -> None:
    fake, real = (torch.from_numpy(image) for image in pair(side))
    assert ms_ssim(real, real).item() == pytest.approx(1)
    assert ms_ssim(fake, real) < 0.99


def test_the_mixed_loss_is_the_weighted_sum() -> None:
    fake, real = (torch.from_numpy(image) for image in pair(48))
    config = RegressionConfig(loss="l1_ms_ssim", ms_ssim=0.25)
    terms = Regression.losses(_Only(config), "generator", {"fake": fake, "y": real})
    expected = 0.75 * (fake - real).abs().mean() + 0.25 * (1 - ms_ssim(fake, real))
    torch.testing.assert_close(sum(terms.values()), expected)


class _Only:
    """What `losses` reads of the method."""

    def __init__(self, config: RegressionConfig) -> None:
        self.config = config


def test_wrong_options_and_unpaired_data_are_refused(tmp_path) -> None:
    assert zoo.compose(recipe="regression", size=32, steps=1).discriminator is None
    with pytest.raises((RefusedError, UsageError)):
        zoo.compose(method="regression:loss=l1_ms_ssim", generator="unet_auto", size=8, steps=1)
