import subprocess
import sys

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from zoo.evaluate.pictures import GAP, HEADING, MOST_ROWS, SheetRow, loss_curves, sample_sheet, sample_tiles


def images(n, height, width):
    rng = np.random.default_rng(0)
    shapes = ((height, width, 3), (height, width), (height, width))
    return [tuple(rng.integers(0, 256, shape, dtype=np.uint8) for shape in shapes) for _ in range(n)]


def log(steps=200):
    rng = np.random.default_rng(1)
    names = ("generator/adversarial", "generator/cycle", "discriminator/thermal")
    return [
        {"step": 10 * i, "losses": dict(zip(names, rng.uniform(0.1, 2, 3), strict=True))} for i in range(1, steps + 1)
    ]


@pytest.fixture
def drawn(monkeypatch):
    """The figures that were saved, so that a test can read their curves."""
    figures = []
    save = Figure.savefig
    monkeypatch.setattr(Figure, "savefig", lambda self, path: (figures.append(self), save(self, path)))
    return figures


@pytest.mark.parametrize(("size", "factor"), [((64, 64), 3), ((100, 120), 2), ((256, 256), 1)])
def test_a_sheet_shows_every_image_enlarged_by_a_whole_factor(tmp_path, size, factor):
    rows = images(2, *size)
    sample_sheet(rows, tmp_path / "sheet.png")
    height, width = size[0] * factor, size[1] * factor
    sheet = np.asarray(Image.open(tmp_path / "sheet.png"))
    assert sheet.shape == (HEADING + 2 * (height + GAP), GAP + 3 * (width + GAP), 3)
    for i, row in enumerate(rows):
        for j, image in enumerate(row):
            top, left = HEADING + i * (height + GAP), GAP + j * (width + GAP)
            tile = sheet[top : top + height, left : left + width]
            colour = image if image.ndim == 3 else np.stack([image] * 3, axis=-1)
            np.testing.assert_array_equal(tile, np.kron(colour, np.ones((factor, factor, 1), dtype=np.uint8)))


def test_a_sheet_has_a_heading_over_every_column(tmp_path):
    sample_sheet(images(1, 200, 200), tmp_path / "sheet.png", labels=("a", "b", "c"))
    heading = np.asarray(Image.open(tmp_path / "sheet.png").convert("L"))[:HEADING]
    for column in range(3):
        left = GAP + column * (200 + GAP)
        assert heading[:, left : left + 200].min() < 128


def test_a_sheet_has_a_limited_number_of_rows(tmp_path):
    sample_sheet(images(MOST_ROWS + 2, 192, 192), tmp_path / "sheet.png")
    assert Image.open(tmp_path / "sheet.png").height == HEADING + MOST_ROWS * (192 + GAP)


@pytest.mark.parametrize("rows", [[], [images(1, 20, 20)[0][:2] + images(1, 20, 24)[0][2:]]])
def test_a_sheet_of_nothing_or_of_mixed_sizes_in_a_row_is_refused(tmp_path, rows):
    with pytest.raises(ValueError, match="images of one size"):
        sample_sheet(rows, tmp_path / "sheet.png")


def test_rows_of_other_sizes_keep_their_own_aspect(tmp_path):
    rows = [*images(1, 192, 256), *images(1, 384, 192)]
    sample_sheet(rows, tmp_path / "sheet.png", ("a", "b", "c"))
    sheet = np.asarray(Image.open(tmp_path / "sheet.png"))
    assert sheet.shape == (HEADING + 192 + 384 + 2 * GAP, GAP + 3 * (256 + GAP), 3)
    np.testing.assert_array_equal(sheet[HEADING : HEADING + 192, GAP : GAP + 256], rows[0][0])
    below = HEADING + 192 + GAP
    np.testing.assert_array_equal(sheet[below : below + 384, GAP + 32 : GAP + 32 + 192], rows[1][0])


@pytest.mark.parametrize(("shape", "tile"), [((480, 640), (256, 192)), ((640, 480), (144, 192)), ((9, 9), (192, 192))])
def test_an_image_scored_at_a_square_is_shown_in_the_aspect_of_its_file(tmp_path, shape, tile):
    (images_of_row,) = images(1, 64, 64)
    sample_sheet([SheetRow(images=images_of_row, shape=shape)], tmp_path / "sheet.png")
    width, height = Image.open(tmp_path / "sheet.png").size
    assert (width, height) == (GAP + 3 * (tile[0] + GAP), HEADING + tile[1] + GAP)


