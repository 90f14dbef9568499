"""Plans the workers of this machine: one per GPU, or one with several parallel runs for the CPU cores. Imports no torch."""

from __future__ import annotations

import contextlib
import math
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from zoo.compute.options import LONG, query_gpus
from zoo.errors import UsageError
from zoo.recipe import Recipe
from zoo.sizes import height_width

PARALLEL_RUNS = 4
"""Parallel runs on a machine with few cores: one run alone leaves cores idle."""
CORES_PER_RUN = 4
"""Cores per parallel run on a machine with many cores."""
GIB = 1 << 30
BASE_MEMORY, MEMORY_PER_IMAGE = 3 * GIB // 2, 3 * GIB
"""Memory of a run on a CPU: a constant, and each 256-px image of a batch. Measured: 1.4 GiB at 64 px, 1.5 GiB at 128 px."""
DRIVERS = ("/dev/nvidia0", "/dev/kfd")
MEMINFO, CGROUP = Path("/proc/meminfo"), Path("/sys/fs/cgroup")
CPUINFO = Path("/proc/cpuinfo")


@dataclass(frozen=True, kw_only=True)
class Machine:
    """How a grid is executed on this machine."""

    device: str
    """Device of every run: `auto`, `cpu` or `cuda`."""
    threads: int | None
    """Threads of every process of a run; None: as the libraries choose."""
    jobs: int
    """Number of parallel runs of each worker."""
    gpus: tuple[str, ...] = ()
    """`CUDA_VISIBLE_DEVICES` of each worker; empty: one worker for the CPU cores."""


def bf16_note(recipes: Sequence[Recipe]) -> str:
    """Return a line on bf16 where a long training in fp32 will run on the units of a CPU that compute it; else nothing."""
    steps = [one.budget.steps for one in recipes if one.generator and one.precision == "fp32"]
    try:
        units = "amx_bf16" in CPUINFO.read_text()
    except OSError:
        units = False
    if not units or max(steps, default=0) < LONG:
        return ""
    faster = "with `precision`=bf16 wide networks train 1.5 to 2 times as fast, as runs of their own"
    return f"zoo: this processor has units for bf16: {faster}"


def plan_machine(device: str, jobs: int | None, processes: int, recipes: Sequence[Recipe]) -> Machine:
    """Return the workers for a grid on this machine.

    Args:
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
        jobs: number of parallel runs, per GPU or on all cores; None: one per GPU, or as many as cores and memory allow.
        processes: processes, and so GPUs, of one run.
        recipes: of all trainings of the grid, finished ones included.

    Raises:
        UsageError: there are too few GPUs, or none of that number.
    """
    gpus = [] if device == "cpu" else find_gpus(device)
    if not gpus:
        # A driver that lists no GPU leaves it open whether the runs find one: one at a time.
        unclear = device != "cpu" and _has_driver()
        if device.startswith("cuda"):
            require_gpu()
        return _plan_cores(device, 1 if unclear else jobs, processes, recipes)
    if processes > len(gpus):
        raise UsageError(
            f"{processes} GPUs per run were requested, and this machine has {len(gpus)} that may be used",
            f"Use `gpus_per_run`={len(gpus)} or less",
        )
    groups = [gpus[start : start + processes] for start in range(0, len(gpus) - processes + 1, processes)]
    threads = _threads(len(groups) * (jobs or 1) * processes)
    return Machine(device="cuda", threads=threads, jobs=jobs or 1, gpus=tuple(map(",".join, groups)))


def require_gpu() -> None:
    """Refuse to compute on a GPU where this machine surely has none.

    Raises:
        UsageError: there is none.
    """
    if lacks_gpu():
        raise UsageError("no NVIDIA GPU was found on this machine", "Use `device`=cpu or `device`=auto")


def lacks_gpu() -> bool:
    """Whether this machine surely has no GPU that may be used: none is listed, and no driver is there that lists none."""
    return not find_gpus("auto") and not _has_driver()


def _has_driver() -> bool:
    return any(Path(path).exists() for path in DRIVERS)


def _plan_cores(device: str, jobs: int | None, processes: int, recipes: Sequence[Recipe]) -> Machine:
    """Return one worker for the cores.

    The threads of a run depend on the grid's trainings alone, not on which are unfinished or on free memory, because they change
    the last bits of the weights.
    """
    wanted = jobs or max(1, max(min(cores(), PARALLEL_RUNS), cores() // CORES_PER_RUN) // processes)
    parallel = max(1, min(wanted, len(recipes)))
    threads, free = _threads(parallel * processes), free_memory()
    if not jobs and free is not None:
        pixels = max((recipe.batch * math.prod(height_width(recipe.size)) for recipe in recipes), default=0)
        parallel = max(1, min(parallel, free // (BASE_MEMORY + MEMORY_PER_IMAGE * pixels // 256**2)))
    return Machine(device=device, threads=threads, jobs=parallel)


def _threads(processes: int) -> int | None:
    if processes == 1 or "OMP_NUM_THREADS" in os.environ:
        return None
    return max(1, cores() // processes)


def find_gpus(device: str) -> list[str]:
    """Return the GPUs that nvidia-smi lists and `CUDA_VISIBLE_DEVICES` allows, as that variable names them.

    Raises:
        UsageError: `device` names a missing one.
    """
    listed = query_gpus("index")
    allowed = os.environ.get("CUDA_VISIBLE_DEVICES")
    usable = listed if allowed is None else [name.strip() for name in allowed.split(",") if name.strip() and listed]
    if usable and (number := re.fullmatch(r"cuda:(\d+)", device)):
        if int(number[1]) >= len(usable):
            raise UsageError(f"device is {device}, and there are {len(usable)} GPUs, counted from 0")
        return [usable[int(number[1])]]
    return usable


def free_memory() -> int | None:
    """Return the bytes of available memory, on this machine and in this container; None where unknown."""
    free = []
    with contextlib.suppress(OSError, StopIteration, ValueError):
        line = next(line for line in MEMINFO.read_text().splitlines() if line.startswith("MemAvailable:"))
        free.append(int(line.split()[1]) << 10)
    with contextlib.suppress(OSError, ValueError):  # no container, or one without a limit
        free.append(int((CGROUP / "memory.max").read_text()) - int((CGROUP / "memory.current").read_text()))
    return min(free, default=None)


def cores() -> int:
    """Return the number of cores available to this process."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
