import json
import subprocess
import sys
from dataclasses import replace
from importlib.util import find_spec

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from zoo.contracts import SetMetric
from zoo.errors import UsageError
from zoo_plugins.metrics import zoo_components
from zoo_plugins.metrics.config import NoOptions, PSNRConfig, SSIMConfig
from zoo_plugins.metrics.pairs import MAE, PSNR
from zoo_plugins.metrics.ssim import SSIM

METRICS = [PSNR(PSNRConfig()), SSIM(SSIMConfig()), SSIM(SSIMConfig(border="valid")), SSIM(SSIMConfig(volume=True))]


def pair(seed=0, shape=(3, 1, 24, 32), noise=0.1):
    """Smooth images in [0, 1] and noisy copies of them, as 8-bit files hold them."""
    draw = torch.Generator().manual_seed(seed)
    small = torch.rand(*shape[:2], 4, 4, generator=draw, dtype=torch.float64)
    real = torch.nn.functional.interpolate(small, size=shape[-2:], mode="bilinear")
    translated = (real + noise * torch.randn(shape, generator=draw, dtype=torch.float64)).clamp(0, 1)
    return (translated * 255).round() / 255, (real * 255).round() / 255


def skimage_ssim(a, b, **options):
    return structural_similarity(
        a.numpy(), b.numpy(), data_range=1.0, gaussian_weights=True, use_sample_covariance=False, **options
    )


def matlab_ssim(a, b):
    """MATLAB's ssim repeats the edge outwards by the window's radius (imfilter, replicate) and averages all pixels."""
    return skimage_ssim(*(torch.from_numpy(np.pad(image.numpy(), 5, mode="edge")) for image in (a, b)))


def test_psnr_equals_scikit_image():
    translated, real = pair()
    expected = [
        peak_signal_noise_ratio(r.numpy(), t.numpy(), data_range=1.0) for t, r in zip(translated, real, strict=True)
    ]
    np.testing.assert_allclose(PSNR(PSNRConfig()).per_image(translated, real), expected, atol=1e-6, rtol=0)


def test_psnr_of_one_grey_level_off_everywhere_is_48_13_db():
    real = torch.full((1, 1, 16, 16), 100 / 255)
    value = PSNR(PSNRConfig()).per_image(torch.full_like(real, 101 / 255), real)
    assert value.item() == pytest.approx(20 * np.log10(255), abs=1e-4)


@pytest.mark.parametrize("shape", [(3, 1, 24, 32), (2, 1, 11, 11), (1, 1, 64, 64)])
def test_valid_ssim_equals_scikit_image(shape):
    translated, real = pair(shape=shape)
    expected = [skimage_ssim(t[0], r[0]) for t, r in zip(translated, real, strict=True)]
    actual = SSIM(SSIMConfig(border="valid")).per_image(translated, real)
    np.testing.assert_allclose(actual, expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize("shape", [(3, 1, 24, 32), (2, 1, 11, 11), (1, 1, 64, 64)])
def test_ssim_equals_matlabs_definition(shape):
    translated, real = pair(shape=shape)
    expected = [matlab_ssim(t[0], r[0]) for t, r in zip(translated, real, strict=True)]
    np.testing.assert_allclose(SSIM(SSIMConfig()).per_image(translated, real), expected, atol=1e-6, rtol=0)


def test_ssim_options_reach_the_equation():
    translated, real = pair()
    expected = skimage_ssim(translated[0, 0], real[0, 0], sigma=1.0, K1=0.02, K2=0.05)
    metric = SSIM(SSIMConfig(sigma=1.0, k1=0.02, k2=0.05, border="valid"))
    assert metric.per_image(translated, real)[0].item() == pytest.approx(expected, abs=1e-6)
    assert metric.protocol()["window"] == "gaussian 9x9"


def test_ssim_averages_channels_as_scikit_image():
    translated, real = pair(shape=(1, 3, 24, 24))
    expected = skimage_ssim(translated[0], real[0], channel_axis=0)
    actual = SSIM(SSIMConfig(border="valid")).per_image(translated, real)
    assert actual.item() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("metric", METRICS)
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**31), noise=st.floats(0.01, 1))
def test_metrics_are_symmetric_and_bounded_by_the_score_of_identical_images(metric, seed, noise):
    translated, real = pair(seed, (2, 1, 16, 16), noise)
    value, best = metric.per_image(translated, real), metric.per_image(real, real)
    torch.testing.assert_close(value, metric.per_image(real, translated), atol=1e-12, rtol=0)
    assert (value <= best).all()
    assert value.dtype == torch.float64
    assert value.shape == (2,)


