"""torch's optimizers for the specs of methods, and limits on their gradients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.optim import SGD, Adam, AdamW, Optimizer, RMSprop

from zoo.compute.networks import copied_like
from zoo.contracts import OptimizerSpec

STALLED = 1e-12
"""Largest mean gradient below which nothing is learned: updates divide by at least eps, 1e-8."""


def build_optimizer(
    spec: OptimizerSpec, parameters: Sequence[nn.Parameter], *, fused: bool, captured: bool
) -> Optimizer:
    """Return the optimizer of a spec.

    Args:
        fused: use one kernel for all weights, where torch has one (not for RMSprop).
        captured: for a CUDA graph, which reads the learning rate from a tensor.
    """
    lr = torch.tensor(spec.lr, device=parameters[0].device) if captured else spec.lr
    decay = spec.weight_decay
    if spec.kind == "sgd":
        # Only the fused kernel reads the rate on the device.
        return SGD(parameters, lr=lr, momentum=spec.momentum, weight_decay=decay, fused=fused or captured or None)
    if spec.kind == "rmsprop":
        return RMSprop(
            parameters,
            lr=lr,
            alpha=spec.alpha,
            eps=spec.eps,
            weight_decay=decay,
            momentum=spec.momentum,
            capturable=captured,
        )
    kind = AdamW if spec.kind == "adamw" else Adam
    return kind(
        parameters,
        lr=lr,
        betas=spec.betas,
        eps=spec.eps,
        weight_decay=decay,
        fused=fused or None,
        capturable=captured,
    )


def clip_gradients(spec: OptimizerSpec, parameters: Sequence[nn.Parameter]) -> None:
    """Limit the gradients of an optimizer as its spec states; nothing waits for the device."""
    if spec.clip_value is not None:
        nn.utils.clip_grad_value_(parameters, spec.clip_value)
    if spec.clip_norm is not None:
        nn.utils.clip_grad_norm_(parameters, spec.clip_norm)


def is_stalled(optimizer: Optimizer) -> bool:
    """Whether no gradient reaches any weight: running means of gradients where the optimizer keeps them; waits for the device."""
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    sizes = [_gradient(parameter, optimizer.state.get(parameter, {})) for parameter in parameters]
    known = [size for size in sizes if size is not None]
    return bool(known) and float(nn.utils.get_total_norm(known, norm_type=float("inf"))) < STALLED


def _gradient(parameter: Tensor, state: Mapping[str, Tensor | None]) -> Tensor | None:
    for name in ("exp_avg", "momentum_buffer"):
        if (mean := state.get(name)) is not None:
            return mean
    square = state.get("square_avg")
    return square.sqrt() if square is not None else parameter.grad


def state_tensors(optimizer: Optimizer, names: Mapping[str, nn.Parameter]) -> dict[str, Tensor]:
    """Return an optimizer's state as `PARAMETER.KEY`, for parameters by name."""
    return {
        f"{name}.{key}": value
        for name, parameter in names.items()
        for key, value in optimizer.state.get(parameter, {}).items()
        if value is not None
    }


def restore_state(optimizer: Optimizer, names: Mapping[str, nn.Parameter], tensors: Mapping[str, Tensor]) -> None:
    """Load what `state_tensors` returned, in the memory layout of the parameters: a fused step iterates over both alike."""
    saved = optimizer.state_dict()
    saved["state"] = {}
    for index, (name, parameter) in enumerate(names.items()):
        prefix = f"{name}."
        state = {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}
        if state:
            saved["state"][index] = {
                key: copied_like(value, parameter) if value.shape == parameter.shape else value
                for key, value in state.items()
            }
    optimizer.load_state_dict(saved)
