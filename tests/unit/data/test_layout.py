"""`dataset.json`, file lists and fingerprints."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from zoo.data.layout import DatasetInfo, fingerprint, list_split, read_info
from zoo.errors import DataError


@pytest.mark.parametrize("missing", ["folder", "file", "json"])
def test_a_folder_that_is_no_dataset_gets_a_line_of_its_own(tmp_path: Path, missing: str) -> None:
    root = tmp_path / "set"
    found = {"folder": "does not exist", "file": "is empty", "json": "has no dataset.json"}[missing]
    if missing != "folder":
        root.mkdir()
    if missing == "json":
        (root / "a.png").write_bytes(b"")
    with pytest.raises(DataError, match=found) as caught:
        read_info(root)
    assert "zoo data import KIND" in str(caught.value)
    assert "elete" not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"name": "x"}', '{"name": "x", "splits": {}, "thermal_bits": 12}', "\xff"]
)
def test_a_damaged_dataset_json_is_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "dataset.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(DataError, match=r"dataset\.json` cannot be read") as caught:
        read_info(tmp_path)
    assert "\n" not in str(caught.value)


def test_an_empty_thermal_range_is_refused(tmp_path: Path) -> None:
    (tmp_path / "dataset.json").write_text('{"name": "x", "splits": {}, "thermal_low": 3, "thermal_high": 3}')
    with pytest.raises(DataError, match="thermal_low 3"):
        read_info(tmp_path)


def test_files_are_listed_by_stem_whatever_their_suffixes(tmp_path: Path) -> None:
    for name in ("visible/b.JPG", "visible/a.png", "visible/.hidden.png", "visible/Thumbs.db", "thermal/b.npy",
                 "thermal/c.TIFF", "labels/b.png", "celsius/b.npy"):  # fmt: skip
        (tmp_path / "train" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "train" / name).write_bytes(b"")
    entries = {entry.stem: entry for entry in list_split(tmp_path, "train")}
    assert list(entries) == ["a", "b", "c"]
    assert entries["a"].thermal is None
    assert entries["c"].visible is None
    assert entries["b"].celsius == tmp_path / "train/celsius/b.npy"
    assert list_split(tmp_path, "test") == []


def test_two_files_of_one_stem_are_named(tmp_path: Path) -> None:
    (tmp_path / "train/visible").mkdir(parents=True)
    (tmp_path / "train/visible/a.jpg").write_bytes(b"")
    (tmp_path / "train/visible/a.png").write_bytes(b"")
    with pytest.raises(DataError, match=r"a\.png.*a\.jpg.*same stem"):
        list_split(tmp_path, "train")


def test_the_fingerprint_follows_content_and_scale_but_not_place_or_prose(make_pairs, tmp_path: Path) -> None:
    root = make_pairs()
    first = fingerprint(root)
    copy = shutil.copytree(root, tmp_path / "elsewhere")
    stored = json.loads((copy / "dataset.json").read_text())

    def with_info(**change: object) -> str:
        (copy / "dataset.json").write_text(json.dumps(stored | change))
        return fingerprint(copy)

    assert with_info(citation="other", license="other") == first
    (copy / "train/visible/Thumbs.db").write_bytes(b"x")
    assert fingerprint(copy) == first
    assert with_info(thermal_high=128.0) != first
    assert with_info() == first
    shutil.move(copy / "train/visible/train0.png", copy / "train/visible/other.png")
    assert fingerprint(copy) != first


@pytest.mark.parametrize(
    ("unit", "bits", "low", "high", "stored"),
    [("grey", 16, 21000.0, 25000.0, (21000, 25000)), ("celsius", 32, -20.0, 60.0, (-20, 60)),
     ("celsius", 16, -20.0, 60.0, (0, 65535)), ("celsius", 8, -20.0, 60.0, (0, 255))],
)  # fmt: skip
def test_stored_numbers_of_the_networks_range(unit, bits, low, high, stored) -> None:
    info = DatasetInfo(name="x", splits={}, unit=unit, thermal_bits=bits, thermal_low=low, thermal_high=high)
    assert info.stored_range == stored
    assert info.thermal_range == ((low, high) if unit == "celsius" else None)


def test_the_layout_is_light() -> None:
    code = (
        "import sys, zoo.data.layout, zoo.cli.data; print([m for m in ('torch', 'numpy', 'PIL') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_float_pairs_offer_degrees_only_where_the_unit_is_degrees(make_pairs) -> None:
    assert "celsius" not in read_info(make_pairs(name="a", dtype=np.float32)).offers
    assert "celsius" in read_info(make_pairs(name="b", dtype=np.float32, unit="celsius")).offers


def test_conditions_in_the_thermal_range_are_offered_where_it_is_known_in_degrees(make_pairs) -> None:
    conditions = {"temperatures", "thermal_segmentation"}
    assert not conditions & read_info(make_pairs(name="a", labels=True)).offers
    assert not conditions & read_info(make_pairs(name="b", dtype=np.float32, unit="celsius")).offers
    info = read_info(make_pairs(name="c", labels=True, unit="celsius"))
    assert info.offers == {"pairs", "labels", "celsius"} | conditions
    assert replace(info, class_temperatures={}).offers == info.offers - {"temperatures"}
