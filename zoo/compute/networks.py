"""A method's networks in another memory layout, at another precision, compiled."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from functools import wraps
from typing import Any

import torch
from torch import Tensor, nn

from zoo.compute.options import ComputeOptions
from zoo.compute.recompute import recomputed
from zoo.compute.thin import column_by_column
from zoo.contracts import Batch, Discriminator, Generator, Method
from zoo.recipe import Precision

LARGE = 2_000_000
"""Number of weights of a kernel such as 4x4 from 256 to 512 channels."""


@contextmanager
def prepared(
    method: Method, compute: ComputeOptions, precision: Precision, device: torch.device, *, translating: bool = False
) -> Iterator[None]:
    """Apply compute options and a precision to a method's networks in a `with` block, and undo them after it.

    These are the networks of all optimizers, or for `translating` those that may translate.

    Under `bf16` a network computes in autocast and returns float32: losses, norms of gradients, pools and everything that a
    method does between its networks stay at full precision. Parameters and buffers stay the same objects.
    """
    networks = list(_generators(method) if translating else _networks(method))
    if compute.channels_last:
        _lay_out(method, torch.channels_last)
    for network in networks:
        if precision == "bf16":
            _replace(network, lambda function: _autocast(function, device.type), ["forward", *_further(network)])
        if compute.compile:
            _compile(network)
    try:
        with ExitStack() as undo:
            for network in networks:
                if compute.recompute:
                    undo.enter_context(recomputed(network))
                # Not in trainings, whose weights keep their last bits.
                if translating and compute.channels_last and device.type == "cpu":
                    undo.enter_context(column_by_column(network))
            yield
    finally:
        for network in networks:
            _restore(network)
        if compute.channels_last:
            _lay_out(method, torch.contiguous_format)


def is_deep(method: Method, *, frozen: bool = False) -> bool:
    """Whether most trained weights are in large kernels, which networks apply to few pixels: UNets, not ResNets.

    On a CPU channels-last then costs more than it saves: each step rearranges the gradients of all weights.

    Args:
        method: its weights are counted.
        frozen: count weights that are not trained as well.
    """
    kernels = [p.numel() for p in method.parameters() if (p.requires_grad or frozen) and p.dim() == 4]
    return sum(size for size in kernels if size >= LARGE) > sum(kernels) / 2


def laid_out(batch: Batch, compute: ComputeOptions) -> Batch:
    """Return a batch whose images have the layout of `compute`."""
    if not compute.channels_last:
        return batch
    return {
        name: tensor.contiguous(memory_format=torch.channels_last)
        if isinstance(tensor, Tensor) and tensor.dim() == 4
        else tensor
        for name, tensor in batch.items()
    }


def copied_like(value: Tensor, model: Tensor) -> Tensor:
    """Return a copy of `value` with the device, dtype and memory layout of `model`, which has the same shape."""
    return torch.empty_like(model).copy_(value)


def _networks(method: Method) -> Iterator[nn.Module]:
    """Yield the networks of all optimizers once each; of a list of networks, its members."""
    seen: set[int] = set()
    waiting = [module for modules in method.networks().values() for module in modules]
    while waiting:
        module = waiting.pop(0)
        if isinstance(module, nn.ModuleList):
            waiting = [*module, *waiting]
        elif id(module) not in seen:
            seen.add(id(module))
            yield module


def _generators(method: nn.Module) -> Iterator[nn.Module]:
    """Yield what may translate: generators, and the method's own networks that contain none."""
    for child in method.children():
        if isinstance(child, Generator):
            yield child
        elif any(isinstance(module, Generator) for module in child.modules()):
            yield from _generators(child)
        elif not isinstance(child, Discriminator) and any(True for _ in child.parameters()):
            yield child


def _lay_out(method: nn.Module, layout: torch.memory_format) -> None:
    for tensor in (*method.parameters(), *method.buffers()):
        if tensor.dim() == 4:
            tensor.data = tensor.data.contiguous(memory_format=layout)


def _autocast(function: Callable[..., Any], device: str) -> Callable[..., Any]:
    @wraps(function)
    def run(*inputs: Any, **options: Any) -> Any:
        with torch.autocast(device, torch.bfloat16):
            return _full(function(*inputs, **options))

    return run


def _full(output: Any) -> Any:
    """Return a network's output with bfloat16 converted to float32."""
    if isinstance(output, Tensor):
        return output.float() if output.dtype == torch.bfloat16 else output
    if isinstance(output, list | tuple):
        return [_full(part) for part in output]
    return output


def _compile(network: nn.Module) -> None:
    # Networks, not whole losses: a network is compiled once for all its calls, while a loss may draw from its own stream or
    # differentiate a discriminator twice. Inside `torch.func` a compiled network runs in eager mode. With fallback_random
    # dropout draws from torch's own streams, as it does without compiling.
    options: dict[str, Any] = {"fallback_random": True}
    network.compile(dynamic=False, options=options)
    _replace(network, lambda function: torch.compile(function, dynamic=False, options=options), _further(network))


def _replace(
    network: nn.Module,
    change: Callable[[Callable[..., Any]], Callable[..., Any]],
    names: Iterable[str],
) -> None:
    """Replace methods of this network object only."""
    for name in names:
        network.__dict__[name] = change(getattr(network, name))


def _further(network: nn.Module) -> list[str]:
    """Return the methods besides `forward` that compute the network: `taps` where a generator defines it, and `computes`."""
    taps = isinstance(network, Generator) and type(network).taps is not Generator.taps
    return [*(["taps"] if taps else []), *getattr(network, "computes", ())]


def _restore(network: nn.Module) -> None:
    network._compiled_call_impl = None
    for name in ("forward", *_further(network)):
        network.__dict__.pop(name, None)
