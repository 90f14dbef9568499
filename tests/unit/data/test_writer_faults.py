"""What a dataset's writer refuses, and what a writing that fails leaves: nothing."""

from __future__ import annotations

import errno
import resource
import signal
from pathlib import Path

import numpy as np
import pytest

from zoo.data.layout import list_split, read_info
from zoo.data.writer import DatasetWriter, materialize
from zoo.errors import DataError, ZooError

from .conftest import THERMAL, VISIBLE


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"thermal": THERMAL[:2]}, "differ in size: visible 4x6, thermal 2x6"),
        ({"thermal": THERMAL.astype(np.float64)}, "float64"),
        ({"thermal": VISIBLE}, "not uint8, uint16 or float32"),
        ({"visible": THERMAL}, "not uint8"),
        ({"labels": np.full((4, 6), 256)}, "0 to 255"),
        ({"labels": np.zeros((4, 5), int)}, "labels 4x5"),
        ({"celsius": np.full((4, 6), np.nan)}, "finite"),
        ({"thermal": np.full((4, 6), np.inf, np.float32)}, "finite"),
        ({"stem": "a/b"}, "stem"),
        ({"stem": ".a"}, "stem"),
        ({"split": "val"}, "train, validation, test"),
    ],
)
def test_a_bad_pair_is_refused_and_leaves_the_writer_as_it_was(tmp_path: Path, change: dict, message: str) -> None:
    call = {"split": "train", "stem": "a", "visible": VISIBLE, "thermal": THERMAL}
    with DatasetWriter(tmp_path / "set") as writer:
        with pytest.raises(DataError, match=message):
            writer.add(**(call | change))
        writer.add(**call)
    assert read_info(tmp_path / "set").splits["train"] == 1


def test_what_differs_from_earlier_images_is_refused(tmp_path: Path) -> None:
    labels = np.zeros((4, 6), int)
    with DatasetWriter(tmp_path / "set") as writer:
        writer.describe(name="x", classes=("one",))
        writer.add("train", "a", visible=VISIBLE, thermal=THERMAL, labels=labels)
        for message, change in {
            "occurs twice": {"stem": "a"},
            "16 bits": {"thermal": THERMAL.astype(np.uint16)},
            "lacks labels": {"labels": None},
            "has celsius": {"celsius": labels.astype(float)},
        }.items():
            call = {"stem": "b", "visible": VISIBLE, "thermal": THERMAL, "labels": labels} | change
            with pytest.raises(DataError, match=message):
                writer.add("train", **call)
        with pytest.raises(DataError, match="not both"):
            writer.add_visible("train", "c", VISIBLE)


def test_labels_beyond_the_described_classes_stop_the_writing(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="label 7, but 2 classes"), DatasetWriter(tmp_path / "set") as writer:
        writer.add("train", "a", visible=VISIBLE, thermal=THERMAL, labels=np.full((4, 6), 7))
        writer.describe(name="x", classes=("a", "b"))
    assert list(tmp_path.iterdir()) == []


def test_nothing_left_to_write_is_an_error_with_the_first_reason(tmp_path: Path) -> None:
    with (
        pytest.raises(DataError, match=r"no image.*2 were left out.*a\.jpg.*truncated"),
        DatasetWriter(tmp_path / "set") as writer,
    ):
        writer.skip("a.jpg", "truncated")
        writer.skip("b.jpg", "truncated")
    assert list(tmp_path.iterdir()) == []


def test_an_error_inside_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), DatasetWriter(tmp_path / "set") as writer:
        writer.add("train", "a", visible=VISIBLE, thermal=THERMAL)
        assert not (tmp_path / "set").exists()
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_an_empty_folder_is_taken_and_a_full_one_refused(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    with DatasetWriter(tmp_path / "set") as writer:
        writer.add("train", "a", visible=VISIBLE, thermal=THERMAL)
    before = (tmp_path / "set/dataset.json").read_bytes()
    with pytest.raises(DataError, match="exists already") as caught, DatasetWriter(tmp_path / "set"):
        pass
    assert caught.value.fix.endswith(f"does not exist yet, e.g. {tmp_path / 'set-2'}")
    assert (tmp_path / "set/dataset.json").read_bytes() == before


def test_the_slower_of_two_writers_finds_the_folder_taken(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="exists already"), DatasetWriter(tmp_path / "set") as slow:
        slow.add("train", "slow", visible=VISIBLE, thermal=THERMAL)
        with DatasetWriter(tmp_path / "set") as fast:
            fast.add("train", "fast", visible=VISIBLE, thermal=THERMAL)
    assert [e.stem for e in list_split(tmp_path / "set", "train")] == ["fast"]
    assert [p.name for p in tmp_path.iterdir()] == ["set"]


def test_a_place_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ZooError, match="cannot write") as caught, DatasetWriter(tmp_path / "file/set"):
        pass
    assert "\n" not in str(caught.value)


