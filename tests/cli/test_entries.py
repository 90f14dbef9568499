"""Declared entries from a dataset to a table: a method that trains on boxes, a generator that reads a mask, and metrics."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from plugin_packages import install

from zoo.data.entries import Box, DatasetEntry
from zoo.data.writer import DatasetWriter

PLUGIN = '''
from dataclasses import dataclass

from zoo.hookspec import Component, Contract, hookimpl


@dataclass(frozen=True, kw_only=True)
class MethodConfig:
    """No options."""


@dataclass(frozen=True, kw_only=True)
class GeneratorConfig:
    """Channels."""

    in_channels: int = 3
    out_channels: int = 1


@hookimpl
def zoo_components():
    """Return a method and two generators."""
    needs = Contract(needs=frozenset({"pairs", "boxes"}), uses=("generator",))
    masked, boxed = Contract(reads=("visible", "depth", "humidity")), Contract(reads=("visible", "boxes"))
    return [
        Component(kind="method", name="boxed", target="parts:Boxed", config=MethodConfig(), summary="s", contract=needs),
        Component(kind="generator", name="masked", target="parts:Net", config=GeneratorConfig(), summary="s", contract=masked),
        Component(kind="generator", name="listed", target="parts:Net", config=GeneratorConfig(), summary="s", contract=boxed),
    ]
'''
PARTS = """
import torch
from torch import nn

from zoo.contracts import Generator, Method, OptimizerSpec


class Net(Generator):
    def __init__(self, config):
        super().__init__()
        self.layer = nn.Conv2d(config.in_channels, config.out_channels, 3, padding=1)

    def forward(self, x):
        return self.layer(x).tanh()


class Boxed(Method):
    order = ("generator",)
    inference = ("net",)

    def __init__(self, config, parts):
        super().__init__()
        self.net = parts.generator(in_channels=3, out_channels=parts.thermal_channels)

    def networks(self):
        return {"generator": [self.net]}

    def optimizer(self, name):
        return OptimizerSpec(lr=1e-3, betas=(0.9, 0.999))

    def forward(self, batch):
        errors = (self.net(batch["visible"]) - batch["thermal"]).abs().mean(dim=1)
        counts = [len(boxes) for boxes in batch["boxes"]]
        return {"error": errors.mean() * (1 + sum(counts))}

    def losses(self, name, state):
        return {"error": state["error"]}

    def translate(self, batch):
        assert "boxes" not in batch or len(batch["boxes"]) == len(batch["visible"])
        return self.net(batch["visible"])
"""
TINY = ("--size", "32", "--steps", "2", "--disc", "patchgan:width=4,layers=1")


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Install the plugin in a folder of its own."""
    folder = tmp_path / "plugin"
    install(folder, "entered", PLUGIN)
    (folder / "parts.py").write_text(PARTS)
    return {"PYTHONPATH": os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])])}


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    with DatasetWriter(tmp_path / "entered") as writer:
        for split, count in (("train", 4), ("test", 4)):
            for index in range(count):
                visible = rng.integers(0, 256, (36, 48, 3)).astype(np.uint8)
                box = Box(label="car" if index % 2 else "person", corners=(5, 6, 30, 28))
                entries = {
                    "boxes": [box] if index else [],
                    "depth": visible[..., 0],
                    "humidity": index / 4,
                    "sequence": f"drive {index // 2}",
                }
                writer.add(split, f"{split}{index}", visible=visible, thermal=visible[..., 1], entries=entries)
        writer.describe(
            name="entered",
            entries=(
                DatasetEntry(name="boxes", kind="boxes"),
                DatasetEntry(name="depth", kind="mask"),
                DatasetEntry(name="humidity", kind="scalar"),
                DatasetEntry(name="sequence", kind="group"),
            ),
        )
    return tmp_path / "entered"


def record(folder: Path) -> dict:
    (path,) = folder.glob("*/record.json")
    return json.loads(path.read_text())


