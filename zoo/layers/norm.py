"""Feature normalization with the right gradient in every memory layout, and the bias of the convolution before it."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable
from itertools import accumulate

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.instancenorm import _InstanceNorm

from zoo.layers.kinds import Norm

CONTIGUOUS, CHANNELS_LAST = torch.contiguous_format, torch.channels_last


class InstanceNorm2d(nn.InstanceNorm2d):
    """`nn.InstanceNorm2d`, fast in every memory layout and with the right gradient in every one.

    forward(x [N, channels, h, w]) -> the same shape; without running statistics also the same layout. Without options each
    channel of each image gets mean 0 and variance 1.
    """

    def __init__(
        self,
        channels: int,
        *,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
    ) -> None:
        super().__init__(channels, eps, momentum, affine, track_running_stats)

    def forward(self, x: Tensor) -> Tensor:
        """Return the normalized features."""
        if not self.track_running_stats and x.dim() == 4:
            if torch.compiler.is_dynamo_compiling():  # one kernel, together with what precedes and follows
                return self._written_out(x)
            if is_channels_last(x):
                # torch's instance norm returns such images in the contiguous layout. In a batch of one image, the
                # statistics of the batch are those of the image.
                if len(x) == 1:
                    return self._alone(x)
                return torch.cat([self._alone(image) for image in torch.split(x, 1)])
        return with_plain_gradient(super().forward(x))

    def _alone(self, image: Tensor) -> Tensor:
        image = _laid_out(image, CHANNELS_LAST)
        return with_canonical_gradient(
            F.batch_norm(image, None, None, self.weight, self.bias, training=True, eps=self.eps)
        )

    def _written_out(self, x: Tensor) -> Tensor:
        full = x.to(torch.promote_types(x.dtype, torch.float32))
        variance, mean = torch.var_mean(full, (2, 3), correction=0, keepdim=True)
        y = (full - mean) * torch.rsqrt(variance + self.eps)
        if self.affine:
            y = y * self.weight[:, None, None] + self.bias[:, None, None]
        return y.to(x.dtype)


def guard_norms(network: object) -> None:
    """Give torch's own instance and batch norms inside a network the right gradient on CPUs.

    `zoo.create` and everything else that builds a component calls this. Modules, parameters and the keys of the state dict stay
    the same.
    """
    for module in network.modules() if isinstance(network, nn.Module) else ():
        if isinstance(module, InstanceNorm2d):
            continue
        if isinstance(module, _InstanceNorm) and _guard_instance not in module._forward_hooks.values():
            module.register_forward_hook(_guard_instance)
        if isinstance(module, _BatchNorm) and _guard_batch not in module._forward_hooks.values():
            module.register_forward_pre_hook(_canonical_input)
            module.register_forward_hook(_guard_batch)


guard_instance_norms = guard_norms  # its name before 0.2


def with_plain_gradient(y: Tensor) -> Tensor:
    """Return the output of torch's instance norm, which on a CPU then receives its gradient in the contiguous layout.

    At batch 1 torch 2.15 reads a gradient in the channels-last layout as if it were contiguous (relative error 1.4).
    """
    return _with_gradient(y, lambda gradient: _laid_out(gradient, CONTIGUOUS))


def with_canonical_gradient(y: Tensor) -> Tensor:
    """Return the output of torch's batch norm, which on a CPU then receives its gradient with the strides of its layout.

    Of dimensions of size 1 any stride is valid, and then torch 2.15 confuses the layouts (relative error 1.6); so it does
    with such an input.
    """
    return _with_gradient(y, _canonical)


def _with_gradient(y: Tensor, change: Callable[[Tensor], Tensor]) -> Tensor:
    # A hook on the tensor and not a function of autograd's, after which an in-place ReLU would be refused.
    if y.device.type == "cpu" and y.requires_grad and not torch.compiler.is_compiling():
        y.register_hook(change)  # type: ignore[no-untyped-call]
    return y


def _guard_instance(module: nn.Module, inputs: object, y: Tensor) -> None:
    with_plain_gradient(y)


def _guard_batch(module: nn.Module, inputs: object, y: Tensor) -> None:
    with_canonical_gradient(y)


def _canonical_input(module: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...] | None:
    x, *others = inputs
    if x.device.type != "cpu" or not torch.is_grad_enabled() or torch.compiler.is_compiling():
        return None
    return (_canonical(x), *others)


def _canonical(x: Tensor) -> Tensor:
    """Return a tensor with the strides of its layout, copied where dimensions of size 1 have others."""
    return next((_laid_out(x, layout) for layout in _layouts(x) if x.is_contiguous(memory_format=layout)), x)


def _laid_out(x: Tensor, layout: torch.memory_format) -> Tensor:
    """Return a tensor in a layout, copied where it is in another; one that is in none is returned as it is.

    Of a single image torch accepts any stride between images as contiguous, and then confuses the layouts: compare strides.
    """
    if x.stride() == _strides(x.shape, layout):
        return x
    in_one = any(x.is_contiguous(memory_format=other) for other in _layouts(x))
    return x.clone(memory_format=layout) if in_one else x


def _layouts(x: Tensor) -> tuple[torch.memory_format, ...]:
    return (CONTIGUOUS, *({4: (CHANNELS_LAST,), 5: (torch.channels_last_3d,)}.get(x.dim(), ())))


def _strides(shape: Iterable[int], layout: torch.memory_format) -> tuple[int, ...]:
    _, channels, *pixels = shape
    from_last = [*reversed(pixels), channels] if layout == CONTIGUOUS else [channels, *reversed(pixels)]
    strides = [1, *accumulate(from_last, operator.mul)]
    if layout == CONTIGUOUS:
        return tuple(reversed(strides))
    return (strides[-1], 1, *reversed(strides[1:-1]))


def is_channels_last(x: Tensor) -> bool:
    """Whether features [N, C, h, w] have torch's channels-last layout and no other; never where a graph is traced."""
    if torch.compiler.is_compiling():
        return False
    return x.dim() == 4 and x.is_contiguous(memory_format=torch.channels_last) and not x.is_contiguous()


def norm2d(norm: Norm, channels: int) -> nn.Module:
    """Return the normalization of [N, channels, h, w] features; every choice takes one slot of a `Sequential`.

    `instance` has no learned scale and no running statistics, `batch` has both, `none` is the identity.
    """
    match norm:
        case "instance":
            return InstanceNorm2d(channels)
        case "batch":
            return nn.BatchNorm2d(channels)
        case "none":
            return nn.Identity()


def conv_bias(norm: Norm) -> bool:
    """Return whether a convolution before this normalization has a bias.

    The rule is that of the CycleGAN authors' code, so that its state dicts convert one to one: only instance norm comes
    with a bias (which it cancels), and networks without normalization have none either.
    """
    return norm == "instance"
