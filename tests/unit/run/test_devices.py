"""Workers for a machine, with a stand-in for nvidia-smi: no GPU is needed."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from zoo.errors import UsageError
from zoo.recipe import Budget, DataRef, Part, Recipe
from zoo.run import devices
from zoo.run.devices import bf16_note, find_gpus, plan_machine

GIB = 1 << 30
RECIPE = Recipe(
    method=Part(name="a/b"),
    data=DataRef(name="x", fingerprint="f"),
    size=256,
    load_size=286,
    budget=Budget(steps=1, constant=1),
)


@pytest.fixture
def cores(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(devices, "free_memory", lambda: 1000 * GIB)
    monkeypatch.setattr(devices, "DRIVERS", ())
    return lambda number: monkeypatch.setattr(devices, "cores", lambda: number)


@pytest.fixture
def three_gpus(tmp_path: Path, monkeypatch, cores) -> Path:
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\nprintf '0\\n1\\n2\\n'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    cores(12)
    return program


def visible(machine) -> list[str]:
    return list(machine.gpus)


def test_each_gpu_gets_a_worker_with_one_run_at_a_time(three_gpus):
    machine = plan_machine("auto", None, 1, [RECIPE] * 9)
    assert machine.device == "cuda" and visible(machine) == ["0", "1", "2"]
    assert machine.jobs == 1 and machine.threads == 4


def test_jobs_is_the_number_of_runs_per_gpu(three_gpus):
    machine = plan_machine("cuda", 2, 1, [RECIPE] * 9)
    assert len(machine.gpus) == 3 and machine.jobs == 2 and machine.threads == 2


def test_a_run_of_several_gpus_has_them_for_itself(three_gpus):
    assert visible(plan_machine("cuda", None, 2, [RECIPE])) == ["0,1"]
    with pytest.raises(UsageError, match="4 GPUs per run were requested, and this machine has 3"):
        plan_machine("cuda", None, 4, [RECIPE])


@pytest.mark.parametrize(
    ("allowed", "names"), [("1,0", ["1", "0"]), ("GPU-bb", ["GPU-bb"]), ("", []), ("MIG-x", ["MIG-x"])]
)
def test_only_visible_gpus_are_used_by_the_names_that_the_user_gave(three_gpus, monkeypatch, allowed, names):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", allowed)
    assert find_gpus("auto") == names


def test_a_device_with_a_number_counts_what_is_visible(three_gpus, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,1")
    assert find_gpus("cuda:1") == ["1"]
    with pytest.raises(UsageError, match="there are 2 GPUs"):
        find_gpus("cuda:2")


def test_a_broken_nvidia_smi_lists_nothing(three_gpus):
    three_gpus.write_text("#!/bin/sh\nexit 9\n")
    assert find_gpus("auto") == []


def test_on_a_cpu_one_worker_runs_several_and_divides_the_cores(cores):
    cores(8)
    machine = plan_machine("cpu", 2, 2, [RECIPE] * 9)
    assert machine.jobs == 2 and machine.threads == 2
    assert plan_machine("cpu", 1, 1, [RECIPE]).threads is None


def test_threads_that_the_user_set_stay(cores, monkeypatch):
    cores(8)
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert plan_machine("cpu", 2, 1, [RECIPE] * 9).threads is None


def test_fewer_runs_than_places_divide_all_cores(cores):
    cores(8)
    assert plan_machine("cpu", 4, 1, [RECIPE] * 2).threads == 4
    assert plan_machine("cpu", 4, 1, [RECIPE]).threads is None


def test_no_more_runs_than_memory_holds_and_their_threads_do_not_depend_on_it(cores, monkeypatch):
    cores(4)
    each = devices.BASE_MEMORY + devices.MEMORY_PER_IMAGE  # its images have 256 px
    for free, jobs in ((9 * each, 4), (2.5 * each, 2), (0.5 * each, 1)):
        monkeypatch.setattr(devices, "free_memory", lambda free=free: free)
        machine = plan_machine("cpu", None, 1, [RECIPE] * 8)
        assert machine.jobs == jobs and machine.threads == 1


@pytest.mark.parametrize(("number", "jobs"), [(1, 1), (2, 2), (4, 4), (8, 4), (64, 16)])
def test_auto_on_a_cpu_follows_its_cores(cores, number, jobs):
    cores(number)
    assert plan_machine("cpu", None, 1, [RECIPE] * 99).jobs == jobs


def test_free_memory_is_the_machines_or_the_containers(tmp_path, monkeypatch):
    monkeypatch.setattr(devices, "MEMINFO", tmp_path / "meminfo")
    monkeypatch.setattr(devices, "CGROUP", tmp_path)
    assert devices.free_memory() is None
    (tmp_path / "meminfo").write_text("MemTotal:  9 kB\nMemAvailable:   4000 kB\n")
    assert devices.free_memory() == 4000 << 10
    (tmp_path / "memory.max").write_text("max\n")
    (tmp_path / "memory.current").write_text("1000\n")
    assert devices.free_memory() == 4000 << 10
    (tmp_path / "memory.max").write_text("5000\n")
    assert devices.free_memory() == 4000


def test_a_missing_gpu_is_refused_before_any_run_and_a_driver_leaves_it_open(monkeypatch, tmp_path):
    monkeypatch.setattr(devices, "find_gpus", lambda device: [])
    monkeypatch.setattr(devices, "DRIVERS", (str(tmp_path / "none"),))
    with pytest.raises(UsageError, match="no NVIDIA GPU was found"):
        plan_machine("cuda:1", None, 1, [RECIPE])
    assert plan_machine("auto", None, 1, [RECIPE]).device == "auto"
    monkeypatch.setattr(devices, "DRIVERS", (str(tmp_path),))
    assert plan_machine("cuda", None, 1, [RECIPE]).jobs == 1


@pytest.mark.parametrize(
    ("flags", "steps", "precision", "named"),
    [
        ("amx_bf16", 2000, "fp32", True),
        ("avx2", 2000, "fp32", False),
        ("amx_bf16", 1999, "fp32", False),
        ("amx_bf16", 2000, "bf16", False),
    ],
)
def test_a_long_training_on_a_cpu_with_units_for_bf16_is_offered_them(
    tmp_path, monkeypatch, flags, steps, precision, named
):
    monkeypatch.setattr(devices, "CPUINFO", tmp_path / "cpuinfo")
    (tmp_path / "cpuinfo").write_text(f"processor : 0\nflags : fpu {flags}\n")
    network = replace(
        RECIPE, generator=Part(name="a/c"), budget=Budget(steps=steps, constant=steps), precision=precision
    )
    assert ("`precision`=bf16" in bf16_note([RECIPE, network])) == named
    assert not bf16_note([replace(network, generator=None)])
