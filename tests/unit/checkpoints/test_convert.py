"""What convert refuses, and what it leaves behind."""

from __future__ import annotations

import argparse
import hashlib
from dataclasses import replace

import numpy
import pytest
import torch
from safetensors.torch import load_file

import zoo
from zoo.checkpoints import convert as converting
from zoo.checkpoints.convert import convert
from zoo.errors import UsageError, ZooError
from zoo.hookspec import CheckpointFormat
from zoo.plugins import installed

SPEC = "resnet6:width=2"


@pytest.fixture
def state() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    return zoo.create(SPEC, out_channels=3).state_dict()


def names(folder):
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def test_safetensors_and_half_precision_convert_too(state, write, tmp_path):
    halves = {name: tensor.half() for name, tensor in state.items()}
    convert(write(halves, tmp_path / "net.safetensors"), tmp_path / "G")
    loaded = load_file(tmp_path / "G" / "model.safetensors")
    assert {tensor.dtype for tensor in loaded.values()} == {torch.float32}
    assert all(torch.equal(loaded[f"G.{name}"], tensor.float()) for name, tensor in halves.items())


def test_the_folder_says_where_the_weights_come_from(state, write, tmp_path):
    path = write({"ema": {"module." + name: tensor for name, tensor in state.items()}}, tmp_path / "net.pth")
    convert(path, tmp_path / "G")
    source = zoo.load(tmp_path / "G", device="cpu").config.converted
    assert (source.format, source.file, source.part) == ("cyclegan-resnet6-instance", "net.pth", "ema")
    assert source.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_folder_is_written_over_only_by_the_same_file(state, write, tmp_path):
    path = write(state, tmp_path / "net.pth")
    convert(path, tmp_path / "G")
    convert(path, tmp_path / "G")
    state["model.1.weight"] += 1
    with pytest.raises(UsageError, match="holds something else"):
        convert(write(state, tmp_path / "other.pth"), tmp_path / "G")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes.txt").touch()
    with pytest.raises(UsageError, match="holds something else"):
        convert(path, tmp_path / "full")
    with pytest.raises(UsageError, match="is a model of zoo"):
        convert(tmp_path / "G", tmp_path / "again")


def test_values_that_are_not_finite_are_named(state, write, tmp_path):
    state["model.4.weight"][0, 0] = torch.nan
    with pytest.raises(ZooError, match=r"model.4.weight holds values that are not finite"):
        convert(write(state, tmp_path / "net.pth"), tmp_path / "G")
    assert names(tmp_path / "G") == []


def test_unknown_files_name_the_nearest_format_and_the_keys(state, write, tmp_path):
    del state["model.23.bias"]
    with pytest.raises(
        ZooError, match=r"nearest is cyclegan-resnet6-instance, and the file lacks model.23.bias"
    ) as error:
        convert(write(state, tmp_path / "net.pth"), tmp_path / "G")
    assert error.value.exit_code == 1
    with pytest.raises(ZooError, match="does not match a known format"):
        convert(write({"a": torch.zeros(1)}, tmp_path / "alien.pth"), tmp_path / "G")


def test_of_several_networks_one_is_named_unless_there_is_one_generator(state, write, tmp_path):
    discriminator = zoo.create("patchgan:width=2", in_channels=3).state_dict()
    path = write({"G_A": state, "G_B": state, "D_A": discriminator}, tmp_path / "all.pth")
    with pytest.raises(UsageError, match=r"holds 3 networks: G_A .* --part G_A"):
        convert(path, tmp_path / "G")
    with pytest.raises(UsageError, match="Did you mean G_A"):
        convert(path, tmp_path / "G", part="GA")
    assert convert(path, tmp_path / "B", part="G_B").source.part == "G_B"
    assert convert(write({"G": state, "D": discriminator}, tmp_path / "two.pth"), tmp_path / "G").source.part == "G"


def test_options_that_the_file_tells_are_not_the_user_s(state, write, tmp_path):
    with pytest.raises(UsageError, match=r"'norm' is not an option .* Those are: evaluation"):
        convert(write(state, tmp_path / "net.pth"), tmp_path / "G", settings={"norm": "batch"})


