"""The null baselines against numpy, scikit-image and Pillow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from method_parts import TinyParts
from numpy.typing import NDArray
from PIL import Image
from skimage.color import rgb2gray
from skimage.exposure import match_histograms
from torch import Tensor

from zoo.contracts import Batch, Method
from zoo_plugins.baselines import zoo_components
from zoo_plugins.baselines.config import BaselineConfig, GreyConfig
from zoo_plugins.baselines.fitted import HistogramMatching, MeanImage, PixelRegression
from zoo_plugins.baselines.unfitted import Grey, ObjectMeans

SIZE = 12


@dataclass
class FewParts(TinyParts):
    """Parts of a recipe without networks."""

    size: int = SIZE

    def generator(self, *, in_channels: int, out_channels: int) -> Any:
        raise AssertionError("a null baseline has no generator")

    def discriminator(self, *, in_channels: int) -> Any:
        raise AssertionError("a null baseline has no discriminator")


@pytest.fixture
def pixels() -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Seven visible images [7, S, S, 3] and thermal ones [7, S, S] that depend on them, with noise."""
    draws = np.random.default_rng(3)
    visible = draws.integers(0, 256, (7, SIZE, SIZE, 3), dtype=np.uint8)
    linear = visible @ np.array([0.5, -0.3, 0.1]) + 90 + draws.normal(0, 12, visible.shape[:3])
    return visible, linear.clip(0, 255).astype(np.uint8)


def scaled(levels: NDArray[np.uint8]) -> Tensor:
    """Images as networks see them: [N, C, H, W] in [-1, 1]."""
    planes = levels if levels.ndim == 4 else levels[..., None]
    return torch.from_numpy(planes.astype(np.float32) / 127.5 - 1).permute(0, 3, 1, 2)


def batches(visible: NDArray[np.uint8], thermal: NDArray[np.uint8], channels: int = 1) -> list[Batch]:
    """Batches of three, three and one."""
    x, y = scaled(visible), scaled(thermal).repeat(1, channels, 1, 1)
    return [{"visible": x[i : i + 3], "thermal": y[i : i + 3]} for i in range(0, len(x), 3)]


@pytest.mark.parametrize("inverted", [False, True])
@pytest.mark.parametrize("channels", [1, 3])
def test_grey_is_skimages_up_to_its_other_weights(pixels: Any, channels: int, inverted: bool) -> None:
    visible, _ = pixels
    y = Grey(GreyConfig(inverted=inverted), FewParts(thermal_channels=channels)).translate({"visible": scaled(visible)})
    assert y.shape == (7, channels, SIZE, SIZE)
    expected = np.stack([np.array(Image.fromarray(image).convert("L")) for image in visible]) / 127.5 - 1
    for plane in y.unbind(1):
        error = np.abs(plane.numpy() - (-expected if inverted else expected))
        assert error.max() <= 1.01 / 127.5  # Pillow's integer arithmetic
        assert error.mean() < 0.6 / 127.5
    flat = np.stack([visible[..., 0]] * 3, -1)
    same = Grey(GreyConfig(inverted=inverted), FewParts()).translate({"visible": scaled(flat)})[:, 0]
    torch.testing.assert_close(same, (-1 if inverted else 1) * (2 * torch.from_numpy(rgb2gray(flat)).float() - 1))


@pytest.mark.parametrize("channels", [1, 3])
def test_regression_has_the_coefficients_and_the_r2_of_numpys_least_squares(pixels: Any, channels: int) -> None:
    visible, thermal = pixels
    method = PixelRegression(BaselineConfig(), FewParts(thermal_channels=channels))
    method.fit(iter(batches(visible, thermal, channels)))
    x = visible.reshape(-1, 3) / 127.5 - 1
    y = thermal.reshape(-1) / 127.5 - 1
    design = np.column_stack([x, np.ones(len(x))])
    coefficients, *_ = np.linalg.lstsq(design, y)
    for plane in range(channels):
        np.testing.assert_allclose(method.weight[plane], coefficients[:3], atol=1e-6)
        np.testing.assert_allclose(method.bias[plane], coefficients[3], atol=1e-6)
    predicted = method.translate({"visible": scaled(visible)})
    assert predicted.shape == (7, channels, SIZE, SIZE)
    expected = (design @ coefficients).clip(-1, 1)
    np.testing.assert_allclose(predicted[:, 0].numpy().reshape(-1), expected, atol=1e-5)

    def r2(values: Any) -> float:
        return 1 - float(((y - values) ** 2).sum() / ((y - y.mean()) ** 2).sum())

    ours = r2(predicted[:, 0].numpy().reshape(-1).astype(np.float64))
    assert ours == pytest.approx(r2(expected), abs=1e-5)
    assert 0.5 < ours < 1


def test_regression_recovers_an_exact_rule_and_clips() -> None:
    draws = torch.Generator().manual_seed(0)
    x = torch.rand(4, 3, 5, 6, generator=draws) * 2 - 1
    rule = torch.tensor([0.9, -0.7, 0.4])
    y = (x * rule.view(1, 3, 1, 1)).sum(1, keepdim=True) + 0.1
    method = PixelRegression(BaselineConfig(), FewParts())
    method.fit([{"visible": x, "thermal": y}])
    torch.testing.assert_close(method.weight[0], rule)
    torch.testing.assert_close(method.bias, torch.tensor([0.1]))
    torch.testing.assert_close(method.translate({"visible": x}), y.clamp(-1, 1))
    assert y.max() > 1


