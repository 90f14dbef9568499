"""Two processes on the halves of a batch against one process on the whole of it, by gloo on the CPU."""

from __future__ import annotations

import contextlib
import json
import os
import random
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from zoo.errors import UsageError
from zoo.layers import parallel as layers
from zoo.training import distributed as parallel
from zoo.training.distributed import World

WORKER = Path(__file__).with_name("parallel_worker.py")
STEPS = 10
GENERATOR = "resnet6:width=4,blocks=1"
PARTS = {
    "cyclegan": {
        "method": "cyclegan:pool=3",
        "generator": GENERATOR,
        "discriminator": "patchgan:width=4,layers=1",
    },
    "two-updates-under-gn": {
        "method": "cyclegan:pool=3,discriminator_steps=2",
        "generator": GENERATOR,
        "discriminator": "patchgan_gn:width=4,layers=1",
    },
    "cut": {
        "method": "cut:patches=8,width=8,flip=true",
        "generator": GENERATOR,
        "discriminator": "patchgan:width=4,layers=1",
    },
    "pix2pix": {
        "method": "pix2pix",
        "generator": f"{GENERATOR},norm=instance,dropout=false",
        "discriminator": "patchgan_sn:width=4,layers=1,norm=instance",
    },
}
DROPOUT = {**PARTS["pix2pix"], "generator": f"{GENERATOR},norm=batch,dropout=true"}


def job(
    out: Path, parts: dict[str, str], steps: int = STEPS, stop_after: int = STEPS, **training: object
) -> dict[str, object]:
    return {"out": str(out), "parts": parts, "steps": steps, "stop_after": stop_after, "training": training}


def free_port() -> int:
    """Return a free port below those that the system gives to clients, so that no other test's client takes it meanwhile."""
    for port in random.SystemRandom().sample(range(20_000, 32_000), 100):
        with socket.socket() as free, contextlib.suppress(OSError):
            free.bind(("127.0.0.1", port))
            return port
    raise OSError("no free port")


def start(words: Sequence[str], processes: int) -> list[tuple[int, str, str]]:
    """Run a program in so many processes that find one another; return exit code, stdout and stderr of each."""
    port = free_port()
    env = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": str(processes)}
    started = [
        subprocess.Popen(
            [sys.executable, *words],
            env=os.environ | ({**env, "RANK": str(place), "LOCAL_RANK": str(place)} if processes > 1 else {}),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for place in range(processes)
    ]
    try:
        ends = [process.communicate(timeout=150) for process in started]
    finally:
        for process in started:
            process.kill()
    return [(process.returncode, *end) for process, end in zip(started, ends, strict=True)]


def launch(data: Path, jobs: Sequence[dict[str, object]], processes: int) -> list[str]:
    """Do the trainings one after the other in so many processes, and return what each printed."""
    done = start([str(WORKER), str(data), json.dumps(list(jobs))], processes)
    assert [code for code, _, _ in done] == [0] * processes, "\n".join(errors for _, _, errors in done)
    return [printed for _, printed, _ in done]


@pytest.fixture(scope="module")
def trained(pairs, tmp_path_factory) -> Path:
    """Folders `one` and `two` of trainings by one process and by two, and `whole` and `stopped` by two."""
    out = tmp_path_factory.mktemp("trained")
    launch(pairs, [job(out / "one" / name, parts) for name, parts in PARTS.items()], 1)
    both = [job(out / "two" / name, parts) for name, parts in PARTS.items()]
    broken_off = [job(out / "stopped", DROPOUT, 6, stop_after=4), job(out / "stopped", DROPOUT, 6)]
    launch(pairs, [*both, job(out / "whole", DROPOUT, 6), *broken_off], 2)
    return out


def state(out: Path) -> dict[str, Tensor]:
    return load_file(max((out / "checkpoints").iterdir()) / "tensors.safetensors")


def losses(out: Path) -> list[dict[str, float]]:
    return [json.loads(line)["losses"] for line in (out / "log.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("name", PARTS)
def test_two_processes_train_as_one_does_on_the_double_batch(trained, name) -> None:
    one, two = (state(trained / count / name) for count in ("one", "two"))
    # The second process's stream of dropout masks, which these networks do not draw.
    assert two.keys() - one.keys() == {"rng.cpu.1"}
    far = [tensor for tensor in one if not torch.allclose(two[tensor], one[tensor], rtol=1e-7, atol=1e-7)]
    assert far == []
    for first, second in zip(losses(trained / "one" / name), losses(trained / "two" / name), strict=True):
        assert second == pytest.approx(first, rel=1e-9)


def test_two_processes_that_were_stopped_go_on_bit_for_bit(trained) -> None:
    whole, stopped = state(trained / "whole"), state(trained / "stopped")
    assert whole.keys() == stopped.keys()
    assert [name for name in whole if not torch.equal(whole[name], stopped[name])] == []
    assert losses(trained / "whole") == losses(trained / "stopped")


def test_two_processes_validate_between_log_entries_and_end_early_together(pairs, tmp_path) -> None:
    options = {"validate": 0.3, "validate_every": 3, "patience": 1, "rescues": 1}
    printed = launch(pairs, [job(tmp_path / "run", PARTS["pix2pix"], **options)], 2)
    assert printed == ["finished 6\n"] * 2
    assert sorted(path.name for path in (tmp_path / "run" / "checkpoints" / "validation").iterdir()) == [
        "000000003",
        "000000006",
    ]


def test_each_process_draws_dropout_masks_of_its_own(trained) -> None:
    saved = state(trained / "whole")
    assert not torch.equal(saved["rng.cpu"], saved["rng.cpu.1"])


def test_alone_nothing_is_averaged_or_copied() -> None:
    tensor = torch.ones(3)
    parallel.average([tensor])
    assert parallel.mean(tensor) is tensor
    assert layers.gather(tensor) is tensor and layers.own(tensor) is tensor
    assert torch.equal(tensor, torch.ones(3))


def test_processes_draw_their_parts_of_one_batchs_noise(monkeypatch) -> None:
    whole = layers.normal_like(torch.zeros(4, 3), torch.Generator().manual_seed(5))
    parts = []
    for place in (0, 1):
        monkeypatch.setattr(layers, "processes", lambda place=place: (place, 2))
        parts.append(layers.normal_like(torch.zeros(2, 3), torch.Generator().manual_seed(5)))
    assert torch.equal(torch.cat(parts), whole)


ENDING = """
import atexit, sys, torch
import torch.distributed as dist
atexit.register(lambda: print("group left:", dist.is_initialized()))  # runs after what is registered later
from accelerate import PartialState
from zoo.training.distributed import World
PartialState(cpu=True)
print("group:", dist.is_initialized())
World(torch.device("cpu"), int(sys.argv[1]))
raise RuntimeError("as a failed training")
"""


@pytest.mark.parametrize("batch", ["2", "3"])  # 3 images cannot be divided among 2 processes
def test_the_process_group_is_gone_before_the_interpreter_exits_however_a_training_ends(batch) -> None:
    done = start(["-c", ENDING, batch], 2)
    assert [code for code, _, _ in done] == [1, 1]
    assert [out.splitlines() for _, out, _ in done] == [["group: True", "group left: False"]] * 2


def test_a_batch_that_cannot_be_divided_is_refused(monkeypatch) -> None:
    monkeypatch.setattr(parallel, "processes", lambda: (0, 2))
    with pytest.raises(UsageError, match="a batch of 3 cannot be divided equally among 2 processes"):
        World(torch.device("cpu"), 3)
