"""A method with options that only translation reads: trained once, scored for each value; and a plugin that is edited."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest
from safetensors.numpy import load_file

from zoo.checksums import digest_of

PLUGIN = """
from dataclasses import dataclass

from zoo.hookspec import Component, Contract, hookimpl, inference_only
from zoo.limits import Positive


@dataclass(frozen=True, kw_only=True)
class Config:
    width: Positive = 2
    steps: Positive = inference_only(1)


@hookimpl
def zoo_components():
    row = {"kind": "method", "name": "sampler", "summary": "refines an image step by step", "paper": "none"}
    return [Component(**row, target="refining.method:Sampler", config=Config(), contract=Contract(needs=frozenset({"pairs"})))]
"""
METHOD = """
import torch
from torch import nn

from zoo.contracts import Method, OptimizerSpec


class Sampler(Method):
    order = ("refiner",)
    inference = ("refiner",)

    def __init__(self, config, parts):
        super().__init__()
        self.steps, self.channels = config.steps, parts.thermal_channels
        layers = [nn.Conv2d(3 + self.channels, config.width, 3, padding=1), nn.Tanh()]
        self.refiner = nn.Sequential(*layers, nn.Conv2d(config.width, self.channels, 3, padding=1), nn.Tanh())

    def networks(self):
        return {"refiner": [self.refiner]}

    def optimizer(self, name):
        return OptimizerSpec(lr=0.01, betas=(0.9, 0.999))

    def refined(self, visible, thermal):
        return self.refiner(torch.cat([visible, thermal], dim=1))

    def forward(self, batch):
        start = torch.zeros_like(batch["thermal"])
        return {"translated": self.refined(batch["visible"], start), "real": batch["thermal"]}

    def losses(self, name, state):
        return {"l1": (state["translated"] - state["real"]).abs().mean()}

    def translate(self, batch):
        visible = batch["visible"]
        thermal = torch.zeros_like(visible[:, : self.channels])
        for _ in range(self.steps):
            thermal = self.refined(visible, thermal)
        return thermal
"""


class Lab:
    """An editable plugin, and a results folder of its method."""

    def __init__(self, root: Path, pairs: Path) -> None:
        self.root, self.pairs = root, pairs
        self.out = root / "results"
        package, info = root / "site" / "refining", root / "site" / "zoo_refining-1.0.dist-info"
        package.mkdir(parents=True)
        info.mkdir()
        (package / "__init__.py").write_text(PLUGIN)
        self.method = package / "method.py"
        self.method.write_text(METHOD)
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: zoo-refining\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text("[zoo.plugins]\nrefining = refining\n")
        (info / "direct_url.json").write_text('{"url": "file:///x", "dir_info": {"editable": true}}')

    def zoo(self, *words: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "PYTHONPATH": str(self.root / "site"), "PYTHONDONTWRITEBYTECODE": "1"}
        command = [sys.executable, "-m", "zoo", *words]
        return subprocess.run(
            command, cwd=self.root, env=environment, capture_output=True, text=True, check=False, timeout=300
        )

    def bench(self, methods: str, *words: str) -> subprocess.CompletedProcess[str]:
        what = ["--method", methods, "--data", str(self.pairs), "--size", "32", "--steps", "3"]
        done = self.zoo("bench", *what, "--device", "cpu", "--out", str(self.out), *words)
        assert done.returncode == 0, done.stdout + done.stderr
        return done

    def folders(self) -> dict[int, Path]:
        """Return the runs' folders by their number of steps."""
        records = {path.parent: self.record(path.parent) for path in self.out.glob("*/record.json")}
        return {record["recipe"]["method"]["config"]["steps"]: folder for folder, record in records.items()}

    def record(self, folder: Path) -> dict:
        return msgspec.json.decode((folder / "record.json").read_bytes())

    def trained(self, folder: Path) -> bool:
        """Whether the training was in this folder."""
        return (folder / "starts").exists()


@pytest.fixture(scope="module")
def lab(tmp_path_factory, pairs) -> Lab:
    """Two values of an option of translation in one grid, with room for both at once."""
    lab = Lab(tmp_path_factory.mktemp("lab"), pairs)
    lab.bench("sampler:steps=1,sampler:steps=3", "--jobs", "2")
    return lab


def test_two_values_in_one_grid_are_trained_once_and_scored_twice(lab):
    one, three = (lab.folders()[steps] for steps in (1, 3))
    first, second = lab.record(one), lab.record(three)
    assert first["train_key"] == second["train_key"] and first["score_key"] != second["score_key"]
    assert first["scores"][0]["value"] != second["scores"][0]["value"]
    assert digest_of(one / "model.safetensors") == digest_of(three / "model.safetensors")
    assert lab.trained(one) != lab.trained(three)
    assert "-steps1-" in one.name and "-steps3-" in three.name and one.name[-8:] == three.name[-8:]
    assert first["inference_options"] == second["inference_options"] == ["method.steps"]
    trained, other = (one, three) if lab.trained(one) else (three, one)
    assert trained.name in str(lab.record(other)["notes"]) and not lab.record(trained)["notes"]


