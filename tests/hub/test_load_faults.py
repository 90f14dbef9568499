"""What a user reads when weights cannot be had from a Hub; each fault by itself, with its whole message."""

from __future__ import annotations

import errno
import hashlib
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from hub_server import READER, STRANGER
from huggingface_hub import constants, file_download

import zoo
from zoo.errors import UsageError, ZooError
from zoo.hub import cached

WEIGHTS = r"GET /acme/net/[0-9a-f]{64}"


@pytest.fixture
def failure() -> Callable[..., str]:
    """Load what cannot be loaded and return the message, which is one line."""

    def fail(source: str, kind: type[ZooError] = UsageError, **how: object) -> str:
        with pytest.raises(ZooError) as caught:
            zoo.load(source, device="cpu", **how)
        assert type(caught.value) is kind
        assert "\n" not in str(caught.value)
        return str(caught.value)

    return fail


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def flipped(content: bytes) -> bytes:
    return content[:-1] + bytes([content[-1] ^ 1])


def test_a_flipped_byte_of_the_right_size_is_fetched_once_more(hub, files, capsys):
    hub.add("acme/net", files)
    hub.fail("flip", WEIGHTS, times=1)
    zoo.load("acme/net", device="cpu")
    assert len(hub.asked("cdn GET")) == 2
    wrong, right = sha256(flipped(files["model.safetensors"])), sha256(files["model.safetensors"])
    message = capsys.readouterr().err
    assert f"is damaged: SHA-256 {wrong}" in message and f"{right}; fetching it once more" in message


def test_a_byte_that_stays_flipped_is_refused_with_both_digests(hub, files, failure):
    commit = hub.add("acme/net", files)
    hub.fail("flip", WEIGHTS)
    wrong, right = sha256(flipped(files["model.safetensors"])), sha256(files["model.safetensors"])
    size = f"{len(files['model.safetensors']):,}"
    expected = (
        f"model.safetensors of acme/net@{commit[:7]} is not what was published: {hub.url} sent it twice with SHA-256 {wrong} "
        f"({size} bytes), and the published file has {right}. It is not used. Try again later, or write to its owner"
    )
    assert failure(f"acme/net@{commit}", ZooError) == expected
    assert len(hub.asked("cdn GET")) == 2
    assert failure(f"acme/net@{commit}", ZooError) == expected  # what is in the cache now is not trusted either
    hub.forget()
    zoo.load(f"acme/net@{commit}", device="cpu")


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_a_truncated_file_in_the_cache_is_fetched_again(hub, files, hub_cache, name, failure):
    commit = hub.add("acme/net", files)
    zoo.load(f"acme/net@{commit}", device="cpu")
    blob = next(hub_cache.glob(f"models--acme--net/snapshots/*/{name}")).resolve()
    blob.write_bytes(files[name][:100])
    message = failure(f"acme/net@{commit}", ZooError, offline=True)
    assert f"{name} of acme/net@{commit[:7]} in the cache `{hub_cache}` is damaged" in message
    assert "(100 bytes)" in message and message.endswith(
        "Run the same command once with a connection: it is fetched again"
    )
    zoo.load(f"acme/net@{commit}", device="cpu")
    assert blob.read_bytes() == files[name]


def test_an_answer_that_breaks_off_is_resumed(hub, files):
    hub.add("acme/net", files)
    hub.fail("cut", WEIGHTS, times=1)
    zoo.load("acme/net", device="cpu")


def test_no_such_repository(hub, failure):
    assert failure("acme/nett") == (
        f"there is no folder `acme/nett` here, and {hub.url} has no repository acme/nett, or it is private and your token may "
        "not read it. Check the name, or ask its owner for access"
    )
    assert failure("acme/nett@main", token=False) == (
        f"{hub.url} has no repository acme/nett, or it is private and you are not logged in. "
        "Check the name; for a private one run: hf auth login"
    )


def test_a_private_repository_looks_like_a_missing_one(hub, files, failure):
    commit = hub.add("acme/net", files, private=True)
    assert "or it is private and your token may not read it" in failure(f"acme/net@{commit}", token=STRANGER)
    assert "run: hf auth login" in failure(f"acme/net@{commit}", token=False)
    zoo.load(f"acme/net@{commit}", device="cpu", token=READER)


