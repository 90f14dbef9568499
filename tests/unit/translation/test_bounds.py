"""A config.json that somebody changed ends in one line, at once, whatever stands in it."""

from __future__ import annotations

import json
import shutil
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import zoo
from zoo.errors import ZooError
from zoo.translation import bounds
from zoo.translation.bounds import Bounded

VALUES: list[Any] = [0, -1, 10**6, 10**8, -(10**30), 1e308, "\x1b[2J" * 100, None, [1] * 1000]
MODELS = [
    {"method": "pix2pix", "generator": "unet_auto:width=2", "discriminator": "pixel:width=2"},
    {"method": "cut", "generator": "resnet6_cbam:width=2,blocks=1", "discriminator": "patchgan_gp:width=2"},
]


@pytest.fixture(params=MODELS, ids=lambda model: model["method"])
def model(request: pytest.FixtureRequest, saved, pairs: Path, tmp_path: Path) -> Path:
    return saved(tmp_path / "model", str(pairs), **request.param)


def places(config: dict[str, Any]) -> list[tuple[str, ...]]:
    recipe = config["recipe"]
    parts = [kind for kind in ("generator", "method", "discriminator", "normalizer") if recipe[kind]]
    return [("recipe", name) for name in recipe] + [
        ("recipe", kind, "config", option) for kind in parts for option in recipe[kind]["config"]
    ]


def test_every_value_in_every_place_is_answered_at_once(model, monkeypatch):
    monkeypatch.setattr(bounds, "SPARE_BYTES", 2**26)
    text = (model / "config.json").read_text()
    for place in places(json.loads(text)):
        for value in VALUES:
            config = table = json.loads(text)
            for key in place[:-1]:
                table = table[key]
            table[place[-1]] = value
            (model / "config.json").write_text(json.dumps(config))
            start = time.thread_time()
            try:
                zoo.load(model, device="cpu")
            except ZooError as error:
                assert "\n" not in str(error) and str(error).isprintable() and len(str(error)) < 2000, (place, value)
            assert time.thread_time() - start < 10, (place, value)


@pytest.mark.parametrize("size", [[0, 64], [64], [64, 64, 64], [2**21, 64], [64, "64"], [[64], 64]])
def test_a_height_or_width_out_of_bounds_is_one_line(model, size):
    config = json.loads((model / "config.json").read_text())
    config["recipe"]["load_size"] = size
    (model / "config.json").write_text(json.dumps(config))
    with pytest.raises(ZooError) as caught:
        zoo.load(model, device="cpu")
    assert "load_size" in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "text", ['{"recipe": ' + '{"a": ' * 100_000, '{"recipe": [' + "9" * 10_000_000, "\x1b[2J" * 1000]
)
def test_json_that_is_deep_or_long_is_one_line(model, text):
    shutil.copytree(model, model.parent / "copy")
    (model / "config.json").write_text(text)
    with pytest.raises(ZooError, match=r"config\.json` cannot be read") as caught:
        zoo.load(model, device="cpu")
    assert str(caught.value).isprintable() and len(str(caught.value)) < 1000


def test_a_config_of_more_bytes_than_any_is_not_read(model, monkeypatch):
    monkeypatch.setattr("zoo.model_folder.MOST_CONFIG", 100)
    with pytest.raises(ZooError, match=r"config\.json` has [\d,]+ bytes, more than any config of zoo"):
        zoo.load(model, device="cpu")


def test_modules_are_counted_in_this_thread_alone():
    built = []
    other = threading.Thread(
        target=lambda: built.append(nn.Sequential(*(nn.ReLU() for _ in range(bounds.SPARE_PARTS))))
    )
    with Bounded(size=0, tensors=1):
        other.start()
        other.join()
        nn.Sequential(*(nn.ReLU() for _ in range(100)))
        with pytest.raises(ZooError, match=r"more than 5,050 modules and tensors"):
            nn.Sequential(*(nn.ReLU() for _ in range(bounds.SPARE_PARTS + 51)))
    assert len(built) == 1
    nn.Sequential(*(nn.ReLU() for _ in range(bounds.SPARE_PARTS + 51)))  # nothing is counted afterwards


def test_parameters_without_modules_and_endless_work_are_bounded(monkeypatch):
    with Bounded(size=0, tensors=1), pytest.raises(ZooError, match="modules and tensors"):
        nn.ParameterList(nn.Parameter(torch.zeros(1)) for _ in range(10_000))
    monkeypatch.setattr(bounds, "SECONDS", 0.1)
    with Bounded(size=0, tensors=1), pytest.raises(ZooError, match="takes more than 0 s to build"):
        while True:
            torch.zeros(1).add_(1)