def test_the_cost_states_the_passes_of_a_sampler(lab):
    one, three = (lab.record(lab.folders()[steps])["cost"] for steps in (1, 3))
    assert (one["passes"], three["passes"]) == (1, 3)
    # Two convolutions of 3x3 on 32x32 pixels, 4 to 2 and 2 to 1 channels; a multiplication and an addition are two operations.
    assert one["flops"] == 2 * 9 * 32 * 32 * (4 * 2 + 2 * 1) and three["flops"] == 3 * one["flops"]
    assert one["parameters"] == 9 * (4 * 2 + 2 * 1) + 2 + 1
    assert (one["batch"], one["size"], one["precision"]) == (1, 32, "fp32") and one["device"]


def test_another_value_is_scored_without_training_and_records_stay_sound(lab):
    done = lab.bench("sampler:steps=2")
    folder = lab.folders()[2]
    assert not lab.trained(folder) and "trained again" not in done.stderr
    assert lab.zoo("records", "check", str(lab.out)).stdout.count("contradict") == 0
    assert lab.zoo("records", "check", str(lab.out)).returncode == 0
    before = {path: path.stat().st_mtime_ns for path in lab.out.glob("*/record.json")}
    lab.bench("sampler:steps=1,sampler:steps=2,sampler:steps=3")
    assert {path: path.stat().st_mtime_ns for path in lab.out.glob("*/record.json")} == before


def test_imported_records_keep_their_folders_and_their_weights(lab):
    imported = lab.root / "imported"
    done = lab.zoo("records", "import", str(lab.out), "--out", str(imported), "--name", "a lab")
    assert done.returncode == 0, done.stdout + done.stderr
    assert {folder.name for folder in lab.folders().values()} <= {path.name for path in imported.iterdir()}


def test_a_translation_takes_other_values_of_the_option(lab):
    one, three = (lab.folders()[steps] for steps in (1, 3))
    image = next((lab.pairs / "test" / "visible").iterdir())

    def translated(folder: Path, *words: str) -> np.ndarray:
        out = lab.root / "translated.npy"
        done = lab.zoo("translate", str(image), "--model", str(folder), "--depth", "float", "-o", str(out), *words)
        assert done.returncode == 0, done.stderr
        return np.load(out)

    assert np.array_equal(translated(one, "--option", "steps=3"), translated(three))
    assert not np.array_equal(translated(one), translated(three))


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["width=4"], "has no option 'width' that only translation reads; it has steps"),
        (["steps=0"], "option `steps` is 0; it must be 1 or more"),
        (["steps=many"], "option `steps` is 'many'; it must be a whole number"),
        (["steps"], "--option 'steps' is not a name with its value"),
        (["steps=2", "steps=3"], "--option steps was given twice"),
    ],
    ids=["of-the-training", "too-small", "no-number", "no-value", "twice"],
)
def test_a_wrong_option_of_a_translation_is_refused(lab, words, reason):
    image = next((lab.pairs / "test" / "visible").iterdir())
    options = [part for word in words for part in ("--option", word)]
    done = lab.zoo("translate", str(image), "--model", str(lab.folders()[1]), *options)
    assert done.returncode == 2 and reason in done.stderr and "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_plugin_edited_under_the_same_version_is_trained_anew_with_a_line_that_says_so(lab):
    before = lab.folders()
    weights = {folder: digest_of(folder / "model.safetensors") for folder in before.values()}
    lab.method.write_text(METHOD.replace("nn.Tanh()]", "nn.ReLU()]"))
    try:
        done = lab.bench("sampler:steps=5")
    finally:
        lab.method.write_text(METHOD)
    expected = "the source of method refining/sampler changed under version 1.0: 1 run is trained again"
    assert expected in done.stderr
    folder = lab.folders()[5]
    assert lab.trained(folder) and digest_of(folder / "model.safetensors") not in weights.values()
    assert lab.record(folder)["train_key"] != lab.record(before[1])["train_key"]
    assert {one: digest_of(one / "model.safetensors") for one in weights} == weights


def test_weights_damaged_in_one_folder_are_not_taken_by_another(lab):
    """A run whose only possible giver is damaged is trained in its own folder."""
    source = lab.folders()[1]
    lone = lab.root / "lone"
    (lone / source.name).mkdir(parents=True)
    for name in ("record.json", "trained.json", "config.json"):
        (lone / source.name / name).write_bytes((source / name).read_bytes())
    weights = bytearray((source / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (lone / source.name / "model.safetensors").write_bytes(weights)
    out, lab.out = lab.out, lone
    try:
        lab.bench("sampler:steps=2")
        assert lab.trained(lab.folders()[2])
        ours, theirs = (load_file(folder / "model.safetensors") for folder in (lab.folders()[2], source))
        assert all(np.array_equal(ours[name], theirs[name]) for name in theirs)
    finally:
        lab.out = out


def test_info_marks_the_options_that_only_translation_reads(lab):
    (steps,) = [line for line in lab.zoo("info", "sampler").stdout.splitlines() if "  steps=" in line]
    (width,) = [line for line in lab.zoo("info", "sampler").stdout.splitlines() if "  width=" in line]
    assert "used in translation only" in steps and "translation only" not in width
