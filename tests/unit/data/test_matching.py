"""Files of other programs are matched with test images by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from zoo.data.matching import match_files, match_pairs
from zoo.errors import DataError, UsageError

STEMS = ["a", "b_1", "img.2"]


def folder(place: Path, *names: str) -> Path:
    for name in names:
        path = place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return place


@pytest.mark.parametrize(
    "suffix", ["", "_fake_B", "-outputs", "_output", "_pred", "_thermal", "_synthesized_image", "_FAKE", ".translated"]
)
def test_files_with_a_usual_suffix_belong_to_the_stem(tmp_path, suffix):
    found = match_files(folder(tmp_path, *(f"{stem}{suffix}.png" for stem in STEMS)), STEMS)
    assert {stem: path.stem for stem, path in found.files.items()} == {stem: f"{stem}{suffix}" for stem in STEMS}
    assert found.missing == found.extra == ()


def test_the_images_of_a_cyclegan_like_program_are_found_below_its_folder(tmp_path):
    names = [f"test_latest/images/{stem}_{what}.png" for stem in STEMS for what in ("real_A", "fake_B", "real_B")]
    found = match_files(folder(tmp_path, "test_latest/index.html", *names), STEMS)
    assert found.folder == tmp_path / "test_latest" / "images"
    assert [path.name for path in found.files.values()] == [f"{stem}_fake_B.png" for stem in STEMS]
    assert found.extra == ()


def test_a_whole_name_comes_before_a_suffix(tmp_path):
    found = match_files(folder(tmp_path, "a.png", "a_out.png"), ["a", "a_out"])
    assert {stem: path.name for stem, path in found.files.items()} == {"a": "a.png", "a_out": "a_out.png"}


def test_test_images_with_a_suffix_of_their_own_are_found(tmp_path):
    found = match_files(folder(tmp_path, "a_fake_B.png", "b.png"), ["a_ir", "b_ir"])
    assert {stem: path.name for stem, path in found.files.items()} == {"a_ir": "a_fake_B.png", "b_ir": "b.png"}


def test_missing_and_extra_files_are_named(tmp_path):
    found = match_files(folder(tmp_path, "a.png", "z.png", "notes.txt"), STEMS)
    assert (found.missing, found.extra) == (("b_1", "img.2"), ("z.png",))


@pytest.mark.parametrize("other", ["a_fake.png", "a.jpg"])
def test_two_files_of_one_image_are_ambiguous(tmp_path, other):
    with pytest.raises(UsageError, match=r"`a.*` and `a.*all named after test image a"):
        match_files(folder(tmp_path, "a_output.png" if "fake" in other else "a.png", other), STEMS)


@pytest.mark.parametrize(
    ("pattern", "name"),
    [("{stem}_fake_B", "a_fake_B.png"), ("out-{stem}.jpg", "out-a.jpg"), ("{stem}/result", "a/result.tif")],
)
def test_a_pattern_names_the_files(tmp_path, pattern, name):
    found = match_files(folder(tmp_path, name, "a_fake_A.png"), ["a"], pattern)
    assert found.files == {"a": tmp_path / name}


@pytest.mark.parametrize(
    ("names", "pattern", "message"),
    [((), "", "holds no image"), (("a.png",), "fake", "has no {stem}"), (("x/a.png", "y/a.png"), "", "in 2 folders")],
)
def test_what_cannot_be_matched_is_refused_with_the_reason(tmp_path, names, pattern, message):
    with pytest.raises(UsageError, match=message):
        match_files(folder(tmp_path, *names), STEMS, pattern)
    with pytest.raises(UsageError, match="there is no folder"):
        match_files(tmp_path / "none", STEMS)


def test_plain_folders_pair_by_stem_with_usual_suffixes(tmp_path):
    real = folder(tmp_path / "ir", "a_ir.png", "b.png")
    visible = folder(tmp_path / "vi", "a_rgb.jpg", "b.jpg")
    found = match_pairs(real, visible)
    assert {stem: seen.name for stem, (_, seen) in found.items()} == {"a_ir": "a_rgb.jpg", "b": "b.jpg"}
    (visible / "b.jpg").unlink()
    with pytest.raises(DataError, match="1 of 2 real images have no visible image"):
        match_pairs(real, visible)
    folder(real, "b.jpg")
    with pytest.raises(DataError, match="same stem"):
        match_pairs(real, None)
