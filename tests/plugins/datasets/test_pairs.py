"""Pairs in two folders, under the names and splits in which people have them."""

from __future__ import annotations

import hashlib
import os
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from zoo.data.check import check
from zoo.data.images import read_thermal, read_visible
from zoo.data.layout import DatasetInfo, list_split
from zoo.data.writer import materialize
from zoo.errors import DataError
from zoo_plugins.datasets.aligned import SideBySide
from zoo_plugins.datasets.config import NoOptions, PairsConfig
from zoo_plugins.datasets.pairs import Pairs

NAMES = [
    ("visible", "thermal"), ("vis", "ir"), ("vi", "ir"), ("Vis", "Ir"), ("rgb", "lwir"), ("RGB", "T"), ("color", "infrared"),
    ("A", "B"), ("VIS", "IR"), ("visible", "lwir"),
]  # fmt: skip
SPLITS = [("train", "test"), ("train", "val"), ("Train", "Validation"), ("training", "testing")]


def _pixels(name: str) -> np.ndarray:
    return np.random.default_rng(list(name.encode())).integers(0, 256, (6, 8, 3)).astype(np.uint8)


def _pair(visible: Path, thermal: Path, stem: str) -> None:
    for folder, pixels in ((visible, _pixels(f"v{stem}")), (thermal, _pixels(f"t{stem}")[..., 0])):
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(folder / f"{stem}.png")


def _import(kind: str, source: Path, **options: object) -> DatasetInfo:
    dataset = SideBySide(NoOptions()) if kind == "aligned" else Pairs(PairsConfig(**options))
    return materialize(dataset, source.parent / f"dst{len(list(source.parent.iterdir()))}", source)


def _require_true(root: Path) -> set[str]:
    """Compare every pair with its source and return the stems of the test set."""
    for split in ("train", "test"):
        for entry in list_split(root, split):
            np.testing.assert_array_equal(read_visible(entry.visible), _pixels(f"v{entry.stem}"))
            np.testing.assert_array_equal(read_thermal(entry.thermal), _pixels(f"t{entry.stem}")[..., 0])
    assert check(root) == []
    return {entry.stem for entry in list_split(root, "test")}


@pytest.mark.parametrize("kind", ["pairs", "aligned"])
@pytest.mark.parametrize(("visible", "thermal"), NAMES)
def test_two_folders_without_a_split_are_split_by_digest(tmp_path: Path, kind: str, visible: str, thermal: str) -> None:
    stems = [f"{i:02}" for i in range(20)]
    for stem in stems:
        _pair(tmp_path / f"src/{visible}", tmp_path / f"src/{thermal}", stem)
    info = _import(kind, tmp_path / "src")
    assert (info.name, info.pairs, info.splits) == ("src", True, {"train": 18, "test": 2})
    smallest = sorted(stems, key=lambda stem: hashlib.sha256(stem.encode()).hexdigest())[:2]
    assert _require_true(tmp_path / "dst1") == set(smallest)


@pytest.mark.parametrize("kind", ["pairs", "aligned"])
@pytest.mark.parametrize("inside", [True, False])
@pytest.mark.parametrize(("train", "test"), SPLITS)
def test_a_split_is_kept_around_and_inside_the_two_folders(
    tmp_path: Path, kind: str, inside: bool, train: str, test: str
) -> None:
    for half, stems in ((train, "abc"), (test, "de")):
        for stem in stems:
            sides = [tmp_path / "src" / (f"{side}/{half}" if inside else f"{half}/{side}") for side in ("rgb", "IR")]
            _pair(*sides, stem)
    assert _import(kind, tmp_path / "src").splits == {"train": 3, "test": 2}
    assert _require_true(tmp_path / "dst1") == {"d", "e"}


def test_a_validation_set_beside_a_test_set_is_trained_on(tmp_path: Path) -> None:
    for half in ("train", "val", "test"):
        _pair(tmp_path / f"src/{half}/vi", tmp_path / f"src/{half}/ir", half)
    assert _import("pairs", tmp_path / "src").splits == {"train": 2, "test": 1}
    assert _require_true(tmp_path / "dst1") == {"test"}