def test_a_generator_of_other_channels_is_kept_and_said_not_to_translate(write, tmp_path):
    state = zoo.create(SPEC, in_channels=6, out_channels=3).state_dict()
    done = convert(write(state, tmp_path / "net.pth"), tmp_path / "G")
    assert not done.translates
    with pytest.raises(UsageError, match="it reads 6 channels, and visible images have 3"):
        zoo.load(tmp_path / "G")


def third_party(state: dict[str, torch.Tensor]) -> tuple[dict[str, torch.Tensor], CheckpointFormat]:
    """A state dict under other names, and the row that describes it."""
    short = {".weight": ".w", ".bias": ".b", "model.": "net.", "conv_block.": ""}
    renamed, tensors = {}, {}
    for key, tensor in state.items():
        name = key
        for old, new in short.items():
            name = name.replace(old, new)
        renamed[name] = tensor
        tensors[name] = " ".join(map(str, tensor.shape))
    tensors["net.1.w"], tensors["net.23.w"], tensors["net.23.b"] = "2 i 7 7", "o 2 7 7", "o"
    row = CheckpointFormat(
        name="mine-resnet6",
        summary="somebody's ResNet-6, {i} -> {o}",
        origin="somebody's code",
        tensors=tensors,
        component="generator resnet6:width=2",
        options={"in_channels": "i", "out_channels": "o"},
        renames=(
            (r"^net\.", "model."),
            (r"\.w$", ".weight"),
            (r"\.b$", ".bias"),
            (r"^(model\.1[0-5])\.", r"\1.conv_block."),
        ),
    )
    return renamed, row


def with_row(monkeypatch, row):
    mine = replace(installed()[0], name="mine", rows=replace(installed()[0].rows, checkpoints=(row,)))
    monkeypatch.setattr(converting, "installed", lambda: (*installed(), mine))


def test_a_third_party_s_row_renames_keys(state, write, tmp_path, monkeypatch):
    renamed, row = third_party(state)
    with_row(monkeypatch, row)
    done = convert(write(renamed, tmp_path / "net.pth"), tmp_path / "G")
    assert done.source.title == "somebody's ResNet-6, 3 -> 3, from somebody's code"
    network = zoo.create(SPEC, out_channels=3)
    network.load_state_dict(state)
    x = torch.rand(1, 3, 32, 32) * 2 - 1
    assert torch.equal(zoo.load(tmp_path / "G", device="cpu")({"visible": x}), network(x))


def test_a_row_that_does_not_fit_its_network_is_named(state, write, tmp_path, monkeypatch):
    renamed, row = third_party(state)
    with_row(monkeypatch, replace(row, renames=row.renames[:1]))
    with pytest.raises(ZooError, match="checkpoint format mine-resnet6 does not fit generator resnet6"):
        convert(write(renamed, tmp_path / "net.pth"), tmp_path / "G")
    assert names(tmp_path / "G") == []


def test_a_file_that_changes_after_it_was_inspected_is_refused(state, write, tmp_path, monkeypatch):
    path = write(state, tmp_path / "net.pth")
    inspected = converting.peek(path)
    monkeypatch.setattr(converting, "peek", lambda _: inspected)
    write({"model.1.weight": torch.zeros(1)}, path)
    with pytest.raises(ZooError, match="is not what was inspected"):
        convert(path, tmp_path / "G")


@pytest.mark.parametrize("name", ["zip.pth", "legacy.pth"])
def test_objects_beside_the_weights_are_left_out_and_named(state, write, tmp_path, name):
    tree = {"model": state, "best_psnr": numpy.float64(23.4), "hyper_parameters": argparse.Namespace(lr=1)}
    done = convert(write(tree, tmp_path / name), tmp_path / "G")
    assert "argparse.Namespace" in done.objects
    loaded = load_file(tmp_path / "G" / "model.safetensors")
    assert all(torch.equal(loaded[f"G.{key}"], tensor) for key, tensor in state.items())
