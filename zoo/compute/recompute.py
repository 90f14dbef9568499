"""Activations that are computed again in the backward pass instead of being kept (Chen et al., arXiv:1604.06174)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial, wraps
from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint


@contextmanager
def recomputed(network: nn.Module) -> Iterator[None]:
    """Let a network keep, in a `with` block, only the inputs of its blocks for the backward pass.

    Gradients are the same bit for bit: dropout draws the same numbers again, and running statistics count an image once.
    """
    blocks = [module for module in network.modules() if _is_block(module)]
    for block in blocks:
        block.__dict__["forward"] = _checkpointed(block)
    try:
        yield
    finally:
        for block in blocks:
            block.__dict__.pop("forward", None)


def _is_block(module: nn.Module) -> bool:
    """Whether a module consists of single layers."""
    children = list(module.children())
    return len(children) > 1 and not any(list(child.children()) for child in children)


def _checkpointed(block: nn.Module) -> Callable[..., Any]:
    forward = block.forward
    contexts = partial(_contexts, [module for module in block.modules() if isinstance(module, _BatchNorm)])

    @wraps(forward)
    def run(*inputs: Any, **options: Any) -> Any:
        if torch._C._functorch.peek_interpreter_stack() is not None:  # torch.func does not support checkpoints
            return forward(*inputs, **options)
        return checkpoint(forward, *inputs, use_reentrant=False, context_fn=contexts, **options)

    return run


def _contexts(norms: list[_BatchNorm]) -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
    """Return the contexts of the first computation and of the second."""
    return nullcontext(), _frozen_statistics(norms)


@contextmanager
def _frozen_statistics(norms: list[_BatchNorm]) -> Iterator[None]:
    before = [(norm, norm.momentum, norm.num_batches_tracked) for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
        norm.num_batches_tracked = None
    try:
        yield
    finally:
        for norm, momentum, count in before:
            norm.momentum, norm.num_batches_tracked = momentum, count
