"""The interfaces of networks, methods and datasets, and the batch that they share. Images are float NCHW in [-1, 1]."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from zoo.sizes import Size

if TYPE_CHECKING:
    from zoo.data.writer import DatasetWriter

Batch = dict[str, Any]
"""Device tensors of one step, by name. `visible` [N, 3, H, W] and `thermal` [N, C, H, W] in [-1, 1] always;
where the dataset has them `labels` [N, H, W] int64 class indices, `celsius` [N, 1, H, W] degrees, `temperatures` [N, K] mean
degrees Celsius of each class with NaN where it is absent, and `thermal_segmentation` [N, 1, H, W], every object at its mean
temperature, in [-1, 1] over the dataset's thermal range.

In training also `step`, int64 [], the steps done before this one, and `progress`, float32 [], their part of the budget.

Of an image that is translated in tiles also `origin`, int64 [N, 2], row and column of the tile's first pixel.

Entries that the dataset declares (`zoo.data.entries`) only where something reads them, cropped and mirrored as the visible image:
a `mask` int64 [N, H, W], a `vector` float32 [N, K], a `scalar` float32 [N]; `boxes` a list of N float32 [k, 5], x1, y1, x2, y2 in
pixels and the index of the class; `text` and `group` a list of N str."""

State = dict[str, Tensor]
"""What a method's `forward` returns for the losses of the same step: translations, with their graphs."""


class Generator(nn.Module):
    """A network from images to images: forward(x [N, in, H, W]) -> [N, out, H, W], both in [-1, 1].

    A generator whose contract reads more than `visible` gets its entries stacked as channels (`zoo.layers.conditions`).
    """

    computes: tuple[str, ...] = ()
    """Methods besides `forward` and `taps` that a training calls; precision and compilation apply to them too."""
    tap_layers: tuple[int, ...] = ()
    """Layers whose features a contrastive method compares by default, from the image inwards."""

    def taps(self, x: Tensor, layers: Sequence[int]) -> list[Tensor]:
        """Return intermediate features [N, C, h, w] at numbered layers, for contrastive methods; offered as `taps`."""
        raise TypeError(f"{type(self).__name__} offers no intermediate features")


class Discriminator(nn.Module):
    """A network that classifies images as real or translated: forward(x [N, C, H, W]) -> logits [N, 1, h, w] or [N, 1].

    One with S scales returns [N, S, h, w], coarser maps enlarged to the finest, so that a loss averaged over all
    logits weighs each scale the same.
    """

    computes: tuple[str, ...] = ()
    """Methods besides `forward` that a training calls; precision and compilation apply to them too."""


class Normalizer:
    """How a discriminator is kept Lipschitz; the base class does not change it."""

    def wrap(self, discriminator: nn.Module) -> nn.Module:
        """Return the discriminator that replaces it (gradient normalization, spectral norm)."""
        return discriminator

    def penalty(self, discriminator: nn.Module, real: Tensor, fake: Tensor) -> Tensor | None:
        """Return a weighted scalar to add to the discriminator's loss (gradient penalty), or None.

        It may draw from torch's global random stream, which checkpoints hold.
        """
        return None

    def after_step(self, discriminator: nn.Module) -> None:
        """Change the weights after an optimizer step (clipping)."""


class Parts(Protocol):
    """What a method is built from; `zoo.build` creates it from the recipe."""

    @property
    def visible_channels(self) -> int:
        """Channels of visible images, 3."""

    @property
    def thermal_channels(self) -> int:
        """Channels of thermal images, 1 or 3."""

    @property
    def size(self) -> Size:
        """Training crop in pixels: a square's side, or height and width (`zoo.sizes.height_width`)."""

    @property
    def batch(self) -> int:
        """Batch size."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names of the dataset's labels, by index; empty where it has none."""

    @property
    def class_temperatures(self) -> tuple[float, ...]:
        """Mean degrees Celsius of each class over the training split; NaN for a class that never occurs."""

    @property
    def thermal_range(self) -> tuple[float, float] | None:
        """Degrees Celsius at thermal -1 and 1, or None where the dataset is not calibrated."""

    @property
    def reads(self) -> tuple[str, ...]:
        """Batch entries that the recipe's generator reads, `visible` first; ("visible",) where there is no generator."""

    @property
    def normalizer(self) -> Normalizer:
        """The recipe's normalizer, for penalties and changes after a step."""

    @property
    def rng(self) -> torch.Generator:
        """The run's random stream on the training device; pools and samplers draw from it."""

    def generator(self, *, in_channels: int, out_channels: int) -> Generator:
        """Build the recipe's generator with these channel counts."""

    def discriminator(self, *, in_channels: int) -> nn.Module:
        """Build the recipe's discriminator, wrapped by its normalizer."""


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """How a learning rate changes over the training; `zoo.training.schedule` has the equations."""

    kind: Literal["linear", "cosine", "constant"] = "linear"
    """How it falls after the steps at the full rate: along a straight line, half a cosine, or not at all."""
    hold: float | None = None
    """Part of the budget at the full rate, warm-up included; None: as the budget states for `linear`, 0 for `cosine`."""
    end: float = 0.0
    """What it falls to, relative to the full rate."""
    warmup: int = 0
    """First steps, over which it rises linearly to the full rate."""


