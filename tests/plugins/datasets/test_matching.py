"""Pairs whose file names differ by a word of the camera, in two folders or in one, and the sets that users choose of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from zoo.data.check import check
from zoo.data.images import read_thermal, read_visible
from zoo.data.layout import DatasetInfo, list_split
from zoo.data.writer import materialize
from zoo.errors import DataError, UsageError
from zoo_plugins.datasets.config import PairsConfig
from zoo_plugins.datasets.folders import find_pairs
from zoo_plugins.datasets.matching import pairing_words, without
from zoo_plugins.datasets.pairs import Pairs

SHARED = Path(__file__).parents[3].parent / "shared" / "data"


def _save(path: Path, seed: int, channels: int = 1) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    shape = (6, 8, 3) if channels == 3 else (6, 8)
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, shape).astype(np.uint8)).save(path)


def _two(root: Path, visible: str = "v/{:03}.png", thermal: str = "t/{:03}.png", count: int = 10) -> Path:
    """Write pairs under two forms of names, pair n from seeds n and 100 + n."""
    for number in range(count):
        _save(root / visible.format(number), number, 3)
        _save(root / thermal.format(number), 100 + number)
    return root


def _import(root: Path, dst: Path, **options: object) -> DatasetInfo:
    sides = {} if "source" in options else {"visible": str(root / "v"), "thermal": str(root / "t")}
    source = options.pop("source", None)
    return materialize(Pairs(PairsConfig(**sides, **options)), dst, source)


def _stems(root: Path, split: str) -> set[str]:
    return {entry.stem for entry in list_split(root, split)}


def _require_partners(root: Path, splits: tuple[str, ...] = ("train", "test")) -> None:
    """Compare every pair with the images of its number."""
    for split in splits:
        for entry in list_split(root, split):
            number = int("".join(filter(str.isdigit, entry.stem)))
            expected = (
                np.random.default_rng(number).integers(0, 256, (6, 8, 3)),
                np.random.default_rng(100 + number).integers(0, 256, (6, 8)),
            )
            np.testing.assert_array_equal(read_visible(entry.visible), expected[0])
            np.testing.assert_array_equal(read_thermal(entry.thermal), expected[1])


@pytest.mark.parametrize(
    ("visible", "thermal", "stem"),
    [
        ("{:03}", "{:03}", "000"),
        ("{:03}_rgb", "{:03}_ir", "000"),
        ("{:03}_co", "{:03}_ir", "000"),
        ("{:03}", "{:03}_thermal", "000"),
        ("{:03}_visible", "{:03}", "000"),
        ("{:03}_RGB", "{:03}_T", "000"),
        ("rgb_{:03}", "ir_{:03}", "000"),
        ("RGB-{:03}", "Thermal-{:03}", "000"),
        ("scene_rgb_{:03}", "scene_lwir_{:03}", "scene_000"),
        ("{:03}V", "{:03}I", "000"),
        ("img.{:03}.vis", "img.{:03}.ir", "img.000"),
        ("FLIR_{:03}", "FLIR_{:03}", "FLIR_000"),
    ],
)
def test_names_that_differ_by_a_word_of_the_camera_are_pairs(
    tmp_path: Path, visible: str, thermal: str, stem: str
) -> None:
    _two(tmp_path, f"v/{visible}.png", f"t/{thermal}.png")
    info = _import(tmp_path, tmp_path / "dst")
    assert (info.splits, info.left_out) == ({"train": 9, "test": 1}, ())
    assert stem in _stems(tmp_path / "dst", "train") | _stems(tmp_path / "dst", "test")
    _require_partners(tmp_path / "dst")
    assert check(tmp_path / "dst") == []


def test_equal_stems_stay_as_they_are_even_with_a_word_in_them() -> None:
    assert pairing_words(["a_t", "b_t"], ["a_t", "b_t"]) == ("", "")
    assert pairing_words(["1_rgb", "2_rgb", "3"], ["1_ir", "2_ir", "3"]) == ("rgb", "ir")
    assert pairing_words(["1"], ["2"]) == ("", "")
    assert (without("airport_01", "ir"), without("ir", "ir"), without("birds_ir_1", "ir")) == (
        "airport_01", "ir", "birds_1",
    )  # fmt: skip


def test_two_files_of_one_pair_are_named_and_the_rest_is_imported(tmp_path: Path) -> None:
    _two(tmp_path, "v/{:03}_rgb.png", "t/{:03}_ir.png")
    _save(tmp_path / "v/000.png", 77, 3)
    _save(tmp_path / "t/lonely_ir.png", 78)
    info = _import(tmp_path, tmp_path / "dst")
    left_out = {item.name: item.reason for item in info.left_out}
    assert left_out.keys() == {"v/000_rgb.png", "t/lonely_ir.png"}
    assert "its stem is that of 000.png" in left_out["v/000_rgb.png"]


@pytest.mark.parametrize("half", ["", "train/"])
def test_one_folder_of_both_kinds_is_told_apart_by_its_names(tmp_path: Path, half: str) -> None:
    _two(tmp_path / "src", f"{half}{{:03}}_rgb.png", f"{half}{{:03}}_ir.png")
    info = _import(tmp_path, tmp_path / "dst", source=tmp_path / "src")
    assert info.splits == {"train": 9, "test": 1}
    _require_partners(tmp_path / "dst")


@pytest.mark.parametrize(
    ("visible", "thermal"), [("{}A", "{}B"), ("{}_rgb", "{}_ir"), ("vis_{}", "ir_{}"), ("{}-RGB", "{}-T")]
)
def test_folders_whose_names_join_split_and_camera(tmp_path: Path, visible: str, thermal: str) -> None:
    for half, start in (("train", 0), ("test", 5)):
        for number in range(start, start + 4):
            _save(tmp_path / "src" / visible.format(half) / f"{number}.png", number, 3)
            _save(tmp_path / "src" / thermal.format(half) / f"{number}.png", 100 + number)
    assert _import(tmp_path, tmp_path / "dst", source=tmp_path / "src").splits == {"train": 4, "test": 4}
    assert _stems(tmp_path / "dst", "test") == {"5", "6", "7", "8"}
    _require_partners(tmp_path / "dst")


def test_images_side_by_side_or_unpaired_are_not_taken_for_pairs(tmp_path: Path) -> None:
    for number in range(6):
        _save(tmp_path / f"aligned/train/{number}.png", number, 3)
        _save(tmp_path / f"unpaired/trainA/a{number}.png", number, 3)
        _save(tmp_path / f"unpaired/trainB/b{number}.png", number)
    assert find_pairs(tmp_path / "aligned") == {}
    importer = Pairs(PairsConfig())
    assert not importer.recognizes(tmp_path / "aligned")
    assert not importer.recognizes(tmp_path / "unpaired")
    assert importer.recognizes(_two(tmp_path / "pairs", "vi/{}.png", "ir/{}.png"))


@pytest.mark.parametrize(("test", "count"), [("0.3", 3), ("4", 4), ("1", 1), ("all", 10)])
def test_a_share_a_number_or_all_pairs_are_the_test_set(tmp_path: Path, test: str, count: int) -> None:
    _two(tmp_path)
    info = _import(tmp_path, tmp_path / "dst", test=test)
    assert info.splits == {"train": 10 - count, "test": count}
    assert info.test_only == (test == "all")
    assert check(tmp_path / "dst") == []


def test_a_list_of_stems_or_file_names_of_either_side_is_the_test_set(tmp_path: Path) -> None:
    _two(tmp_path, "v/{:03} x_rgb.png", "t/{:03} x_ir.png")
    (tmp_path / "list.txt").write_text("000 x\n001 x_rgb.png\nsome/where/002 x_ir.png\n\n003 x_ir\n")
    _import(tmp_path, tmp_path / "dst", test=str(tmp_path / "list.txt"))
    assert _stems(tmp_path / "dst", "test") == {"000 x", "001 x", "002 x", "003 x"}
    (tmp_path / "list.txt").write_text("000 x\n999\n")
    with pytest.raises(DataError, match=r"names `999`, which is no usable pair"):
        _import(tmp_path, tmp_path / "other", test=str(tmp_path / "list.txt"))
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize("test", ["0", "1.5", "-3", "nan", "half", "no.txt", "inf"])
def test_what_is_neither_is_refused_with_the_forms(tmp_path: Path, test: str) -> None:
    _two(tmp_path)
    with pytest.raises(UsageError, match=r"a share such as 0.1, a number of pairs, `all`, or a file"):
        _import(tmp_path, tmp_path / "dst", test=test)


def test_more_test_pairs_than_there_are_is_refused_and_a_seed_chooses_others(tmp_path: Path) -> None:
    _two(tmp_path)
    with pytest.raises(DataError, match="10 test pairs were requested, but there are 10"):
        _import(tmp_path, tmp_path / "dst", test="10")
    sets = []
    for name, seed in (("a", 0), ("b", 0), ("c", 5)):
        _import(tmp_path, tmp_path / name, test="4", seed=seed)
        sets.append(_stems(tmp_path / name, "test"))
    assert sets[0] == sets[1] != sets[2]


def test_a_validation_set_is_sampled_from_the_training_set(tmp_path: Path) -> None:
    _two(tmp_path, count=20)
    info = _import(tmp_path, tmp_path / "dst", test="5", validation="0.2")
    assert info.splits == {"train": 12, "validation": 3, "test": 5}
    assert len(_stems(tmp_path / "dst", "train") | _stems(tmp_path / "dst", "validation")) == 15
    assert check(tmp_path / "dst") == []
    _require_partners(tmp_path / "dst", ("train", "validation", "test"))
    (next((tmp_path / "dst/validation/thermal").iterdir())).unlink()
    assert any("validation/thermal" in str(problem) for problem in check(tmp_path / "dst"))


@pytest.mark.parametrize("with_test", [True, False])
def test_the_folder_val_of_a_source_is_kept_where_the_user_says_so(tmp_path: Path, with_test: bool) -> None:
    halves = {"train": range(10), "val": range(10, 13)} | ({"test": range(13, 15)} if with_test else {})
    for half, numbers in halves.items():
        for number in numbers:
            _save(tmp_path / f"src/{half}/vi/{number}.png", number, 3)
            _save(tmp_path / f"src/{half}/ir/{number}.png", 100 + number)
    info = _import(tmp_path, tmp_path / "kept", source=tmp_path / "src", validation="val")
    assert info.splits == {"train": 10 if with_test else 9, "validation": 3, "test": 2 if with_test else 1}
    assert _stems(tmp_path / "kept", "validation") == {"10", "11", "12"}
    today = _import(tmp_path, tmp_path / "today", source=tmp_path / "src")
    assert today.splits == ({"train": 13, "test": 2} if with_test else {"train": 10, "test": 3})
    with pytest.raises(UsageError, match=r"has a split already: .*zoo data split"):
        _import(tmp_path, tmp_path / "no", source=tmp_path / "src", test="3")


def test_labels_are_brought_along_by_stem_and_255_is_void(tmp_path: Path) -> None:
    _two(tmp_path)
    for number in range(9):
        labels = np.full((6, 8), number % 3, np.uint8)
        labels[0] = 255
        (tmp_path / "seg").mkdir(exist_ok=True)
        Image.fromarray(labels).save(tmp_path / f"seg/{number:03}_mask.png")
    info = _import(tmp_path, tmp_path / "dst", labels=str(tmp_path / "seg"), classes="sky+road+car")
    assert info.classes == ("sky", "road", "car", "void")
    assert sum(info.splits.values()) == 9
    assert [(item.name, item.reason) for item in info.left_out] == [("v/009.png", "no label image")]
    entry = list_split(tmp_path / "dst", "train")[0]
    written = np.asarray(Image.open(entry.labels))
    assert set(np.unique(written)) == {int(entry.stem) % 3, 3}
    assert check(tmp_path / "dst") == []


@pytest.mark.skipif(not (SHARED / "external").is_dir(), reason="the external pairs are not here")
def test_real_pairs_of_eight_sets_become_a_set_for_testing(tmp_path: Path) -> None:
    sides = {side: str(SHARED / "external" / side) for side in ("visible", "thermal")}
    info = materialize(Pairs(PairsConfig(**sides, test="all")), tmp_path / "dst")
    assert (info.splits, info.left_out, info.test_only) == ({"train": 0, "test": 8}, (), True)
    assert check(tmp_path / "dst") == []


@pytest.mark.skipif(not (SHARED / "roadscene").is_dir(), reason="RoadScene is not here")
def test_real_pairs_under_other_folders_and_names_are_those_of_roadscene(tmp_path: Path) -> None:
    for folder, name in (("crop_LR_visible", "vi/{}_rgb.jpg"), ("cropinfrared", "ir/{}_ir.jpg")):
        for path in sorted((SHARED / "roadscene" / folder).iterdir())[:30]:
            target = tmp_path / "src" / name.format(path.stem)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
    info = _import(tmp_path, tmp_path / "dst", source=tmp_path / "src")
    assert (info.splits, info.left_out) == ({"train": 27, "test": 3}, ())
    for entry in list_split(tmp_path / "dst", "test"):
        published = SHARED / "roadscene/cropinfrared" / f"{entry.stem}.jpg"
        np.testing.assert_array_equal(read_thermal(entry.thermal), read_thermal(published))