def test_no_such_revision(hub, files, failure):
    hub.add("acme/net", files)
    hub.repos["acme/net"].tags["v1.0"] = hub.repos["acme/net"].head
    assert failure("acme/net@v1.1") == (
        f"acme/net at {hub.url} has no branch, tag or commit 'v1.1'. Did you mean v1.0? "
        "It has main, v1.0, and commits by their 40 digits"
    )
    assert f"has no branch, tag or commit '{'0' * 40}'" in failure(f"acme/net@{'0' * 40}")


def test_a_gated_repository(hub, files, failure):
    commit = hub.add("acme/net", files, gated=True)
    start = "acme/net is gated: only users who accept its conditions may read it. "
    assert failure(f"acme/net@{commit}", token=False) == (
        f"{start}Accept them at {hub.url}/acme/net, then run: hf auth login"
    )
    assert failure(f"acme/net@{commit}", token=STRANGER) == (
        f"{start}Accept them at {hub.url}/acme/net, then run the same command again, as the user who accepted"
    )
    hub.repos["acme/net"].admitted.add("bob")
    zoo.load(f"acme/net@{commit}", device="cpu", token=STRANGER)


def test_a_wrong_token(hub, files, failure):
    hub.add("acme/net", files)
    assert failure("acme/net", token="hf_wrong") == (
        f"acme/net cannot be fetched: {hub.url} refuses your token. Run: hf auth login, or correct the token in HF_TOKEN"
    )


def test_a_repository_of_another_kind_of_model(hub, files, failure):
    commit = hub.add("acme/net", {"pytorch_model.bin": b"x", "config.json": b"{}"})
    assert failure("acme/net") == (
        f"acme/net@{commit[:7]} is not a model of zoo: it has no model.safetensors; it holds config.json, pytorch_model.bin. "
        "To use another program's checkpoint, run: zoo convert FILE"
    )
    assert not hub.asked("/resolve/")


def test_503_for_ever_is_tried_again_for_a_while_and_reported(hub, files, failure, monkeypatch, capsys):
    monkeypatch.setenv("ZOO_PATIENCE", "1.5")
    commit = hub.add("acme/net", files)
    hub.fail("status", "/api/models/")
    began = time.monotonic()
    assert failure(f"acme/net@{commit}", ZooError) == (
        f"acme/net cannot be fetched: {hub.url} answers 503. Try again later"
    )
    assert 1 <= time.monotonic() - began < 30
    assert len(hub.asked("/api/models/acme/net/revision/")) == 2
    message = capsys.readouterr().err.splitlines()
    assert message[0] == f"zoo: looking up acme/net@{commit[:7]} at {hub.url}"
    assert message[1] == f"zoo: acme/net cannot be fetched: {hub.url} answers 503; trying again in 1 s"


def test_a_cdn_that_fails_for_a_moment_is_tried_again(hub, files, monkeypatch, capsys):
    monkeypatch.setenv("ZOO_PATIENCE", "10")
    hub.add("acme/net", files)
    hub.fail("status", WEIGHTS, times=1, status=502)
    zoo.load("acme/net", device="cpu")
    assert "answers 502; trying again in 1 s" in capsys.readouterr().err


