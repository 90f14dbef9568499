"""What code does on an NVIDIA GPU, with stubs of `torch.cuda` and torch's fake device: no GPU is needed."""

from __future__ import annotations

import io
import subprocess
from contextlib import contextmanager
from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

from zoo.cli import doctor
from zoo.compute.graph import CudaGraph
from zoo.compute.options import (
    LONG,
    PLAIN,
    ComputeOptions,
    choose_translation,
    has_bf16,
    kernels,
    pick_device,
    require_precision,
)
from zoo.contracts import Method, OptimizerSpec
from zoo.data import streaming
from zoo.environment import environment, peak_memory
from zoo.errors import UsageError
from zoo.evaluate import cost
from zoo.probe import can_probe
from zoo.run.devices import Machine
from zoo.run.launch import local
from zoo.training import step
from zoo.training.seeds import restore_streams, save_streams
from zoo.translation.streaming import BATCH

CUDA = torch.device("cuda", 1)
GIB = 1 << 30


@pytest.fixture
def cuda(monkeypatch):
    """One GPU of compute capability 8.0 with 4 GiB."""
    properties = SimpleNamespace(name="GPU of a test", total_memory=4 * GIB)
    stubs = {
        "is_available": lambda: True,
        "is_initialized": lambda: True,
        "device_count": lambda: 1,
        "get_device_capability": lambda device: (8, 0),
        "get_device_name": lambda: properties.name,
        "get_device_properties": lambda device: properties,
        "max_memory_allocated": lambda device=None: 700,
    }
    for name, stub in stubs.items():
        monkeypatch.setattr(torch.cuda, name, stub)


def test_auto_picks_the_gpu_and_a_missing_one_is_refused(cuda, monkeypatch):
    assert pick_device("auto").type == "cuda" and pick_device("cuda:1") == CUDA
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert pick_device("auto").type == "cpu"
    with pytest.raises(UsageError, match="no CUDA device"):
        pick_device("cuda:1")


def test_precisions_of_a_gpu_follow_its_capability(cuda, monkeypatch):
    for precision in ("fp32", "tf32", "bf16"):
        require_precision(precision, CUDA)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (7, 5))
    assert not has_bf16(CUDA)
    with pytest.raises(UsageError, match="which this cuda does not have"):
        require_precision("bf16", CUDA)


@pytest.mark.parametrize("precision", ["fp32", "tf32", "bf16"])
def test_tf32_is_allowed_only_where_it_was_chosen(precision):
    matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    with kernels(precision, ComputeOptions(fused=True)):
        assert matmul.allow_tf32 is cudnn.allow_tf32 is (precision == "tf32") and cudnn.benchmark
    with kernels(precision, ComputeOptions(fused=True), same_shapes=False):
        assert not cudnn.benchmark
    with kernels(precision, PLAIN):
        assert not cudnn.benchmark


def test_translations_lie_in_channels_last_in_larger_batches():
    assert (
        choose_translation(None, CUDA).channels_last and not choose_translation(None, torch.device("mps")).channels_last
    )
    assert BATCH["cuda"] > BATCH["cpu"]


def test_records_name_the_gpu_and_its_peak_memory(cuda, monkeypatch):
    found = environment("cuda:1")
    assert found["accelerator"] == "GPU of a test" and found["cuda"] == torch.version.cuda
    assert environment("cpu")["accelerator"] == "" and environment("cpu")["cuda"] is None
    assert peak_memory()["device"] == 700
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert peak_memory()["device"] is None


def test_images_fill_a_share_of_the_gpus_memory(cuda, monkeypatch):
    monkeypatch.delenv(streaming.LIMIT_VARIABLE, raising=False)
    assert streaming._memory_limit(CUDA) == int(4 * GIB * streaming.SHARE)


def test_times_wait_for_the_gpu_and_its_memory_is_a_difference(cuda, monkeypatch):
    calls = []
    monkeypatch.setattr(torch.cuda, "synchronize", lambda device: calls.append("wait"))
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", lambda device: calls.append("reset"))
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda device: 500)
    monkeypatch.setattr(cost, "REPEATS", 2)
    seconds, memory = cost._time(lambda: calls.append("work"), CUDA)
    assert calls == ["wait", "reset", "work", "wait", "work", "wait"]
    assert len(seconds) == 2 and memory == 200


