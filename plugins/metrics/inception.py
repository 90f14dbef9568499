"""pytorch-fid's Inception: the network behind the published FID."""

from __future__ import annotations

from collections import OrderedDict

import torch.nn.functional as F
from torch import Tensor, nn
from torch_fidelity import feature_extractor_inceptionv3 as blocks

SIDE = 299
"""Height and width to which images are resized."""
UNUSED = ("fc.weight", "fc.bias")
"""Tensors of the published file that the features do not need."""


class Inception(nn.Sequential):
    """Inception v3 as TensorFlow's 2015 graph has it: forward(x [N, 3, H, W] in [0, 1]) -> features [N, 2048].

    The blocks are torch-fidelity's, with the published file's names. The preprocessing is pytorch-fid's, not TensorFlow's:
    bilinear without antialiasing, then 2 x - 1. The features equal pytorch-fid's bit for bit.
    """

    def __init__(self) -> None:
        super().__init__(
            OrderedDict(
                Conv2d_1a_3x3=blocks.BasicConv2d(3, 32, kernel_size=3, stride=2),
                Conv2d_2a_3x3=blocks.BasicConv2d(32, 32, kernel_size=3),
                Conv2d_2b_3x3=blocks.BasicConv2d(32, 64, kernel_size=3, padding=1),
                MaxPool_1=nn.MaxPool2d(3, stride=2),
                Conv2d_3b_1x1=blocks.BasicConv2d(64, 80, kernel_size=1),
                Conv2d_4a_3x3=blocks.BasicConv2d(80, 192, kernel_size=3),
                MaxPool_2=nn.MaxPool2d(3, stride=2),
                Mixed_5b=blocks.InceptionA(192, pool_features=32),
                Mixed_5c=blocks.InceptionA(256, pool_features=64),
                Mixed_5d=blocks.InceptionA(288, pool_features=64),
                Mixed_6a=blocks.InceptionB(288),
                Mixed_6b=blocks.InceptionC(768, channels_7x7=128),
                Mixed_6c=blocks.InceptionC(768, channels_7x7=160),
                Mixed_6d=blocks.InceptionC(768, channels_7x7=160),
                Mixed_6e=blocks.InceptionC(768, channels_7x7=192),
                Mixed_7a=blocks.InceptionD(768),
                Mixed_7b=blocks.InceptionE_1(1280),
                Mixed_7c=blocks.InceptionE_2(2048),
                AvgPool=nn.AdaptiveAvgPool2d(1),
                Flatten=nn.Flatten(),
            )
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return features [N, 2048] of images [N, 3, H, W] in [0, 1]."""
        x = 2 * F.interpolate(x, (SIDE, SIDE), mode="bilinear", align_corners=False) - 1
        for block in self:
            x = block(x)
        return x
