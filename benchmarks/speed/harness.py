"""What the speed benchmarks share: interleaved timing, the machine's own ceiling, and a report as text and JSON.

Paths that are compared run in turns, A B C A B C, in one process: another program on the machine slows all of them alike. The
median is what is compared; the best time shows the undisturbed machine, and the processor time is hardly disturbed by
others at all.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

# As `zoo bench` sets it for its runs: threads that spin while they wait slow each other as soon as anything else runs.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import torch
from torch.utils.flop_counter import FlopCounterMode

from zoo.environment import environment

STATUS = Path("/proc/self/status")
CLEAR = Path("/proc/self/clear_refs")


@dataclass(frozen=True, kw_only=True)
class Timing:
    """Seconds of one call."""

    times: Sequence[float]
    """Of each round."""
    median: float
    best: float
    processor: float
    """Median over the rounds of the time that processors spent, all threads together."""


def parser(text: str) -> argparse.ArgumentParser:
    """Return a parser with what every benchmark takes."""
    found = argparse.ArgumentParser(description=text)
    found.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    found.add_argument("--seconds", type=float, default=20.0, help="time for each comparison, warm-up not counted")
    found.add_argument("--json", type=Path, help="file for the rows and the environment")
    return found


def compare(paths: Mapping[str, Callable[[], object]], device: torch.device, seconds: float) -> dict[str, Timing]:
    """Return the time of one call of every path, measured in turns for about so many seconds and at least three rounds."""
    busy: dict[str, list[float]] = {name: [] for name in paths}
    return {
        name: Timing(
            times=times,
            median=statistics.median(times),
            best=min(times),
            processor=statistics.median(busy[name]),
        )
        for name, times in take_turns(paths, device, seconds, busy).items()
    }


def ratios(first: Sequence[float], own: Sequence[float]) -> dict[str, float]:
    """Return how many times as fast the second of two ways is as the first: the median over their rounds, and its quarters."""
    low, middle, high = statistics.quantiles([a / b for a, b in zip(first, own, strict=True)], n=4, method="inclusive")
    return {"ratio": middle, "lower quarter": low, "upper quarter": high}


def take_turns(
    paths: Mapping[str, Callable[[], object]],
    device: torch.device,
    seconds: float,
    busy: Mapping[str, list[float]] | None = None,
) -> dict[str, list[float]]:
    """Return the seconds of one call of every path in every round, at least three; `busy` gets those of the processors."""
    calls = 1 if device.type == "cpu" else 10  # a GPU works off several before it is waited for
    taken: dict[str, list[float]] = {name: [] for name in paths}
    end = time.perf_counter() + seconds
    while len(next(iter(taken.values()))) < 3 or time.perf_counter() < end:
        for name, path in paths.items():
            wait(device)
            start, worked = time.perf_counter(), time.process_time()
            for _ in range(calls):
                path()
            wait(device)
            taken[name].append((time.perf_counter() - start) / calls)
            if busy is not None:
                busy[name].append((time.process_time() - worked) / calls)
    return taken


def wait(device: torch.device) -> None:
    """Wait for what the device was given to do."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def working_bytes(work: Callable[[], object], device: torch.device) -> int:
    """Return the memory that some work takes at its peak beyond what was in use before: the GPU's, else of this process."""
    gc.collect()
    if device.type == "cuda":
        before = torch.cuda.memory_allocated(device)
        torch.cuda.reset_peak_memory_stats(device)
    else:
        before = _status("VmRSS")
        if CLEAR.exists():
            CLEAR.write_text("5")  # forget the process's peak so far
    work()
    wait(device)
    return (torch.cuda.max_memory_allocated(device) if device.type == "cuda" else _status("VmHWM")) - before


def _status(name: str) -> int:
    """Return a number of bytes that Linux reports for this process; 0 on other systems."""
    lines = STATUS.read_text().splitlines() if STATUS.exists() else []
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith(name)), 0)


def flops(work: Callable[[], object]) -> int:
    """Return the floating-point operations of the convolutions and matrix products in some work, backward passes too."""
    counter = FlopCounterMode(display=False)
    counter.mod_tracker = _NoModules()
    with counter:
        work()
    return counter.get_total_flops()


class _NoModules:
    """In place of the counter's table by modules, which gradients inside a forward pass break (gradient normalization)."""

    parents = frozenset({"Global"})

    def __enter__(self) -> None: ...

    def __exit__(self, *error: object) -> None: ...


@cache
def matmul_peak(device: torch.device, precision: str) -> float:
    """Return the TFLOP/s of a large square matrix product, the best of several, in `fp32`, `tf32` or `bf16`."""
    size = 8192 if device.type == "cuda" else 1024
    kind = torch.bfloat16 if precision == "bf16" else torch.float32
    a, b = (torch.randn(size, size, device=device, dtype=kind) for _ in range(2))
    before, torch.backends.cuda.matmul.allow_tf32 = torch.backends.cuda.matmul.allow_tf32, precision == "tf32"
    times = compare({"product": lambda: a @ b}, device, 0.5)["product"]
    torch.backends.cuda.matmul.allow_tf32 = before
    return 2 * size**3 / times.best / 1e12


def report(
    rows: Sequence[Mapping[str, Any]], arguments: argparse.Namespace, *, before: Sequence[Mapping[str, Any]] = ()
) -> None:
    """Print rows as a table, and append them with the environment to the file of `--json`."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    cells = [columns, *([_text(row.get(name)) for name in columns] for row in rows)]
    widths = [max(len(row[place]) for row in cells) for place in range(len(columns))]
    for row in cells:
        print("  ".join(word.ljust(width) for word, width in zip(row, widths, strict=True)).rstrip())
    sys.stdout.flush()
    if arguments.json:
        machine = environment(arguments.device) | {"load": os.getloadavg()}
        command = ["python", f"benchmarks/speed/{Path(sys.argv[0]).name}", *sys.argv[1:]]
        whole = {
            "schema": 1,
            "command": command,
            "environment": machine,
            "rows": [dict(row) for row in (*before, *rows)],
        }
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps(whole, indent=1, default=asdict) + "\n")


def numbers(text: str) -> list[int]:
    """Return the numbers of an option such as `128,256`."""
    return [int(word) for word in text.split(",")]


def _text(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
