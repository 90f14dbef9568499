import json
import math
from dataclasses import asdict

import numpy as np
import pytest
import torch
from PIL import Image

from zoo.errors import DataError, UsageError, ZooError
from zoo.evaluate.score import as_saved, evaluate


class FakeSplit:
    """Pairs in memory; `whole` hands them out as the engine's stores do."""

    def __init__(self, n=5, channels=1, size=6):
        draw = torch.Generator().manual_seed(0)
        self.pixels = torch.randint(0, 256, (n, 3 + channels, size, size), generator=draw, dtype=torch.uint8)
        self.stems = [f"street_{i}" for i in range(n)]

    def __len__(self):
        return len(self.stems)

    def whole(self, index):
        images = self.pixels[index].float() / 127.5 - 1
        return {"visible": images[:, :3], "thermal": images[:, 3:]}


class MeanError:
    """Mean absolute error in grey levels; shows what the metrics are given."""

    name, higher_is_better, unit, compares = "mae", False, "levels", "grey"

    def protocol(self):
        return {"levels": 256}

    def per_image(self, translated, real):
        return 255 * (translated - real).abs().mean(dim=(1, 2, 3))


def first_channel(batch):
    return batch["visible"][:, :1]


def test_scores_are_means_over_the_images_in_order():
    split = FakeSplit()
    (score,), _ = evaluate(first_channel, split, {"mae": MeanError()}, device="cpu")
    pixels = split.pixels.numpy().astype(float)
    expected = np.abs(pixels[:, 0] - pixels[:, 3]).mean(axis=(1, 2))
    assert list(score.per_image) == split.stems
    np.testing.assert_allclose(list(score.per_image.values()), expected, rtol=1e-12)
    assert score.value == pytest.approx(expected.mean())
    assert (score.n, score.level, score.unit, score.higher_is_better) == (5, 0.95, "levels", False)
    assert score.low < score.value < score.high


def test_the_batch_size_changes_no_score():
    split, metrics = FakeSplit(), {"mae": MeanError()}
    assert (
        evaluate(first_channel, split, metrics, device="cpu", batch=2)[0]
        == (evaluate(first_channel, split, metrics, device="cpu")[0])
    )


def test_the_protocol_names_what_metric_and_evaluation_do_and_the_score_is_json():
    (score,), _ = evaluate(first_channel, FakeSplit(), {"mae": MeanError()}, device="cpu")
    assert score.protocol["resize"] == "6x6 bicubic"
    assert {"split": "test", "mode": "eval", "levels": 256}.items() <= score.protocol.items()
    assert json.loads(json.dumps(asdict(score), allow_nan=False)) == asdict(score)


def test_translations_are_scored_as_they_would_be_saved():
    split = FakeSplit()
    half_a_level = 0.45 / 127.5
    (score,), _ = evaluate(lambda b: b["thermal"] + half_a_level, split, {"mae": MeanError()}, device="cpu")
    assert score.value == 0
    assert (score.low, score.high) == (0, 0)


def test_a_single_image_has_no_interval():
    (score,), _ = evaluate(first_channel, FakeSplit(n=1), {"mae": MeanError()}, device="cpu")
    assert (score.n, score.low, score.high) == (1, None, None)


@pytest.mark.parametrize("channels", [1, 3])
def test_grey_reduction_is_that_of_pillow(channels):
    images = FakeSplit(channels=channels, size=32).whole(torch.tensor([2]))["thermal"]
    pixels = ((images[0] + 1) * 127.5).round().to(torch.uint8).permute(1, 2, 0).numpy()
    expected = np.asarray(Image.fromarray(pixels.squeeze()).convert("L")).astype(int)
    actual = as_saved(images)[0, 0].numpy().astype(int)
    # Pillow weighs in fixed point, which moves a value that lies halfway between two levels.
    assert np.abs(actual - expected).max() <= (1 if channels == 3 else 0)
    assert (actual == expected).mean() > 0.99


def test_grey_reduction_keeps_equal_channels():
    grey = FakeSplit(size=32).whole(torch.arange(5))["thermal"]
    assert as_saved(grey.expand(-1, 3, -1, -1)).equal(as_saved(grey))