def test_regression_on_grey_images_shares_the_weight_out_evenly(pixels: Any) -> None:
    visible, thermal = pixels
    grey = np.repeat(visible[..., :1], 3, axis=-1)
    method = PixelRegression(BaselineConfig(), FewParts())
    method.fit(batches(grey, thermal))
    slope, constant = np.polyfit(grey[..., 0].reshape(-1) / 127.5 - 1, thermal.reshape(-1) / 127.5 - 1, 1)
    np.testing.assert_allclose(method.weight[0], [slope / 3] * 3, atol=1e-6)
    np.testing.assert_allclose(method.bias, [constant], atol=1e-6)


@pytest.mark.parametrize("channels", [1, 3])
def test_matching_is_skimages_with_all_thermal_images_as_the_reference(pixels: Any, channels: int) -> None:
    visible, thermal = pixels
    method = HistogramMatching(BaselineConfig(), FewParts(thermal_channels=channels))
    method.fit(batches(visible, thermal, channels))
    y = method.translate({"visible": scaled(visible)})
    assert y.shape == (7, channels, SIZE, SIZE)
    grey = (visible @ np.array([0.299, 0.587, 0.114])).round().astype(np.uint8)
    reference = thermal.reshape(-1, SIZE)
    for image, matched in zip(grey, y, strict=True):
        expected = match_histograms(image, reference) / 127.5 - 1
        for plane in matched:
            np.testing.assert_allclose(plane, expected, atol=1e-6)


def test_matching_needs_no_pairs_and_starts_afresh_at_each_fit(pixels: Any) -> None:
    visible, thermal = pixels
    one, other = (HistogramMatching(BaselineConfig(), FewParts()) for _ in range(2))
    one.fit(batches(visible, thermal))
    other.fit(batches(visible, 255 - thermal))
    other.fit(batches(visible[::-1].copy(), thermal[[3, 1, 0, 2, 6, 5, 4]]))
    assert torch.equal(one.histogram, other.histogram)
    np.testing.assert_array_equal(one.histogram, np.bincount(thermal.reshape(-1), minlength=256))


def test_matching_a_single_level_gives_that_level(pixels: Any) -> None:
    visible, thermal = pixels
    method = HistogramMatching(BaselineConfig(), FewParts())
    method.fit(batches(visible, np.full_like(thermal, 77)))
    matched = method.translate({"visible": scaled(visible)})
    torch.testing.assert_close(matched, torch.full_like(matched, 77 / 127.5 - 1))


@pytest.mark.parametrize("channels", [1, 3])
def test_the_mean_image_is_numpys_whatever_is_shown(pixels: Any, channels: int) -> None:
    visible, thermal = pixels
    method = MeanImage(BaselineConfig(), FewParts(thermal_channels=channels))
    method.fit(batches(visible, thermal, channels))
    y = method.translate({"visible": torch.zeros(2, 3, SIZE, SIZE)})
    expected = thermal.astype(np.float64).mean(axis=0) / 127.5 - 1
    np.testing.assert_allclose(y.numpy(), np.broadcast_to(expected, (2, channels, SIZE, SIZE)), atol=1e-6)


def test_the_mean_image_is_resized_as_pillow_does(pixels: Any) -> None:
    visible, thermal = pixels
    method = MeanImage(BaselineConfig(), FewParts(size=8))
    method.fit(batches(visible, thermal))
    mean = Image.fromarray((thermal.astype(np.float64).mean(axis=0) / 127.5 - 1).astype(np.float32))
    small = mean.resize((8, 8), Image.Resampling.BICUBIC)
    np.testing.assert_allclose(method.mean[0], np.array(small), atol=1e-5)
    shown = method.translate({"visible": torch.zeros(1, 3, 10, 20)})
    np.testing.assert_allclose(shown[0, 0], np.array(small.resize((20, 10), Image.Resampling.BICUBIC)), atol=1e-5)


@pytest.mark.parametrize("row", zoo_components(), ids=lambda row: row.name)
def test_every_row_trains_nothing_and_saves_what_it_fitted(row: Any, pixels: Any) -> None:
    kinds = {kind.__name__: kind for kind in (Grey, MeanImage, HistogramMatching, ObjectMeans, PixelRegression)}
    module, name = row.target.split(":")
    assert kinds[name].__module__ == module
    method: Method = kinds[name](row.config, FewParts())
    assert method.order == ()
    assert row.contract.uses == ()
    assert not list(method.parameters())
    method.fit(batches(*pixels))
    assert set(method.state_dict()) == set(method.inference)
    loaded = kinds[name](row.config, FewParts())
    loaded.load_state_dict(method.state_dict())
    shown = {"visible": scaled(pixels[0]), "thermal_segmentation": scaled(pixels[0])[:, :1]}
    y = method.translate(shown)
    assert torch.equal(loaded.translate(shown), y)
    assert y.abs().max() <= 1


def test_only_the_regression_needs_pairs() -> None:
    assert {row.name for row in zoo_components() if "pairs" in row.contract.needs} == {"pixel_regression"}
