"""zoo.load of folders that are not as they should be: parts that are not installed, configs that were changed, wrong types."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open

import zoo
from zoo.errors import UsageError, ZooError
from zoo.plugins import Plugin
from zoo.translation import loading

Edit = Callable[[dict[str, Any]], None]


@pytest.fixture(scope="module")
def whole(saved, pairs, tmp_path_factory) -> Path:
    return saved(tmp_path_factory.mktemp("whole") / "m", str(pairs), generator="resnet6:width=4,blocks=1")


@pytest.fixture
def edited(whole, tmp_path) -> Callable[[Edit], Path]:
    """Copy the model with its config changed."""

    def copy(edit: Edit) -> Path:
        folder = tmp_path / "edited"
        shutil.copytree(whole, folder, dirs_exist_ok=True)
        config = json.loads((whole / "config.json").read_text())
        edit(config)
        (folder / "config.json").write_text(json.dumps(config))
        return folder

    return copy


def fails(folder: Path) -> str:
    with pytest.raises(ZooError) as caught:
        zoo.load(folder, device="cpu")
    assert "\n" not in str(caught.value)
    return str(caught.value)


def foreign(distribution: str, version: str) -> Edit:
    def edit(config: dict[str, Any]) -> None:
        config["recipe"]["generator"]["name"] = "mynet/net"
        config["plugins"]["generator"] = {"plugin": "mynet", "distribution": distribution, "version": version}

    return edit


def test_a_part_that_is_not_installed_is_named_with_what_to_install(edited):
    reason = fails(edited(foreign("mynet-zoo", "1.2")))
    assert "needs generator mynet/net of mynet-zoo==1.2, and no plugin 'mynet' is installed" in reason
    assert reason.endswith("If you trust it, run: pip install mynet-zoo==1.2")


def test_what_a_config_calls_a_distribution_is_not_printed_unless_it_can_be_one(edited):
    reason = fails(edited(foreign("x; rm -rf ~", "1.2")))
    assert "rm -rf" not in reason and reason.endswith("Ask the publisher for its plugin")
    assert "pip install mynet-zoo" in fails(edited(foreign("mynet-zoo", "$(reboot)"))).partition("reboot")[0]


def test_control_characters_in_a_config_do_not_reach_the_terminal(edited):
    def edit(config: dict[str, Any]) -> None:
        config["recipe"]["generator"]["name"] = "my\x1b[2Jnet/net"

    assert "\x1b" not in fails(edited(edit))


def test_a_plugin_that_is_left_out_or_too_old_is_named(edited, monkeypatch):
    folder = edited(foreign("mynet-zoo", "1.2"))
    reason = {
        "failed": "plugin mynet is left out: ImportError: no torch. Run: zoo plugins --why mynet",
        "ok": "and mynet-zoo 0.9 has none of that name. Run: pip install mynet-zoo==1.2",
    }
    registry = loading.get_registry()
    for status, end in reason.items():
        why = "ImportError: no torch" if status == "failed" else ""
        other = Plugin(name="mynet", distribution="mynet-zoo", version="0.9", module="mynet", status=status, why=why)

        class Registry:
            plugins = (*registry.plugins, other)

        monkeypatch.setattr(loading, "get_registry", Registry)
        assert fails(folder).endswith(end)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"width": -1}, "it must be 1 or more"),
        ({"width": 4000}, "describes a network of more than 1.1 GB"),
        ({"width": 10**9}, "option width has a number beyond 1,048,576"),
        ({"width": 1, "blocks": 10**8}, "option blocks has a number beyond 1,048,576"),
        ({"width": 1, "blocks": 10**5}, "modules and tensors, far more than its weights"),
        ({"width": 1, "blocks": -(10**30)}, "cannot be"),
        ({"blocks": 2}, "is missing"),
        ({"blocks": "many"}, "it must be a whole number"),
        ({"nonsense": 1}, "has no option 'nonsense'"),
        ({"norm": "\x1b[2J"}, "it must be instance, batch or none"),
    ],
)
def test_a_config_with_impossible_options_is_refused_before_memory_is_taken(edited, options, reason):
    def edit(config: dict[str, Any]) -> None:
        config["recipe"]["generator"]["config"].update(options)

    message = fails(edited(edit))
    assert reason in message and "edited" in message


@pytest.mark.parametrize("text", ["", "{", "[]", "[" * 100_000, '{"recipe": 1}', "\x00\xff"])
def test_a_file_that_is_no_config_is_reported(whole, tmp_path, text):
    shutil.copytree(whole, tmp_path / "m")
    (tmp_path / "m" / "config.json").write_text(text, encoding="latin-1")
    assert "config.json` cannot be read: " in fails(tmp_path / "m")


def test_a_file_in_place_of_a_folder_is_refused(whole, tmp_path):
    assert fails(whole / "model.safetensors").endswith(f"Name the folder: {whole}")
    (tmp_path / "latest_net_G.pth").write_bytes(b"")
    assert fails(tmp_path / "latest_net_G.pth").endswith(f"Run: zoo convert {tmp_path / 'latest_net_G.pth'}")


def test_a_model_computes_in_the_requested_type(whole):
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    plain = zoo.load(whole, device="cpu")
    assert plain.dtype == torch.float32
    with safe_open(whole / "model.safetensors", framework="pt") as file:
        assert len(plain.method.state_dict()) >= len(list(file.keys()))
    expected = plain.translate(pixels).astype(int)
    for kind in ("float64", "bfloat16", torch.bfloat16):
        other = zoo.load(whole, device="cpu", dtype=kind)
        assert other.dtype == loading.pick_dtype(kind)
        assert np.abs(other.translate(pixels).astype(int) - expected).max() <= (1 if kind == "float64" else 12)
    for wrong in ("float12", "int8", torch.int64):
        with pytest.raises(UsageError, match="Use one of float32, float16, bfloat16, float64"):
            zoo.load(whole, dtype=wrong)


def test_the_card_is_the_text_beside_the_weights(whole, tmp_path):
    shutil.copytree(whole, tmp_path / "m")
    assert zoo.load(tmp_path / "m", device="cpu").card == ""
    (tmp_path / "m" / "README.md").write_text("# Card \u00b0C\n", encoding="utf-8")
    assert zoo.load(tmp_path / "m", device="cpu").card == "# Card \u00b0C\n"


def test_loading_leaves_the_random_streams_alone(whole):
    torch.manual_seed(5)
    state = torch.get_rng_state()
    zoo.load(whole, device="cpu")
    assert torch.equal(torch.get_rng_state(), state)