def test_a_method_trains_on_boxes_and_scores_are_by_object_and_group(zoo, environment, dataset, tmp_path):
    words = ("bench", "--method", "boxed", "--gen", "resnet6:width=4,blocks=1", "--data", str(dataset), "--size", "32")
    metrics = ("--metrics", "psnr,object_psnr,edge_fidelity", "--steps", "3", "--batch", "2", "--out", "out")
    done = zoo(*words, *metrics, env=environment)
    assert done.returncode == 0, done.stderr
    psnr, boxes, edges = record(tmp_path / "out")["scores"]
    assert (psnr["n"], boxes["n"], edges["n"]) == (4, 3, 4)
    assert {name: means["n"] for name, means in boxes["groups"]["boxes"].items()} == {"car": 2, "person": 1}
    assert {name: means["n"] for name, means in psnr["groups"]["sequence"].items()} == {"drive 0": 2, "drive 1": 2}
    assert "object_psnr: It does not apply to 1 of 4 images." in done.stdout
    assert "psnr by sequence: drive 0 " in done.stdout
    table = next((tmp_path / "out").glob("*/scores.csv")).read_text().splitlines()
    assert [line.count(",") for line in table] == [3] * 5 and ",," in table[1]
    checked = zoo("records", "check", "out", env=environment)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_a_generator_reads_a_mask_and_a_scalar_and_one_image_alone_is_refused(zoo, environment, dataset, tmp_path):
    words = ("bench", "--method", "pix2pix", "--gen", "masked", "--data", str(dataset), *TINY, "--out", "out")
    done = zoo(*words, env=environment)
    assert done.returncode == 0, done.stderr
    found = record(tmp_path / "out")
    assert found["scores"][0]["protocol"]["reads"] == ["visible", "depth", "humidity"]
    assert found["parameters"]["translation"] == (3 + 2) * 9 + 1
    (run,) = (tmp_path / "out").glob("*/record.json")
    image = next((dataset / "test" / "visible").iterdir())
    for command in (
        ("translate", str(image), "--model", str(run.parent)),
        ("export", str(run.parent), "--format", "pt2"),
    ):
        refused = zoo(*command, env=environment)
        assert refused.returncode == 2, refused.stdout + refused.stderr
        assert "reads depth, humidity, which only a dataset that declares them brings" in refused.stderr


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("--gen", "masked"), "generator masked reads depth, humidity, and dataset blocks has none"),
        (("--metrics", "object_ssim"), "metric object_ssim reads boxes, and dataset blocks has none"),
        (("--method", "boxed", "--gen", "masked"), "method boxed needs 'boxes'"),
    ],
)
def test_data_without_the_entry_is_refused_before_any_training(zoo, environment, pairs, tmp_path, words, reason):
    method = () if "--method" in words else ("--method", "pix2pix")
    done = zoo("bench", *method, *words, "--data", str(pairs), *TINY, "--out", "out", env=environment)
    assert done.returncode == 2 and reason in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_refusal_names_what_the_dataset_offers(zoo, environment, dataset):
    words = ("bench", "--method", "pix2pix", "--data", str(dataset), *TINY)
    lacking = zoo(*words, "--gen", "masked", "--metrics", "class_psnr", env=environment)
    assert lacking.returncode == 2 and "entered offers boxes, depth, humidity, sequence" in lacking.stderr
    listed = zoo(*words, "--gen", "listed", env=environment)
    assert listed.returncode == 2 and "generator listed reads boxes, of kind boxes" in listed.stderr


def test_scenes_offers_boxes_and_daytime_on_request_and_its_images_stay_the_same(tmp_path):
    from zoo.data.layout import read_info
    from zoo.sources import open_source
    from zoo_plugins.scenes import ScenesConfig
    from zoo_plugins.scenes.dataset import CLASSES, render

    plain, more = (open_source(f"scenes:train=2,test=3{each}", size=32) for each in ("", ",entries=true"))
    assert "entries" not in plain.config and more.config["entries"] is True
    assert more.offers - plain.offers == {"boxes", "daytime"}
    for path in sorted((plain.root / "test" / "visible").iterdir()):
        assert path.read_bytes() == (more.root / "test" / "visible" / path.name).read_bytes()
    boxes = json.loads((more.root / "test" / "boxes.json").read_text())
    scene = render(ScenesConfig(train=2, test=3, size=32), 1, "test")
    found = sorted((box["class"], *box["box"]) for box in boxes["test_00001"])
    expected = []
    for index, thing in enumerate(scene.objects):
        rows, columns = np.nonzero(scene.instances == index)
        if CLASSES[thing.label] in ("person", "car", "minibus", "bus", "truck"):
            edges = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
            expected.append((CLASSES[thing.label], *map(float, edges)))
    assert found == sorted(expected) and found
    daytime = dict(line.split(",") for line in (more.root / "test" / "daytime.csv").read_text().splitlines()[1:])
    assert daytime["test_00001"] == ("night" if scene.night else "day")
    assert read_info(more.root).fingerprint != read_info(plain.root).fingerprint


def test_a_plugin_whose_method_needs_boxes_passes_the_checks(zoo, environment):
    done = zoo("check", "entered", "--fast", env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
