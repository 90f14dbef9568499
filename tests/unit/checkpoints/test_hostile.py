"""Pickles that would run something, or take all memory or time, end in a refusal that names them."""

from __future__ import annotations

import collections
import os
import pickle
import struct
import time
import tracemalloc
import zipfile
from pathlib import Path

import pytest
import torch

from zoo.checkpoints.convert import convert
from zoo.checkpoints.peek import peek
from zoo.errors import ZooError

START = b"\x80\x02"


def text(value: str) -> bytes:
    """Return the opcode that pushes a text."""
    return b"X" + struct.pack("<I", len(value)) + value.encode()


class Runs:
    """Runs a command when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[object, ...]:
        return os.system, (f"touch {self.marker}",)


class Sets:
    """Is unpickled through its own __setstate__."""

    def __getstate__(self) -> dict[str, int]:
        return {"a": 1}

    def __setstate__(self, state: object) -> None:
        raise AssertionError("it was unpickled")


def refused(path: Path, match: str) -> None:
    for action in (peek, lambda path: convert(path, path.with_suffix(""))):
        with pytest.raises(ZooError, match=match) as error:
            action(path)
        assert error.value.exit_code == 1


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
@pytest.mark.parametrize("depth", [0, 3])
def test_a_command_is_refused_by_name_and_not_run(pack, tmp_path, protocol, depth):
    marker = tmp_path / "marker"
    tree: object = Runs(marker)
    for _ in range(depth):
        tree = collections.OrderedDict(state_dict=[tree])
    path = pack(pickle.dumps(tree, protocol))
    refused(path, r"is refused: loading it would call posix.system, as an attack would; nothing of it was run")
    assert not marker.exists()


def test_a_command_beside_good_weights_is_refused(tmp_path):
    marker = tmp_path / "marker"
    for legacy in (False, True):
        path = tmp_path / "a.pth"
        torch.save({"w": torch.zeros(2), "more": Runs(marker)}, path, _use_new_zipfile_serialization=not legacy)
        refused(path, "posix.system")
    assert not marker.exists()


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (pickle.dumps(Sets(), 2), "Sets"),
        (b"(S'id'\nios\nsystem\n.", "os.system"),
        (START + b"(cos\nsystem\n" + text("id") + b"o.", "os.system"),
        (b"\x80\x04" + text("os") + text("system") + b"\x93" + text("id") + b"\x85R.", "os.system"),
        (START + b"cbuiltins\neval\n" + text("1") + b"\x85R.", "builtins.eval"),
        (START + b"c__builtin__\ngetattr\n(" + text("a") + text("b") + b"tR.", "builtins.getattr"),
        (START + b"ctorch.storage\n_load_from_bytes\n" + text("x") + b"\x85R.", "torch.storage._load_from_bytes"),
        (START + b"ctorch._utils\n_rebuild_parameter\n(cos\nsystem\n\x89}tR.", "os.system"),
        (START + b"ctorch._tensor\n_rebuild_from_type_v2\n(csubprocess\nPopen\nNNNtR.", "subprocess.Popen"),
        (START + b"}(" + text("a") + b"cmypkg.train\nTrainer\n)\x81}bu.", "mypkg.train.Trainer"),
        (pickle.dumps(torch.nn.Linear(1, 1), 2), "torch.nn.modules.linear.Linear"),
    ],
)
def test_every_way_to_call_is_refused_by_name(pack, content, named):
    refused(pack(content), f"loading it would call .*{named}")


@pytest.mark.parametrize(
    "content",
    [
        START + b"\x82\x01.",  # a registered extension
        START + b"ccollections\nOrderedDict\n" + text("ab") + b"\x85R.",
        START + b"ccollections\nOrderedDict\n)R" + text("state") + b"b.",
        START + text("a") + text("b") + b"\x86Q.",  # a persistent id that is no storage
        START + b"(" + text("module") + text("net.py") + text("import os") + b"tQ.",
        START + b"ctorch\nFloatStorage\n(tR.",  # a type that is called
        START + b"ctorch._utils\n_rebuild_tensor_v2\n(K\x01K\x00)))tR.",
        START + b"h\x05.",
        START + b"t.",
        START + b"N",
        START + b"0.",
        b"Pid\n.",
    ],
)
def test_nonsense_is_refused(pack, content):
    refused(pack(content), "cannot be read as weights")


LEVELS = 200
NESTED = b"".join(b"]q" + bytes([k + 1]) + b"(" + (b"h" + bytes([k])) * 20 + b"e0" for k in range(LEVELS))
PAIRS = b"](" + b"".join(b"](" + text(f"k{k}") + b"K\x01e" for k in range(2000)) + b"eq\x000"
BOMBS = {
    "a list of lists of lists": START + b"]q\x000" + NESTED + b"h" + bytes([LEVELS]) + b".",
    "a list in itself": START + b"]q\x00h\x00a.",
    "tuples in tuples": START + b")" + b"\x85" * 900_000 + b".",
    "dicts": START + b"(" + b"}" * 900_000 + b"l.",
    "marks": START + b"(" * 900_000 + b".",
    "opcodes": START + b"N0" * 30_000_000 + b"N.",
    "opcodes in a frame": b"\x80\x04\x95" + struct.pack("<Q", 6_000_002) + b"N0" * 3_000_000 + b"N.",
    "a frame that is not there": b"\x80\x04\x95" + struct.pack("<Q", 2**62) + b"N.",
    "a hash that never ends": START + b"})q\x00" + b"h\x00\x86q\x00" * 60 + b"Ns.",
    "keys of one hash": START
    + b"}("
    + b"".join(b"\x8a\x0c" + ((2**61 - 1) * k).to_bytes(12, "little") + b"N" for k in range(1, 100_000))
    + b"u.",
    "memos of one hash": START + b"N" + b"".join(b"p%d\n" % ((2**61 - 1) * k) for k in range(1, 100_000)) + b".",
    "copies": START + PAIRS + b"(" + b"ccollections\nOrderedDict\n(h\x00tR" * 30_000 + b"l.",
    "a long number": START + b"\x8b" + struct.pack("<i", 2**31 - 1) + b"1.",
    "a long text": START + b"\x8d" + struct.pack("<Q", 2**62) + b"x.",
    "a number in ten million digits": b"I" + b"9" * 10_000_000 + b"\n.",
}


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_are_refused_in_bounded_time_and_memory(tmp_path, name):
    with zipfile.ZipFile(tmp_path / "a.pth", "w") as archive:
        archive.writestr("archive/data.pkl", BOMBS[name])
    start = time.thread_time()
    with pytest.raises(ZooError, match="cannot be read as weights"):
        peek(tmp_path / "a.pth")
    assert time.thread_time() - start < 10


def test_a_zip_bomb_takes_no_memory(tmp_path):
    with (
        zipfile.ZipFile(tmp_path / "a.pth", "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("archive/data.pkl", "w", force_zip64=True) as file,
    ):
        for _ in range(200):
            file.write(bytes(2**20))
    tracemalloc.start()
    with pytest.raises(ZooError, match="longer than that of any weights"):
        peek(tmp_path / "a.pth")
    assert tracemalloc.get_traced_memory()[1] < 200 * 2**20
    tracemalloc.stop()


BUILDS = [
    START + b"ccollections\nOrderedDict\n}(" + text("__defaults__") + b"Nub.",
    START + b"ctorch._utils\n_rebuild_tensor_v2\nN}(" + text("__defaults__") + b"Nu\x86b.",
    START + b"ctorch\nfloat32\n}(" + text("text") + text("x") + b"ub.",
]


@pytest.mark.parametrize("content", BUILDS)
def test_no_stand_in_can_be_changed(pack, content):
    refused(pack(content), "cannot be read as weights")


@pytest.mark.parametrize("name", ["os.path\nos.system", "builtins\nobject.__init__.__globals__", "os\npath.join"])
def test_names_within_modules_and_classes_are_those_of_attacks(pack, name):
    refused(pack(START + b"c" + name.encode() + b"\n)R."), "as an attack would")


def test_a_large_bytearray_that_is_not_there_takes_no_memory(pack):
    refused(pack(b"\x80\x05\x96" + struct.pack("<Q", 2**40) + b"x."), "cannot be read as weights")


def test_two_pickles_in_one_archive_are_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.pth", "w") as archive:
        archive.writestr("a/data.pkl", START + b"N.")
        archive.writestr("b/data.pkl", pickle.dumps(Runs(tmp_path / "marker"), 2))
    with pytest.raises(ZooError, match="2 pickles"):
        peek(tmp_path / "a.pth")
