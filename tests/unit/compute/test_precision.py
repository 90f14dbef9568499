from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import msgspec
import pytest

from zoo.composition import compose
from zoo.compute.options import choose_precision
from zoo.errors import UsageError
from zoo.keys import key_of, readable_name, train_key
from zoo.recipe import Recipe


@pytest.fixture
def recipe(pairs: Path) -> Recipe:
    return compose(data=str(pairs), size=32, steps=4)


def driver(folder: Path, *capabilities: str) -> str:
    """A nvidia-smi that lists these compute capabilities, as a PATH."""
    program = folder / "nvidia-smi"
    program.write_text("#!/bin/sh\n" + "".join(f"echo {one}\n" for one in capabilities))
    program.chmod(0o755)
    return f"{folder}:/usr/bin:/bin"


@pytest.mark.parametrize(
    ("capabilities", "device", "expected"),
    [
        (("9.0", "8.0"), "cuda", "bf16"),
        (("9.0", "7.5"), "cuda", "fp32"),
        ((), "cuda", "fp32"),
        (("9.0",), "cpu", "fp32"),
        (("9.0",), "auto", "fp32"),
    ],
)
def test_auto_takes_bf16_only_where_every_gpu_has_units_for_it(tmp_path, monkeypatch, capabilities, device, expected):
    monkeypatch.setenv("PATH", driver(tmp_path, *capabilities))
    assert choose_precision("auto", device) == expected
    assert choose_precision("fp32", device) == "fp32"


def test_precisions_that_no_processor_has_are_refused():
    with pytest.raises(UsageError, match="fp16"):
        choose_precision("fp16", "cuda")
    with pytest.raises(UsageError, match="tf32 requires an NVIDIA GPU"):
        choose_precision("tf32", "cpu")


def test_precision_is_part_of_the_run_and_of_its_folder(recipe):
    half = replace(recipe, precision="bf16")
    assert train_key(half) != train_key(recipe)
    assert "-bf16-s0" in readable_name(half) and "fp32" not in readable_name(recipe)


def test_an_older_recipe_without_precision_has_the_key_of_fp32(recipe):
    older = {name: value for name, value in asdict(recipe).items() if name != "precision"}
    assert key_of(older, {}) == key_of(asdict(recipe), {})
    assert msgspec.json.decode(msgspec.json.encode(older), type=Recipe).precision == "fp32"