@dataclass(frozen=True, kw_only=True)
class OptimizerSpec:
    """One optimizer, as the method's paper states it; torch's implementations and their meaning of each number."""

    lr: float
    kind: Literal["adam", "adamw", "rmsprop", "sgd"] = "adam"
    betas: tuple[float, float] = (0.9, 0.999)
    """Of `adam` and `adamw`."""
    eps: float = 1e-8
    """Of all but `sgd`."""
    alpha: float = 0.99
    """Decay of the mean square of `rmsprop`."""
    momentum: float = 0.0
    """Of `rmsprop` and `sgd`."""
    weight_decay: float = 0.0
    """An L2 penalty's gradient; of `adamw` decoupled from the gradient (Loshchilov and Hutter, 2019)."""
    clip_norm: float | None = None
    """Largest norm of all gradients of the optimizer together; None: not limited."""
    clip_value: float | None = None
    """Largest absolute value of a gradient, before `clip_norm`; None: not limited."""
    schedule: Schedule = Schedule()
    """How `lr` changes over the training."""


@dataclass(frozen=True, kw_only=True)
class EmaSpec:
    """An exponential moving average of the weights, which translates in their place: average += (1 - d) (weights - average).

    With `ramp` d is min(decay, (1 + n) / (10 + n)) in the n-th update, counted from 0, for the sake of short trainings.
    """

    decay: float = 0.9999
    ramp: bool = True
    start: int = 0
    """Steps in which the average is a copy of the weights."""
    every: int = 1
    """Steps between two updates."""


class Method(nn.Module):
    """Networks, losses, and the order of their updates.

    `__init__(config, parts)` builds what `translate` needs; `prepare_training(parts)` adds what only training needs
    (discriminators, pools, heads), so that a loaded translator never allocates it. Randomness in training comes from
    `parts.rng` alone. A step is a function of device tensors: no `.item()`, no branch on a tensor's value.
    """

    order: tuple[str, ...] = ()
    """Names of optimizers in the order of their updates in one step, e.g. ("generator", "discriminator"); empty: no training."""
    inference: tuple[str, ...] = ()
    """Names of the submodules and buffers that `translate` needs; only these go into `model.safetensors`."""
    test_mode: Literal["eval", "train"] = "eval"
    """Mode of the networks when they translate: `train` keeps dropout and batch statistics on, as pix2pix does. It is part of
    every score's protocol."""
    ema: EmaSpec | None = None
    """How the weights of `inference` are averaged during training; None: the last weights translate."""
    former_names: ClassVar[Mapping[str, str]] = {}
    """Submodules by the name that they had in earlier versions of the class, so that unfinished trainings of those resume."""

    def prepare_training(self, parts: Parts) -> None:
        """Build what only training needs."""

    def networks(self) -> dict[str, list[nn.Module]]:
        """Return the networks of each optimizer; only these receive gradients in its update, and one optimizer steps them."""
        before: Callable[[], dict[str, list[nn.Module]]] | None = getattr(self, "players", None)  # its name until 0.2
        return before() if before else {}

    def optimizer(self, name: str) -> OptimizerSpec:
        """Return the settings of the optimizer of this name."""
        raise NotImplementedError(f"{type(self).__name__} trains {name!r} but defines no optimizer for it")

    def forward(self, batch: Batch) -> State:
        """Return the translations that this step's losses share."""
        raise NotImplementedError(f"{type(self).__name__} is trained but defines no forward")

    def losses(self, name: str, state: State) -> dict[str, Tensor]:
        """Return the named scalar loss terms of one optimizer, already weighted; the engine minimises their sum."""
        raise NotImplementedError(f"{type(self).__name__} is trained but defines no losses")

    def after_step(self, name: str) -> None:
        """Called after the step of one optimizer, e.g. for normalizers that clip weights."""

    def fit(self, batches: Iterable[Batch]) -> None:
        """Fit in closed form over one pass of the training split; for methods with an empty `order`."""

    def degrees(self, batch: Batch) -> Tensor | None:
        """Return temperatures [N, 1, H, W] in degrees Celsius where the method works in degrees itself.

        None, the default: the thermal image over the dataset's thermal range gives them.
        """
        return None

    def translate(self, batch: Batch) -> Tensor:
        """Return thermal images [N, C, H, W] in [-1, 1] for the batch's visible ones [N, 3, H, W]."""
        raise NotImplementedError(f"{type(self).__name__} defines no translate")


@runtime_checkable
class Dataset(Protocol):
    """A source of pairs that can be written in zoo's layout: an importer of a public set, or a synthetic set.

    An importer may have a method `recognizes(self, source: Path) -> Sequence[Path]`: the folders that it would read where
    `source` is in its layout beyond doubt, else none. Such a source can be used as a dataset without an import.
    """

    def write(self, writer: DatasetWriter, source: Path | None) -> None:
        """Write every pair through `writer`; `source` is the folder to import, None for a set made on the spot.

        Raises:
            DataError: the source is not in the published layout.
        """
