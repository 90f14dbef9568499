"""The sample sheet of a run names the run and shows images in the shape of their files."""

from dataclasses import replace

from PIL import Image

import zoo
from zoo.data.layout import list_split
from zoo.evaluate.pictures import GAP, HEADING
from zoo.recipe import Budget
from zoo.scoring.sheets import own_shapes, sheet_title
from zoo.sources import open_source


def test_shapes_are_those_of_the_files_and_nothing_of_missing_ones(pairs, tmp_path):
    assert own_shapes(pairs, "test", ["test0", "test2", "gone"]) == {"test0": (32, 40), "test2": (32, 40)}
    assert [files.stem for files in list_split(pairs, "test")] == ["test0", "test1", "test2"]
    assert own_shapes(tmp_path / "gone", "test", ["test0"]) == {}


def test_the_sheet_of_a_run_has_its_aspect_and_its_title(pairs, tmp_path):
    records = zoo.bench(
        generator="resnet6:width=2,blocks=1",
        discriminator="patchgan:width=2",
        data=str(pairs),
        size=32,
        steps=1,
        device="cpu",
        jobs=1,
        baselines=False,
        out=tmp_path,
    )
    score = records[0].scores[0]
    assert sheet_title(records[0].recipe, [score]) == f"cyclegan resnet6, 1 step, psnr {score.value:.4g} dB"
    sheet = Image.open(records.folders[0] / "samples.png")
    # Scored at 32 x 32, six times enlarged; the files are 40 wide and 32 high.
    assert sheet.size[1] == 2 * HEADING + 3 * (192 + GAP) and sheet.size[0] == GAP + 3 * (240 + GAP)
    epochs = replace(records[0].recipe, budget=Budget(steps=30, constant=15, period=10))
    assert sheet_title(epochs, []) == "cyclegan resnet6, 3 epochs"


def test_the_title_of_a_null_baseline_has_no_steps(pairs):
    recipe = zoo.compose(data=open_source(str(pairs), size=32), size=32, method="mean_image")
    assert sheet_title(recipe, []) == "mean_image"
