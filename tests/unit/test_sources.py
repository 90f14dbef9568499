"""Folders that are given as a dataset and are not in zoo's layout."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import zoo
from zoo.data.writer import DatasetWriter
from zoo.errors import DataError, UsageError
from zoo.sources import open_source


def _folder(root: Path, *names: str, form: str = "{}.png", count: int = 10) -> Path:
    for index, name in enumerate(names):
        (root / name).mkdir(parents=True)
        for number in range(count):
            pixels = np.random.default_rng([index, number]).integers(0, 256, (40, 48)).astype(np.uint8)
            Image.fromarray(pixels).save(root / name / form.format(number))
    return root


def test_two_folders_of_pairs_are_imported_into_the_cache_once_and_the_folder_stays_as_it_is(tmp_path: Path) -> None:
    folder = _folder(tmp_path / "mine", "vi", "ir")
    before = sorted(folder.rglob("*"))
    said: list[str] = []
    first = open_source(folder, size=32, progress=lambda what, done: said.append(what))
    assert (first.name, first.info.splits, first.offers) == ("mine", {"train": 9, "test": 1}, {"pairs"})
    assert first.root != folder and sorted(folder.rglob("*")) == before
    (line,) = [one for one in said if "zoo data import" in one]
    assert line.startswith(f"{folder}: read in layout pairs: 9 train, 1 test; the folder stays as it is")
    assert line.endswith(f": zoo data import pairs {folder} DST")
    assert not any(str(first.root) in one for one in said)
    said.clear()
    again = open_source(folder, size=32, progress=lambda what, done: said.append(what))
    assert (again.root, again.fingerprint, said) == (first.root, first.fingerprint, [line])
    _folder(folder, "results/run")  # of a bench inside the folder
    assert open_source(folder, size=32).root == first.root
    (folder / "ir/0.png").unlink()
    changed = open_source(folder, size=32, progress=lambda what, done: said.append(what))
    assert any(", 1 file left out (vi/0.png: no thermal partner); the folder" in one for one in said)
    assert changed.root != first.root and sum(changed.info.splits.values()) == 9


def test_problems_of_an_import_name_the_users_folder_and_no_path_of_the_cache(tmp_path: Path) -> None:
    folder = _folder(tmp_path / "mine", "vi", "ir")
    copy = open_source(folder, size=32).root
    (file,) = (copy / "test/visible").iterdir()
    file.write_bytes(b"damaged")
    with pytest.raises(DataError) as caught:
        open_source(folder, size=32)
    message = str(caught.value)
    assert message.startswith(f"dataset `{folder}` has 1 problem after its import") and str(copy) not in message
    assert f"zoo:   test/visible/{file.name}: image cannot be decoded" in message
    assert f"`zoo data import KIND {folder} DST`" in message


def test_a_folder_that_two_importers_recognize_is_refused_with_both_commands(tmp_path: Path) -> None:
    folder = _folder(tmp_path / "mine", "trainA", "trainB", "testA", "testB")
    with pytest.raises(UsageError, match=r"zoo data import cyclegan .* DST or zoo data import pairs"):
        open_source(folder, size=32)


def test_unpaired_folders_are_imported_as_unpaired(tmp_path: Path) -> None:
    folder = _folder(tmp_path / "mine", "trainA", "testA", form="a{}.png", count=2)
    _folder(folder, "trainB", "testB", form="b{}.png", count=3)
    assert open_source(folder, size=32).info.pairs is False


def test_any_other_folder_is_refused_with_the_command(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"has no dataset.json.*zoo data import KIND"):
        open_source(_folder(tmp_path / "mine", "photos"), size=32)


def test_training_on_a_set_for_testing_only_is_refused_before_any_run(tmp_path: Path) -> None:
    with DatasetWriter(tmp_path / "set") as writer:
        visible = np.random.default_rng(0).integers(0, 256, (40, 48, 3)).astype(np.uint8)
        writer.add("test", "a", visible=visible, thermal=visible[..., 0])
    with pytest.raises(UsageError, match="is for testing only: it has no training images"):
        zoo.compose(generator="resnet6", data=str(tmp_path / "set"), size=32, steps=1)
    with pytest.raises(UsageError, match="dataset set is for testing only"):
        zoo.compose(generator="resnet6", data=f"scenes+{tmp_path / 'set'}", size=32, steps=1)


def test_a_mistyped_folder_is_answered_with_the_one_beside_it(tmp_path, monkeypatch):
    (tmp_path / "mine").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=r"no folder 'mien' here. Did you mean mine\?"):
        open_source("mien", size=32)
