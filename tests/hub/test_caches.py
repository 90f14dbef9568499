"""Caches of the Hub's client that cannot be written, were copied, or hold plain files: loaded and verified all the same."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from huggingface_hub import constants

import zoo
from zoo import files as zoo_files
from zoo.errors import ZooError
from zoo.hub import cached


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch) -> Path:
    """zoo's own cache, empty, and a temporary folder of this test."""
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path / "zoo"))
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(zoo_files.tempfile, "tempdir", str(tmp_path / "tmp"))
    zoo_files.temporary_folder.cache_clear()
    zoo_files._writable.cache_clear()
    yield tmp_path / "zoo"
    zoo_files.temporary_folder.cache_clear()
    zoo_files._writable.cache_clear()


@pytest.fixture
def refuse_writes(monkeypatch):
    """Let every write below a folder fail as on a read-only file system; the tests may run as root."""

    def refuse(folder: Path) -> None:
        folder = folder.resolve()

        def is_inside(path: object) -> bool:
            return isinstance(path, str | os.PathLike) and Path(os.path.realpath(path)).is_relative_to(folder)

        def wrapped(real, name):
            def call(*words, **named):
                if any(is_inside(word) for word in words[:2]):
                    raise OSError(30, "Read-only file system", str(words[0]))
                return real(*words, **named)

            monkeypatch.setattr(os, name, call)

        real_open = os.open

        def opened(path, flags, *words, **named):
            if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT) and is_inside(path):
                raise OSError(30, "Read-only file system", str(path))
            return real_open(path, flags, *words, **named)

        for name in ("rename", "replace", "symlink", "unlink", "remove"):
            wrapped(getattr(os, name), name)
        real_mkdir = os.mkdir

        def mkdir(path, *words, **named):
            if is_inside(path) and not Path(path).is_dir():
                raise OSError(30, "Read-only file system", str(path))
            return real_mkdir(path, *words, **named)

        import io

        real_io_open = io.open

        def io_opened(path, mode="r", *words, **named):
            if set(mode) & set("wax+") and is_inside(path):
                raise OSError(30, "Read-only file system", str(path))
            return real_io_open(path, mode, *words, **named)

        monkeypatch.setattr(os, "mkdir", mkdir)
        monkeypatch.setattr(os, "open", opened)
        monkeypatch.setattr(io, "open", io_opened)
        monkeypatch.setattr("builtins.open", io_opened)

    return refuse


def copied_plain(cache: Path) -> None:
    """Replace the links of a cache by the files that they point to, as a copy to another file system does."""
    for link in cache.rglob("*"):
        if link.is_symlink():
            content = link.read_bytes()
            link.unlink()
            link.write_bytes(content)
    for blobs in cache.rglob("blobs"):
        shutil.rmtree(blobs)


def flip(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))


def weights_in(cache: Path) -> Path:
    return next(cache.rglob("snapshots/*/model.safetensors"))


@pytest.mark.parametrize("revision", ["", "@main", "@COMMIT"])
def test_a_read_only_cache_with_everything_in_it_is_enough(hub, files, hub_cache, refuse_writes, revision, capsys):
    commit = hub.add("acme/net", files)
    zoo.load("acme/net", device="cpu")
    refuse_writes(hub_cache)
    capsys.readouterr()
    assert zoo.load("acme/net" + revision.replace("COMMIT", commit), device="cpu").card == "# A card\n"
    assert "cannot" not in capsys.readouterr().err


@pytest.mark.parametrize("revision", ["", "@COMMIT"])
def test_a_read_only_cache_loads_offline_without_a_request(hub, files, hub_cache, refuse_writes, revision):
    commit = hub.add("acme/net", files)
    zoo.load("acme/net", device="cpu")
    refuse_writes(hub_cache)
    hub.forget()
    assert zoo.load("acme/net" + revision.replace("COMMIT", commit), device="cpu", offline=True).card == "# A card\n"
    assert hub.asked() == []


@pytest.mark.parametrize("plain", [False, True], ids=["links", "plain files"])
def test_a_truncated_file_is_named_offline_and_fetched_again_with_a_connection(hub, files, hub_cache, plain):
    commit = hub.add("acme/net", files)
    zoo.load(f"acme/net@{commit}", device="cpu")
    if plain:
        copied_plain(hub_cache)
    weights = weights_in(hub_cache)
    weights.write_bytes(files["model.safetensors"][:1000])
    with pytest.raises(ZooError, match=r"model\.safetensors of acme/net@.* \(1,000 bytes\).*once with a connection"):
        zoo.load(f"acme/net@{commit}", device="cpu", offline=True)
    assert weights.stat().st_size == 1000  # offline, nothing is removed
    zoo.load(f"acme/net@{commit}", device="cpu")
    assert weights_in(hub_cache).read_bytes() == files["model.safetensors"]


