"""Every command under conditions that machines have: no trace, no lost work, and advice that names what to change."""

from __future__ import annotations

import io
import os
import pwd
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import pytest
from PIL import Image

from zoo import files
from zoo.cli.main import app, main

COMMANDS = {
    "bench": "bench --method grey_copy --data {data} --size 32 --steps 1 --jobs 1 --device cpu --out {out}",
    "check": "check baselines --component method:grey_copy --fast",
    "compare": "compare {run} {other}",
    "config": "config",
    "config json": "config --json",
    "convert": "convert {run}/model.safetensors -o {out}",
    "demo": "demo pix2pix-scenes --space {out}",
    "doctor": "doctor --no-network",
    "export": "export {run} -o {out}/model.onnx --size 31",
    "info": "info resnet9",
    "info weights": "info pix2pix-scenes --json",
    "inspect": "inspect {run}/model.safetensors",
    "list": "list",
    "list json": "list --json",
    "new": "new mynet -o {out}",
    "plugins": "plugins",
    "publish": "publish {run} --to acme/net --dry-run -o {out}",
    "report": "report {results} -o {out}/page.html",
    "score": "score {data}/test/thermal --data {data} --name copy --out {out}",
    "eval": "eval",
    "evaluate": "evaluate",
    "test": "test",
    "serve": "serve {out}",
    "status": "status {results}",
    "train": "train --method grey_copy --data {data} --size 32 --steps 1 --device cpu --out {out}",
    "worker": "worker {results}",
    "table": "table layergan_table1 --from {results}",
    "translate": "translate {image} --model {run} -o {out}",
    "translate json": "translate {image} --model {run} -o {out} --json",
    "data import": "data import aligned {data} {out}",
    "data check": "data check {data}",
    "data check json": "data check {data} --json",
    "data sample": "data sample {data} {out} --train 2 --test 1",
    "data split": "data split {data} {out} --test 1 --no-quality",
    "records check": "records check {results}",
    "records import": "records import {results} --out {out}",
    "records schema": "records schema",
    "help": "--help",
    "help of a command": "bench --help",
    "no such command": "bensh",
    "no such file": "inspect {out}/caf\udce9.pth",
}
HEAVY = ("bench", "report", "score", "train", "worker")
"""Those that take seconds, tried under the condition that concerns them."""
TRACES = ("Traceback", "unexpected error", "Error:", "Exception ignored")


@pytest.fixture(scope="module")
def places(finished, pairs, tmp_path_factory) -> dict[str, str]:
    """A finished run, its dataset and an image."""
    root = tmp_path_factory.mktemp("conditions")
    run = finished(root / "results" / "run", str(pairs), generator="resnet6:width=4,blocks=1")
    other = finished(root / "others" / "run", str(pairs), generator="resnet6:width=6,blocks=1")
    Image.fromarray(np.zeros((32, 32, 3), np.uint8)).save(root / "image.png")
    return {
        "run": str(run),
        "other": str(other),
        "results": str(run.parent),
        "data": str(pairs),
        "image": str(root / "image.png"),
    }


def full() -> TextIO:
    """A disk without space."""
    return Path("/dev/full").open("w", encoding="utf-8")


def left() -> TextIO:
    """A pipe whose reader has left."""
    reader, writer = os.pipe()
    os.close(reader)
    return os.fdopen(writer, "w", encoding="utf-8")


def ascii_only() -> TextIO:
    return io.TextIOWrapper(io.BytesIO(), encoding="ascii")


def text() -> TextIO:
    return io.TextIOWrapper(io.BytesIO(), encoding="utf-8")


def closed() -> None:
    return None


STREAMS: dict[str, tuple[Callable[[], Any], Callable[[], Any]]] = {
    "as usual": (text, text),
    "stdout is closed": (closed, text),
    "stdout is full": (full, text),
    "the reader of stdout left": (left, text),
    "stdout is ASCII": (ascii_only, ascii_only),
    "stderr is closed": (text, closed),
    "stderr is full": (text, full),
}


@pytest.fixture
def run(places, tmp_path, monkeypatch) -> Callable[..., tuple[int, str, str]]:
    """Run a command in this process: run(name, streams) returns its exit code, stdout and stderr."""

    def call(name: str, streams: str = "as usual") -> tuple[int, str, str]:
        out, err = (make() for make in STREAMS[streams])
        words = [word.format(**places, out=tmp_path / "out") for word in COMMANDS[name].split()]
        with monkeypatch.context() as patch:
            patch.chdir(tmp_path)
            patch.setattr(sys, "argv", ["zoo", *words])
            patch.setattr(sys, "stdout", out)
            patch.setattr(sys, "stderr", err)
            with pytest.raises(SystemExit) as ended:
                main()
        code = ended.value.code
        assert isinstance(code, int)
        return code, written(out), written(err)

    return call


