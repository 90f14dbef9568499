"""The `scenes` component: what it writes, and what it refuses."""

from __future__ import annotations

import csv
import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from zoo.contracts import Dataset
from zoo.data.writer import materialize
from zoo.errors import UsageError
from zoo_plugins.scenes import ScenesConfig, zoo_components
from zoo_plugins.scenes.dataset import CLASSES, Scenes, render
from zoo_plugins.scenes.shading import THERMAL_RANGE

TINY = ScenesConfig(train=3, test=2, size=32)


def test_written_folder_holds_the_rendered_scenes(tmp_path):
    info = materialize(Scenes(TINY), tmp_path / "scenes")
    described = json.loads((tmp_path / "scenes" / "dataset.json").read_text())
    assert described["splits"] == {"train": 3, "test": 2}
    assert (info.thermal_low, info.thermal_high, info.unit, info.classes) == (*THERMAL_RANGE, "celsius", CLASSES)
    for split, count in (("train", 3), ("test", 2)):
        for index in range(count):
            scene, stem = render(TINY, index, split), f"{split}_{index:05d}"
            folder = tmp_path / "scenes" / split
            np.testing.assert_array_equal(np.array(Image.open(folder / "visible" / f"{stem}.png")), scene.visible)
            np.testing.assert_array_equal(np.array(Image.open(folder / "thermal" / f"{stem}.png")), scene.thermal)
            np.testing.assert_array_equal(np.array(Image.open(folder / "labels" / f"{stem}.png")), scene.labels)
            np.testing.assert_array_equal(np.load(folder / "celsius" / f"{stem}.npy"), scene.celsius)


def test_written_temperatures_are_the_means_of_the_classes_that_are_seen(tmp_path):
    materialize(Scenes(TINY), tmp_path / "scenes")
    with (tmp_path / "scenes" / "test" / "temperature.csv").open() as file:
        rows = {(row["stem"], row["class"]): float(row["celsius"]) for row in csv.DictReader(file)}
    scene = render(TINY, 1, "test")
    for index, name in enumerate(CLASSES):
        if (scene.labels == index).any():
            assert rows["test_00001", name] == pytest.approx(scene.celsius[scene.labels == index].mean(), abs=1e-3)
        else:
            assert ("test_00001", name) not in rows


def test_same_config_gives_the_same_fingerprint_anywhere(tmp_path):
    first, second, other = (
        materialize(Scenes(config), tmp_path / name).fingerprint
        for name, config in (("a", TINY), ("b", TINY), ("c", ScenesConfig(train=3, test=2, size=32, seed=1)))
    )
    assert first == second != other


def test_row_and_class_agree():
    (row,) = zoo_components()
    assert row.target == f"{Scenes.__module__}:{Scenes.__name__}"
    assert row.contract.offers == {"pairs", "labels", "celsius", "temperatures", "thermal_segmentation"}
    assert isinstance(Scenes(row.config), Dataset)


@pytest.mark.parametrize("options", [{"size": 8}, {"night": 1.5}, {"train": -1}, {"seed": -1}])
def test_impossible_options_are_refused(options):
    with pytest.raises(UsageError):
        Scenes(ScenesConfig(**options))


def test_a_source_folder_is_refused(tmp_path):
    with pytest.raises(UsageError, match="seed"):
        Scenes(TINY).write(None, tmp_path)


def test_listing_the_plugin_imports_neither_torch_nor_numpy():
    code = (
        "import sys, zoo_plugins.scenes as s; s.zoo_components(); print({'torch', 'numpy', 'PIL'} & set(sys.modules))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "set()"
