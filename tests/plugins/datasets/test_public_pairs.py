"""Public sets of registered pairs, on small trees in the published layouts with the faults that real copies have."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from zoo.data.check import check
from zoo.data.images import read_labels, read_thermal, read_visible
from zoo.data.layout import DatasetInfo, list_split
from zoo.data.writer import materialize
from zoo.errors import DataError
from zoo_plugins.datasets.config import KAISTConfig, M3FDConfig, MSRSConfig, NoOptions, OSUConfig
from zoo_plugins.datasets.public_pairs import CLASSES, KAIST, LLVIP, M3FD, MSRS, OSU

RNG = np.random.default_rng(0)


def _colour(height: int = 6, width: int = 8) -> np.ndarray:
    return RNG.integers(0, 256, (height, width, 3)).astype(np.uint8)


def _save(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def _pairs(visible: Path, thermal: Path, names: list[str]) -> None:
    for name in names:
        _save(visible / name, _colour())
        _save(thermal / name, _colour()[..., 0])


def _spoil(visible: Path, thermal: Path, names: list[str], other: str) -> dict[str, str]:
    """Give the first seven pairs a fault each and return what must be said of it; `other` is an unused suffix."""
    stems = [Path(name).stem for name in names]
    (thermal / names[0]).unlink()
    _save(visible / names[1], _colour(5, 8))
    Image.fromarray(RNG.integers(0, 65535, (6, 8)).astype(np.uint16)).save(thermal / f"{stems[2]}.tiff")
    (thermal / names[2]).unlink()
    (visible / "Thumbs.db").write_bytes(b"x")
    (thermal / ".DS_Store").write_bytes(b"x")
    _save(visible / f"{stems[3]}{other}", _colour())
    (visible / names[4]).rename(visible / names[4].upper())
    (thermal / names[4]).rename(thermal / names[4].upper())
    (thermal / names[5]).write_bytes((thermal / names[5]).read_bytes()[:40])
    _save(thermal / names[6], _colour() // np.array([1, 2, 4], np.uint8))
    duplicate = max(names[3], f"{stems[3]}{other}")
    said = {
        names[0]: "no thermal partner",
        names[1]: "differ in size",
        names[2]: "16 bits, the published set 8",
        "Thumbs.db": "not an image",
        duplicate: "same stem as",
        names[5]: "cannot be decoded",
        names[6]: "false colours",
    }
    return {f"{visible.name}/{name}": reason for name, reason in said.items()}


def _hold(info: DatasetInfo, said: dict[str, str]) -> None:
    found = {item.name: item.reason for item in info.left_out}
    assert found.keys() == said.keys()
    for name, reason in said.items():
        assert reason in found[name]


def _stems(root: Path, split: str) -> list[str]:
    return [entry.stem for entry in list_split(root, split)]


def test_osu_pairs_the_a_and_b_folders_and_holds_whole_sequences_out(tmp_path: Path) -> None:
    names = [f"img_{i:05}.bmp" for i in range(9)]
    for sequence in "123456":
        _pairs(tmp_path / f"osu/{sequence}b", tmp_path / f"osu/{sequence}a", names)
    want = read_visible(tmp_path / "osu/3b/img_00008.bmp"), read_thermal(tmp_path / "osu/3a/img_00008.bmp")
    said = _spoil(tmp_path / "osu/1b", tmp_path / "osu/1a", names, ".png")
    info = materialize(OSU(OSUConfig()), tmp_path / "dst", tmp_path / "osu")
    assert info.splits == {"train": 4 * 9 - 6 + 1, "test": 18}
    assert {stem[0] for stem in _stems(tmp_path / "dst", "test")} == {"3", "6"}
    _hold(info, said)
    entry = list_split(tmp_path / "dst", "test")[8]
    assert entry.stem == "3_img_00008"
    np.testing.assert_array_equal(read_visible(entry.visible), want[0])
    np.testing.assert_array_equal(read_thermal(entry.thermal), want[1])
    assert check(tmp_path / "dst") == []


def test_osu_refuses_a_sequence_of_one_half_and_a_split_without_a_side(tmp_path: Path) -> None:
    for folder in ("1a", "1b", "3a"):
        _save(tmp_path / f"osu/{folder}/img_0.bmp", _colour())
    with pytest.raises(DataError, match="lacks 3b"):
        materialize(OSU(OSUConfig()), tmp_path / "dst", tmp_path / "osu")
    with pytest.raises(DataError, match="the test set is 5, found the sequences 1, 3"):
        materialize(OSU(OSUConfig(test="5")), tmp_path / "dst", tmp_path / "osu")


def test_llvip_keeps_its_split(tmp_path: Path) -> None:
    names = [f"0100{i:02}.jpg" for i in range(9)]
    _pairs(tmp_path / "src/visible/train", tmp_path / "src/infrared/train", names)
    _pairs(tmp_path / "src/visible/test", tmp_path / "src/infrared/test", ["190001.jpg"])
    (tmp_path / "src/Annotations").mkdir()
    said = _spoil(tmp_path / "src/visible/train", tmp_path / "src/infrared/train", names, ".png")
    info = materialize(LLVIP(NoOptions()), tmp_path / "dst", tmp_path / "src")
    assert info.splits == {"train": 4, "test": 1}
    assert "010004" in _stems(tmp_path / "dst", "train")
    _hold(info, said)


@pytest.mark.parametrize("inside", ["", "images"])
def test_kaist_takes_every_nth_frame_of_each_video(tmp_path: Path, inside: str) -> None:
    root, names = tmp_path / "src" / inside, [f"I{i:05}.jpg" for i in range(10)]
    for video in ("set00/V000", "set05/V001", "set06/V000"):
        _pairs(root / video / "visible", root / video / "lwir", names)
    (root / "set07/V002/visible").mkdir(parents=True)
    said = _spoil(root / "set00/V000/visible", root / "set00/V000/lwir", names, ".png")
    info = materialize(KAIST(KAISTConfig(every=4)), tmp_path / "dst", tmp_path / "src")
    assert _stems(tmp_path / "dst", "test") == [f"set06_V000_I{i:05}" for i in (0, 4, 8)]
    assert [stem for stem in _stems(tmp_path / "dst", "train") if stem.startswith("set05")] == [
        f"set05_V001_I{i:05}" for i in (0, 4, 8)
    ]
    whole = materialize(KAIST(KAISTConfig(every=1)), tmp_path / "all", tmp_path / "src")
    _hold(whole, {**said, "set07/V002": "without visible/ or lwir/"})
    assert info.name == "kaist"


def test_msrs_brings_its_class_labels(tmp_path: Path) -> None:
    names = [f"{i:05}D.png" for i in range(9)]
    for split in ("train", "test"):
        half = tmp_path / "src" / split
        _pairs(half / "vi", half / "ir", names)
        for name in names:
            _save(half / "Segmentation_labels" / name, RNG.integers(0, 9, (6, 8)).astype(np.uint8))
    (tmp_path / "src/test/Segmentation_labels/00000D.png").unlink()
    said = _spoil(tmp_path / "src/train/vi", tmp_path / "src/train/ir", names, ".jpg")
    info = materialize(MSRS(MSRSConfig()), tmp_path / "dst", tmp_path / "src")
    assert info.splits == {"train": 4, "test": 8}
    assert info.classes == CLASSES
    _hold(info, {**said, "vi/00000D.png": "no"})
    entry = list_split(tmp_path / "dst", "test")[0]
    want = tmp_path / "src/test/Segmentation_labels" / f"{entry.stem}.png"
    np.testing.assert_array_equal(read_labels(entry.labels), np.asarray(Image.open(want)))
    plain = materialize(MSRS(MSRSConfig(labels=False)), tmp_path / "plain", tmp_path / "src")
    assert (plain.classes, plain.splits["test"]) == ((), 9)
    assert check(tmp_path / "dst") == []


@pytest.mark.parametrize("folders", [("Vis", "Ir"), ("vi", "ir")])
def test_m3fd_holds_out_whole_blocks_of_neighbours(tmp_path: Path, folders: tuple[str, str]) -> None:
    visible, thermal = (tmp_path / "src" / name for name in folders)
    names = [f"{i:05}.png" for i in range(40)]
    _pairs(visible, thermal, names)
    said = _spoil(visible, thermal, names, ".jpg")
    info = materialize(M3FD(M3FDConfig(block=10, test_share=0.2)), tmp_path / "dst", tmp_path / "src")
    _hold(info, said)
    train, test = ([int(stem) for stem in _stems(tmp_path / "dst", split)] for split in ("train", "test"))
    assert len(train) + len(test) == 40 - 5
    assert test
    # One number is lost without a partner, so the blocks begin at 1.
    assert {(number - 1) // 10 for number in test} & {(number - 1) // 10 for number in train} == set()


def test_m3fd_keeps_the_split_of_its_lists_and_refuses_too_few_pairs(tmp_path: Path) -> None:
    _pairs(tmp_path / "src/Vis", tmp_path / "src/Ir", [f"{i}.png" for i in range(5)])
    with pytest.raises(DataError, match="5 pairs, too few to split into blocks"):
        materialize(M3FD(M3FDConfig()), tmp_path / "dst", tmp_path / "src")
    (tmp_path / "src/meta").mkdir()
    (tmp_path / "src/meta/train.txt").write_text("0.png\n3.png\n4\n")
    materialize(M3FD(M3FDConfig()), tmp_path / "dst", tmp_path / "src")
    assert _stems(tmp_path / "dst", "test") == ["1", "2"]
