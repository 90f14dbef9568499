"""Headers of safetensors that do not fit their file are refused, and good ones message as the library tells them."""

from __future__ import annotations

import json

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from zoo.checkpoints.peek import peek
from zoo.errors import ZooError

GOOD = {
    "a": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]},
    "b": {"dtype": "I64", "shape": [], "data_offsets": [24, 32]},
}


def file(path, header, data=bytes(32), length=None):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes((len(text) if length is None else length).to_bytes(8, "little") + text + data)
    return path


def changed(**fields):
    return GOOD | {"a": GOOD["a"] | fields}


def test_the_library_tells_the_same(tmp_path):
    tensors = {
        f"t{index}": torch.zeros(index, 2, dtype=dtype)
        for index, dtype in enumerate((torch.float16, torch.int8, torch.bool))
    }
    save_file(tensors, tmp_path / "a.safetensors", {"note": "x"})
    found = peek(tmp_path / "a.safetensors")
    with safe_open(tmp_path / "a.safetensors", "pt") as library:
        assert {name: list(entry.shape) for name, entry in found.tensors.items()} == {
            name: library.get_slice(name).get_shape()
            for name in library.keys()  # noqa: SIM118  # an open file has keys(), and is not iterable
        }
        assert found.metadata == library.metadata()


def test_the_form_is_known_by_its_beginning(tmp_path):
    assert peek(file(tmp_path / "renamed.bin", GOOD)).container == "safetensors"


@pytest.mark.parametrize(
    ("header", "data", "length", "message"),
    [
        (GOOD, bytes(31), None, "take 32 bytes, and the file has 31"),
        (GOOD, bytes(33), None, "take 32 bytes, and the file has 33"),
        (GOOD, bytes(32), 2**63, "its header claims"),
        (GOOD, bytes(32), 5, "not JSON"),
        (b"[" * 100_000, b"", None, "not JSON"),
        (b'{"a":' * 50_000, b"", None, "not JSON"),
        (b"{" + b'"a":1' + b"9" * 5000 + b"}", b"", None, "not JSON"),
        (b'{"a": {}, "a": {}}', b"", None, "not JSON"),
        (b"[]", b"", None, "not a table of tensors"),
        ({"a": []}, b"", None, "tensor a has no shape or offsets"),
        ({"__metadata__": {"a": 1}}, b"", None, "metadata are not texts"),
        (changed(dtype="F31"), bytes(32), None, "unknown type"),
        (changed(dtype=["F32"]), bytes(32), None, "unknown type"),
        (changed(shape=[2, 4]), bytes(32), None, "tensor a has offsets that contradict"),
        (changed(shape=[2, -3]), bytes(32), None, "no shape or offsets"),
        (changed(shape=[2.0, 3]), bytes(32), None, "no shape or offsets"),
        (changed(shape=[2**40, 2**40]), bytes(32), None, "tensor a has offsets that contradict"),
        (changed(shape=[1] * 100), bytes(32), None, "too many dimensions"),
        (changed(data_offsets=[4, 28]), bytes(32), None, "tensor a has offsets that contradict"),
        (changed(data_offsets=[0]), bytes(32), None, "tensor a has offsets that contradict"),
        (changed(data_offsets=None), bytes(32), None, "no shape or offsets"),
        (GOOD | {"c": GOOD["b"]}, bytes(32), None, "tensor c has offsets that contradict"),
        ({"a" * 1000: GOOD["a"]}, bytes(24), None, "too long a name"),
    ],
)
def test_bad_headers_are_reported(tmp_path, header, data, length, message):
    path = file(tmp_path / "a.safetensors", header, data, length)
    with pytest.raises(ZooError, match=message):
        peek(path)
