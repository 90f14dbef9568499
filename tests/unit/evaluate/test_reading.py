"""Metrics that read entries of the batch, and scores by class and group."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from zoo.data.entries import DatasetEntry
from zoo.data.layout import DatasetInfo
from zoo.errors import DataError, ZooError
from zoo.evaluate.score import evaluate

INFO = DatasetInfo(
    name="made",
    splits={"test": 6},
    entries=(
        DatasetEntry(name="boxes", kind="boxes", classes=("car", "person")),
        DatasetEntry(name="daytime", kind="group"),
    ),
)
BOXES = [[[0, 0, 4, 4, 0]], [[0, 0, 2, 2, 1], [2, 2, 6, 6, 0]], [], [[1, 1, 3, 3, 1]], [[0, 0, 6, 6, 0]], []]


class Split:
    """Six pairs with boxes and a group."""

    def __init__(self):
        rng = torch.Generator().manual_seed(0)
        self.pixels = torch.randint(0, 256, (6, 4, 6, 6), generator=rng, dtype=torch.uint8)
        self.stems = [f"image{index}" for index in range(6)]

    def __len__(self):
        return 6

    def whole(self, index):
        images = self.pixels[index].float() / 127.5 - 1
        return {
            "visible": images[:, :3],
            "thermal": images[:, 3:],
            "boxes": [torch.tensor(BOXES[i], dtype=torch.float32).reshape(-1, 5) for i in index.tolist()],
            "daytime": ["night" if i % 3 == 0 else "day" for i in index.tolist()],
        }


class BoxMAE:
    """Mean absolute error inside the boxes, in levels."""

    name, higher_is_better, unit, compares, reads, by = "box_mae", False, "levels", "grey", ("boxes",), "boxes"

    def protocol(self):
        return {}

    def _objects(self, translated, real, batch):
        errors = 255 * (translated - real).abs()[:, 0]
        cut = [
            [(row[4], error[row[1] : row[3], row[0] : row[2]].mean()) for row in boxes.int().tolist()]
            for error, boxes in zip(errors, batch["boxes"], strict=True)
        ]
        return [[(kind, float(value)) for kind, value in row] for row in cut]

    def per_image(self, translated, real, batch):
        rows = self._objects(translated, real, batch)
        return torch.tensor([np.mean([v for _, v in row]) if row else math.nan for row in rows], dtype=torch.float64)

    def per_class(self, translated, real, batch, classes):
        assert classes == ("car", "person")
        rows = self._objects(translated, real, batch)
        means = [
            [np.mean([v for k, v in row if k == c]) if any(k == c for k, _ in row) else math.nan for c in range(2)]
            for row in rows
        ]
        return torch.tensor(means, dtype=torch.float64)


class Objects:
    """Number of boxes over the split, divided by the brightness; shows what is collected."""

    name, higher_is_better, unit, compares, reads, by = "objects", True, "", "grey", ("boxes",), "boxes"

    def protocol(self):
        return {"counts": "boxes"}

    def collect(self, translated, real, batch, classes):
        assert classes == ("car", "person") and translated.shape == real.shape
        return [len(boxes) for boxes in batch["boxes"]]

    def value(self, items):
        return sum(items) / len(items) if sum(items) else math.nan


class Plain:
    """Mean absolute error in levels."""

    name, higher_is_better, unit, compares = "mae", False, "levels", "grey"

    def protocol(self):
        return {}

    def per_image(self, translated, real):
        return 255 * (translated - real).abs().mean(dim=(1, 2, 3))


def first_channel(batch):
    return batch["visible"][:, :1]


def run(metrics, split=None, **options):
    return evaluate(first_channel, split or Split(), metrics, device="cpu", info=INFO, **options)[0]


def test_an_image_to_which_a_metric_does_not_apply_is_left_out_and_the_score_says_so():
    split = Split()
    (score,) = run({"box_mae": BoxMAE()}, split)
    assert list(score.per_image) == ["image0", "image1", "image3", "image4"]
    pixels = split.pixels.numpy().astype(float)
    error = np.abs(pixels[:, 0] - pixels[:, 3])
    expected = {
        "image0": error[0, :4, :4].mean(),
        "image1": (error[1, :2, :2].mean() + error[1, 2:6, 2:6].mean()) / 2,
        "image3": error[3, 1:3, 1:3].mean(),
        "image4": error[4].mean(),
    }
    assert score.per_image == pytest.approx(expected)
    assert score.n == 4 and score.value == pytest.approx(np.mean(list(expected.values())))
    assert score.protocol["left_out"] == 2 and score.protocol["metric_reads"] == ["boxes"]
    assert score.notes == ["It does not apply to 2 of 6 images"]
    car = (error[0, :4, :4].mean() + error[1, 2:6, 2:6].mean() + error[4].mean()) / 3
    person = (error[1, :2, :2].mean() + error[3, 1:3, 1:3].mean()) / 2
    assert {name: (means.value, means.n) for name, means in score.groups["boxes"].items()} == {
        "car": (pytest.approx(car), 3),
        "person": (pytest.approx(person), 2),
    }


def test_every_score_of_single_images_is_given_by_group():
    plain, box = run({"mae": Plain(), "box_mae": BoxMAE()}, batch=4)
    night = [plain.per_image[f"image{index}"] for index in (0, 3)]
    assert plain.groups["daytime"]["night"].value == pytest.approx(np.mean(night))
    assert {name: means.n for name, means in plain.groups["daytime"].items()} == {"day": 4, "night": 2}
    assert {name: means.n for name, means in box.groups["daytime"].items()} == {"day": 2, "night": 2}
    assert plain.notes == [] and "left_out" not in plain.protocol and "metric_reads" not in plain.protocol
    assert evaluate(first_channel, Split(), {"mae": Plain()}, device="cpu")[0][0].groups == {}


def test_a_score_of_the_split_has_a_jackknife_interval():
    objects, plain = run({"objects": Objects(), "mae": Plain()}, batch=4)
    assert objects.metric == "objects" and plain.metric == "mae"
    assert (objects.value, objects.n, objects.interval, objects.per_image) == (pytest.approx(5 / 6), 6, "jackknife", {})
    assert objects.low < 5 / 6 < objects.high
    # The jackknife of a mean is the usual standard error.
    spread = np.std([len(boxes) for boxes in BOXES], ddof=1) / np.sqrt(6)
    assert (objects.high - objects.low) / 2 == pytest.approx(2.570582 * spread, rel=1e-5)  # t of 5 degrees of freedom


def test_what_a_metric_reads_must_be_there_and_apply_to_some_image():
    class Without(Split):
        def whole(self, index):
            return {name: value for name, value in super().whole(index).items() if name != "boxes"}

    class Nowhere(BoxMAE):
        def per_image(self, translated, real, batch):
            return torch.full((len(real),), math.nan, dtype=torch.float64)

    class Infinite(Objects):
        def value(self, items):
            return math.inf

    with pytest.raises(DataError, match="reads boxes, and the test images have daytime, thermal, visible"):
        run({"box_mae": BoxMAE()}, Without())
    with pytest.raises(DataError, match="applies to none of the 6 test images"):
        run({"box_mae": Nowhere()})
    with pytest.raises(ZooError, match="no finite value"):
        run({"objects": Infinite()})


def test_a_split_whose_objects_are_all_in_one_group_of_images_has_no_interval():
    class One(Objects):
        def collect(self, translated, real, batch, classes):
            return [float(len(boxes) == 2) for boxes in batch["boxes"]]

    (score,) = run({"objects": One()})
    assert score.value == pytest.approx(1 / 6) and (score.low, score.high) == (None, None)