@pytest.mark.parametrize("metric", METRICS)
def test_an_image_scores_the_same_alone_and_in_a_batch(metric):
    translated, real = pair()
    alone = torch.cat([metric.per_image(t[None], r[None]) for t, r in zip(translated, real, strict=True)])
    torch.testing.assert_close(metric.per_image(translated, real), alone, atol=1e-12, rtol=0)


def test_identical_images_score_the_stated_cap_and_one():
    _, real = pair()
    psnr = PSNR(PSNRConfig(cap_db=80.0))
    assert psnr.per_image(real, real).tolist() == [80.0] * 3
    assert psnr.protocol()["cap_db"] == 80.0
    torch.testing.assert_close(SSIM(SSIMConfig()).per_image(real, real), torch.ones(3, dtype=torch.float64))


def test_the_default_cap_is_out_of_reach_of_different_8_bit_images_at_the_papers_size():
    real = torch.zeros(1, 1, 256, 256)
    translated = real.clone()
    translated[0, 0, 7, 9] = 1 / 255
    assert PSNR(PSNRConfig()).per_image(translated, real).item() == pytest.approx(96.296, abs=1e-3)


def test_single_precision_images_score_as_double_ones():
    translated, real = pair()
    for metric in METRICS:
        single = metric.per_image(translated.float(), real.float())
        torch.testing.assert_close(single, metric.per_image(translated, real), atol=1e-5, rtol=0)


def test_images_smaller_than_the_window_are_refused():
    with pytest.raises(UsageError, match=r"11x11 pixels, and these have 10x32\. Use a test size of at least 11"):
        SSIM(SSIMConfig()).per_image(*pair(shape=(1, 1, 10, 32)))


def test_a_window_without_extent_is_refused():
    with pytest.raises(UsageError, match=r"sigma=0\.1 pixels"):
        SSIM(SSIMConfig(sigma=0.1))


@pytest.mark.parametrize("metric", METRICS)
def test_images_of_different_shape_are_refused(metric):
    with pytest.raises(UsageError, match=r"\[1, 1, 24, 24\] against \[1, 1, 24, 32\]"):
        metric.per_image(torch.zeros(1, 1, 24, 24), torch.zeros(1, 1, 24, 32))


def test_mae_is_the_mean_difference_in_grey_levels():
    real = torch.tensor([0, 10, 200, 255]).view(1, 1, 2, 2) / 255
    translated = torch.tensor([3, 10, 190, 255]).view(1, 1, 2, 2) / 255
    metric = MAE(NoOptions())
    assert metric.per_image(translated, real).item() == pytest.approx((3 + 0 + 10 + 0) / 4, abs=1e-5)
    translated, real = pair()
    levels = [
        sum(abs(a - b) for a, b in zip(t.flatten().tolist(), r.flatten().tolist(), strict=True)) / r.numel() * 255
        for t, r in zip(translated, real, strict=True)
    ]
    np.testing.assert_allclose(metric.per_image(translated, real), levels, rtol=1e-12)


def test_rows_name_classes_that_take_their_config():
    for row in zoo_components():
        if row.name == "detection_map" and find_spec("pycocotools") is None:
            continue  # the extra `detection` is not installed
        module, _, name = row.target.partition(":")
        target = getattr(__import__(module, fromlist=[name]), name)
        networked = hasattr(row.config, "weights")
        metric = target(replace(row.config, weights="random") if networked else row.config)
        assert metric.name == row.name
        assert json.loads(json.dumps(metric.protocol())) == metric.protocol()
        if not isinstance(metric, SetMetric):
            assert metric.compares in ("grey", "celsius")


def test_listing_metrics_imports_no_torch():
    code = "import sys, zoo_plugins.metrics as m; m.zoo_components(); assert not {'torch', 'numpy'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_pooled_psnr_is_that_of_torchmetrics_updated_image_by_image():
    from torchmetrics.image import PeakSignalNoiseRatio

    from zoo.build import build
    from zoo.evaluate.intervals import pool
    from zoo.registry import get_registry

    draw = torch.Generator().manual_seed(0)
    translated, real = torch.rand(2, 7, 1, 24, 24, generator=draw, dtype=torch.float64)
    translated[3] = real[3] + 0.01 * translated[3]
    metric = build(get_registry().find("metric", "psnr:pooled=true"))
    expected = PeakSignalNoiseRatio(data_range=1.0).set_dtype(torch.float64)
    for one, other in zip(translated, real, strict=True):
        expected.update(one[None], other[None])
    values = metric.per_image(translated, real)
    assert float(pool(values.tolist(), metric.pooling)) == pytest.approx(float(expected.compute()), abs=1e-5)
    assert float(values.mean()) > float(expected.compute()) + 1  # the mean of the images' values is another number
