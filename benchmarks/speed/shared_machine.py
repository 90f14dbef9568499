"""How much a translation loses beside other work: waiting policies of OpenMP, threads, and `zoo translate` itself.

python benchmarks/speed/shared_machine.py --generators resnet9,unet_256 --size 256 --rounds 7
Every way has a process of its own, which is stopped while it is another's turn; the ways take turns, first on the machine as it
is, then beside one process in a busy loop. Ratios are medians over the rounds of the first way's time in the same round to
the way's own: above 1 is faster.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

IMAGES = 8
"""Images of one measurement: eager ones are translated one by one, those of `zoo translate` as a folder."""
OPENMP = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME", "OMP_NUM_THREADS")
WAYS: dict[str, tuple[str, dict[str, str]]] = {
    "eager, default wait": ("eager", {}),
    "eager, passive": ("eager", {"OMP_WAIT_POLICY": "passive"}),
    "eager, active": ("eager", {"OMP_WAIT_POLICY": "active"}),
    "eager, 1,000 spins": ("eager", {"GOMP_SPINCOUNT": "1000"}),
    "eager, 20,000 spins": ("eager", {"GOMP_SPINCOUNT": "20000"}),
    "eager, passive, 1 thread": ("eager", {"OMP_WAIT_POLICY": "passive", "OMP_NUM_THREADS": "1"}),
    "zoo translate, default wait": ("zoo", {}),
    "zoo translate, passive": ("zoo", {"OMP_WAIT_POLICY": "passive"}),
}
"""What a process computes, and its variables of OpenMP (libgomp reads the first two and the last, Intel's the last two)."""
BUSY = "import os; parent = os.getppid()\nwhile os.getppid() == parent: pass"
"""Ends with the benchmark, also when this is killed."""


class Worker:
    """A process that translates images when it is its turn."""

    def __init__(self, what: str, variables: dict[str, str], generator: str, size: int) -> None:
        environment = {name: value for name, value in os.environ.items() if name not in OPENMP} | variables
        command = [sys.executable, __file__, "--worker", what, "--generators", generator, "--size", str(size)]
        self._process = subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._read()  # it is warm
        self._process.send_signal(signal.SIGSTOP)

    def seconds(self) -> float:
        """Return the seconds for one image."""
        assert self._process.stdin
        self._process.send_signal(signal.SIGCONT)
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        taken = self._read()
        self._process.send_signal(signal.SIGSTOP)
        return taken

    def _read(self) -> float:
        assert self._process.stdout
        return float(self._process.stdout.readline())

    def end(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()


def serve(what: str, generator: str, size: int) -> None:
    """Translate images for each line of stdin, and print the seconds for one."""
    from contextlib import ExitStack

    import torch  # before harness, which would set the waiting policy
    import translate

    device = torch.device("cpu")
    with ExitStack() as undo, torch.inference_mode():
        if what == "zoo":
            work = translate.stream_path(generator, size, IMAGES, device, "fp32", undo)
        else:
            image = torch.rand(1, 3, size, size) * 2 - 1
            call = translate.network_path(generator, "plain", image)[1]
            work = partial(_repeat, call, IMAGES)
        work()
        print(0, flush=True)
        for _ in sys.stdin:
            start = time.perf_counter()
            work()
            print((time.perf_counter() - start) / IMAGES, flush=True)


def _repeat(work: Callable[[], object], times: int) -> None:
    for _ in range(times):
        work()


@contextlib.contextmanager
def busy(processes: int) -> Iterator[None]:
    """Run busy loops inside a `with` block."""
    loops = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(processes)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def main() -> None:
    """Measure every way of every generator, without and with a busy loop."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--generators", default="resnet9,unet_256")
    options.add_argument("--size", type=int, default=256)
    options.add_argument("--rounds", type=int, default=7)
    options.add_argument("--ways", default=";".join(WAYS), help="ways to compare with the first, separated by ;")
    options.add_argument("--loops", default="0,1", help="numbers of busy loops")
    options.add_argument("--json", type=Path)
    options.add_argument("--worker", choices=("eager", "zoo"), help=argparse.SUPPRESS)
    args = options.parse_args()
    if args.worker:
        return serve(args.worker, args.generators, args.size)
    import harness

    args.device = "cpu"
    rows: list[dict[str, Any]] = []
    for generator in args.generators.split(","):
        workers = {name: Worker(*WAYS[name], generator, args.size) for name in args.ways.split(";")}
        try:
            for loops in map(int, args.loops.split(",")):
                new = _rows(workers, args.rounds, loops, {"generator": generator, "px": args.size, "busy loops": loops})
                harness.report(new, args, before=rows)
                rows += new
        finally:
            for worker in workers.values():
                worker.end()
    return None


def _rows(workers: dict[str, Worker], rounds: int, loops: int, about: dict[str, Any]) -> list[dict[str, Any]]:
    with busy(loops):
        load = os.getloadavg()[0]
        taken = [{name: worker.seconds() for name, worker in workers.items()} for _ in range(rounds)]
    first = next(iter(workers))
    rows = []
    for name in workers:
        times, ratios = [one[name] for one in taken], sorted(one[first] / one[name] for one in taken)
        row = {"way": name, "s": statistics.median(times), "best s": min(times), "ratio": statistics.median(ratios)}
        rows.append({**about, **row, "lowest": ratios[0], "highest": ratios[-1], "load before": load})
    return rows


if __name__ == "__main__":
    main()
