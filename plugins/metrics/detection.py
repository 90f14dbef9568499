"""Mean average precision of a detector on translated images, against the boxes of the dataset."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any, ClassVar

import torch
import torchvision
from torch import Tensor, nn

from zoo.checkpoints.published import find, sha256_of
from zoo.contracts import Batch, Compared
from zoo.errors import UsageError

from .config import DetectionConfig
from .extractor import SEED, build_seeded, load_into, load_state
from .networks import DETECTOR_FILES, PUBLISHED, RANDOM, weights_path

SYNONYMS = {"pedestrian": "person", "people": "person", "bike": "bicycle", "motorbike": "motorcycle", "van": "car"}
"""Class names of datasets, and those of COCO that mean the same."""

Item = tuple[dict[str, Tensor], dict[str, Tensor]]
"""Detections (`boxes` [n, 4], `scores`, `labels` [n]) and true objects of one image; labels are indices of the dataset's
classes."""


class DetectionMAP:
    """Mean average precision in [0, 1], as COCO defines it (Lin et al. 2014), by torchmetrics.

    A detector that was trained on photos of COCO finds objects in the translated images; only classes that both it and the
    dataset have count. Grey images are repeated to three equal channels.

    Raises:
        UsageError: pycocotools is not installed, or the file of weights is missing or of another network.
        ZooError: the published weights are not on this machine and cannot be fetched.
    """

    name: ClassVar[str] = "detection_map"
    higher_is_better: ClassVar[bool] = True
    unit: ClassVar[str] = ""
    compares: Compared = "grey"

    def __init__(self, config: DetectionConfig) -> None:
        if find_spec("pycocotools") is None:
            raise UsageError(
                "detection_map computes average precision with pycocotools, which is not installed",
                "Run: pip install 'thermal-zoo[detection]'",
            )
        self.config = config
        self.detector, self.categories, self._weights = _detector(config)

    @property
    def reads(self) -> tuple[str, ...]:
        """The entry with the boxes."""
        return (self.config.entry,)

    @property
    def by(self) -> str:
        """The entry with the boxes."""
        return self.config.entry

    def protocol(self) -> dict[str, Any]:
        """Return everything that changes the value without changing the model."""
        return {
            "detector": self.config.detector,
            "weights": self._weights,
            "iou": self.config.iou,
            "boxes": self.config.entry,
            "input": "grey to 3 equal channels; the detector's own resize",
        }

    @torch.no_grad()
    def collect(self, translated: Tensor, real: Tensor, batch: Batch, classes: Sequence[str]) -> list[Item]:
        """Return the detections and the true objects of each image.

        Raises:
            UsageError: the detector knows none of the dataset's classes.
        """
        kinds = self._kinds(classes)
        if not kinds:
            found = f"the detector has none of the classes of {self.config.entry}: {', '.join(classes) or 'no names'}"
            raise UsageError(f"detection_map cannot score this dataset, since {found}", "Remove the metric")
        self.detector.to(translated.device)
        items = []
        for image, boxes in zip(translated, batch[self.config.entry], strict=True):
            found = self.detector([image.float().expand(3, -1, -1)])[0]  # one at a time: no score depends on a batch
            named = [kinds.get(self.categories[label], -1) for label in found["labels"].tolist()]
            labels = torch.tensor(named, dtype=torch.int64)
            seen = {"boxes": found["boxes"].cpu(), "scores": found["scores"].cpu(), "labels": labels}
            truth = boxes.cpu()
            counted = torch.tensor([int(kind) in kinds.values() for kind in truth[:, 4].tolist()], dtype=torch.bool)
            true = {"boxes": truth[counted, :4], "labels": truth[counted, 4].long()}
            items.append(({name: values[labels >= 0] for name, values in seen.items()}, true))
        return items

    def value(self, items: Sequence[Item]) -> float:
        """Return the mean average precision over these images; NaN where they have no object."""
        from torchmetrics.detection import MeanAveragePrecision

        if not sum(len(true["labels"]) for _, true in items):
            return float("nan")
        thresholds = [0.5] if self.config.iou == "0.5" else None
        metric = MeanAveragePrecision(iou_thresholds=thresholds)
        metric.warn_on_many_detections = False
        metric.update([seen for seen, _ in items], [true for _, true in items])
        return float(metric.compute()["map"])

    def _kinds(self, classes: Sequence[str]) -> dict[str, int]:
        """Return the index of a dataset's class by the detector's name of it; the first of two that mean the same."""
        named = {index: name.lower().replace("_", " ") for index, name in enumerate(classes)}
        same = {SYNONYMS.get(name, name): index for index, name in reversed(named.items())}
        exact = {name: index for index, name in named.items()}
        return {name: index for name, index in {**same, **exact}.items() if name in self.categories}


def _detector(config: DetectionConfig) -> tuple[nn.Module, Sequence[str], str]:
    """Return torchvision's detector, its class names by label, and the origin of its weights."""
    models = torchvision.models
    published = models.get_model_weights(config.detector)["COCO_V1"]
    build = getattr(models.detection, config.detector)
    network = build_seeded(lambda: build(weights=None, weights_backbone=None))
    source = f"random, seed {SEED}"
    if config.weights != RANDOM:
        file = DETECTOR_FILES[config.detector]
        path = find(file) if config.weights == PUBLISHED else weights_path(config.weights)
        load_into(network, load_state(path), path)
        source = f"sha256 {sha256_of(path)}"
    return network.eval().requires_grad_(False), published.meta["categories"], source
