"""Ten thousand mutated files: what is not accepted ends in a refusal of zoo's, at once."""

from __future__ import annotations

import random
import time
import zipfile
from pathlib import Path

import pytest
import torch

from zoo.checkpoints.peek import peek
from zoo.errors import ZooError

PER_SEED = 2000
SPLICES = [
    b"cos\nsystem\n",
    b"ios\nsystem\n",
    b"\x93",
    b"R",
    b"b",
    b"o",
    b"\x81",
    b"Q",
    b"(",
    b"t",
    b"}",
    b"u",
    b"\x8b\xff\xff\xff\x7f",
]


def mutated(content: bytes, rng: random.Random) -> bytes:
    data = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 4, 16))):
        place = rng.randrange(len(data) + 1)
        match rng.randrange(6):
            case 0:
                data[place : place + 1] = bytes([rng.randrange(256)])
            case 1:
                data[place:place] = rng.choice(SPLICES)
            case 2:
                del data[place : place + rng.randrange(1, 40)]
            case 3:
                start = rng.randrange(len(data) + 1)
                data[place:place] = data[start : start + rng.randrange(1, 60)]
            case 4:
                data[place : place + 4] = rng.choice((b"\xff\xff\xff\xff", b"\0\0\0\0", b"\xff\xff\xff\x7f"))
            case 5:
                del data[place:]
        data = data or bytearray(b".")
    return bytes(data)


def repacked(source: Path, target: Path, rng: random.Random) -> None:
    """Copy an archive with its pickle mutated and its checksums right, so that the pickle is read at all."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            new.writestr(name, mutated(content, rng) if name.endswith("/data.pkl") else content)


@pytest.mark.parametrize("seed", ["zip.pth", "legacy.pth", "plain.safetensors", "repacked.pth", "tree.pth"])
def test_mutated_files_are_accepted_or_refused(tmp_path, write, tiny, seed):
    state = tiny
    tree = {
        "epoch": 1,
        "nets": [state, {"w": torch.nn.Parameter(torch.ones(2))}],
        "opt": {"state": {0: (torch.ones(1), 0.5)}},
    }
    source = write(tree if seed in ("tree.pth", "repacked.pth") else state, tmp_path / seed)
    original, target = source.read_bytes(), tmp_path / f"mutated{source.suffix}"
    rng, refused = random.Random(seed), 0
    for number in range(PER_SEED):
        if seed in ("repacked.pth", "tree.pth"):
            repacked(source, target, rng)
        else:
            target.write_bytes(mutated(original, rng))
        start = time.thread_time()
        try:
            peek(target)
        except ZooError as error:
            assert str(error) and "\n" not in str(error), f"{seed} {number}"
            refused += 1
        assert time.thread_time() - start < 5, f"{seed} {number}"
    assert refused > PER_SEED / 4
