"""SSIM as a volume and over several scales, against loops over scipy's filters and scikit-image."""

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from skimage.metrics import structural_similarity

from zoo.errors import UsageError
from zoo_plugins.metrics.config import MSSSIMConfig, SSIMConfig
from zoo_plugins.metrics.ssim import MSSSIM, SSIM


def pair(shape, seed=0, noise=0.1):
    draw = torch.Generator().manual_seed(seed)
    small = torch.rand(*shape[:2], 8, 8, generator=draw, dtype=torch.float64)
    real = torch.nn.functional.interpolate(small, size=shape[-2:], mode="bilinear")
    return (real + noise * torch.randn(shape, generator=draw, dtype=torch.float64)).clamp(0, 1), real


@pytest.mark.parametrize(("sigma", "radius"), [(1.5, 5), (2.0, 7)])
def test_a_volume_is_scored_as_matlab_scores_an_rgb_array(sigma, radius):
    translated, real = pair((2, 3, 20, 24))
    expected = []
    for one, other in zip(translated.numpy(), real.numpy(), strict=True):
        # scikit-image averages over whole windows; with the edges repeated outwards these are centred on every pixel.
        padded = (np.pad(image, radius, mode="edge") for image in (one, other))
        options = {"data_range": 1.0, "gaussian_weights": True, "use_sample_covariance": False}
        expected.append(structural_similarity(*padded, sigma=sigma, **options))
    metric = SSIM(SSIMConfig(volume=True, sigma=sigma))
    np.testing.assert_allclose(metric.per_image(translated, real), expected, atol=1e-9, rtol=0)
    assert metric.compares == "channels"
    assert metric.protocol()["window"] == {5: "gaussian 11x11x11", 7: "gaussian 15x15x15"}[radius]


def test_a_volume_of_equal_channels_scores_as_the_image():
    translated, real = pair((2, 1, 20, 24))
    flat = SSIM(SSIMConfig()).per_image(translated, real)
    volume = SSIM(SSIMConfig(volume=True)).per_image(translated.expand(-1, 3, -1, -1), real.expand(-1, 3, -1, -1))
    torch.testing.assert_close(volume, flat, atol=1e-12, rtol=0)


def test_a_volume_without_replicated_borders_is_refused():
    with pytest.raises(UsageError, match="no window fits into its channels"):
        SSIMConfig(volume=True, border="valid")


def loop_over_scales(translated, real, exponents):
    """Wang et al. 2003, Eq. 7, with windows inside the image and halving by 2x2 means, one scale after the other."""
    product = 1.0
    for scale, exponent in enumerate(exponents):

        def mean(image):
            return gaussian_filter(image, 1.5, truncate=3.5)[5:-5, 5:-5]

        x, y = mean(translated), mean(real)
        variances = mean(translated**2) - x**2 + mean(real**2) - y**2
        structure = (2 * (mean(translated * real) - x * y) + 9e-4) / (variances + 9e-4)
        luminance = (2 * x * y + 1e-4) / (x**2 + y**2 + 1e-4)
        last = scale == len(exponents) - 1
        product *= max(0.0, ((structure * luminance) if last else structure).mean()) ** exponent
        translated, real = halve(translated), halve(real)
    return product


def halve(image):
    padded = np.pad(image, [(0, side % 2) for side in image.shape], mode="edge")
    return (padded[::2, ::2] + padded[1::2, ::2] + padded[::2, 1::2] + padded[1::2, 1::2]) / 4


@pytest.mark.parametrize("shape", [(1, 1, 176, 176), (2, 1, 161, 170)])
def test_ms_ssim_equals_a_loop_over_the_papers_scales(shape):
    translated, real = pair(shape)
    exponents = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
    expected = [loop_over_scales(t[0], r[0], exponents) for t, r in zip(translated.numpy(), real.numpy(), strict=True)]
    np.testing.assert_allclose(MSSSIM(MSSSIMConfig()).per_image(translated, real), expected, atol=1e-6, rtol=0)


def test_fewer_scales_keep_the_proportions_of_the_papers_exponents():
    config = MSSSIMConfig(scales=3)
    assert sum(config.exponents) == pytest.approx(1)
    assert config.exponents[1] / config.exponents[0] == pytest.approx(0.2856 / 0.0448)
    translated, real = pair((1, 1, 41, 50))
    expected = loop_over_scales(translated[0, 0].numpy(), real[0, 0].numpy(), config.exponents)
    assert MSSSIM(config).per_image(translated, real).item() == pytest.approx(expected, abs=1e-6)


def test_ms_ssim_of_opposite_images_is_zero_and_of_equal_ones_one():
    _, real = pair((1, 1, 48, 48))
    metric = MSSSIM(MSSSIMConfig(scales=2))
    assert metric.per_image(1 - real, real).item() == 0
    assert metric.per_image(real, real).item() == pytest.approx(1, abs=1e-6)


def test_images_whose_coarsest_scale_holds_no_window_are_refused():
    metric = MSSSIM(MSSSIMConfig())
    with pytest.raises(UsageError, match="at least 161x161 pixels, and these have 160x170"):
        metric.per_image(*pair((1, 1, 160, 170)))
    assert MSSSIMConfig().contract().min_size == 161
    with pytest.raises(UsageError, match="6 scales"):
        MSSSIMConfig(scales=6)