def test_a_branch_that_moved_is_fetched_beside_a_read_only_cache(
    hub, files, hub_cache, refuse_writes, tmp_path, capsys
):
    hub.add("acme/net", files)
    zoo.load("acme/net", device="cpu")
    refuse_writes(hub_cache)
    commit = hub.add("acme/net", files | {"README.md": b"# Another\n"})
    capsys.readouterr()
    assert zoo.load("acme/net", device="cpu").card == "# Another\n"
    message = capsys.readouterr().err
    assert "Set HF_HOME to another folder" in message and "--out" not in message
    hub.forget()
    assert zoo.load(f"acme/net@{commit}", device="cpu").card == "# Another\n"  # and kept there
    assert hub.asked() == []


def test_what_is_damaged_in_a_read_only_cache_is_fetched_beside_it(hub, files, hub_cache, refuse_writes, capsys):
    commit = hub.add("acme/net", files)
    zoo.load("acme/net", device="cpu")
    flip(weights_in(hub_cache).resolve())
    refuse_writes(hub_cache)
    zoo.load(f"acme/net@{commit}", device="cpu")
    assert "Set HF_HOME to another folder" in capsys.readouterr().err


def test_a_branch_is_remembered_and_not_written_again(hub, files, hub_cache):
    hub.add("acme/net", files)
    zoo.load("acme/net", device="cpu")
    ref = hub_cache / "models--acme--net" / "refs" / "main"
    before = ref.stat().st_mtime_ns
    zoo.load("acme/net", device="cpu")
    assert ref.stat().st_mtime_ns == before


@pytest.mark.parametrize("noted", [True, False], ids=["kept by zoo", "listed by the Hub"])
def test_plain_files_of_a_pinned_commit_are_verified(hub, files, hub_cache, own_cache, noted, capsys):
    commit = hub.add("acme/net", files)
    zoo.load(f"acme/net@{commit}", device="cpu")
    copied_plain(hub_cache)
    if not noted:
        shutil.rmtree(own_cache)
    flip(weights_in(hub_cache))
    capsys.readouterr()
    zoo.load(f"acme/net@{commit}", device="cpu")
    assert "model.safetensors of acme/net@" in (message := capsys.readouterr().err) and "is damaged: SHA-256" in message
    assert weights_in(hub_cache).read_bytes() == files["model.safetensors"]


def test_plain_files_that_are_whole_need_no_request_once_noted(hub, files, hub_cache):
    commit = hub.add("acme/net", files)
    zoo.load(f"acme/net@{commit}", device="cpu")
    copied_plain(hub_cache)
    hub.forget()
    zoo.load(f"acme/net@{commit}", device="cpu")
    assert hub.asked() == []


def test_a_damaged_plain_file_is_refused_offline(hub, files, hub_cache):
    commit = hub.add("acme/net", files)
    zoo.load(f"acme/net@{commit}", device="cpu")
    copied_plain(hub_cache)
    flip(weights_in(hub_cache))
    with pytest.raises(ZooError, match=r"model\.safetensors of acme/net@.* is damaged: SHA-256"):
        zoo.load(f"acme/net@{commit}", device="cpu", offline=True)


@pytest.mark.parametrize("offline", [True, False])
def test_plain_files_that_nothing_can_verify_are_used_and_said_to_be_so(
    hub, files, hub_cache, own_cache, offline, monkeypatch, capsys
):
    commit = hub.add("acme/net", files)
    zoo.load(f"acme/net@{commit}", device="cpu")
    copied_plain(hub_cache)
    shutil.rmtree(own_cache)
    hub.fail("status", "/api/models/")
    zoo.load(f"acme/net@{commit}", device="cpu", offline=offline)
    assert "is used unverified: the cache has no digest of config.json and model.safetensors" in (
        capsys.readouterr().err
    )


def test_a_file_that_the_server_names_by_another_hash_is_refused(hub, files, monkeypatch):
    commit = hub.add("acme/net", files)
    zoo.load(f"acme/net@{commit}", device="cpu")
    real = cached.mismatch
    seen = []
    monkeypatch.setattr(
        cached, "mismatch", lambda path, digest="": seen.append((path.name, digest)) or real(path, digest)
    )
    zoo.load("acme/net", device="cpu")
    assert {name for name, digest in seen if digest} == {"config.json", "model.safetensors", "README.md"}
    assert dict(seen)["model.safetensors"] == cached.sha256_of(weights_in(Path(constants.HF_HUB_CACHE)))