def test_a_disk_that_fills_up_is_one_line_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("numpy.save", full)
    with pytest.raises(ZooError, match="disk is full") as caught, DatasetWriter(tmp_path / "set") as writer:
        writer.add("train", "a", visible=VISIBLE, thermal=THERMAL.astype(np.float32))
    assert not isinstance(caught.value, DataError)  # an importer must not take it for a bad image
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_the_system_cuts_short_is_noticed(tmp_path: Path) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    noise = np.random.default_rng(5).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
        with pytest.raises(ZooError, match="cannot write"), DatasetWriter(tmp_path / "set") as writer:
            writer.add("train", "a", visible=noise, thermal=noise[..., 0])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert list(tmp_path.iterdir()) == []


class _Source:
    """A dataset component that runs a given function."""

    def __init__(self, act) -> None:
        self.act = act

    def write(self, writer: DatasetWriter, source: Path | None) -> None:
        self.act(writer)


def _train_only(writer: DatasetWriter) -> None:
    writer.add("train", "a", visible=VISIBLE, thermal=THERMAL)
    for number in range(3):
        writer.skip(f"x/{number}.jpg", f"`x/{number}.jpg` is truncated")
    writer.skip("y.tif", "no partner")


def _unreadable(writer: DatasetWriter) -> None:
    raise PermissionError(errno.EACCES, "Permission denied", "/src/list.txt")


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (_train_only, r"no visible image of the test set .* 4 were left out.*x/0\.jpg.*truncated.*y\.tif.*no partner"),
        (_unreadable, r"`/src/list.txt` cannot be read: Permission denied"),
    ],
)
def test_an_import_that_no_training_could_use_fails_and_leaves_nothing(tmp_path: Path, act, message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        materialize(_Source(act), tmp_path / "set")
    assert caught.value.exit_code == 1
    assert str(caught.value).count("truncated") <= 1
    assert list(tmp_path.iterdir()) == []


def test_a_label_beyond_classes_that_are_described_first_costs_its_pair_alone(tmp_path: Path) -> None:
    with DatasetWriter(tmp_path / "set") as writer:
        writer.describe(name="x", classes=("one",))
        writer.add("train", "a", visible=VISIBLE, thermal=THERMAL, labels=np.zeros((4, 6), int))
        with pytest.raises(DataError, match="`b` has label 7, but 1 classes"):
            writer.add("train", "b", visible=VISIBLE, thermal=THERMAL, labels=np.full((4, 6), 7))
    assert read_info(tmp_path / "set").splits["train"] == 1


@pytest.mark.parametrize("stem", ["n" * 252, "é" * 126, "a\nb", "\udcc4"])
def test_a_stem_that_the_disk_or_json_does_not_take_costs_its_pair_alone(tmp_path: Path, stem: str) -> None:
    with DatasetWriter(tmp_path / "set") as writer:
        with pytest.raises(DataError, match=r"longer than 255 bytes|cannot be the stem"):
            writer.add("train", stem, visible=VISIBLE, thermal=THERMAL)
        writer.add("train", "n" * 251, visible=VISIBLE, thermal=THERMAL)
        writer.skip("x/\udcc4.png", "not\x1bgood")
        writer.note("decided \udcc4")
    info = read_info(tmp_path / "set")
    assert (info.splits["train"], info.notes) == (1, ("decided %C4",))
    assert [(item.name, item.reason) for item in info.left_out] == [("x/%C4.png", "not%1Bgood")]
