"""Publishing to a Hub: one commit or none, faults by name, and what comes back is what was sent."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hub_server import READER, STRANGER, WRITER
from huggingface_hub import constants
from typer import Typer
from typer.testing import CliRunner

import zoo as package
from zoo.cli.publish import publish as command
from zoo.errors import UsageError, ZooError
from zoo.hookspec import Weights
from zoo.hub.publication import prepare, write_publication
from zoo.hub.publish import publish

TINY = {"generator": "resnet6:width=4,blocks=1", "discriminator": "patchgan:width=4,layers=1", "steps": 4}
COMMIT = r"POST .*/commit/"
PUBLISH = """
import sys, pathlib
from zoo.hub.publish import publish
root = pathlib.Path(sys.argv[1])
publish({str(path.relative_to(root)): path for path in root.rglob("*") if path.is_file()}, "acme/blocks")
"""
LOAD = """
import sys, huggingface_hub, numpy, zoo
image = numpy.arange(6000).astype(numpy.uint8).reshape(40, 50, 3)
thermal = zoo.load(sys.argv[1], device="cpu").translate(image)
repo, revision = sys.argv[1].split("@")
print(huggingface_hub.snapshot_download(repo, revision=revision))
print(thermal.tobytes().hex())
"""


@pytest.fixture(scope="module")
def results(finished, pairs, tmp_path_factory) -> Path:
    """Two runs, of two seeds."""
    root = tmp_path_factory.mktemp("results")
    for seed in range(2):
        finished(root / f"run{seed}", str(pairs), **TINY, seed=seed)
    return root


@pytest.fixture
def publication(results):
    """A run as it is published."""
    return prepare(results / "run0", "acme/blocks")


def wait_for(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 300
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize("xet", [False, True])
def test_what_is_published_comes_back_byte_for_byte_in_another_process(hub, publication, tmp_path, monkeypatch, xet):
    write_publication(publication, tmp_path / "dry")
    assert hub.log == []
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", not xet)
    done = publish(publication.files, "acme/blocks")
    assert bool(hub.asked("xet-write-token")) == xet and len(hub.asked(COMMIT)) == 1
    env = os.environ | {"HF_HUB_DISABLE_XET": "0" if xet else "1", "HF_HUB_CACHE": str(tmp_path / "empty")}
    loaded = subprocess.run(
        [sys.executable, "-c", LOAD, done.pin], env=env, capture_output=True, text=True, check=False
    )
    assert loaded.returncode == 0, loaded.stderr
    folder, thermal = loaded.stdout.splitlines()
    sent, came = (
        {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}
        for root in (tmp_path / "dry", Path(folder))
    )
    image = np.arange(6000).astype(np.uint8).reshape(40, 50, 3)
    assert thermal == package.load(tmp_path / "dry", device="cpu").translate(image).tobytes().hex()
    assert sent == {name: content for name, content in came.items() if name != ".gitattributes"}
    assert len(sent) == 6 and publication.row.sha256 == hashlib.sha256(came["model.safetensors"]).hexdigest()


def test_the_command_prints_the_pin_and_the_row(hub, results, zoo):
    done = zoo("publish", str(results / "run0"), "--to", "acme/blocks")
    assert done.returncode == 0, done.stderr
    pin, weights, *row = done.stdout.splitlines()
    repo, revision = pin.split("@")
    assert hub.read(repo, "config.json", revision) == (results / "run0" / "config.json").read_bytes()
    assert weights.endswith(hashlib.sha256((results / "run0" / "model.safetensors").read_bytes()).hexdigest())
    made = eval("\n".join(row), {"Weights": Weights})
    assert (made.repo, made.revision, made.dataset) == (repo, revision, "blocks")
    assert len(done.stderr.splitlines()) == 2 and "published, public" in done.stderr


def test_the_same_again_makes_no_commit_and_uploads_nothing(hub, publication):
    first = publish(publication.files, "acme/blocks")
    hub.forget()
    second = publish(publication.files, "acme/blocks")
    assert (first.changed, second.changed) == (True, False) and first.pin == second.pin
    assert not hub.asked("create|preupload|batch|commit|PUT")


def test_only_what_changed_is_sent_and_other_files_stay(hub, publication, results):
    publish(publication.files, "acme/blocks")
    hub.add("acme/blocks", {"NOTES.md": b"mine"})
    hub.forget()
    files = prepare(results / "run1", "acme/blocks").files
    done = publish({name: content for name, content in files.items() if name != "samples.png"}, "acme/blocks")
    assert done.changed and hub.read("acme/blocks", "NOTES.md") == b"mine"
    assert hub.read("acme/blocks", "config.json") == files["config.json"]
    assert "samples.png" not in hub.paths("acme/blocks"), "it is of the other weights"
    assert len(hub.asked(COMMIT)) == 1


def test_the_readmes_own_text_stays(hub, publication):
    publish(publication.files, "acme/blocks")
    text = hub.read("acme/blocks", "README.md").decode()
    hub.add("acme/blocks", {"README.md": f"{text}\nAsk me at the conference.\n".encode()})
    assert not publish(publication.files, "acme/blocks").changed
    hub.add("acme/blocks", {"README.md": b"---\nlicense: mit\n---\nHello.\n"})
    assert publish(publication.files, "acme/blocks").changed
    mixed = hub.read("acme/blocks", "README.md").decode()
    assert "license: mit" in mixed and mixed.endswith("Hello.\n") and "model-index" in mixed


def test_a_repository_that_moved_meanwhile_is_not_written_over(hub, publication):
    publish(publication.files, "acme/blocks")
    hub.add("acme/blocks", {"record.json": b"{}"})
    hub.fail("moved", COMMIT, times=1)
    with pytest.raises(ZooError, match=r"somebody else changed acme/blocks in between.*Run the same command again"):
        publish(publication.files, "acme/blocks")
    assert hub.read("acme/blocks", "record.json") == b"{}"
    assert publish(publication.files, "acme/blocks").changed
    assert hub.read("acme/blocks", "NOTES.md") == b"meanwhile\n"


@pytest.mark.parametrize("xet", [False, True])
def test_after_sigkill_in_the_middle_the_next_call_succeeds(hub, publication, tmp_path, monkeypatch, xet):
    write_publication(publication, tmp_path / "dry")
    fault = hub.fail("hang", COMMIT if xet else "PUT")
    env = os.environ | {"HF_HUB_DISABLE_XET": "0" if xet else "1"}
    command = [sys.executable, "-c", PUBLISH, str(tmp_path / "dry")]
    process = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for(lambda: fault.times < -1)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert hub.paths("acme/blocks") == [".gitattributes"]
    hub.forget()
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", not xet)
    assert publish(publication.files, "acme/blocks").changed
    assert hub.read("acme/blocks", "model.safetensors") == publication.files["model.safetensors"].read_bytes()


def test_ctrl_c_says_how_to_go_on(hub, results):
    fault = hub.fail("hang", "validate-yaml")
    command = [sys.executable, "-m", "zoo", "publish", str(results / "run0"), "--to", "acme/blocks"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    wait_for(lambda: fault.times < -1)
    process.send_signal(signal.SIGINT)
    _, message = process.communicate(timeout=300)
    assert process.returncode == 130
    assert len(message.splitlines()) == 2 and "run the same command again" in message


@pytest.mark.parametrize(
    ("token", "repo", "message"),
    [
        ("", "acme/blocks", "there is no token for the Hub. Run: hf auth login"),
        ("hf_expired", "acme/blocks", "refuses your token"),
        (READER, "acme/blocks", "you must use a write token"),
        (STRANGER, "acme/blocks", "with a token that may write to acme"),
        (STRANGER, "acme/theirs", "your token may not write to acme/theirs"),
        (WRITER, "other/blocks", "your token may not write to other/blocks"),
        (WRITER, "acme/llama", "acme/llama is taken: it has a config.json that zoo did not publish"),
        (WRITER, "acme/onnx", "acme/onnx is taken: it has a model.safetensors"),
        (WRITER, "blocks", "is not ORG/NAME"),
        (WRITER, "acme/b--s", "cannot be a repository's name"),
        (WRITER, "acme/" + 100 * "x", "cannot be a repository's name"),
    ],
)
def test_what_may_not_be_is_reported_in_one_line_before_any_upload(hub, publication, monkeypatch, token, repo, message):
    hub.add("acme/theirs", {"README.md": b"theirs"})
    hub.add("acme/llama", {"config.json": b'{"model_type": "llama"}', "model.safetensors": b"0" * 99})
    hub.add("acme/onnx", {"model.safetensors": b"0" * 99})
    hub.forget()
    monkeypatch.setenv("HF_TOKEN", token)
    with pytest.raises(UsageError, match=re.escape(message)) as raised:
        publish(publication.files, repo)
    assert raised.value.fix and "\n" not in str(raised.value)
    assert not hub.asked("PUT|batch|xet-write") and not hub.asked(COMMIT)
    if not token:
        assert hub.log == []


def test_private_is_kept_or_refused(hub, publication):
    hub.add("acme/open", {"README.md": b"open"})
    with pytest.raises(UsageError, match="acme/open exists and is public"):
        publish(publication.files, "acme/open", private=True)
    assert "config.json" not in hub.paths("acme/open")
    assert publish(publication.files, "acme/hidden", private=True).private and hub.repos["acme/hidden"].private
    assert publish(publication.files, "acme/hidden").private, "it stays private"


def test_a_license_that_the_hub_does_not_know_leaves_no_repository_behind(hub, results):
    files = prepare(results / "run0", "acme/blocks", license="mine").files
    with pytest.raises(ZooError, match=r'refuses the model card of acme/blocks: "license" must be one of'):
        publish(files, "acme/blocks")
    assert "acme/blocks" not in hub.repos


@pytest.mark.parametrize("pattern", ["GET /api/models", COMMIT, "PUT"])
def test_a_hub_that_breaks_down_is_reported(hub, publication, monkeypatch, pattern):
    monkeypatch.setattr("time.sleep", lambda _: None)  # the client's pauses between its tries
    hub.fail("status", pattern, status=500)
    with pytest.raises(
        ZooError, match=r"acme/blocks was not published: .* answers 500.*Run the same command again later"
    ):
        publish(publication.files, "acme/blocks")
    hub.forget()
    assert publish(publication.files, "acme/blocks").changed


def test_no_network_is_reported_and_offline_sends_no_request(publication, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", WRITER)
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(ZooError, match=r"cannot be reached .*Check the connection"):
        publish(publication.files, "acme/blocks")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(UsageError, match="unset HF_HUB_OFFLINE"):
        publish(publication.files, "acme/blocks")


def test_a_results_folder_goes_on_after_a_failure_and_can_be_typed_again(hub, results, finished, pairs, tmp_path):
    folder = tmp_path / "results"
    shutil.copytree(results, folder)
    (folder / "run0" / "model.safetensors").write_bytes(b"damaged")
    grey = finished(folder / "grey", str(pairs), method="grey_copy", steps=4)
    record = json.loads((grey / "record.json").read_text())
    (grey / "record.json").write_text(json.dumps(record | {"parameters": {"translation": 0}}))
    app = Typer()
    app.command()(command)
    done = CliRunner().invoke(app, ["--from", str(folder), "--org", "acme"])
    assert isinstance(done.exception, ZooError) and "1 of 3 runs were not published" in str(done.exception)
    lines = done.stdout.splitlines()
    assert len(lines) == 3 and "left out: it has no weights" in lines[0] and "failed" in lines[1]
    (published,) = hub.repos
    assert re.fullmatch(r"acme/cyclegan-resnet6-patchgan-blocks-32px-4it-s1-[0-9a-f]{8}", published)
    shutil.copytree(results / "run0", folder / "run0", dirs_exist_ok=True)
    done = CliRunner().invoke(app, ["--from", str(folder), "--org", "acme", "--json"])
    states = [outcome["state"].partition(",")[0] for outcome in json.loads(done.stdout)]
    assert states == ["left out: it has no weights", "published", "unchanged"]


def test_a_results_folder_never_replaces_another_training(hub, publication, results):
    publish(publication.files, "acme/blocks")
    other = prepare(results / "run1", "acme/blocks").files
    with pytest.raises(UsageError, match=r"another training. To replace them, run: zoo publish RUN --to acme/blocks"):
        publish(other, "acme/blocks", replace=False)
    assert publish(other, "acme/blocks").changed
