"""The residual translation network of Johnson et al. 2016 as CycleGAN uses it, with an optional attention in each block."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import Tensor, nn

from zoo.contracts import Generator
from zoo.layers.blur import BlurDown, BlurUp
from zoo.layers.init import initialize
from zoo.layers.kinds import Antialias, Init, Norm
from zoo.layers.norm import conv_bias, norm2d
from zoo.layers.pad import ReflectionPad2d

Attention = Callable[[int], nn.Module]
"""From a block's index, 0 first, to what acts on its residual before the addition."""


class ResidualBlock(nn.Module):
    """x + attention(f(x)) for [N, channels, h, w], f two 3x3 convolutions; nothing follows the addition."""

    def __init__(self, channels: int, *, norm: Norm, dropout: bool, attention: nn.Module) -> None:
        super().__init__()
        bias = conv_bias(norm)
        self.conv_block = nn.Sequential(
            ReflectionPad2d(1),
            nn.Conv2d(channels, channels, 3, bias=bias),
            norm2d(norm, channels),
            nn.ReLU(),
            *([nn.Dropout(0.5)] if dropout else []),
            ReflectionPad2d(1),
            nn.Conv2d(channels, channels, 3, bias=bias),
            norm2d(norm, channels),
        )
        self.attention = attention

    def forward(self, x: Tensor) -> Tensor:
        """Return [N, channels, h, w] for x [N, channels, h, w]."""
        residual: Tensor = self.attention(self.conv_block(x))
        return x + residual


class ResNetTrunk(Generator):
    """Two downsampling stages, residual blocks at 4 * `width` channels and a quarter of the size, two upsampling stages, tanh.

    forward(x [N, in, H, W]) -> [N, out, H, W] in [-1, 1], with H and W multiples of 4 and at least 8.

    Args:
        in_channels: channels of the input images.
        out_channels: channels of the output images.
        width: channels after the first convolution.
        blocks: number of residual blocks.
        norm: normalization after each convolution but the last.
        dropout: whether each block drops half of its features between its convolutions, in training.
        init: distribution of the initial weights.
        init_gain: its gain.
        attention: makes each block's attention; None for none.
        antialias: down- and upsample by a convolution and a blur (Zhang 2019, as in CUT), instead of strided
            and transposed convolutions; as many parameters. `down` or `up`: at one of the two.
    """

    def __init__(
        self,
        *,
        in_channels: int,
        out_channels: int,
        width: int,
        blocks: int,
        norm: Norm,
        dropout: bool,
        init: Init,
        init_gain: float,
        attention: Attention | None = None,
        antialias: Antialias = False,
    ) -> None:
        super().__init__()
        attend = attention or (lambda _: nn.Identity())
        bias = conv_bias(norm)
        down = _down_blurred if antialias in (True, "down") else _down
        up = _up_blurred if antialias in (True, "up") else _up
        self.model = nn.Sequential(
            ReflectionPad2d(3),
            nn.Conv2d(in_channels, width, 7, bias=bias),
            norm2d(norm, width),
            nn.ReLU(),
            *down(width, norm),
            *down(2 * width, norm),
            *(ResidualBlock(4 * width, norm=norm, dropout=dropout, attention=attend(i)) for i in range(blocks)),
            *up(4 * width, norm),
            *up(2 * width, norm),
            ReflectionPad2d(3),
            nn.Conv2d(width, out_channels, 7),
            nn.Tanh(),
        )
        initialize(self, init, init_gain)
        # CUT's five. Anti-aliased: the padded image, both downsampling convolutions, the first and the fifth residual block.
        # Plain, the same numbers mean the third and the seventh block, and 8 the second activation: CUT's code takes the norm
        # before it, which the activation then overwrites in place.
        blurred = down is _down_blurred
        taps = (0, 4, 8, 12, 16) if blurred else (0, 4, 9, 12, 16)
        last = (12 if blurred else 10) + blocks - 1
        self.tap_layers = tuple(sorted({min(tap, last) for tap in taps}))

    def forward(self, x: Tensor) -> Tensor:
        """Return images [N, out, H, W] in [-1, 1] for x [N, in, H, W] in [-1, 1]."""
        y: Tensor = self.model(x)
        return y

    def taps(self, x: Tensor, layers: Sequence[int]) -> list[Tensor]:
        """Return the outputs of the numbered entries of `model`, in the order of `layers`; later entries are not run.

        Layer 0 is the padded image, 4 and 7 the downsampling convolutions (before their normalization), 9 the second
        activation, 10 the first residual block; anti-aliased, 4 and 8 the convolutions before the blurs (7 and 11), 12 the
        first residual block.

        Raises:
            ValueError: a layer that `model` does not have.
        """
        if not all(0 <= layer < len(self.model) for layer in layers):
            raise ValueError(f"got layers {list(layers)}, the network has 0 to {len(self.model) - 1}")
        found: dict[int, Tensor] = {}
        for index in range(max(layers, default=-1) + 1):
            x = self.model[index](x)
            if index in layers:
                found[index] = x
        return [found[layer] for layer in layers]


def _down(channels: int, norm: Norm) -> list[nn.Module]:
    conv = nn.Conv2d(channels, 2 * channels, 3, stride=2, padding=1, bias=conv_bias(norm))
    return [conv, norm2d(norm, 2 * channels), nn.ReLU()]


def _up(channels: int, norm: Norm) -> list[nn.Module]:
    half = channels // 2
    conv = nn.ConvTranspose2d(channels, half, 3, stride=2, padding=1, output_padding=1, bias=conv_bias(norm))
    return [conv, norm2d(norm, half), nn.ReLU()]


def _down_blurred(channels: int, norm: Norm) -> list[nn.Module]:
    conv = nn.Conv2d(channels, 2 * channels, 3, padding=1, bias=conv_bias(norm))
    return [conv, norm2d(norm, 2 * channels), nn.ReLU(), BlurDown(2 * channels)]


def _up_blurred(channels: int, norm: Norm) -> list[nn.Module]:
    half = channels // 2
    conv = nn.Conv2d(channels, half, 3, padding=1, bias=conv_bias(norm))
    return [BlurUp(channels), conv, norm2d(norm, half), nn.ReLU()]
