"""A trained method on another dataset: entries with classes are matched by name, or refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from zoo.compatibility import check_transfer
from zoo.contracts import Method
from zoo.data.entries import DatasetEntry
from zoo.data.layout import DatasetInfo
from zoo.errors import RefusedError
from zoo.evaluate.transfer import TransferredMethod
from zoo.sources import DataSource


class Reading(Method):
    """Keeps the batch that it translates."""

    def __init__(self) -> None:
        super().__init__()
        self.test_mode = "eval"

    def translate(self, batch):
        self.batch = batch
        return batch["thermal"]


class Choice:
    """A part that reads entries."""

    def __init__(self, *reads: str) -> None:
        self.name, self.contract = "reader", self
        self.reads = ("visible", *reads)


def info(name: str, *entries: DatasetEntry, classes: tuple[str, ...] = ()) -> DatasetInfo:
    return DatasetInfo(name=name, splits={}, entries=entries, classes=classes)


def mask(*classes: str, unit: str = "") -> DatasetEntry:
    return DatasetEntry(name="parts", kind="mask", classes=classes, unit=unit)


def boxes(*classes: str) -> DatasetEntry:
    return DatasetEntry(name="boxes", kind="boxes", classes=classes)


def transfer(reads: str, trained: DatasetInfo, tested: DatasetInfo) -> None:
    source = DataSource(root=Path("x"), name=tested.name, info=tested, fingerprint="f")
    check_transfer({"method": Choice(reads)}, trained, source)


def test_masks_boxes_and_labels_get_the_indices_of_the_same_names_in_the_training():
    trained = info("a", mask("car", "person", "tree"), boxes("car", "person"), classes=("sky", "car"))
    tested = info("b", mask("tree", "car"), boxes("person", "car"), classes=("car", "sky"))
    method = Reading()
    own = {
        "thermal": torch.zeros(1, 1, 1, 3),
        "parts": torch.tensor([[[0, 1, 255]]]),
        "boxes": [torch.tensor([[1.5, 2, 3, 4, 0], [5, 6, 7, 8, 1]]), torch.zeros(0, 5)],
        "labels": torch.tensor([[[0, 1, 1]]]),
        "temperatures": torch.tensor([[30.0, -20.0]]),
    }
    TransferredMethod(method, trained, tested).translate(own)
    assert method.batch["parts"].tolist() == [[[2, 0, 255]]]
    assert method.batch["labels"].tolist() == [[[1, 0, 0]]]
    assert method.batch["temperatures"].tolist() == [[-20.0, 30.0]]
    assert method.batch["boxes"][0].tolist() == [[1.5, 2, 3, 4, 1], [5, 6, 7, 8, 0]]
    assert method.batch["boxes"][1].shape == (0, 5)
    assert own["parts"].tolist() == [[[0, 1, 255]]]  # metrics read the tested dataset's own indices


@pytest.mark.parametrize(
    ("reads", "trained", "tested", "message"),
    [
        ("parts", mask("car"), mask("car", "dog"), "dataset b has parts of dog, and a, the training data, has not"),
        ("boxes", boxes("car"), boxes("dog"), "dataset b has boxes of dog"),
        ("parts", mask("car"), mask(), "dataset b names no classes of parts, and a, the training data, does"),
        ("parts", mask(unit="m"), mask(unit="cm"), "parts is mask cm in dataset b, and mask m in a"),
        ("boxes", boxes("car"), mask(), "method reader reads boxes, and dataset b has none"),
    ],
)
def test_an_entry_that_the_training_does_not_declare_alike_is_refused(reads, trained, tested, message):
    with pytest.raises(RefusedError, match=message):
        transfer(reads, info("a", trained), info("b", tested))


def test_what_a_part_does_not_read_may_differ():
    trained = info("a", mask("car"), boxes("car"), classes=("sky",))
    tested = info("b", mask("car"), boxes("dog"), classes=("road",))
    transfer("parts", trained, tested)
    method = Reading()
    batch = {"thermal": torch.zeros(1, 1, 1, 1), "parts": torch.tensor([[[0]]]), "boxes": [torch.zeros(1, 5)]}
    TransferredMethod(method, trained, tested).translate(batch)
    assert method.batch["boxes"][0].tolist() == [[0.0] * 5]
    transfer("boxes", info("a", boxes("car")), info("b", boxes()))  # no boxes at all
