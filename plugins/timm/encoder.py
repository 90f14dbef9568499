"""Networks of timm as encoders: from a name to features at several sizes."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import timm
import torch
from torch import Tensor, nn

from zoo.errors import UsageError
from zoo.sizes import Size, height_width, size_of

from .weights import loading, preprocessing, require_known


class Encoder(nn.Module):
    """A network of timm without its head: forward(x [N, in, H, W] in [-1, 1]) -> features [N, C, h, w], the finest first.

    Features that the network has several of at one size, as transformers do, are joined. Images are brought to the mean and
    deviation that the network's published weights expect; those of another number of channels to the means over the channels.

    Args:
        name: as timm has it, with or without the tag of its weights.
        pretrained: whether to load these weights.
        in_channels: channels of the images.
        size: of the images, for networks that are built for one size.

    Raises:
        UsageError: timm has no such network, or it has no features of images of this size.
        ZooError: the weights are not on this machine and cannot be downloaded.
    """

    shift: Tensor
    scale: Tensor
    """[1, in or 1, 1, 1]: the network sees x * scale + shift."""

    def __init__(self, name: str, *, pretrained: bool, in_channels: int, size: Size) -> None:
        super().__init__()
        self.name = name
        sketch = _sketch(name)
        strides: list[int] = sketch.feature_info.reduction()
        channels: list[int] = sketch.feature_info.channels()
        self.strides = tuple(sorted(set(strides)))
        """Pixels of the image for one of each feature, ascending."""
        self.channels = tuple(
            sum(count for count, its in zip(channels, strides, strict=True) if its == stride) for stride in self.strides
        )
        self.places = tuple([i for i, its in enumerate(strides) if its == stride] for stride in self.strides)
        self.sides = tuple(-(-side // self.strides[-1]) * self.strides[-1] for side in height_width(size))
        self.network, options = _create(name, size_of(*self.sides), pretrained=pretrained, in_channels=in_channels)
        self.fixed = "img_size" in options and "dynamic_img_size" not in options
        """Whether the network takes images of these `sides` only."""
        self.channels_last = getattr(self.network, "output_fmt", "NCHW") == "NHWC"
        mean, std = map(torch.tensor, preprocessing(name))
        for label, values in {"scale": 0.5 / std, "shift": (0.5 - mean) / std}.items():
            self.register_buffer(label, _per_channel(values, in_channels), persistent=False)
        self._try(in_channels)

    def forward(self, x: Tensor) -> list[Tensor]:
        """Return one tensor of features for each stride; H and W are multiples of the coarsest one.

        Raises:
            UsageError: the network is built for images of another size.
        """
        if self.fixed and tuple(x.shape[-2:]) != self.sides:
            raise UsageError(
                f"encoder {self.name} is built for images of {self.sides[0]}x{self.sides[1]} px, got {x.shape[-2]}x{x.shape[-1]}",
                "Resize them, or train with a convolutional encoder.",
            )
        features = self.network(x * self.scale + self.shift)
        if self.channels_last:
            features = [feature.permute(0, 3, 1, 2) for feature in features]
        return [torch.cat([features[i] for i in places], dim=1) for places in self.places]

    @torch.no_grad()
    def _try(self, in_channels: int) -> None:
        """Run the network once, so that one that cannot take the images is refused before training starts."""
        try:
            self.eval()(torch.zeros(1, in_channels, *self.sides))
        except Exception as error:  # of any type
            raise UsageError(
                f"encoder {self.name} cannot take images of {self.sides[0]}x{self.sides[1]} px: {_reason(error)}",
                "Choose another encoder or `size`.",
            ) from error
        finally:
            self.train()


def _sketch(name: str) -> Any:
    """Return the network with its features' facts, without memory for its weights."""
    require_known(name)
    try:
        with torch.device("meta"):
            return timm.create_model(name, features_only=True)
    except Exception as error:  # a wrong tag, or a network without features in this version of timm
        raise UsageError(
            f"timm cannot make an encoder of {name!r}: {_reason(error)}", "Run zoo list generator --timm '*'"
        ) from error


def _create(name: str, size: Size, *, pretrained: bool, in_channels: int) -> tuple[nn.Module, Mapping[str, Any]]:
    """Return the network, and the options that it takes of those that free it from a fixed image size."""
    published = timm.get_pretrained_cfg(name)
    attempts: list[dict[str, Any]] = [{}]
    if published is not None and published.fixed_input_size:
        attempts = [{"img_size": size, "dynamic_img_size": True}, {"img_size": size}, {}]
    weights = loading(name) if pretrained else {}
    for options in attempts:
        try:
            with _quiet():
                network = timm.create_model(name, features_only=True, in_chans=in_channels, **weights, **options)
        except TypeError:  # its class has no such option
            continue
        # Else copies and pickles of the network would have the weights twice.
        getattr(network, "pretrained_cfg", {}).pop("state_dict", None)
        return network, options
    raise UsageError(f"encoder {name} cannot be given {in_channels} channels", "Choose another encoder.")


@contextmanager
def _quiet() -> Iterator[None]:
    """Drop timm's warning that weights have keys which the network has not: those of the classifier, which no encoder has."""
    log = logging.getLogger("timm.models._builder")
    log.addFilter(_is_of_interest)
    try:
        yield
    finally:
        log.removeFilter(_is_of_interest)


def _is_of_interest(record: logging.LogRecord) -> bool:
    return not record.getMessage().startswith("Unexpected keys")


def _per_channel(values: Tensor, channels: int) -> Tensor:
    return (values if values.numel() == channels else values.mean()).view(1, -1, 1, 1)


def _reason(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
