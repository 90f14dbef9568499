"""What the page shows: colours, their scale, the clicked pixel."""

from __future__ import annotations

from unittest.mock import MagicMock

import matplotlib
import numpy as np
import pytest
from PIL import Image

import zoo
from zoo.demo import answers as answering
from zoo.demo import page as page_module
from zoo.demo.answers import COUNT, Answers, can_be_made
from zoo.demo.page import introduction
from zoo.demo.picture import MAPS, coloured, legend, reading, scale_of
from zoo.errors import ZooError

THERMAL = np.linspace(-0.5, 0.5, 1200, dtype=np.float32)[None].repeat(900, 0)


@pytest.fixture(scope="module")
def warm(saved, tmp_path_factory):
    folder = saved(tmp_path_factory.mktemp("warm"), "scenes:train=2,test=2", method="grey_copy")
    return zoo.load(folder, device="cpu")


@pytest.fixture(scope="module")
def labelled(saved, tmp_path_factory):
    folder = saved(tmp_path_factory.mktemp("labelled"), "scenes:train=2,test=2", method="object_means")
    return zoo.load(folder, device="cpu")


@pytest.fixture(scope="module")
def grey(saved, pairs, tmp_path_factory):
    return zoo.load(saved(tmp_path_factory.mktemp("grey"), str(pairs), method="grey_copy"), device="cpu")


@pytest.mark.parametrize("colours", MAPS)
def test_colours_are_matplotlibs_over_the_scale(colours):
    picture = coloured(THERMAL, colours, (-1.0, 1.0))
    expected = np.array(matplotlib.colormaps[MAPS[colours]]((THERMAL[0] + 1) / 2))[:, :3] * 255
    assert picture.shape == (900, 1200, 3)
    assert np.abs(picture[7] - expected).max() <= 1
    assert scale_of(THERMAL, stretched=True) == (-0.5, 0.5)
    assert scale_of(THERMAL * 0, stretched=True) == (-1.0, 1.0)


def test_a_mark_leaves_its_pixel_and_the_rest_of_the_image():
    for mark in ((300, 250), (0, 0), (1199, 899)):
        plain, marked = (coloured(THERMAL, "Grey", (-1.0, 1.0), cross) for cross in (None, mark))
        changed = np.argwhere((plain != marked).any(2))
        assert 0 < len(changed) < 2000
        assert np.abs(changed - mark[::-1]).max() < 40
        assert np.array_equal(marked[mark[1], mark[0]], plain[mark[1], mark[0]])


def test_a_pixel_reads_degrees_where_they_are_known_and_grey_levels_elsewhere(warm, grey):
    low, high = warm.thermal_range
    degrees = low + (0.5 + 1) / 2 * (high - low)
    assert f"<b>{degrees:.1f} °C</b> at x 1199, y 3" in reading(warm, THERMAL, (1199, 3))
    assert "<b>grey level 191</b> at x 1199, y 3; these weights were trained on uncalibrated data" in reading(
        grey, THERMAL, (1199, 3)
    )
    assert "Click a pixel" in reading(warm, THERMAL, None)
    assert f"−{-low:.1f} °C" in legend(warm, "Grey", (-1.0, 1.0))
    assert "grey level 0" in legend(grey, "Grey", (-1.0, 1.0)) and "rgb(255,255,255)" in legend(grey, "Grey", (-1, 1))


def test_a_visit_translates_and_reads_the_pixel_under_the_click(warm):
    answers = Answers(warm)
    image = Image.new("RGB", (40, 30), "black")
    image.putpixel((12, 7), (255, 255, 255))
    thermal, mark, picture, scale, shown = answers.translate(image, None, None, "Grey", False)
    assert mark is None and "Click a pixel" in shown and "°C" in scale
    assert picture.shape == (768, 1024, 3)  # small images are enlarged
    white = np.argwhere(picture.all(2))
    assert set(map(tuple, white // 25.6 // 1)) == {(7, 12)}
    mark, _, _, shown = answers.click(thermal, "Grey", False, white[0][::-1])
    assert mark == (12, 7) and f"{warm.thermal_range[1]:.1f} °C</b> at x 12, y 7" in shown
    assert answers.click(thermal, "Grey", False, [1024.0, 768.0])[0] == (39, 29)
    assert answers.click(None, "Grey", False, [3.0, 3.0])[0] is None
    assert answers.translate(None, None, None, "Grey", False)[:3] == (None, None, None)


def test_a_model_that_reads_labels_waits_for_them_and_takes_temperatures(labelled):
    answers = Answers(labelled)
    assert can_be_made(labelled.config.recipe)
    count, visible, labels = answers.example(COUNT)  # after the last comes the first
    assert count == COUNT + 1
    image = Image.open(visible)
    assert answers.translate(image, None, None, "Grey", False)[0] is None
    rows = [["sky", 3.5], ["car", None]]
    thermal, *_ = answers.translate(image, labels, rows, "Grey", False)
    sky = np.asarray(Image.open(labels)) == labelled.classes.index("sky")
    assert np.allclose(labelled.to_celsius(thermal)[sky], 3.5, atol=1e-3)
    with pytest.raises(ZooError, match="the labels are"):
        answers.translate(image.resize((50, 50)), labels, rows, "Grey", False)


def test_photographs_are_translated_in_tiles(warm, monkeypatch):
    monkeypatch.setattr(answering, "TILED_FROM", 1000)
    monkeypatch.setattr(answering, "TILE", 32)
    asked = []
    translate = warm.translate
    monkeypatch.setattr(
        warm, "translate", lambda *given, **more: asked.append(more["tile"]) or translate(*given, **more)
    )
    Answers(warm).translate(Image.new("RGB", (50, 40)), None, None, "Grey", False)
    assert asked == [32]


def test_other_data_has_no_examples(grey):
    assert not can_be_made(grey.config.recipe)


def test_the_page_states_height_and_width_of_the_training(saved, pairs, tmp_path):
    model = saved(tmp_path / "model", str(pairs), size=(32, 48), method="grey_copy")
    assert "trained on blocks at 32x48 px." in introduction(zoo.load(model, device="cpu"), "grey")


def test_sharing_without_a_public_address_is_an_error_and_uploads_are_limited(monkeypatch):
    shown, page = [], MagicMock()
    page.launch.return_value = (None, "http://127.0.0.1:7860/", None)  # what gradio returns without a connection
    monkeypatch.setattr(page_module, "require_gradio", MagicMock())
    with pytest.raises(ZooError, match=r"gave no public address\. Check the network connection, or leave out `share`"):
        page_module.serve(page, share=True, on_address=shown.append)
    assert shown == [] and page.close.called
    assert page.launch.call_args.kwargs["max_file_size"] == 20_000_000


def test_the_public_page_says_that_images_pass_through_another_company(zoo):
    assert "images pass through servers of another company (Gradio)" in " ".join(zoo("demo", "--help").stdout.split())
