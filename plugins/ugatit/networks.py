"""The generators and discriminators of U-GAT-IT (Kim et al. 2020, section 2.1 and appendix C)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

from zoo.contracts import Discriminator, Generator
from zoo.errors import UsageError
from zoo.layers.norm import InstanceNorm2d
from zoo.layers.spectral import spectral_norm
from zoo.sizes import height_width, size_text

from .blocks import AdaptiveBlock, CamAttention, LearnedNorm, conv
from .config import LOCAL_STAGES, FullConfig, LightConfig, PairConfig

Scored = tuple[Tensor, Tensor]
"""Logits of a discriminator's patches [N, 1, h, w], and its CAM logits [N, 2]."""


class Residual(nn.Module):
    """x + IN(conv(ReLU(IN(conv(x)))))."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        one, two = (conv(channels, channels, 3) for _ in range(2))
        self.body = nn.Sequential(one, InstanceNorm2d(channels), nn.ReLU(), two, InstanceNorm2d(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Return features of the same shape."""
        y: Tensor = x + self.body(x)
        return y


class LightGenerator(Generator):
    """An encoder, attention by class activation maps, and a decoder whose AdaLIN parameters follow from the features.

    forward(x [N, in, H, W]) -> [N, out, H, W] in [-1, 1], with H and W multiples of 4.
    """

    computes = ("with_cam",)

    def __init__(self, config: LightConfig) -> None:
        super().__init__()
        width, deep = config.width, 4 * config.width
        self.encoder = nn.Sequential(
            *(conv(config.in_channels, width, 7), InstanceNorm2d(width), nn.ReLU()),
            *(conv(width, 2 * width, 3, stride=2), InstanceNorm2d(2 * width), nn.ReLU()),
            *(conv(2 * width, deep, 3, stride=2), InstanceNorm2d(deep), nn.ReLU()),
            *(Residual(deep) for _ in range(config.blocks)),
        )
        self.attention = CamAttention(deep)
        hidden = nn.Linear(self._read(config), deep, bias=False), nn.Linear(deep, deep, bias=False)
        self.style = nn.Sequential(hidden[0], nn.ReLU(), hidden[1], nn.ReLU())
        self.gamma, self.beta = (nn.Linear(deep, deep, bias=False) for _ in range(2))
        self.blocks = nn.ModuleList(AdaptiveBlock(deep) for _ in range(config.blocks))
        self.decoder = nn.Sequential(
            *(nn.Upsample(scale_factor=2), conv(deep, 2 * width, 3), LearnedNorm(2 * width), nn.ReLU()),
            *(nn.Upsample(scale_factor=2), conv(2 * width, width, 3), LearnedNorm(width), nn.ReLU()),
            *(conv(width, config.out_channels, 7), nn.Tanh()),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return images [N, out, H, W] in [-1, 1] for x [N, in, H, W] in [-1, 1]."""
        return self.with_cam(x)[0]

    def with_cam(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return images [N, out, H, W], and the logits [N, 2] with which the attention distinguishes the domain of x."""
        x, logits = self.attention(self.encoder(x))
        x = F.relu(x)
        style = self.style(self._features(x))
        gamma, beta = self.gamma(style), self.beta(style)
        for block in self.blocks:
            x = block(x, gamma, beta)
        return self.decoder(x), logits

    def _read(self, config: LightConfig) -> int:
        """Return the number of features from which the AdaLIN parameters follow."""
        return 4 * config.width

    def _features(self, x: Tensor) -> Tensor:
        """Return these features [N, F] of x [N, C, h, w]: the mean of each channel."""
        return x.mean((2, 3))


class FullGenerator(LightGenerator):
    """The same with AdaLIN parameters that follow from the features of every pixel, so that it has one image size.

    Raises:
        UsageError: an image of another size.
    """

    def __init__(self, config: FullConfig) -> None:
        super().__init__(config)
        self.size = config.size

    def with_cam(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return images [N, out, H, W] and logits [N, 2]."""
        if tuple(x.shape[-2:]) != height_width(self.size):
            raise UsageError(
                f"ugatit_full was built for images of {size_text(self.size)} px, and got {x.shape[-2]}x{x.shape[-1]}",
                "Use images of that size, or train ugatit_light, which takes any",
            )
        return super().with_cam(x)

    def _read(self, config: LightConfig) -> int:
        assert isinstance(config, FullConfig)
        height, width = height_width(config.size)
        return 4 * config.width * (height // 4) * (width // 4)

    def _features(self, x: Tensor) -> Tensor:
        return x.flatten(1)


class CamDiscriminator(nn.Module):
    """Spectrally normalized convolutions with attention by class activation maps before the last: x [N, C, H, W] -> `Scored`."""

    def __init__(self, channels: int, width: int, stages: int) -> None:
        super().__init__()
        widths = [channels, *(width * 2**stage for stage in range(stages + 1))]
        layers: list[nn.Module] = []
        for stage in range(stages + 1):
            stride = 2 if stage < stages else 1
            layers += [conv(widths[stage], widths[stage + 1], 4, stride=stride, bias=True), nn.LeakyReLU(0.2)]
        self.features, self.attention = nn.Sequential(*layers), CamAttention(widths[-1])
        self.last = conv(widths[-1], 1, 4)
        for layer in self.modules():
            if isinstance(layer, _ConvNd | nn.Linear) and layer is not self.attention.mix:
                spectral_norm(layer)

    def forward(self, x: Tensor) -> Scored:
        """Return the logits of patches and of the attention."""
        x, logits = self.attention(self.features(x))
        return self.last(F.leaky_relu(x, 0.2)), logits


class DiscriminatorPair(Discriminator):
    """A global and a local discriminator.

    forward(x [N, C, H, W] in [-1, 1]) -> logits [N, 2, h, w]: of the local patches, and of the global ones, enlarged to as many.
    """

    computes = ("with_cam",)

    def __init__(self, config: PairConfig) -> None:
        super().__init__()
        self.whole = CamDiscriminator(config.in_channels, config.width, config.stages)
        self.local = CamDiscriminator(config.in_channels, config.width, LOCAL_STAGES)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits of both, without those of their attention."""
        whole, local = (logits for logits, _ in self.with_cam(x))
        return torch.cat((local, F.interpolate(whole, local.shape[-2:], mode="nearest-exact")), dim=1)

    def with_cam(self, x: Tensor) -> list[Scored]:
        """Return the logits of the global and of the local discriminator."""
        return [self.whole(x), self.local(x)]
