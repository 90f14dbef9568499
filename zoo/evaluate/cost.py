"""Measures what the translation of one image costs: operations, network passes, time and memory."""

from __future__ import annotations

import time
import weakref
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from statistics import median
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from zoo.contracts import Batch, Method
from zoo.environment import device_name
from zoo.evaluate.results import Cost
from zoo.model_folder import inference_state

REPEATS, SECONDS = 10, 1.0
"""Number of translations whose time is taken, and seconds after which no further one begins."""


def measure_cost(method: Method, batch: Batch, device: torch.device) -> Cost:
    """Return the cost of translating a batch of one image, under the kernels that are set, which compute in fp32.

    Args:
        method: in the mode in which it translates, on the device; batch statistics in train mode change by this.
        batch: entries that the method reads, with N = 1.
        device: where to translate.
    """
    needed = inference_state(method)
    held = list({id(tensor.untyped_storage()): tensor for tensor in (*needed.values(), *batch.values())}.values())
    live = LiveBytes(held)
    with torch.no_grad():
        with count_passes(method) as calls, live, FlopCounterMode(display=False) as counter:
            method.translate(batch)
        seconds, peak = _time(lambda: method.translate(batch), device)
    *_, height, width = batch["visible"].shape
    return Cost(
        parameters=sum(p.numel() for name, p in method.named_parameters() if name in needed),
        flops=counter.get_total_flops(),
        passes=max(calls.values(), default=0),
        latency_ms=float(f"{1000 * median(seconds):.4g}"),
        latency_n=len(seconds),
        size=height if height == width else (height, width),
        device=device_name(device.type),
        precision="fp32",
        peak_memory=live.peak if peak is None else live.held + peak,
    )


@contextmanager
def count_passes(method: nn.Module) -> Iterator[Counter[nn.Module]]:
    """Count in a `with` block how often a method calls each of its networks; calls inside a network are not counted."""
    calls: Counter[nn.Module] = Counter()
    depth = 0

    def enter(module: nn.Module, inputs: object) -> None:
        nonlocal depth
        calls[module] += depth == 0
        depth += 1

    def leave(module: nn.Module, inputs: object, output: object) -> None:
        nonlocal depth
        depth -= 1

    networks = [
        module for module in method.modules() if module is not method and any(True for _ in module.parameters())
    ]
    hooks = [network.register_forward_pre_hook(enter) for network in networks]
    hooks += [network.register_forward_hook(leave, always_call=True) for network in networks]
    try:
        yield calls
    finally:
        for hook in hooks:
            hook.remove()


class LiveBytes(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the bytes of tensors that are in memory at once; a view of a tensor adds none.

    Args:
        held: tensors that are there all the time.
    """

    def __init__(self, held: Iterable[Tensor]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._known: weakref.WeakSet[Any] = weakref.WeakSet()
        self._now = self.peak = 0
        for tensor in held:
            self._add(tensor)
        self.held = self._now

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(result):
            if isinstance(leaf, Tensor):
                self._add(leaf)
        return result

    def _add(self, tensor: Tensor) -> None:
        storage = tensor.untyped_storage()
        if storage not in self._known:
            self._known.add(storage)
            self._now += storage.nbytes()
            self.peak = max(self.peak, self._now)
            weakref.finalize(storage, self._free, storage.nbytes())

    def _free(self, size: int) -> None:
        self._now -= size


def _time(translate: Callable[[], object], device: torch.device) -> tuple[list[float], int | None]:
    """Return the seconds of translations, and the bytes that one adds to a GPU's memory; None on a CPU.

    Nothing warms up here: the translation that was counted before has, and one of a sampler takes minutes.
    """
    cuda = device.type == "cuda"
    before = 0
    if cuda:
        torch.cuda.synchronize(device)
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
    seconds: list[float] = []
    while len(seconds) < REPEATS and sum(seconds) < SECONDS:
        start = time.perf_counter()
        translate()
        if cuda:
            torch.cuda.synchronize(device)
        seconds.append(time.perf_counter() - start)
    return seconds, torch.cuda.max_memory_allocated(device) - before if cuda else None
