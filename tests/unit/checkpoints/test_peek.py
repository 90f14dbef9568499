"""What is read of good files: names, shapes and types as torch has them, in every container and tree."""

from __future__ import annotations

import argparse
import collections
import datetime
import enum
import subprocess
import sys
import types
import zipfile
from pathlib import Path

import numpy
import pytest
import torch

from zoo.checkpoints.entries import TensorEntry
from zoo.checkpoints.formats import Network
from zoo.checkpoints.peek import peek
from zoo.checkpoints.tensors import read_tensors
from zoo.errors import UsageError, ZooError


def entries_of(tensors: dict[str, torch.Tensor]) -> dict[str, TensorEntry]:
    return {
        name: TensorEntry(shape=tuple(tensor.shape), dtype=str(tensor.dtype).removeprefix("torch."))
        for name, tensor in tensors.items()
    }


def test_every_container_tells_what_torch_wrote(container, tiny):
    found = peek(container)
    assert found.tensors == entries_of(tiny)
    assert found.size == container.stat().st_size
    assert found.parameters == 2 * 9 + 2 + 2 + 2
    assert sum(entry.bytes for entry in found.tensors.values()) == sum(tensor.nbytes for tensor in tiny.values())
    assert found.metadata == ({"format": "pt"} if container.suffix == ".safetensors" else {})


@pytest.mark.parametrize("name", ["zip.pth", "legacy.pth"])
def test_trees_types_and_views(tmp_path, write, name):
    whole = torch.arange(24.0)
    tree = {
        "epoch": 3,
        "state_dict": {"a": whole[4:16].view(3, 4).t(), "b": torch.zeros(2, dtype=torch.bfloat16)},
        "nets": [{"w": torch.nn.Parameter(torch.ones(2, 2))}, {"w": whole}],
        "optimizer": {
            "state": {0: {"exp_avg": torch.zeros(3, dtype=torch.float64)}},
            "lr": 2e-4,
            "betas": (0.5, 0.999),
        },
        "complex": torch.zeros(2, dtype=torch.complex64),
        "float8": torch.zeros(2).to(torch.float8_e4m3fn),
        "uint16": torch.zeros(4, dtype=torch.uint16),
        "empty": torch.zeros(0, 3),
        "scalar": torch.tensor(True),
        "size": torch.Size([1, 2]),
        "others": (torch.device("cpu"), torch.float32, {1, 2}, b"bytes", bytearray(b"1"), 1j, None),
    }
    found = peek(write(tree, tmp_path / name))
    assert found.tensors == entries_of(
        {
            "state_dict.a": tree["state_dict"]["a"],
            "state_dict.b": tree["state_dict"]["b"],
            "nets.0.w": tree["nets"][0]["w"],
            "nets.1.w": whole,
            "optimizer.state.0.exp_avg": torch.zeros(3, dtype=torch.float64),
            "complex": tree["complex"],
            "float8": tree["float8"],
            "uint16": tree["uint16"],
            "empty": tree["empty"],
            "scalar": tree["scalar"],
        }
    )
    assert set(found.groups) == {"", "state_dict", "nets.0", "nets.1", "optimizer.state.0"}


def test_later_pickle_protocols_are_followed(tmp_path, tiny):
    torch.save(tiny, tmp_path / "a.pth", pickle_protocol=4)
    assert peek(tmp_path / "a.pth").tensors == entries_of(tiny)


def test_a_folder_means_its_weights(tmp_path, write, tiny):
    write(tiny, tmp_path / "model.safetensors")
    assert peek(tmp_path).path == tmp_path / "model.safetensors"
    (tmp_path / "empty").mkdir()
    for missing in ("empty", "nowhere.pth"):
        with pytest.raises(UsageError):
            peek(tmp_path / missing)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n", "Git LFS pointer"),
        (b"<!DOCTYPE html><html>not found</html>", "a web page"),
        (b"\x89PNG\r\n\x1a\n0000", "neither safetensors nor a file of torch.save"),
        (b"import torch\n\nprint(1)\n", "neither safetensors nor a file of torch.save"),
        (b"", "neither safetensors nor a file of torch.save"),
        (b"PK\x03\x04 and no more", "cut off"),
        (b"\x80\x02}.", "a pickle, but not one of torch.save"),
    ],
)
def test_what_is_no_file_of_weights_is_reported(tmp_path, content, message):
    (tmp_path / "a.pth").write_bytes(content)
    with pytest.raises(ZooError, match=message):
        peek(tmp_path / "a.pth")


def test_files_without_tensors_and_programs_are_reported(tmp_path, write):
    with pytest.raises(ZooError, match="holds no tensors"):
        peek(write({"epoch": 3}, tmp_path / "a.pth"))
    with zipfile.ZipFile(tmp_path / "b.pt", "w") as archive:  # as torch.jit.save writes it
        for name in ("data.pkl", "constants.pkl", "code/__torch__/net.py"):
            archive.writestr(f"net/{name}", b"\x80\x02N.")
    with pytest.raises(ZooError, match="a TorchScript program"):
        peek(tmp_path / "b.pt")


