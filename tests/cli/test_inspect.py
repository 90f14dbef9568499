"""`zoo inspect` and `zoo convert` as typed: what a file is, what is refused, and the folder that translates."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

import zoo as library
from zoo.cli.main import app


class Runs:
    """Runs a command when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[object, ...]:
        return os.system, (f"touch {self.marker}",)


@pytest.fixture
def generator(tmp_path) -> Path:
    torch.manual_seed(0)
    torch.save(library.create("resnet9:width=4", out_channels=3).state_dict(), tmp_path / "latest_net_G_A.pth")
    return tmp_path / "latest_net_G_A.pth"


def test_inspect_says_what_a_file_is_and_shows_its_tensors(zoo, generator):
    done = zoo("inspect", generator.name)
    assert done.returncode == 0 and done.stderr == ""
    first, *lines = done.stdout.splitlines()
    assert first == (
        "latest_net_G_A.pth: CycleGAN ResNet-9 generator, instance norm, 3 -> 3, from pytorch-CycleGAN-and-pix2pix"
    )
    assert "48 tensors of float32" in done.stdout
    assert lines[-1] == "... and 36 more; --all shows them"
    assert [line.split()[0] for line in lines if line.startswith("model.1.")] == ["model.1.weight", "model.1.bias"]
    assert "model.26.bias" in zoo("inspect", generator.name, "--all").stdout


def test_inspect_as_json_has_every_tensor(zoo, generator):
    report = json.loads(zoo("inspect", generator.name, "--json").stdout)
    assert len(report["tensors"]) == 48
    assert report["tensors"][0] == {"name": "model.1.weight", "shape": [4, 3, 7, 7], "dtype": "float32"}
    (network,) = report["networks"]
    assert network["format"] == "cyclegan-resnet9-instance" and network["sizes"] == {"w": 4, "i": 3, "o": 3}
    assert report["nearest"] == []


def test_unknown_files_name_the_nearest_formats_and_the_keys(zoo, generator, tmp_path):
    state = torch.load(generator, weights_only=True)
    del state["model.26.bias"]
    torch.save(state, tmp_path / "odd.pth")
    done = zoo("inspect", "odd.pth")
    assert done.returncode == 0
    assert "odd.pth: unknown format" in done.stdout
    assert "nearest: cyclegan-resnet9-instance" in done.stdout and "lacks model.26.bias" in done.stdout
    near = json.loads(zoo("inspect", "odd.pth", "--json").stdout)["nearest"]
    assert near[0]["missing"] == ["model.26.bias"]
    done = zoo("convert", "odd.pth")
    assert done.returncode == 1 and "lacks model.26.bias" in done.stderr
    assert not (tmp_path / "odd").exists()


@pytest.mark.parametrize("verb", ["inspect", "convert"])
@pytest.mark.parametrize("legacy", [False, True])
def test_a_pickle_that_would_run_a_command_is_refused_and_not_run(zoo, tmp_path, verb, legacy):
    marker = tmp_path / "marker"
    torch.save(
        {"a": torch.zeros(1), "b": Runs(marker)}, tmp_path / "evil.pth", _use_new_zipfile_serialization=not legacy
    )
    done = zoo(verb, "evil.pth")
    assert done.returncode == 1 and done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert "`evil.pth` is refused: loading it would call posix.system, as an attack would" in line
    assert not marker.exists()


def test_inspecting_200_mb_reads_its_table_of_tensors_alone(tmp_path, monkeypatch):
    """The bytes that are read are counted, since seconds depend on what else the machine does."""
    torch.save({"model.1.weight": torch.zeros(50_000_000)}, tmp_path / "large.pth")
    assert (tmp_path / "large.pth").stat().st_size >= 200e6
    sizes: list[int] = []

    class Counted(io.FileIO):
        def readinto(self, buffer: bytearray) -> int:
            sizes.append(super().readinto(buffer))
            return sizes[-1]

        def read(self, size: int | None = -1) -> bytes:
            content = super().read(size)
            sizes.append(len(content))
            return content

        def readall(self) -> bytes:
            return self.read()

    def opened(path: Path, *words: Any, **more: Any) -> Any:
        return io.BufferedReader(Counted(path)) if path.name == "large.pth" else original(path, *words, **more)

    original = Path.open
    monkeypatch.setattr(Path, "open", opened)
    done = CliRunner().invoke(app, ["inspect", str(tmp_path / "large.pth")], catch_exceptions=False)
    assert "50,000,000" in done.stdout
    assert 0 < sum(sizes) < 500_000


def test_convert_writes_a_folder_that_translates(zoo, generator, tmp_path):
    done = zoo("convert", generator.name)
    assert done.returncode == 0, done.stderr
    assert "checked: an image of 64x64 pixels has the same output as with the file" in done.stdout
    folder = tmp_path / "latest_net_G_A"
    assert sorted(path.name for path in folder.iterdir()) == ["config.json", "model.safetensors"]
    Image.effect_noise((50, 40), 60).convert("RGB").save(tmp_path / "street.png")
    done = zoo("translate", "street.png", "--model", "latest_net_G_A", "-o", "thermal.png")
    assert done.returncode == 0, done.stderr
    assert Image.open(tmp_path / "thermal.png").size == (50, 40)
    report = json.loads(zoo("convert", generator.name, "-o", "other", "--set", "evaluation=eval", "--json").stdout)
    assert report["translates"] and report["folder"] == "other" and report["tensors"] == 48


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("inspect", "nowhere.pth"), "there is no file `nowhere.pth`"),
        (("inspect", "."), "`.` is a folder without model.safetensors"),
        (("convert", "latest_net_G_A.pth", "--set", "dropout"), "--set 'dropout' is not of the form KEY=VALUE"),
        (("convert", "latest_net_G_A.pth", "--set", "norm=batch"), "Those are: evaluation"),
        (("convert", "latest_net_G_A.pth", "--part", "G"), "has no part 'G'"),
    ],
)
def test_wrong_requests_exit_2_in_one_line(zoo, generator, words, message):
    done = zoo(*words)
    assert done.returncode == 2
    assert message in done.stderr and len(done.stderr.splitlines()) == 1
