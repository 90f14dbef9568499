"""Initial weights of the GAN papers' networks."""

from __future__ import annotations

from torch import nn
from torch.nn.modules.conv import _ConvNd

from zoo.layers.kinds import Init


def initialize(module: nn.Module, init: Init, gain: float = 0.02) -> None:
    """Draw the weights of every layer inside `module` from torch's global random stream, in place.

    Convolutions and linear layers get weights from N(0, gain) (`normal`, CycleGAN) or Glorot's normal with this gain
    (`xavier`, CUT) and zero biases; `BatchNorm2d` gets scales from N(1, gain) and zero shifts.
    """
    for layer in module.modules():
        if isinstance(layer, _ConvNd | nn.Linear):
            if init == "normal":
                nn.init.normal_(layer.weight, 0.0, gain)
            else:
                nn.init.xavier_normal_(layer.weight, gain)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
        elif isinstance(layer, nn.BatchNorm2d) and layer.affine:
            nn.init.normal_(layer.weight, 1.0, gain)
            nn.init.zeros_(layer.bias)