def test_cut_off_files_are_reported(container):
    whole = container.read_bytes()
    for length in range(0, len(whole), 7):
        container.write_bytes(whole[:length])
        with pytest.raises(ZooError, match="cannot be read as weights"):
            peek(container)


def test_a_tensor_beyond_its_storage_is_reported(tmp_path, write):
    path = write({"a": torch.zeros(4)}, tmp_path / "legacy.pth")
    path.write_bytes(path.read_bytes().replace(b"K\x04\x85", b"K\x05\x85"))
    with pytest.raises(ZooError, match="reaches beyond its storage"):
        peek(path)


def test_control_codes_in_names_are_not_printed(tmp_path):
    from zoo.checkpoints.entries import shown

    assert shown("a\x1b[2Jb") == r"a\x1b[2Jb"
    assert len(shown("x" * 10_000)) < 300


def test_neither_torch_nor_numpy_is_imported(container):
    code = f"""
import sys
from pathlib import Path
from zoo.checkpoints.peek import peek
peek(Path({str(container)!r}))
assert not {{"torch", "numpy", "safetensors", "zoo_plugins"}} & set(sys.modules), sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)


class Options(dict):
    """Options in a file of weights, of a class that is not known where the file is read."""


class Phase(enum.Enum):
    """An enumeration in a file of weights."""

    TEST = 1


def objects() -> dict[str, object]:
    return {
        "best": numpy.float64(23.4),
        "random": numpy.random.default_rng(0).bit_generator.state,
        "array": numpy.arange(3),
        "hyper_parameters": argparse.Namespace(lr=1, path=Path("/data"), sizes=[numpy.int64(3)]),
        "config": Options(a=Options(b=[1])),
        "simple": types.SimpleNamespace(a=1),
        "queue": collections.deque([torch.ones(1)]),
        "default": collections.defaultdict(list, {}),
        "when": datetime.datetime(2020, 1, 2),
        "kinds": [int, dict, torch.float32, torch.nn.ReLU],
        "choice": Phase.TEST,
        "scheduler": torch.optim.lr_scheduler.LambdaLR,
        "module": torch.nn.Linear(2, 2),
    }


@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize("name", ["zip.pth", "legacy.pth"])
def test_tensors_are_shown_beside_objects_of_any_class(tmp_path, tiny, name, protocol):
    zipped = "zip" in name
    tree = {"state_dict": tiny} | objects()
    torch.save(tree, tmp_path / name, pickle_protocol=protocol, _use_new_zipfile_serialization=zipped)
    found = peek(tmp_path / name)
    assert found.tensors == {f"state_dict.{key}": entry for key, entry in entries_of(tiny).items()}
    for shown in (
        "argparse.Namespace",
        "Options",
        "collections.deque",
        "datetime.datetime",
        "torch.nn.modules.linear.Linear",
    ):
        assert any(text.endswith(shown) for text in found.objects), found.objects


@pytest.mark.parametrize("name", ["zip.pth", "legacy.pth"])
def test_values_are_those_of_torch_in_every_type_and_view(tmp_path, name):
    whole = torch.arange(24.0)
    state = {
        "view": whole[4:16].view(3, 4).t(),
        "whole": whole,
        "parameter": torch.nn.Parameter(torch.rand(2)),
        "empty": torch.zeros(0, 3),
        "scalar": torch.tensor(1.5),
    }
    kinds = (torch.bfloat16, torch.float16, torch.float64, torch.int8, torch.bool, torch.complex64, torch.float8_e4m3fn)
    state |= {str(kind).removeprefix("torch."): torch.rand(3).to(kind) for kind in kinds}
    torch.save({"net": state} | objects(), tmp_path / name, _use_new_zipfile_serialization="zip" in name)
    checkpoint = peek(tmp_path / name)
    network = Network(part="net", prefix="net.", tensors=checkpoint.groups["net"], nearest=[])
    found = read_tensors(checkpoint, network)
    assert found.keys() == state.keys()
    for key, tensor in state.items():
        assert found[key].dtype == tensor.dtype and found[key].shape == tensor.shape
        assert torch.equal(
            found[key].double() if "float8" in key else found[key], tensor.double() if "float8" in key else tensor
        )


def test_a_view_that_is_computed_is_shown_and_not_read_wrongly(tmp_path):
    torch.save({"a": torch.zeros(2, dtype=torch.complex64).conj()}, tmp_path / "a.pth")
    checkpoint = peek(tmp_path / "a.pth")
    network = Network(part="", prefix="", tensors=checkpoint.groups[""], nearest=[])
    with pytest.raises(ZooError, match="a is a view that is computed"):
        read_tensors(checkpoint, network)


def test_values_that_were_changed_in_an_archive_are_refused(tmp_path):
    path = tmp_path / "a.pth"
    torch.save({"a": torch.full((100,), 7.0)}, path)
    content = bytearray(path.read_bytes())
    content[content.index(torch.full((100,), 7.0).numpy().tobytes())] ^= 1
    path.write_bytes(content)
    checkpoint = peek(path)
    network = Network(part="", prefix="", tensors=checkpoint.groups[""], nearest=[])
    with pytest.raises(ZooError, match="cannot be read"):
        read_tensors(checkpoint, network)
