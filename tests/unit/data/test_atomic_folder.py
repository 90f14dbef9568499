"""Where a new dataset may lie, and what is advised where it may not."""

from __future__ import annotations

from pathlib import Path

import pytest

from zoo.data.atomic_folder import AtomicFolder, free_name, require_apart
from zoo.errors import DataError, ZooError


def _tree(tmp_path: Path) -> Path:
    (tmp_path / "all/src/visible").mkdir(parents=True)
    return tmp_path / "all/src"


@pytest.mark.parametrize(
    ("place", "found"),
    [("all/src", "is the folder"), ("all/src/new", "lies inside"), ("all/link", "is the folder"), ("all", "holds the folder"),
     ("all/src/../src", "is the folder")],
)  # fmt: skip
def test_a_destination_that_meets_the_source_is_refused_without_advice_to_delete(
    tmp_path: Path, place: str, found: str
) -> None:
    source = _tree(tmp_path)
    (tmp_path / "all/link").symlink_to(source)
    with pytest.raises(DataError, match=found) as caught:
        require_apart(source, tmp_path / place)
    assert str(source.with_name("src-2")) in caught.value.fix
    assert not any(word in str(caught.value).lower() for word in ("rm ", "remove", "delete"))


def test_a_destination_beside_the_source_is_accepted(tmp_path: Path) -> None:
    source = _tree(tmp_path)
    for place in (tmp_path / "dst", source.with_name("src-2"), source.with_name("s")):
        require_apart(source, place)


def test_the_advised_name_is_free(tmp_path: Path) -> None:
    (tmp_path / "a-2").mkdir()
    (tmp_path / "a-3").symlink_to("nowhere")
    assert free_name(tmp_path / "a") == tmp_path / "a-4"


@pytest.mark.parametrize("name", ["n" * 255, "é" * 127])
def test_a_name_as_long_as_the_system_allows_can_be_published(tmp_path: Path, name: str) -> None:
    folder = AtomicFolder(tmp_path / name)
    folder.create()
    folder.publish()
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_longer_name_is_refused_before_any_work(tmp_path: Path) -> None:
    with pytest.raises(ZooError, match="too long"):
        AtomicFolder(tmp_path / ("n" * 256)).create()
    assert list(tmp_path.iterdir()) == []


def test_a_link_to_an_empty_folder_is_filled_and_one_to_nothing_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    folder = AtomicFolder(tmp_path / "link")
    folder.create()
    with folder.writing() as root:
        (root / "file").write_text("x")
    folder.publish()
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real/file").read_text() == "x"
