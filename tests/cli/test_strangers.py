"""Text of strangers in every place where commands show it: nothing reaches a terminal that it would obey."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from zoo.cli.main import main

OSC, CSI, BIDI = "\x1b]52;c;cGF5bG9hZA==\x07", "\x1b[2J\x1b[1;31m", "\u202egnp"
HOSTILE = f"x{OSC}{CSI}{BIDI}\x9b5n\ry[red]z"
NAME = HOSTILE.replace("/", "")
"""A file name may hold all of it."""
SHOWN = r"x\x1b]52;c;cGF5bG9hZA==\x07\x1b[2J\x1b[1;31m\u202egnp\x9b5n\ry[red]z"


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


class Pipe(io.StringIO):
    encoding = "utf-8"


@pytest.fixture(params=[Terminal, Pipe])
def show(request, tmp_path, monkeypatch) -> Callable[..., str]:
    """Run a command in this process on a terminal or in a pipe, and return all that it wrote after looking for harm."""

    def run(*words: str, unexpected: bool = False) -> str:
        out, err = request.param(), request.param()
        with monkeypatch.context() as patch:
            patch.chdir(tmp_path)
            patch.setenv("COLUMNS", "400")
            patch.setenv("TERM", "xterm-256color")
            patch.setattr(sys, "argv", ["zoo", *words])
            patch.setattr(sys, "stdout", out)
            patch.setattr(sys, "stderr", err)
            with pytest.raises(SystemExit):
                main()
        written: str = out.getvalue() + err.getvalue()
        for harm in ("\x1b]52", "\x1b[2J", "\x1b[1;31m", "\u202e", "\x9b", "\ry"):
            assert harm not in written, repr(harm)
        assert unexpected or not ("Traceback" in written or "zoo: unexpected error" in written)
        return written

    return run


@pytest.fixture
def dataset(pairs, tmp_path) -> Path:
    """A dataset whose own name, license and classes are hostile."""
    import shutil

    root = tmp_path / "set"
    shutil.copytree(pairs, root)
    info = json.loads((root / "dataset.json").read_text())
    info |= {"name": HOSTILE, "license": HOSTILE, "source": HOSTILE}
    (root / "dataset.json").write_text(json.dumps(info))
    return root


@pytest.fixture
def results(finished, dataset, tmp_path) -> Path:
    """The results of one run on it."""
    return finished(tmp_path / "results" / "run", str(dataset), generator="resnet6:width=4,blocks=1").parent


def test_a_file_name_in_a_folder_of_images(show, results, tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / f"{NAME}.png").write_bytes(b"none")
    Image.fromarray(np.zeros((32, 32, 3), np.uint8)).save(tmp_path / "images" / f"good{NAME}.png")
    shown = show("translate", "images", "--model", str(results / "run"), "-o", "out")
    assert f"{SHOWN}.png` cannot be decoded" in shown and f"out/good{SHOWN}.png" in shown
    shown = show("translate", "images", "--model", str(results / "run"), "-o", "out", "--json")
    (pair,) = json.loads(shown[: shown.rindex("]") + 1].partition("\nzoo:")[0])
    assert Path(pair["visible"]).name == f"good{NAME}.png"


def test_file_names_of_a_dataset(show, dataset):
    (dataset / "train" / "visible" / f"{NAME}.png").write_bytes(b"none")
    assert "x%1B]52;c" in show("data", "check", str(dataset))
    assert "x%1B]52;c" in show("bench", "--data", str(dataset), "--method", "grey_copy", "--size", "32", "--steps", "1")
    report = json.loads(show("data", "check", str(dataset), "--json", "--no-quality"))
    assert any("x%1B]52;c" in problem["path"] for problem in report["problems"])


def test_names_of_tensors_and_metadata_of_a_checkpoint(show, tmp_path):
    from safetensors.numpy import save_file

    save_file({HOSTILE: np.zeros((2, 2), np.float32)}, tmp_path / "x.safetensors", {HOSTILE: HOSTILE})
    assert r"\x1b]52;c;" in show("inspect", "x.safetensors", "--all")
    show("inspect", "x.safetensors", "--json")
    show("convert", "x.safetensors")


def test_names_of_a_dataset_in_tables_and_pages(show, results, tmp_path):
    show("compare", str(results / "run"), "--json")
    show("table", "layergan_table1", "--from", str(results))
    show("table", "layergan_table1", "--from", str(results), "--format", "markdown")
    show("publish", str(results / "run"), "--to", "acme/net", "--dry-run", "-o", "card")
    show("report", str(results), "-o", "page.html")


def test_words_of_the_command_line_and_of_settings(show, tmp_path, monkeypatch):
    for words in (["info", HOSTILE], ["list", HOSTILE], [HOSTILE], ["bench", "--gen", HOSTILE], ["inspect", HOSTILE]):
        assert "x" in show(*words)
    (tmp_path / "zoo.toml").write_text(f"[bench]\ndata = {json.dumps(HOSTILE)}\n")
    assert SHOWN in show("config")
    monkeypatch.setenv("HF_HOME", HOSTILE)
    assert SHOWN in show("config")


def test_a_plugin_that_describes_itself(show, monkeypatch):
    from dataclasses import replace

    from zoo import plugins
    from zoo.cli import plugin

    shown = [replace(one, why=HOSTILE, trace=HOSTILE, version=HOSTILE, status="failed") for one in plugins.installed()]
    monkeypatch.setattr(plugin, "installed", lambda: tuple(shown))
    assert SHOWN in show("plugins")
    assert SHOWN in show("plugins", "--why", shown[0].name)


def test_what_is_logged(show, monkeypatch):
    import logging

    from zoo.cli import plugin
    from zoo.errors import ZooError

    def listed() -> tuple[()]:
        logging.getLogger("stranger").error(HOSTILE)
        raise ZooError(HOSTILE)

    monkeypatch.setattr(plugin, "installed", listed)
    assert f"zoo: {SHOWN}" in show("plugins")


def test_the_trace_of_an_unexpected_error(show, monkeypatch):
    from zoo.cli import plugin

    def listed() -> tuple[()]:
        raise RuntimeError(HOSTILE)

    monkeypatch.setattr(plugin, "installed", listed)
    monkeypatch.setenv("ZOO_TRACEBACK", "1")
    assert f"RuntimeError: {SHOWN}" in show("plugins", unexpected=True)


def test_the_progress_of_a_bench(monkeypatch):
    from zoo.run.bars import LiveDisplay, _Run
    from zoo.run.progress import Progress
    from zoo.terminal import SafeStream

    screen = Terminal()
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setattr(sys, "stderr", SafeStream(screen))
    with LiveDisplay() as display:
        display._grid[Path("run")] = _Run(2, HOSTILE, Progress(stage=HOSTILE))
        display._grid[Path("other")] = _Run(2, HOSTILE, Progress(stage="training", step=1, losses={HOSTILE: 1.0}))
        display.print(HOSTILE)
        display._live.refresh()
    written = screen.getvalue()
    assert r"\x1b]52" in written and "[red]" in written
    for harm in ("\x1b]52", "\x1b[1;31m", "\u202e", "\x9b"):
        assert harm not in written
