"""Feature normalization, and which convolutions keep a bias beside it."""

from __future__ import annotations

from torch import nn

from zoo.layers.kinds import Norm


def norm2d(norm: Norm, channels: int) -> nn.Module:
    """Return the normalization of [N, channels, h, w] features; every choice takes one slot of a `Sequential`.

    `instance` has no learned scale and no running statistics, `batch` has both, `none` is the identity.
    """
    match norm:
        case "instance":
            return nn.InstanceNorm2d(channels)
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
