"""`zoo.score`: images of any program, scored like those of a run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

import zoo
from zoo.data.layout import list_split
from zoo.errors import UsageError
from zoo.report.comparing import compare_systems, group_seeds
from zoo.report.finished_runs import find_results
from zoo.report.naming import name_systems
from zoo.report.records_check import check_folder

from .conftest import grey, images, score

EXTERNAL = Path(__file__).resolve().parents[4] / "shared" / "data" / "external"
"""Eight real pairs with the images of other programs, where the machine has them."""


def test_scores_equal_those_of_scikit_image(pairs, tmp_path):
    folder = images(tmp_path / "PID", suffix="_fake_B")
    (record,) = score(folder, pairs, tmp_path / "out", source="a program", metrics="psnr,ssim:border=valid")
    by_name = {each.metric: each for each in record.scores}
    for entry in list_split(pairs, "test"):
        real = np.asarray(Image.open(entry.thermal)).astype(float) / 255
        fake = np.asarray(Image.open(folder / f"{entry.stem}_fake_B.png")).astype(float) / 255
        psnr = peak_signal_noise_ratio(real, fake, data_range=1)
        ssim = structural_similarity(
            real, fake, data_range=1, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
        )
        assert by_name["psnr"].per_image[entry.stem] == pytest.approx(psnr, abs=1e-6)
        assert by_name["ssim[border=valid]"].per_image[entry.stem] == pytest.approx(ssim, abs=1e-6)
    assert record.recipe.program == "PID" and record.source == "a program"
    assert check_folder(tmp_path / "out") == (1, [])


@pytest.mark.parametrize("channels", [1, 3])
def test_a_folder_that_zoo_translate_writes_scores_as_the_run_itself(square, tmp_path, channels):
    out = tmp_path / "out"
    trained = zoo.train(
        generator="resnet6:width=4,blocks=1",
        discriminator="patchgan:width=2",
        data=str(square),
        size=32,
        steps=2,
        thermal_channels=channels,
        out=out,
        device="cpu",
    )
    translator = zoo.load(trained.folders[0], device="cpu")
    folder = tmp_path / "translated"
    folder.mkdir()
    for entry in list_split(square, "test"):
        translator.translate(entry.visible).save(folder / f"{entry.stem}.png")
    (record,) = score(folder, square, out, name="copy")
    for mine, own in zip(record.scores, trained[0].scores, strict=True):
        assert mine.per_image == own.per_image
        assert (mine.value, mine.low, mine.high) == (own.value, own.low, own.high)
    lines = compare_systems(group_seeds(find_results(out).runs))
    assert all(line.difference is None or line.difference.comparison.difference == 0 for line in lines)


def test_scoring_again_does_nothing_and_more_metrics_are_added(pairs, tmp_path):
    folder, out = images(tmp_path / "PID"), tmp_path / "out"
    score(folder, pairs, out)
    first = score(folder, pairs, out)
    assert [outcome.status for outcome in first.outcomes] == ["skipped"]
    more = score(folder, pairs, out, metrics="psnr,ssim:border=valid")
    assert [each.metric for each in more[0].scores] == ["psnr", "ssim", "ssim[border=valid]"]
    assert {each.metric: each.value for each in more[0].scores}.items() >= {
        each.metric: each.value for each in first[0].scores
    }.items()
    (more.folders[0] / "samples.png").unlink()
    score(folder, pairs, out)
    assert score(folder, pairs, out, value_range=(0, 255)).folders == more.folders  # 8-bit files have a fixed range
    assert (more.folders[0] / "samples.png").is_file()
    Image.fromarray(grey(9)).save(folder / "test0.png")
    other = score(folder, pairs, out)
    assert other.folders != more.folders
    names = name_systems([more[0].recipe, other[0].recipe])
    assert len(set(names)) == 2 and all(name.startswith("PID, images ") for name in names)


def test_any_split_is_scored_and_the_command_of_the_record_does_the_same(pairs, tmp_path):
    folder = tmp_path / "PID"
    folder.mkdir()
    for index in range(6):
        Image.fromarray(grey(index)).save(folder / f"train{index}.png")
    (record,) = score(folder, pairs, tmp_path / "out", split="train", value_range=(0.0, 9.0))
    assert record.scores[0].n == 6 and record.scores[0].protocol["split"] == "train"
    words = f"{folder} --data {pairs} --split train --range 0,9 --no-baselines --out {tmp_path / 'out'} --device cpu"
    assert record.command == f"zoo score {words}"
    assert check_folder(tmp_path / "out") == (1, [])


def test_grey_copies_stand_beside_the_predictions(pairs, tmp_path):
    records = score(images(tmp_path / "PID"), pairs, tmp_path / "out", baselines=True)
    assert [record.recipe.method.name for record in records] == [
        "predictions/predictions",
        "baselines/grey_copy",
        "baselines/inverted_grey",
    ]
    assert "PID" in str(records) and "grey_copy" in str(records) and "not trained" in str(records)


def test_a_long_scoring_prints_how_many_images_are_done(pairs, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("zoo.terminal.NOTE_EVERY", 0.0)
    score(images(tmp_path / "mine"), pairs, tmp_path / "out", baselines=False)
    count = len(list((pairs / "test/thermal").iterdir()))
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("zoo: scored")]
    assert len(lines) == count + 1 and lines[-1].startswith(f"zoo: scored {count} of {count} images of mine")


def test_both_images_are_resized_to_a_size_and_the_protocol_says_so(pairs, tmp_path):
    (record,) = score(images(tmp_path / "PID"), pairs, tmp_path / "out", size=16)
    assert record.scores[0].protocol["resize"] == "16x16 bicubic"
    assert record.scores[0].protocol["scored images"] == "resized from 32x40"
    assert record.recipe.size == 16


def test_real_images_are_resized_to_the_one_size_of_all_predictions(pairs, tmp_path):
    (record,) = score(images(tmp_path / "PID", like=lambda seed: grey(seed, 24, 24)), pairs, tmp_path / "out")
    assert record.scores[0].protocol["resize"] == "24x24 bicubic" and record.recipe.size == 24
    real = Image.open(pairs / "test" / "thermal" / "test1.png").resize((24, 24), Image.Resampling.BICUBIC)
    expected = peak_signal_noise_ratio(np.asarray(real), grey(1, 24, 24), data_range=255)
    assert record.scores[0].per_image["test1"] == pytest.approx(expected, abs=1e-6)


def test_pairs_of_several_sizes_are_compared_each_at_its_own(tmp_path):
    real, folder = tmp_path / "run1" / "thermal", tmp_path / "PID"
    for place, seed in ((real, 0), (folder, 5)):
        place.mkdir(parents=True)
        for index in range(3):
            Image.fromarray(grey(seed + index, 20 + index, 30)).save(place / f"{index}.png")
    (record,) = zoo.score(folder, real=real, out=tmp_path / "out", device="cpu")
    assert record.data.name == "run1"
    for index in range(3):
        expected = peak_signal_noise_ratio(grey(index, 20 + index, 30), grey(5 + index, 20 + index, 30), data_range=255)
        assert record.scores[0].per_image[f"{index}"] == pytest.approx(expected, abs=1e-6)
    assert record.scores[0].protocol["resize"] == "none: every pair at its own size"
    Image.fromarray(grey(5, 8, 8)).save(folder / "0.png")
    with pytest.raises(UsageError, match=r"3 sizes, and 0 is 8x8 while its real image is 20x30.*Use `size`=N"):
        zoo.score(folder, real=real, out=tmp_path / "out", device="cpu")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"data": ""}, "named by `data` or by `real`"),
        ({"split": "validation"}, "has no split 'validation'"),
        ({"pattern": "{stem}_none"}, "is named after an image of blocks, such as test0"),
        ({"metrics": "mae_celsius"}, "[Cc]elsius"),
        ({"size": 0}, "`size` is 0"),
        ({"value_range": (2.0, 1.0)}, "`value_range` is 2,1"),
    ],
)
def test_a_wrong_request_is_refused_before_anything_is_written(pairs, tmp_path, options, message):
    with pytest.raises(UsageError, match=message):
        zoo.score(images(tmp_path / "PID"), **{"data": str(pairs), "out": tmp_path / "out", "device": "cpu", **options})
    assert not list((tmp_path / "out").glob("*/record.json"))


def test_a_scored_folder_is_no_model_and_names_no_advice_in_a_circle(pairs, tmp_path):
    records = score(images(tmp_path / "PID"), pairs, tmp_path / "out")
    folder = records.folders[0]
    for ask in (lambda: zoo.load(folder), lambda: zoo.score(folder, data=str(pairs)), lambda: zoo.score(folder)):
        with pytest.raises(UsageError, match="scores"):
            ask()


@pytest.mark.skipif(not EXTERNAL.is_dir(), reason="the real images of other programs are not on this machine")
def test_images_that_a_program_published_are_scored(tmp_path):
    (record, *_) = zoo.score(
        EXTERNAL / "pix2pix", real=EXTERNAL / "thermal", visible=EXTERNAL / "visible", out=tmp_path, device="cpu"
    )
    name = "aviid.png"
    real, fake = (np.asarray(Image.open(EXTERNAL / part / name).convert("L")) for part in ("thermal", "pix2pix"))
    expected = peak_signal_noise_ratio(real, fake, data_range=255)
    assert record.scores[0].n == 8 and record.data.name == "external"
    assert record.scores[0].per_image["aviid"] == pytest.approx(expected, abs=1e-6)