def test_checkpoints_keep_the_gpus_random_stream(cuda, monkeypatch):
    state, restored = torch.tensor([7], dtype=torch.uint8), []
    monkeypatch.setattr(torch.cuda, "get_rng_state", lambda device: state)
    monkeypatch.setattr(torch.cuda, "set_rng_state", lambda tensor, device: restored.append((tensor, device)))
    world = SimpleNamespace(rank=0, gather=lambda streams: [streams])
    rng = torch.Generator()
    saved = save_streams(CUDA, rng, world)
    restore_streams(saved, CUDA, rng, world)
    assert saved["rng.cuda"] is state and restored == [(state, CUDA)]
    assert "rng.cuda" not in save_streams(torch.device("cpu"), rng, world)


def test_no_fork_probes_plugins_once_cuda_is_initialized(cuda, monkeypatch):
    monkeypatch.setattr("threading.active_count", lambda: 1)
    assert not can_probe()
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: False)
    assert can_probe()


def test_doctor_lists_gpus_and_how_they_train(cuda, monkeypatch):
    found = {one.what: one.found for one in doctor._devices()}
    assert found["GPU 0"] == "GPU of a test, 4 GiB" and found["bf16"] == "supported; the default"
    assert "graph" in found["compute"] and f"from {LONG} steps on" in found["compute"]
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    assert next(doctor._devices()).what == "GPU"


def test_every_local_worker_sees_its_own_gpus(monkeypatch, tmp_path):
    started = []

    def start(command, **options):
        started.append(options["env"])
        return SimpleNamespace(stdin=io.BytesIO())

    monkeypatch.setattr(local, "plan_machine", lambda *_: Machine(device="cuda", threads=2, jobs=1, gpus=("0,1", "2")))
    monkeypatch.setattr(subprocess, "Popen", start)
    local.LocalLauncher(tmp_path, "cuda", processes=2).start([], workers=2)
    assert [environment["CUDA_VISIBLE_DEVICES"] for environment in started] == ["0,1", "2"]


def test_a_capture_runs_on_its_own_stream_in_order_with_the_current_one(monkeypatch):
    calls = []

    class Stream:
        def __init__(self, name):
            self.name = name

        def wait_stream(self, other):
            calls.append(f"{self.name} waits for {other.name}")

    class Graph:
        def register_generator_state(self, rng):
            calls.append("register")

        def replay(self):
            calls.append("replay")

    @contextmanager
    def inside(*words, stream=None):
        calls.append(f"enter {(stream or words[0]).name}")
        yield
        calls.append("leave")

    own, current = Stream("own"), Stream("current")
    stubs = {"Stream": lambda device: own, "current_stream": lambda: current, "CUDAGraph": Graph}
    for name, stub in (stubs | {"stream": inside, "graph": inside}).items():
        monkeypatch.setattr(torch.cuda, name, stub)
    graph = CudaGraph(CUDA, torch.Generator())
    graph.warm(lambda: calls.append("work"))
    assert calls == ["own waits for current", "enter own", "work", "leave", "current waits for own"]
    calls.clear()
    graph.record(lambda: calls.append("work"))()
    assert calls == ["register", "enter own", "work", "leave", "replay"]


class OneNetwork(Method):
    order = ("only",)

    def __init__(self) -> None:
        super().__init__()
        self.network = nn.Conv2d(3, 1, 1, device="cuda")

    def networks(self):
        return {"only": [self.network]}

    def optimizer(self, name):
        return OptimizerSpec(lr=1e-3)


@pytest.mark.parametrize("graph", [True, False])
def test_a_captured_step_has_optimizers_and_a_clock_on_the_gpu(monkeypatch, graph):
    asked = []
    monkeypatch.setattr(step, "build_optimizer", lambda *_, captured, **__: asked.append(captured))
    with FakeTensorMode():  # tensors that have a device and no numbers
        train_step = step.TrainStep(OneNetwork(), ComputeOptions(graph=graph))
    assert asked == [graph]
    assert {tensor.device.type for tensor in train_step.clock.values()} == {"cuda"}
