"""Every fault is named in one line, by the quick look and by the full one."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from zoo.data.check import check, require_usable, verify_pairs
from zoo.data.layout import fingerprint, read_info, write_info
from zoo.errors import DataError


def _truncate_jpeg(root: Path) -> None:
    path = root / "train/visible/train0.png"
    path.unlink()
    noise = np.random.default_rng(0).integers(0, 256, (6, 8, 3)).astype(np.uint8)
    Image.fromarray(noise).save(path.with_suffix(".jpg"))
    path.with_suffix(".jpg").write_bytes(path.with_suffix(".jpg").read_bytes()[:-40])


def _truncate_png(root: Path) -> None:
    path = root / "train/thermal/train0.png"
    path.write_bytes(path.read_bytes()[:-60])


def _resize(root: Path) -> None:
    Image.new("L", (8, 5)).save(root / "train/thermal/train0.png")


def _drop_thermal(root: Path) -> None:
    (root / "train/thermal/train0.png").unlink()


def _drop_visible(root: Path) -> None:
    (root / "train/visible/train0.png").unlink()


def _empty(root: Path) -> None:
    for path in (root / "train/thermal").iterdir():
        path.unlink()


def _remove(root: Path) -> None:
    _empty(root)
    (root / "train/thermal").rmdir()


def _twice(root: Path) -> None:
    Image.new("RGB", (8, 6)).save(root / "train/visible/train0.jpg")


QUICK: list[tuple[Callable[[Path], None], str]] = [
    (_truncate_jpeg, r"train/visible/train0\.jpg` image cannot be decoded: .*truncated"),
    (_truncate_png, r"train/thermal/train0\.png` image cannot be decoded: "),
    (_resize, r"train0\.png` differs in size from its partners: visible 6x8, thermal 5x8"),
    (_drop_thermal, r"visible/train0\.png` has no partner in train/thermal"),
    (_drop_visible, r"thermal/train0\.png` has no partner in train/visible"),
    (_empty, r"train/thermal` holds no image"),
    (_remove, r"train/thermal` does not exist"),
    (_twice, r"train` cannot be used: .*train0\.jpg.*same stem"),
]


@pytest.mark.parametrize(("harm", "line"), QUICK)
def test_faults_are_found_before_a_training_and_by_the_full_check(make_pairs, harm, line: str) -> None:
    root = make_pairs()
    assert verify_pairs(root, "train") == check(root) == []
    harm(root)
    for problems in (verify_pairs(root, "train"), check(root)):
        assert problems[0].severity == "error"
        assert any(re.search(line, str(p)) for p in problems)
        assert all("\n" not in str(p) for p in problems)
    assert verify_pairs(root, "test") == []
    with pytest.raises(DataError, match=line) as caught:
        require_usable(root)
    assert f"zoo data check {root}" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_several_faults_are_counted(make_pairs) -> None:
    root = make_pairs()
    _truncate_png(root)
    (root / "train/thermal/train1.png").unlink()
    with pytest.raises(DataError, match="problem 1 of 2"):
        require_usable(root)


def test_a_whole_jpeg_with_a_tail_is_no_fault(make_pairs) -> None:
    root = make_pairs()
    path = root / "train/visible/train0.png"
    path.unlink()
    Image.new("RGB", (8, 6)).save(path.with_suffix(".jpg"))
    with path.with_suffix(".jpg").open("ab") as file:
        file.write(b"some camera's notes")
    assert verify_pairs(root, "train") == []


def _edit(root: Path, **change: object) -> None:
    stored = json.loads((root / "dataset.json").read_text())
    (root / "dataset.json").write_text(json.dumps(stored | change))


def test_labels_out_of_range_are_found(make_pairs) -> None:
    root = make_pairs(labels=True)
    Image.fromarray(np.full((6, 8), 9, np.uint8)).save(root / "test/labels/test0.png")
    (problem,) = (p for p in check(root) if p.severity == "error")
    assert str(problem).endswith("test0.png` has label 9, but there are 3 classes")


def test_a_wrong_bit_depth_is_found(make_pairs) -> None:
    root = make_pairs()
    Image.fromarray(np.full((6, 8), 900, np.uint16)).save(root / "train/thermal/train0.png")
    assert "has 16 bits, but dataset.json states 8" in str(check(root)[0])


def test_dataset_json_is_compared_with_the_files(make_pairs) -> None:
    root = make_pairs(labels=True)
    _edit(root, splits={"train": 7, "test": 2}, celsius=False)
    text = "\n".join(map(str, check(root)))
    assert "states 7 images in train, but there are 3" in text
    assert "does not describe the celsius that are in test" in text


def test_labels_missing_from_one_split_are_found(make_pairs) -> None:
    root = make_pairs(labels=True)
    for path in (root / "test/labels").iterdir():
        path.unlink()
    assert any("describes labels, but there are none in test" in str(p) for p in check(root))


def test_changed_content_is_a_warning(make_pairs) -> None:
    root = make_pairs()
    Image.new("RGB", (8, 6)).save(root / "train/visible/train0.png")
    (problem,) = check(root)
    assert problem.severity == "warning"
    require_usable(root)


def test_unknown_classes_in_the_temperature_file_are_found(make_pairs) -> None:
    root = make_pairs(labels=True)
    with (root / "train/temperature.csv").open("a") as file:
        file.write("train0,unicorn,3.5\n")
    assert any("classes that dataset.json lacks: unicorn" in str(p) for p in check(root))
    (root / "train/temperature.csv").write_text("stem,class\n")
    assert any("temperature.csv` cannot be read" in str(p) for p in check(root))


def test_a_folder_without_dataset_json_is_a_problem_and_no_folder_an_error(tmp_path: Path) -> None:
    (problem,) = check(tmp_path)
    assert "is empty" in problem.what
    with pytest.raises(DataError, match="does not exist"):
        check(tmp_path / "none")


def test_names_of_any_bytes_in_a_hand_made_folder_are_checked_and_printed(make_pairs) -> None:
    root = make_pairs()
    for kind in ("visible", "thermal"):
        path = root / f"train/{kind}/train0.png"
        path.rename(path.with_name(os.fsdecode(b"\xc4\xe3.png")))
    assert [problem.severity for problem in check(root)] == ["warning"]  # the fingerprint
    (root / "train/thermal" / os.fsdecode(b"\xc4\xe3.png")).unlink()
    (line,) = (str(problem) for problem in check(root) if problem.severity == "error")
    assert line.endswith("train/visible/%C4%E3.png` has no partner in train/thermal")
    line.encode()


def test_a_folder_validation_counts_only_where_dataset_json_states_it(make_pairs) -> None:
    root = make_pairs()
    before = read_info(root).fingerprint
    shutil.copytree(root / "test", root / "validation")
    (root / "validation/thermal/test0.png").write_bytes(b"damaged")
    assert fingerprint(root) == before
    (problem,) = check(root)
    assert (problem.severity, "states no validation split" in problem.what) == ("warning", True)
    info = replace(read_info(root), splits={"train": 3, "validation": 2, "test": 2})
    assert write_info(root, info).fingerprint != before
    assert any("validation/thermal/test0.png" in str(problem) for problem in check(root))


def test_a_set_for_testing_only_is_whole_until_something_trains_on_it(make_pairs) -> None:
    root = make_pairs()
    shutil.rmtree(root / "train")
    assert any("train" in str(problem) for problem in check(root))
    write_info(root, replace(read_info(root), splits={"train": 0, "test": 2}))
    assert check(root) == []
    require_usable(root, ("test",))
    with pytest.raises(DataError, match="is for testing only"):
        require_usable(root, ("train",))