def test_values_beyond_the_range_are_clipped():
    assert as_saved(torch.tensor([-9.0, -1.0, 1.0, 9.0]).view(1, 1, 2, 2)).flatten().tolist() == [0, 0, 255, 255]


def test_samples_are_spread_over_the_split_and_hold_the_pixels():
    split = FakeSplit(n=20)
    _, samples = evaluate(first_channel, split, {"mae": MeanError()}, device="cpu", batch=3)
    assert list(samples) == [f"street_{i}" for i in range(0, 20, 3)]
    for stem, sample in samples.items():
        pixels = split.pixels[split.stems.index(stem)].numpy()
        np.testing.assert_array_equal(sample.visible, pixels[:3].transpose(1, 2, 0))
        np.testing.assert_array_equal(sample.translated, pixels[0])
        np.testing.assert_array_equal(sample.real, pixels[3])


def test_an_empty_split_is_refused():
    with pytest.raises(DataError, match="no images to score"):
        evaluate(first_channel, FakeSplit(n=0), {"mae": MeanError()}, device="cpu")


def test_an_unpaired_split_is_refused():
    class Unpaired(FakeSplit):
        def whole(self, index):
            return {"visible": super().whole(index)["visible"]}

    with pytest.raises(DataError, match="not pairs"):
        evaluate(first_channel, Unpaired(), {"mae": MeanError()}, device="cpu")


def test_a_translation_that_is_not_finite_is_no_score():
    def broken(batch):
        return first_channel(batch) * math.nan

    with pytest.raises(ZooError, match="street_0 has NaN"):
        evaluate(broken, FakeSplit(), {"mae": MeanError()}, device="cpu")


def test_a_metric_that_gives_no_number_is_no_score():
    class InverseError(MeanError):
        def per_image(self, translated, real):
            return 1 / super().per_image(real, real)

    with pytest.raises(ZooError, match="Metric inverse gave no finite value for street_0, street_1"):
        evaluate(first_channel, FakeSplit(), {"inverse": InverseError()}, device="cpu")


def test_a_translation_of_another_size_is_refused():
    with pytest.raises(UsageError, match=r"shape \[1, 1, 6, 5\], the real image \[1, 1, 6, 6\]"):
        evaluate(lambda b: b["visible"][:, :1, :, 1:], FakeSplit(), {"mae": MeanError()}, device="cpu")


def test_thermal_images_of_two_channels_are_refused():
    with pytest.raises(UsageError, match="1 or 3 channels, and these have 2"):
        evaluate(first_channel, FakeSplit(channels=2), {"mae": MeanError()}, device="cpu")


def test_metrics_that_compare_channels_get_them_unmixed():
    class ChannelError(MeanError):
        compares = "channels"

        def per_image(self, translated, real):
            assert translated.shape[1] == real.shape[1] == 3
            return super().per_image(translated, real)

    split = FakeSplit(channels=3)
    (score,), _ = evaluate(lambda b: b["visible"], split, {"mae": ChannelError()}, device="cpu")
    pixels = split.pixels.numpy().astype(float)
    expected = np.abs(pixels[:, :3] - pixels[:, 3:]).mean(axis=(1, 2, 3))
    np.testing.assert_allclose(list(score.per_image.values()), expected, rtol=1e-12)
    assert score.protocol["images"] == "8-bit, every channel"


def test_metrics_that_compare_degrees_get_them_unrounded():
    class DegreeError(MeanError):
        compares = "celsius"

        def per_image(self, translated, real):
            return (translated - real).abs().mean(dim=(1, 2, 3))

    class Radiometric(FakeSplit):
        def whole(self, index):
            batch = super().whole(index)
            return batch | {"celsius": 20 + 10 * batch["thermal"]}

    def degrees(batch, translated):
        return 20.123 + 10 * translated

    (score,), _ = evaluate(lambda b: b["thermal"], Radiometric(), {"mae": DegreeError()}, device="cpu", degrees=degrees)
    assert score.value == pytest.approx(0.123, abs=1e-5)
    assert score.protocol["images"] == "degrees Celsius, not rounded"
    with pytest.raises(DataError, match="compares degrees Celsius"):
        evaluate(lambda b: b["thermal"], FakeSplit(), {"mae": DegreeError()}, device="cpu", degrees=degrees)
