"""A name that looks like a path of a run is looked for on this machine only."""

from __future__ import annotations

from pathlib import Path

import pytest

from zoo.errors import UsageError
from zoo.hub import download
from zoo.hub.access import Access
from zoo.hub.download import locate


@pytest.fixture(autouse=True)
def no_requests(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a request was made")

    monkeypatch.setattr(download, "fetch", refuse)
    monkeypatch.chdir(tmp_path)


def message(source: str | Path) -> str:
    with pytest.raises(UsageError) as caught:
        locate(source, Access())
    return str(caught.value)


@pytest.mark.parametrize(
    "source",
    [
        "results/RUN",
        "./acme/net",
        "../net",
        "a/b/c",
        "/nowhere/at/all",
        "~/net/run",
        Path("acme/net"),
        Path("results/RUN"),
    ],
)
def test_a_path_is_no_repository(source: str | Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")  # above it is nothing of other tests
    assert "there is no folder `" in message(source)


def test_a_name_with_one_slash_is_a_repository_unless_its_first_part_is_a_folder(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="a request"):
        locate("acme/net", Access())
    (tmp_path / "acme").mkdir()
    assert "`acme` holds no trained run" in message("acme/net")
    with pytest.raises(AssertionError, match="a request"):
        locate("acme/net@main", Access())


def test_the_message_names_what_was_looked_for_and_what_is_there(tmp_path: Path) -> None:
    assert "`results` does not exist here" in message("results/RUN") and "zoo.bench(...)" in message("results/RUN")
    assert f"`no` does not exist in `{tmp_path}`" in message(str(tmp_path / "no" / "run"))
    for name in ("cyclegan-a1", "pix2pix-b2", "cut-c3", "ugatit-d4", "flow-e5"):
        (tmp_path / "results" / name).mkdir(parents=True)
        (tmp_path / "results" / name / "model.safetensors").touch()
    assert "Did you mean cyclegan-a1?" in message("results/cyclegan-a")
    found = message("results/XYZ")
    assert "there is no run `XYZ` in `results`" in found and found.endswith("cut-c3, cyclegan-a1, flow-e5 and 2 more")


@pytest.mark.parametrize("name", ["street.png", "street.JPG"])
def test_an_image_is_answered_with_how_to_translate_it(name: str, tmp_path: Path) -> None:
    (tmp_path / name).touch()
    for source in (name, Path(name)):
        found = message(source)
        assert f"`{name}` is an image, not trained weights" in found
        assert f'zoo.load("pix2pix-scenes").translate("{name}")' in found and "convert" not in found