def test_another_seed_or_share_holds_other_pairs_out(tmp_path: Path) -> None:
    for number in range(20):
        _pair(tmp_path / "src/vi", tmp_path / "src/ir", f"{number}")
    _import("pairs", tmp_path / "src", test_share=0.25)
    _import("pairs", tmp_path / "src", test_share=0.25, seed=1)
    first, second = _require_true(tmp_path / "dst1"), _require_true(tmp_path / "dst2")
    assert len(first) == len(second) == 5
    assert first != second


def test_whatever_is_not_brought_along_is_named_and_costs_nothing_else(tmp_path: Path) -> None:
    vi, ir = tmp_path / "src/vi", tmp_path / "src/ir"
    for number in range(12):
        _pair(vi, ir, f"{number:02}")
    (vi / "00.png").rename(vi / "00.PNG")
    Image.fromarray(_pixels("x")).save(vi / "01.bmp")
    (ir / "02.png").unlink()
    (ir / "02.png").symlink_to("nowhere.png")
    (vi / "03.png").unlink()
    Image.fromarray(np.full((6, 8), 9, np.uint16)).save(ir / "00.tiff")
    (ir / "00.png").unlink()
    (ir / "04.png").write_bytes(b"")
    (vi / "05.png").rename(vi / "05.heic")
    (vi / "sub").mkdir()
    os.mkfifo(vi / "06.jpg")
    for side in (vi, ir):
        (side / "07.png").rename(side / os.fsdecode(b"\xc4\xe3.png"))
        (side / "08.png").rename(side / ("n" * 251 + ".png"))
    info = _import("pairs", tmp_path / "src")
    said = {item.name: item.reason for item in info.left_out}
    wanted = {
        "vi/00.PNG": "16 bits, most files 8", "vi/01.png": "same stem as 01.bmp", "ir/02.png": "a link to a file",
        "vi/02.png": "no thermal partner", "ir/03.png": "no visible partner", "vi/04.png": "cannot be decoded",
        "vi/05.heic": "not an image of this layout", "ir/05.png": "no visible partner", "vi/sub": "a folder",
        "vi/06.jpg": "not a regular file",
    }  # fmt: skip
    assert said.keys() == wanted.keys()
    assert all(reason in said[name] for name, reason in wanted.items())
    stems = {entry.stem for split in ("train", "test") for entry in list_split(tmp_path / "dst1", split)}
    assert stems == {"01", "06", "%C4%E3", "n" * 251, "09", "10", "11"}
    assert check(tmp_path / "dst1") == []


def test_damaged_files_never_empty_the_test_set(tmp_path: Path) -> None:
    stems = [f"{i}" for i in range(6)]
    for stem in stems:
        _pair(tmp_path / "src/vi", tmp_path / "src/ir", stem)
    order = sorted(stems, key=lambda stem: hashlib.sha256(stem.encode()).hexdigest())
    for damaged, want in pairwise(order[:5]):
        (tmp_path / f"src/ir/{damaged}.png").write_bytes(b"cut off")
        info = _import("pairs", tmp_path / "src")
        root = tmp_path / f"dst{len(list(tmp_path.iterdir())) - 1}"
        assert info.splits["test"] == 1
        assert [entry.stem for entry in list_split(root, "test")] == [want]
    (tmp_path / f"src/ir/{order[4]}.png").write_bytes(b"cut off")
    with pytest.raises(DataError, match="1 usable pair cannot be split") as caught:
        _import("pairs", tmp_path / "src")
    assert caught.value.exit_code == 1


def test_a_source_with_one_side_is_refused_with_what_was_found(tmp_path: Path) -> None:
    (tmp_path / "src/photos").mkdir(parents=True)
    (tmp_path / "src/ir").mkdir()
    for kind in ("pairs", "aligned"):
        with pytest.raises(DataError, match=r"lacks a folder visible\|vis\|.*found the folders ir, photos"):
            _import(kind, tmp_path / "src")
