"""A shell as a reader has it, with tiny files under the names that the pages use."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
TINY_SCENES = "scenes:train=4,test=2"
STEMS = [f"{split}{index}" for split, count in (("train", 6), ("test", 3)) for index in range(count)]
"""Those of the dataset `pairs`."""
MADE = {"rs": "zoo data import", "mine": "zoo data import", "street.png": "cp", "results": "zoo bench"}
"""Files that some pages make themselves, and the command that does."""
SPACE = "demo*--space*" if find_spec("gradio") else "never"

STUBS = {
    # The page of a demo serves until Ctrl-C; a Space needs the version of gradio.
    "zoo": f'case "$*" in {SPACE}) ;; demo*) set -- demo --help ;; esac\nexec {{python}} -P -m zoo "$@"',
    "python": 'exec {python} -P "$@"',
    "pip": "exec {python} {pip} {site}",
    "git": 'ln -s . "$3"',
    "make": "mkdir -p .venv/bin && touch .venv/bin/activate",
    "hf": "true",
    "ssh": 'shift\nexec bash -c "$*"',
    # One process in place of several.
    "accelerate": 'while [ "$1" != -m ]; do shift; done\nshift\nexec "$@"',
    "torchrun": 'while [ "$1" != -m ]; do shift; done\nshift\nexec "$@"',
}
PIP = '''
"""`pip install -e FOLDER`: what an installation leaves, without a network. Other installations do nothing."""
import pathlib, sys, tomllib

site, words = pathlib.Path(sys.argv[1]), sys.argv[2:]
if words[:2] == ["install", "-e"]:
    folder = pathlib.Path(words[2]).resolve()
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    info = site / f"{project['name'].replace('-', '_')}-0.1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\\nName: {project['name']}\\nVersion: 0.1.0\\n")
    plugins = project["entry-points"]["zoo.plugins"].items()
    (info / "entry_points.txt").write_text("[zoo.plugins]\\n" + "".join(f"{name} = {to}\\n" for name, to in plugins))
    for package in (folder / "src").iterdir():
        (site / package.name).symlink_to(package)
'''
Shell = Callable[[Path, str], "subprocess.CompletedProcess[str]"]


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """Run a script in a folder, with zoo on the path and stubs of what reaches other machines; it ends at the first error."""
    programs, site = tmp_path / "bin", tmp_path / "site"
    programs.mkdir()
    site.mkdir()
    (programs / "pip.py").write_text(PIP)
    for name, body in STUBS.items():
        text = body.format(python=sys.executable, pip=programs / "pip.py", site=site)
        (programs / name).write_text(f"#!/bin/sh\n{text}" + (' "$@"\n' if name == "pip" else "\n"))
        (programs / name).chmod(0o755)

    def run(folder: Path, script: str) -> subprocess.CompletedProcess[str]:
        environment = {
            **os.environ,
            "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": os.pathsep.join(filter(None, (str(site), os.environ.get("PYTHONPATH")))),
            "ZOO_BENCH_STEPS": "2",
            "ZOO_TRAIN_STEPS": "2",
            "ZOO_BENCH_DATA": TINY_SCENES,
            "ZOO_TRAIN_DATA": TINY_SCENES,
            "ZOO_BENCH_JOBS": "1",
            "ZOO_BENCH_BASELINES": "1",
        }
        (tmp_path / "page.sh").write_text(script)
        command = ["bash", "-eux", str(tmp_path / "page.sh")]
        return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)

    return run


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run of pix2pix on a few scenes."""
    folder = tmp_path_factory.mktemp("trained")
    parts = ["--method", "pix2pix", "--gen", "resnet6:width=4,blocks=1", "--disc", "patchgan:width=4"]
    command = [sys.executable, "-m", "zoo", "train", *parts, "--data", TINY_SCENES, "--size", "64", "--steps", "2"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    (run,) = (folder / "results").iterdir()
    return run


@pytest.fixture
def reader(tmp_path: Path, pairs: Path, trained: Path) -> Callable[[str], Path]:
    """Make a folder with those of the reader's files that a text names: reader(text)."""

    def make(text: str) -> Path:
        folder = tmp_path / "reader"
        folder.mkdir()
        for name, write in _files(pairs, trained).items():
            named = re.search(rf"^.*(?<![\w./-]){name}(?![\w.-]).*$", text, re.MULTILINE)
            if named and not (name in MADE and _makes(text, MADE[name], named)):
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                write(folder / name)
        return folder

    return make


def _makes(text: str, command: str, named: re.Match[str]) -> bool:
    """Whether a script makes a file itself: its first line with the file is the command, or a bench is before that line."""
    return named[0].startswith(command) or (command == "zoo bench" and command in text[: named.start()])


def _files(pairs: Path, trained: Path) -> dict[str, Callable[[Path], object]]:
    datasets = dict.fromkeys(("rs", "msrs", "m3fd", "DIR", "mine", "shared/rs"), lambda to: shutil.copytree(pairs, to))
    predictions = ("outputs/PID", "outputs/ThermalGen", "PATH/TO/OUTPUTS", "thermal", "B/heat")
    visible = ("photos", "visible", "A/photos")
    records = ROOT / "benchmarks" / "records" / "scenes-64px"
    return {
        **datasets,
        **dict.fromkeys(predictions, lambda to: _images(to, pairs, "thermal")),
        **dict.fromkeys(visible, lambda to: _images(to, pairs, "visible")),
        **dict.fromkeys(("PATH/TO/PAIRS", "MINE"), lambda to: _pairs(to, pairs, "vi", "ir")),
        "PATH/TO/RoadScene": lambda to: _pairs(to, pairs, "crop_LR_visible", "cropinfrared"),
        "results/RUN": lambda to: shutil.copytree(trained, to),
        "results": lambda to: shutil.copytree(trained, to / "RUN", dirs_exist_ok=True),
        "street.jpg": lambda to: _photo(64).save(to),
        "street.png": lambda to: _photo(64).save(to),
        "panorama.jpg": lambda to: _photo(1200).save(to),
        "drive.mp4": _video,
        "latest_net_G_A.pth": _checkpoint,
        "FOLDER": lambda to: shutil.copytree(records, to),
        "SRC": lambda to: shutil.copytree(records, to),
    }


def _images(to: Path, pairs: Path, kind: str) -> None:
    to.mkdir(parents=True)
    for stem in STEMS:
        shutil.copy(pairs / stem.rstrip("0123456789") / kind / f"{stem}.png", to)


def _pairs(to: Path, pairs: Path, visible: str, thermal: str) -> None:
    _images(to / visible, pairs, "visible")
    _images(to / thermal, pairs, "thermal")


def _photo(width: int) -> Image.Image:
    pixels = np.random.default_rng(0).integers(0, 256, (8, width // 8, 3)).astype(np.uint8)
    return Image.fromarray(np.kron(pixels, np.ones((8, 8, 1), np.uint8)))


def _video(to: Path) -> None:
    av = pytest.importorskip("av")
    with av.open(str(to), "w") as film:
        stream = film.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        for _ in range(2):
            film.mux(stream.encode(av.VideoFrame.from_image(_photo(64))))
        film.mux(stream.encode())


def _checkpoint(to: Path) -> None:
    import torch

    import zoo

    torch.save(zoo.create("resnet9:width=4", out_channels=3).state_dict(), to)
