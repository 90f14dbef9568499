"""Detection mAP: a tiny detector in place of torchvision's, fixed boxes, and weights that cannot be had."""

from __future__ import annotations

import importlib.util
import math
from urllib.error import URLError

import pytest
import torch
from torch import nn

from zoo.errors import UsageError, ZooError
from zoo_plugins.metrics import detection
from zoo_plugins.metrics.config import DetectionConfig
from zoo_plugins.metrics.detection import DetectionMAP

pytest.importorskip("pycocotools")
CLASSES = ("sky", "pedestrian", "car")
COCO = ("__background__", "person", "bicycle", "car")


class Bright(nn.Module):
    """Finds one object, of the class and with the score that were given, around the bright pixels of an image."""

    def forward(self, images):
        found = []
        for image in images:
            assert image.shape[0] == 3 and image.dtype == torch.float32
            rows, columns = torch.nonzero(image[0] > 0.5, as_tuple=True)
            box = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1] if len(rows) else []
            label = 3 if len(rows) and image[0].max() > 0.9 else 1
            found.append(
                {
                    "boxes": torch.tensor([box], dtype=torch.float32).reshape(-1, 4),
                    "scores": torch.tensor([0.9] * bool(box)),
                    "labels": torch.tensor([label] * bool(box), dtype=torch.int64),
                }
            )
        return found


@pytest.fixture
def metric(monkeypatch):
    monkeypatch.setattr(detection, "_detector", lambda config: (Bright(), COCO, "none"))
    return lambda **options: DetectionMAP(DetectionConfig(**options))


def image(x1, y1, x2, y2, level):
    pixels = torch.zeros(1, 32, 32, dtype=torch.float64)
    pixels[:, y1:y2, x1:x2] = level
    return pixels


def collected(metric, images, boxes):
    stack = torch.stack(images)
    batch = {"boxes": [torch.tensor(rows, dtype=torch.float32).reshape(-1, 5) for rows in boxes]}
    return metric.collect(stack, torch.zeros_like(stack), batch, CLASSES)


def test_the_score_equals_torchmetrics_on_the_same_boxes(metric):
    from torchmetrics.detection import MeanAveragePrecision

    images = [image(4, 5, 14, 17, 1.0), image(2, 2, 20, 12, 0.7), image(0, 0, 1, 1, 0.0), image(8, 8, 24, 20, 1.0)]
    boxes = [
        [[4, 5, 14, 15, 2], [1, 1, 30, 4, 0]],  # the sky is no class of COCO
        [[3, 2, 20, 13, 1]],
        [[5, 5, 9, 9, 1]],
        [[8, 8, 24, 20, 2], [0, 0, 6, 6, 2]],
    ]
    reference = MeanAveragePrecision()
    seen = [([[4, 5, 14, 17]], [2]), ([[2, 2, 20, 12]], [1]), ([], []), ([[8, 8, 24, 20]], [2])]
    true = [
        ([[4, 5, 14, 15]], [2]),
        ([[3, 2, 20, 13]], [1]),
        ([[5, 5, 9, 9]], [1]),
        ([[8, 8, 24, 20], [0, 0, 6, 6]], [2, 2]),
    ]
    reference.update(
        [
            {
                "boxes": torch.tensor(rows, dtype=torch.float32).reshape(-1, 4),
                "scores": torch.full((len(rows),), 0.9),
                "labels": torch.tensor(kinds, dtype=torch.int64),
            }
            for rows, kinds in seen
        ],
        [{"boxes": torch.tensor(rows, dtype=torch.float32), "labels": torch.tensor(kinds)} for rows, kinds in true],
    )
    value = metric().value(collected(metric(), images, boxes))
    assert value == pytest.approx(float(reference.compute()["map"]))
    assert 0 < value < 1


def test_right_boxes_score_one_and_half_of_the_objects_about_half(metric):
    images, boxes = [image(4, 5, 14, 15, 1.0)], [[4, 5, 14, 15, 2]]
    assert metric().value(collected(metric(), images, [boxes])) == pytest.approx(1)
    halved = metric(iou="0.5").value(collected(metric(), images, [[*boxes, [20, 20, 30, 30, 2]]]))
    assert halved == pytest.approx(51 / 101)  # precision 1 at the recalls 0, 0.01, ..., 0.5 of 101
    assert math.isnan(metric().value(collected(metric(), images, [[]])))


def test_a_dataset_without_a_class_of_the_detector_is_refused(metric):
    with pytest.raises(UsageError, match="none of the classes of boxes: tree"):
        metric().collect(torch.zeros(1, 1, 8, 8), torch.zeros(1, 1, 8, 8), {"boxes": [torch.zeros(0, 5)]}, ("tree",))


def test_names_hold_what_changes_the_value():
    assert DetectionConfig().label() == "fasterrcnn_resnet50_fpn_v2"
    changed = DetectionConfig(detector="ssdlite320_mobilenet_v3_large", weights="random", iou="0.5", entry="people")
    assert changed.label() == "ssdlite320_mobilenet_v3_large@random,iou=0.5,entry=people"
    assert changed.contract().reads == ("visible", "people")


def test_random_weights_are_the_same_each_time_and_weights_that_cannot_be_fetched_are_named(tmp_path, monkeypatch):
    small = {"detector": "ssdlite320_mobilenet_v3_large"}
    one, other = (DetectionMAP(DetectionConfig(**small, weights="random")) for _ in range(2))
    same = zip(one.detector.state_dict().values(), other.detector.state_dict().values(), strict=True)
    assert all(torch.equal(a, b) for a, b in same)
    assert one.protocol()["weights"] == "random, seed 0" and one.categories[1] == "person"

    def offline(*_, **__):
        raise URLError("no route to host")

    monkeypatch.setattr("urllib.request.urlopen", offline)
    for variable in ("ZOO_WEIGHTS", "TORCH_HOME", "ZOO_CACHE"):
        monkeypatch.setenv(variable, str(tmp_path))
    with pytest.raises(ZooError, match="cannot be fetched: no route to host") as caught:
        DetectionMAP(DetectionConfig(**small))
    assert "ssdlite320_mobilenet_v3_large_coco-a79551df.pth" in str(caught.value.fix)
    (tmp_path / "weights.pth").write_bytes(b"")
    with pytest.raises(UsageError, match="cannot be read as weights"):
        DetectionMAP(DetectionConfig(**small, weights=str(tmp_path / "weights.pth")))


def test_weights_from_a_file_are_loaded_and_named(tmp_path):
    small = {"detector": "ssdlite320_mobilenet_v3_large"}
    state = DetectionMAP(DetectionConfig(**small, weights="random")).detector.state_dict()
    name = next(iter(state))
    state[name] = state[name] + 1
    torch.save(state, tmp_path / "own.pth")
    loaded = DetectionMAP(DetectionConfig(**small, weights=str(tmp_path / "own.pth")))
    assert torch.equal(loaded.detector.state_dict()[name], state[name])
    assert loaded.protocol()["weights"].startswith("sha256 ")


def test_without_pycocotools_the_extra_is_named(monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(detection, "find_spec", lambda name: None if name == "pycocotools" else found(name))
    with pytest.raises(UsageError, match="not installed") as caught:
        DetectionMAP(DetectionConfig())
    assert "thermal-zoo[detection]" in str(caught.value.fix)
