"""Texts and tables stay within the width of a screen, and lose no word and no number."""

from __future__ import annotations

import re

import pytest

from zoo.text_layout import fold, plain_table

COLUMNS = ("system", "psnr [dB]", "ssim", "verdict")
ROWS = [
    ("cyclegan resnet6 patchgan", "12.02 [10.37, 13.66]", "0.0834 [0.0720, 0.0975]", "not distinguishable"),
    ("mean_image", "16.13 [12.05, 20.21]", "0.5387 [0.4499, 0.6236]", "better"),
]
NUMBERS = COLUMNS[1:3]


@pytest.mark.parametrize("width", [64, 70, 80, 120])
def test_a_table_is_folded_to_the_width_without_losing_a_word(width: int) -> None:
    text = plain_table(COLUMNS, ROWS, title="scenes", right=NUMBERS, width=width)
    assert max(map(len, text.splitlines())) <= width
    words = " ".join((*COLUMNS, *(cell for row in ROWS for cell in row), "scenes")).split()
    assert sorted(text.split()) == sorted(words)
    assert re.match(r"system +psnr .*ssim  verdict$", text.splitlines()[2])


def test_intervals_go_below_their_values_before_a_word_forces_more(width: int = 56) -> None:
    lines = plain_table(COLUMNS[:3], [row[:3] for row in ROWS], right=NUMBERS, width=width).splitlines()
    place = next(number for number, line in enumerate(lines) if "12.02" in line)
    assert "[10.37, 13.66]" in lines[place] or "[10.37, 13.66]" in lines[place + 1]
    assert max(map(len, lines)) <= width


def test_a_table_that_a_path_forces_to_be_wider_is_not_folded() -> None:
    rows = [(f"results/{'long_' * 20}", "a sentence of several words")]
    assert plain_table(("run", "why"), rows, width=80).splitlines()[1] == "  ".join(rows[0])


def test_words_of_several_names_are_divided_between_these_before_a_table_is_wider_than_the_screen() -> None:
    names = "datasets/{train,test,validation}/{visible,thermal}/or|in|one"
    lines = plain_table(("kind", "name"), [("dataset", f"aligned {names}")], width=40).splitlines()
    assert max(map(len, lines)) <= 40 and len(lines) == 4
    assert "".join(line[9:].strip() for line in lines[1:]) == f"aligned {names}"
    assert all(line[-1] in "d/,|" for line in lines[1:-1])  # never inside a name


def test_a_text_is_folded_line_by_line_and_paths_stay_whole() -> None:
    path = f"/{'long/' * 30}"
    text = fold(f"first {path} {'word ' * 30}\n\nsecond", "  ", width=40)
    lines = text.split("\n")
    assert path in [line.strip() for line in lines]
    assert all(len(line) <= 40 for line in lines if path not in line)
    assert lines[-2:] == ["", "second"]
    assert fold("short  text ", width=40) == "short  text "
