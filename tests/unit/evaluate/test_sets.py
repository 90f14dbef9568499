"""Scores of sets: what the metric is handed, and how sure its value is."""

import math

import pytest
import torch

from zoo.errors import DataError, ZooError
from zoo.evaluate.intervals import jackknife_interval
from zoo.evaluate.score import evaluate, evaluate_unpaired


class MeanDistance:
    """Squared distance between the mean grey levels of both sets, and a count of the images looked at."""

    name, higher_is_better, unit, extractor = "means", False, "", "grey"

    def __init__(self):
        self.seen = []

    def protocol(self):
        return {"extractor": self.extractor}

    def features(self, images):
        self.seen.append(images)
        return images.mean(dim=(2, 3))

    def distance(self, translated, real):
        return float((translated.mean() - real.mean()) ** 2)

    def notes(self, images, dimensions):
        return [f"{images} images, {dimensions} features"]


class FakeSplit:
    def __init__(self, visible, thermal, paired):
        draw = torch.Generator().manual_seed(0)
        self.visible = torch.randint(0, 256, (visible, 3, 6, 6), generator=draw) / 127.5 - 1
        self.thermal = torch.randint(0, 256, (thermal, 1, 6, 6), generator=draw) / 127.5 - 1
        self.stems, self.paired, self.n_thermal = [f"s{i}" for i in range(visible)], paired, thermal

    def __len__(self):
        return len(self.stems)

    def whole(self, index, thermal_index=None):
        batch = {"visible": self.visible[index]}
        if thermal_index is not None or self.paired:
            batch["thermal"] = self.thermal[index if thermal_index is None else thermal_index]
        return batch


def first_channel(batch):
    return batch["visible"][:, :1]


def grey(images):
    return ((images + 1) * 127.5).round().double() / 255


def test_a_set_metric_sees_every_image_once_as_saved_and_gives_one_value():
    split, metric = FakeSplit(5, 5, paired=True), MeanDistance()
    (score,), _ = evaluate(first_channel, split, {"means[grey]": metric}, device="cpu", batch=2)
    translated, real = grey(split.visible[:, :1]), grey(split.thermal)
    assert torch.cat(metric.seen[::2]).equal(translated) and torch.cat(metric.seen[1::2]).equal(real)
    assert score.value == pytest.approx(float((translated.mean() - real.mean()) ** 2))
    assert (score.metric, score.n, score.per_image, score.interval) == ("means[grey]", 5, {}, "jackknife")
    assert score.notes == ["5 images, 1 features"]
    assert {"extractor": "grey", "real_images": 5, "images": "8-bit grey; 3 channels by BT.601"}.items() <= (
        score.protocol.items()
    )


def test_metrics_that_share_an_extractor_share_the_features():
    first, second = MeanDistance(), MeanDistance()
    evaluate(first_channel, FakeSplit(3, 3, paired=True), {"a": first, "b": second}, device="cpu")
    assert sorted([len(first.seen), len(second.seen)]) == [0, 6]


@pytest.mark.parametrize(("visible", "thermal"), [(4, 7), (7, 4)])
def test_unpaired_images_are_compared_as_sets(visible, thermal):
    split, metric = FakeSplit(visible, thermal, paired=False), MeanDistance()
    (score,), samples = evaluate_unpaired(first_channel, split, {"means": metric}, device="cpu")
    expected = (grey(split.visible[:, :1]).mean() - grey(split.thermal).mean()) ** 2
    assert score.value == pytest.approx(float(expected))
    assert (score.n, score.protocol["real_images"]) == (visible, thermal)
    assert score.low < score.value < score.high
    assert list(samples) == split.stems


def test_without_metrics_an_unpaired_split_gives_samples_alone():
    scores, samples = evaluate_unpaired(first_channel, FakeSplit(20, 3, paired=False), {}, device="cpu")
    assert scores == [] and len(samples) == 7


def test_one_image_is_no_set_and_two_have_no_interval():
    with pytest.raises(DataError, match="1 visible and 1 thermal"):
        evaluate(first_channel, FakeSplit(1, 1, paired=True), {"means": MeanDistance()}, device="cpu")
    (score,), _ = evaluate(first_channel, FakeSplit(2, 2, paired=True), {"means": MeanDistance()}, device="cpu")
    assert (score.low, score.high) == (None, None)


def test_a_distance_that_is_no_number_is_no_score():
    class Broken(MeanDistance):
        def distance(self, translated, real):
            return math.nan

    with pytest.raises(ZooError, match="Metric means gave no finite value"):
        evaluate(first_channel, FakeSplit(3, 3, paired=True), {"means": Broken()}, device="cpu")


def test_the_jackknife_of_a_mean_is_the_interval_of_student():
    from scipy.stats import t

    values = torch.randn(20, generator=torch.Generator().manual_seed(1), dtype=torch.float64)

    def without(gap):
        return float(torch.cat([values[: gap.start], values[gap.stop :]]).mean())

    interval = jackknife_interval(float(values.mean()), [without], [20])
    expected = t.interval(0.95, 19, loc=float(values.mean()), scale=float(values.std()) / math.sqrt(20))
    assert (interval.low, interval.high) == pytest.approx(expected)


@pytest.mark.parametrize("paired", [True, False])
def test_jackknife_intervals_of_a_distance_cover_the_truth(paired):
    """The squared distance of two means, 1, lies in 95 % of the intervals, within what 400 tries allow."""
    draw = torch.Generator().manual_seed(2)
    covered = 0
    for _ in range(400):
        a = torch.randn(60, generator=draw, dtype=torch.float64)
        b = 1 + (0.8 * a + 0.6 * torch.randn(60, generator=draw, dtype=torch.float64) if paired else a.flip(0))
        if not paired:
            b = 1 + torch.randn(40, generator=draw, dtype=torch.float64)

        def distance(a, b):
            return float((a.mean() - b.mean()) ** 2)

        def left(x, gap):
            return torch.cat([x[: gap.start], x[gap.stop :]])

        if paired:
            estimates, sizes = [lambda gap, a=a, b=b: distance(left(a, gap), left(b, gap))], [60]
        else:
            estimates = [
                lambda gap, a=a, b=b: distance(left(a, gap), b),
                lambda gap, a=a, b=b: distance(a, left(b, gap)),
            ]
            sizes = [60, 40]
        interval = jackknife_interval(distance(a, b), estimates, sizes)
        covered += interval.low <= 1 <= interval.high
    assert 0.91 <= covered / 400 <= 0.985
