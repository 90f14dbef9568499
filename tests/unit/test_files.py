"""Files that are whole or not there, and a cache that never stops the work."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from zoo import files
from zoo.data.atomic_folder import AtomicFolder
from zoo.errors import UsageError, ZooError
from zoo.files import (
    beside,
    cannot_write,
    environment_without_home,
    expand,
    in_cache,
    made_in_cache,
    remember,
    require_writable,
    temporary_folder,
    writable_cache,
    write_atomically,
)


@pytest.fixture(autouse=True)
def own_places(tmp_path, monkeypatch):
    """zoo's cache and the system's temporary folder are those of this test."""
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(files.tempfile, "tempdir", str(tmp_path / "tmp"))
    for cached in (files.temporary_folder, files._writable):
        cached.cache_clear()
    yield
    for cached in (files.temporary_folder, files._writable):
        cached.cache_clear()


@pytest.fixture
def no_cache(tmp_path, monkeypatch) -> Path:
    """A cache that cannot be made, as on a read-only file system; also for root."""
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path / "file" / "cache"))
    return tmp_path / "file" / "cache"


@pytest.mark.parametrize("name", ["x" * 255, "é" * 127, "x" * 251 + ".png", "\udce9" * 255, "short"])
def test_names_as_long_as_the_file_system_takes_can_be_written(tmp_path, name):
    write_atomically(tmp_path / name, b"content")
    assert (tmp_path / name).read_bytes() == b"content"
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == [name]
    for ending in ("", ".partial", ".mp4"):
        hidden = beside(tmp_path / name, ending)
        assert len(os.fsencode(hidden.name)) <= 255
        assert hidden.name.startswith(".") and hidden.name.endswith(ending) and hidden.parent == tmp_path


def test_a_new_folder_may_have_a_long_name(tmp_path):
    new = AtomicFolder(tmp_path / ("x" * 255))
    new.create()
    new.publish()
    assert (tmp_path / ("x" * 255)).is_dir()


def test_a_name_that_is_too_long_is_reported(tmp_path):
    with pytest.raises(ZooError, match="Choose a shorter name"):
        write_atomically(tmp_path / ("x" * 256), b"")


@pytest.mark.parametrize(
    ("place", "variable"),
    [("cache/checked/x", "ZOO_CACHE"), ("hf/hub/x", "HF_HOME"), ("hub/x", "HF_HUB_CACHE"), ("results/x", "")],
)
@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES, errno.ENOSPC, errno.EDQUOT])
def test_advice_names_the_variable_of_a_cache_and_never_a_flag(tmp_path, monkeypatch, place, variable, number):
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    reason = str(cannot_write(tmp_path / place, OSError(number, "no")))
    assert variable in reason and "--" not in reason
    assert ("disk is full" in reason) == (number in (errno.ENOSPC, errno.EDQUOT))


def test_what_a_read_only_cache_holds_is_used(tmp_path, monkeypatch):
    remember(b"1", "checked", "x")
    monkeypatch.setattr(files, "why_not_writable", lambda folder: OSError(errno.EROFS, "Read-only file system"))
    assert in_cache("checked", "x") == tmp_path / "cache" / "checked" / "x"
    assert made_in_cache(pytest.fail, "checked", "x") == tmp_path / "cache" / "checked" / "x"


def test_a_cache_that_cannot_be_written_is_replaced_with_one_warning(no_cache, tmp_path, caplog):
    for name in ("x", "y"):
        remember(b"1", "checked", name)
        assert in_cache("checked", name).is_relative_to(tmp_path / "tmp")
    made = made_in_cache(lambda folder: folder.mkdir(parents=True), "datasets", "z")
    assert made.is_relative_to(tmp_path / "tmp") and in_cache("datasets", "z") == made
    (line,) = [record.getMessage() for record in caplog.records]
    assert f"`{no_cache}` cannot be written (Not a directory)" in line and "Set ZOO_CACHE" in line


def test_a_cache_that_fills_up_while_it_is_written_is_replaced(tmp_path, caplog):
    tried = []

    def make(folder: Path) -> None:
        tried.append(folder)
        if folder.is_relative_to(tmp_path / "cache"):
            error = OSError(errno.ENOSPC, "No space left on device")
            raise cannot_write(folder, error) from error
        folder.mkdir(parents=True)

    assert made_in_cache(make, "datasets", "x") == tried[1]
    assert len(tried) == 2 and "the disk is full" in caplog.text


def test_an_error_that_is_none_of_the_disk_is_not_tried_again():
    def make(_: Path) -> None:
        raise ZooError("the plugin failed")

    with pytest.raises(ZooError, match="the plugin failed"):
        made_in_cache(make, "datasets", "x")


def test_another_users_folder_is_not_trusted(no_cache, tmp_path):
    planted = tmp_path / "tmp" / f"thermal-zoo-{os.getuid()}"
    planted.mkdir()
    planted.chmod(0o777)
    (planted / "cache" / "checked").mkdir(parents=True)
    (planted / "cache" / "checked" / "x").write_text("1")
    assert in_cache("checked", "x") is None
    assert not writable_cache().is_relative_to(planted)
    planted.chmod(0o700)
    temporary_folder.cache_clear()
    assert temporary_folder() == planted


def test_a_link_in_the_place_of_the_temporary_folder_is_not_followed(tmp_path):
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    (tmp_path / "tmp" / f"thermal-zoo-{os.getuid()}").symlink_to(tmp_path / "elsewhere")
    assert temporary_folder().resolve() != tmp_path / "elsewhere"


def test_a_user_without_a_home_gets_a_temporary_one(tmp_path, monkeypatch):
    def nobody(_: int) -> None:
        raise KeyError("uid not found")

    assert environment_without_home() == {}
    monkeypatch.setattr("pwd.getpwuid", nobody)
    monkeypatch.delenv("HOME")
    assert expand("~/.cache").is_relative_to(tmp_path / "tmp")
    assert expand("~") == temporary_folder()
    assert Path(environment_without_home()["HOME"]).is_dir()
    assert temporary_folder().stat().st_mode & 0o777 == 0o700


def test_the_home_of_a_user_who_does_not_exist_is_a_name_like_others():
    assert expand("~nobody-of-this-name/run") == Path("~nobody-of-this-name/run")


def test_a_results_folder_that_cannot_be_written_is_refused_before_any_work(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(UsageError, match="`file` is a file"):
        require_writable(tmp_path / "file" / "results")
    require_writable(tmp_path / "not" / "there" / "yet")
    assert not (tmp_path / "not").exists()