def test_a_title_stands_above_the_headings_and_is_never_cut_off(tmp_path):
    title = "cyclegan resnet9_cbam:width=16,blocks=3, 3000 steps, psnr 18.99 dB, ssim 0.5395 " * 2
    sample_sheet(images(1, 192, 192), tmp_path / "plain.png")
    sample_sheet(images(1, 192, 192), tmp_path / "titled.png", title=title)
    plain, titled = (np.asarray(Image.open(tmp_path / f"{name}.png")) for name in ("plain", "titled"))
    assert len(titled) == len(plain) + HEADING and titled[:HEADING].min() < 128
    np.testing.assert_array_equal(titled[HEADING:, : plain.shape[1]], plain)
    assert titled.shape[1] > plain.shape[1] and titled[:, -GAP:].min() == 255


def test_loss_curves_have_a_panel_a_player_and_a_raw_and_a_smoothed_line_a_term(tmp_path, drawn):
    loss_curves(log(), tmp_path / "losses.png")
    generator, discriminator = drawn[0].axes
    assert [axes.get_title(loc="left") for axes in drawn[0].axes] == ["generator", "discriminator"]
    assert [text.get_text() for text in generator.get_legend().get_texts()] == ["adversarial", "cycle"]
    raw, smooth = discriminator.get_lines()
    values = [entry["losses"]["discriminator/thermal"] for entry in log()]
    np.testing.assert_array_equal(raw.get_xdata(), [entry["step"] for entry in log()])
    np.testing.assert_array_equal(raw.get_ydata(), values)
    expected = [np.mean(values[max(0, i - 2) : i + 3]) for i in range(200)]
    np.testing.assert_allclose(smooth.get_ydata(), expected)
    assert Image.open(tmp_path / "losses.png").size == (960, 696)


def test_a_term_that_appears_late_is_drawn_from_its_first_step(tmp_path, drawn):
    entries = log(6)
    for entry in entries[3:]:
        entry["losses"]["generator/identity"] = 1.0
    loss_curves(entries, tmp_path / "losses.png")
    assert list(drawn[0].axes[0].get_lines()[-1].get_xdata()) == [40, 50, 60]


def test_only_losses_over_decades_are_drawn_on_a_logarithmic_axis(tmp_path, drawn):
    entries = [
        {"step": i, "losses": {"generator/l1": 10 ** (-i / 20), "critic/gap": 10 ** (-i / 20) - 0.5}} for i in range(80)
    ]
    loss_curves(entries, tmp_path / "losses.png")
    assert [axes.get_yscale() for axes in drawn[0].axes] == ["log", "linear"]


def test_terms_that_name_no_player_share_one_panel(tmp_path, drawn):
    loss_curves([{"step": 1, "losses": {"l1": 1.0, "l2": 2.0}}], tmp_path / "losses.png")
    assert [axes.get_title(loc="left") for axes in drawn[0].axes] == ["losses"]


def test_an_empty_log_is_refused(tmp_path):
    with pytest.raises(ValueError, match="no losses"):
        loss_curves([], tmp_path / "losses.png")


def test_pictures_leave_pyplot_and_torch_alone():
    code = "import sys, zoo.evaluate.pictures; assert not {'matplotlib.pyplot', 'torch'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_tiles_keep_every_pixel_and_replace_those_of_an_earlier_scoring(tmp_path):
    rng = np.random.default_rng(0)
    visible = rng.integers(0, 256, (6, 8, 3)).astype(np.uint8)
    sample_tiles({"old": (visible, visible[..., 0], visible[..., 1])}, tmp_path / "samples")
    sample_tiles({"new": (visible, visible[..., 0], visible[..., 1])}, tmp_path / "samples")
    names = {path.name for path in (tmp_path / "samples").iterdir()}
    assert names == {"new_visible.png", "new_translated.png", "new_real.png"}
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "samples/new_visible.png")), visible)
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "samples/new_real.png")), visible[..., 1])