def written(stream: Any) -> str:
    if not isinstance(getattr(stream, "buffer", None), io.BytesIO):
        return ""
    stream.flush()
    found: str = stream.buffer.getvalue().decode(stream.encoding)
    return found


def traces(err: str) -> list[str]:
    return [word for word in TRACES if word in err.replace("Error: No such command", "")]


@pytest.mark.parametrize("streams", STREAMS)
@pytest.mark.parametrize("name", [name for name in COMMANDS if name not in HEAVY])
def test_output_that_cannot_be_written_ends_no_work(run, name, streams, tmp_path):
    code, out, err = run(name, streams)
    assert not traces(err)
    if streams == "stdout is full":
        assert code != 0
        assert EXPECTED.get(name, 0) or "cannot be written to stdout: No space left on device" in err
    else:
        assert code == EXPECTED.get(name, 0), err
    assert out.isascii() or streams != "stdout is ASCII"


EXPECTED = {
    **dict.fromkeys(
        ("convert", "demo", "eval", "evaluate", "export", "no such command", "no such file", "serve", "test", "worker"),
        2,
    ),
    **dict.fromkeys(("records check", "records import"), 1),  # the run of the tests is no whole one
}
"""Exit codes of commands that have nothing to do here."""


def test_the_commands_are_all_here():
    groups = {group.name: group.typer_instance for group in app.registered_groups}
    names = {command.name for command in app.registered_commands}
    names |= {f"{group} {command.name}" for group, inner in groups.items() for command in inner.registered_commands}
    assert names <= set(COMMANDS)


@pytest.fixture
def stand_in(tmp_path, monkeypatch) -> Iterator[Path]:
    """The system's temporary folder is one of this test."""
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(files.tempfile, "tempdir", str(tmp_path / "tmp"))
    for cached in (files.temporary_folder, files._writable):
        cached.cache_clear()
    yield tmp_path / "tmp"
    for cached in (files.temporary_folder, files._writable):
        cached.cache_clear()


@pytest.mark.parametrize("name", [name for name in COMMANDS if name not in HEAVY])
def test_a_user_without_a_home_and_a_name(run, name, stand_in, monkeypatch):
    def nobody(_: int) -> None:
        raise KeyError("getpwuid(): uid not found: 12345")

    monkeypatch.setattr(pwd, "getpwuid", nobody)
    for variable in ("HOME", "USER", "LOGNAME", "LNAME", "USERNAME", "ZOO_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(variable, raising=False)
    code, _, err = run(name)
    assert not traces(err)
    assert code == EXPECTED.get(name, 0), err
    assert not Path("~").exists()


@pytest.mark.parametrize("name", COMMANDS)
def test_a_cache_that_cannot_be_written(run, name, stand_in, tmp_path, monkeypatch):
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path / "file" / "cache"))
    code, _, err = run(name)
    assert not traces(err)
    assert "--out" not in err or "--retry" in err or code == 2  # the command that repairs a run names its folder
    assert err.count("ZOO_CACHE") <= 2  # a note, and what the doctor says
    assert code == EXPECTED.get(name, 1 if name == "doctor" else 0), err


SHELL = {
    "zoo list >&-": 0,
    "zoo list 2>&-": 0,
    "zoo list >&- 2>&- <&-": 0,
    "zoo list >/dev/full": 1,
    "zoo list 2>/dev/full": 0,
    "zoo list | head -1": 0,
    "set -o pipefail; zoo list --json | head -1": 0,
    "LC_ALL=C PYTHONIOENCODING=ascii PYTHONUTF8=0 zoo --help": 0,
    "LC_ALL=C PYTHONIOENCODING=ascii PYTHONUTF8=0 zoo info $'caf\\xe9\\x1b[2J'": 2,
    "mkdir gone && cd gone && rmdir ../gone && zoo list": 0,
}


@pytest.mark.parametrize("line", SHELL)
def test_the_streams_of_a_shell(line, tmp_path):
    function = f'zoo() {{ {sys.executable} -m zoo "$@"; }}; '
    done = subprocess.run(["bash", "-c", function + line], cwd=tmp_path, capture_output=True, check=False, timeout=60)
    shown = done.stderr.decode("latin-1")
    assert not traces(shown) and "\x1b" not in shown
    assert done.returncode == SHELL[line], shown