def test_a_server_that_hangs_is_given_up(hub, files, failure, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_ETAG_TIMEOUT", 1)
    hub.add("acme/net", files)
    hub.fail("hang", "/api/models/")
    began = time.monotonic()
    assert failure("acme/net@main", ZooError) == (
        f"acme/net cannot be fetched from {hub.url}: ReadTimeout: timed out. Check the connection, and HF_ENDPOINT if you set it"
    )
    assert time.monotonic() - began < 30


def test_too_many_requests(hub, files, failure):
    hub.add("acme/net", files)
    hub.fail("status", "/api/models/", status=429)
    message = failure("acme/net@main", ZooError, token=False)
    assert message.endswith("answers 429, too many requests. Wait some minutes, or run: hf auth login")


@pytest.fixture
def cut_off(monkeypatch) -> str:
    """An endpoint at which nobody listens."""
    url = "http://127.0.0.1:9"
    monkeypatch.setattr(constants, "ENDPOINT", url)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", url + "/{repo_id}/resolve/{revision}/{filename}")
    return url


def test_no_network_and_nothing_cached(hub, cut_off, failure):
    message = failure("acme/net@main", ZooError)
    assert message.startswith(f"acme/net cannot be fetched from {cut_off}: ConnectError: ")
    assert message.endswith(". Check the connection, and HF_ENDPOINT if you set it")


def test_no_network_with_a_cache(hub, files, failure, request):
    commit = hub.add("acme/net", files)
    zoo.load("acme/net", device="cpu")
    request.getfixturevalue("cut_off")
    zoo.load(f"acme/net@{commit}", device="cpu")
    message = failure("acme/net@main", ZooError)  # what a branch is now cannot be known
    assert message.endswith(f"HF_ENDPOINT if you set it; the last download loads as acme/net@{commit}")


@pytest.mark.parametrize("by_variable", [False, True])
def test_offline_is_answered_at_once(hub, files, failure, hub_cache, monkeypatch, by_variable, capsys):
    commit = hub.add("acme/net", files)
    if by_variable:
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    how, why = ({}, "HF_HUB_OFFLINE is set") if by_variable else ({"offline": True}, "`offline` is true")
    for name, shown in (("acme/net", "acme/net@main"), (f"acme/net@{commit}", f"acme/net@{commit[:7]}")):
        assert failure(name, **how) == (
            f"{shown} is not in the cache `{hub_cache}`, and {why}. Run the same command once with a connection"
        )
    assert hub.asked() == []
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    zoo.load("acme/net", device="cpu")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", by_variable)
    hub.forget()
    for name in ("acme/net", f"acme/net@{commit}"):
        assert zoo.load(name, device="cpu", **how).card == "# A card\n"
    assert hub.asked() == []
    assert f"acme/net@main was commit {commit} at the last download" in capsys.readouterr().err


def test_a_full_disk_is_reported_before_anything_is_fetched(hub, files, failure, hub_cache, monkeypatch):
    commit = hub.add("acme/net", files)
    monkeypatch.setattr(cached.shutil, "disk_usage", lambda _: SimpleNamespace(free=1000))
    needed = sum(len(content) for content in files.values())
    assert failure(f"acme/net@{commit}", ZooError) == (
        f"acme/net@{commit[:7]} cannot be kept in the cache `{hub_cache}`: the disk is full ({needed:,} bytes are needed, "
        "1,000 are free). Free some space, or use a cache elsewhere: cache_dir=DIR in Python, HF_HOME=DIR in a shell"
    )
    assert not hub.asked("/resolve/")


def test_a_disk_that_fills_up_meanwhile_is_reported(hub, files, failure, hub_cache, tmp_path, monkeypatch):
    commit = hub.add("acme/net", files)

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(file_download, "http_get", full)
        message = failure(f"acme/net@{commit}", ZooError)
        elsewhere = failure(f"acme/net@{commit}", ZooError, cache_dir=tmp_path / "mine")
    assert message.startswith(f"acme/net cannot be kept in the cache `{hub_cache}`: the disk is full. Free some space")
    assert f"the cache `{tmp_path / 'mine'}`: the disk is full" in elsewhere
    assert list(hub_cache.glob("models--*/blobs/*")) == []
    zoo.load(f"acme/net@{commit}", device="cpu")


def test_a_cache_that_may_not_be_written_is_reported(hub, files, failure, tmp_path):
    commit = hub.add("acme/net", files)
    (tmp_path / "file").write_bytes(b"")
    message = failure(f"acme/net@{commit}", ZooError, cache_dir=tmp_path / "file" / "cache")
    assert message.startswith(
        f"acme/net cannot be kept in the cache `{tmp_path / 'file' / 'cache'}`: Not a directory. Use a cache"
    )


def test_a_name_that_is_no_repository_and_a_folder_that_is_not_there(hub, failure, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("results").mkdir()
    assert failure("results/run").startswith("there is no folder `results/run`")
    assert failure("./acme/net").startswith("there is no folder `acme/net`")
    assert failure("acme/net/more").startswith("there is no folder `acme/net/more`")
    assert failure("acme/net@../x").startswith("there is no folder")
    assert failure("acme--x/net").startswith("'acme--x/net' is not the name of a repository")
    assert not hub.asked("acme")
