"""What is written is what is read; and whole or not at all."""

from __future__ import annotations

import csv
import errno
import json
import resource
import signal
from pathlib import Path

import numpy as np
import pytest

from zoo.data.images import read_celsius, read_labels, read_thermal, read_visible
from zoo.data.layout import fingerprint, list_split, read_info
from zoo.data.writer import DatasetWriter, materialize
from zoo.errors import DataError, ZooError

VISIBLE = np.random.default_rng(0).integers(0, 256, (4, 6, 3)).astype(np.uint8)
THERMAL = VISIBLE[..., 0]


@pytest.mark.parametrize(
    ("dtype", "suffix", "bits"), [(np.uint8, ".png", 8), (np.uint16, ".png", 16), (np.float32, ".npy", 32)]
)
def test_a_pair_comes_back_bit_for_bit(tmp_path: Path, dtype: type, suffix: str, bits: int) -> None:
    thermal = (np.random.default_rng(1).uniform(0, 1, (4, 6)) * (250 if bits == 8 else 60000)).astype(dtype)
    labels = np.random.default_rng(2).integers(0, 2, (4, 6))
    celsius = np.random.default_rng(3).normal(10, 9, (4, 6)).astype(np.float16)
    with DatasetWriter(tmp_path / "set") as writer:
        writer.add("train", "a.b", visible=VISIBLE, thermal=thermal, labels=labels, celsius=celsius)
        writer.describe(
            name="x", classes=("sky", "road"), thermal_high=60000.0, license="none", citation="c", source="s"
        )
    (entry,) = list_split(tmp_path / "set", "train")
    assert (entry.stem, entry.thermal.suffix) == ("a.b", suffix)
    np.testing.assert_array_equal(read_visible(entry.visible), VISIBLE)
    np.testing.assert_array_equal(read_thermal(entry.thermal), thermal)
    np.testing.assert_array_equal(read_labels(entry.labels), labels)
    np.testing.assert_array_equal(read_celsius(entry.celsius), celsius.astype(np.float32))
    info = read_info(tmp_path / "set")
    assert (info.thermal_bits, info.splits, info.celsius) == (bits, {"train": 1, "test": 0}, True)
    assert info.offers == {"pairs", "labels", "celsius"}


def test_class_temperatures_are_means_over_the_training_images_that_show_the_class(tmp_path: Path) -> None:
    shape = (4, 6)
    with DatasetWriter(tmp_path / "set") as writer:
        common = {"visible": VISIBLE, "thermal": THERMAL}
        writer.add("train", "a", labels=np.zeros(shape, int), celsius=np.full(shape, 10.0), **common)
        half = np.zeros(shape, int)
        half[:, 3:] = 1
        writer.add("train", "b", labels=half, celsius=np.where(half, 30.0, 20.0), **common)
        writer.add("test", "c", labels=half, celsius=np.full(shape, 99.0), **common)
        given = {"sky": 40.0, "car": float("nan")}
        writer.add("train", "d", labels=half, celsius=np.full(shape, 1.0), temperatures=given, **common)
        writer.describe(name="x", classes=("sky", "road", "car"))
    assert read_info(tmp_path / "set").class_temperatures == {"sky": (10 + 20 + 40) / 3, "road": 30.0}
    with (tmp_path / "set/train/temperature.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {(r["stem"], r["class"]): float(r["celsius"]) for r in rows} == {
        ("a", "sky"): 10, ("b", "sky"): 20, ("b", "road"): 30, ("d", "sky"): 40,
    }  # fmt: skip


def test_an_unpaired_set_counts_visible_images_and_offers_no_pairs(tmp_path: Path) -> None:
    with DatasetWriter(tmp_path / "set") as writer:
        for i in range(3):
            writer.add_visible("train", f"a{i}", VISIBLE)
        writer.add_thermal("train", "a0", THERMAL)
        writer.add_thermal("test", "b0", THERMAL[:2])
        writer.describe(name="x")
    info = read_info(tmp_path / "set")
    assert (info.pairs, info.splits, info.offers) == (False, {"train": 3, "test": 0}, frozenset())


def test_left_out_files_are_written_down(tmp_path: Path) -> None:
    with DatasetWriter(tmp_path / "set") as writer:
        writer.add("train", "a", visible=VISIBLE, thermal=THERMAL)
        writer.skip("x/b.jpg", "cannot be\n decoded")
    stored = json.loads((tmp_path / "set/dataset.json").read_text())
    assert stored["left_out"] == [{"name": "x/b.jpg", "reason": "cannot be decoded"}]


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


def test_progress_hears_of_every_image(tmp_path: Path) -> None:
    heard: list[tuple[int, int]] = []
    with DatasetWriter(tmp_path / "set", progress=lambda done, out: heard.append((done, out))) as writer:
        writer.add("train", "a", visible=VISIBLE, thermal=THERMAL)
        writer.skip("b", "bad")
        writer.add("test", "a", visible=VISIBLE, thermal=THERMAL)
    assert heard == [(1, 0), (1, 1), (2, 1)]


def test_materialize_returns_what_was_written(tmp_path: Path) -> None:
    class One:
        def write(self, writer: DatasetWriter, source: Path | None) -> None:
            assert source is None
            for split in ("train", "test"):
                writer.add(split, "a", visible=VISIBLE, thermal=THERMAL)
            writer.describe(name="one")

    info = materialize(One(), tmp_path / "set")
    assert info == read_info(tmp_path / "set")
    assert info.fingerprint == fingerprint(tmp_path / "set")


def test_held_out_pairs_move_with_all_their_files(tmp_path: Path) -> None:
    labels = np.ones((4, 6), int)
    with DatasetWriter(tmp_path / "set") as writer:
        for number, stem in enumerate("abc"):
            writer.add(
                "train", stem, visible=VISIBLE, thermal=THERMAL, labels=labels, celsius=np.full((4, 6), 10.0 * number)
            )
        writer.hold_out({"b", "c"})
        with pytest.raises(DataError, match="`b` cannot be held out"):
            writer.hold_out({"b"})
        assert (writer.stems("train"), writer.stems("test", "thermal")) == (["a"], ["b", "c"])
        writer.describe(name="x", classes=("sky", "road"))
    assert read_info(tmp_path / "set").splits == {"train": 1, "test": 2}
    assert read_info(tmp_path / "set").class_temperatures == {"road": 0.0}
    for entry in list_split(tmp_path / "set", "test"):
        assert None not in (entry.visible, entry.thermal, entry.labels, entry.celsius)
        np.testing.assert_array_equal(read_celsius(entry.celsius), 10.0 * "abc".index(entry.stem))
    with (tmp_path / "set/test/temperature.csv").open() as file:
        assert [(row["stem"], float(row["celsius"])) for row in csv.DictReader(file)] == [("b", 10.0), ("c", 20.0)]


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
