"""The interfaces of the parts that plugins bring. Images in networks are float NCHW in [-1, 1].

A class named by a row's `target` is built as `Class(config)`, a method as `Class(config, parts)`; `config` is the row's
frozen dataclass with the user's options applied.
"""

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

Entries that the dataset declares (`zoo.data.entries`) only where something reads them, cropped and mirrored as the visible image:
a `mask` int64 [N, H, W], a `vector` float32 [N, K], a `scalar` float32 [N]; `boxes` a list of N float32 [k, 5], x1, y1, x2, y2 in
pixels and the index of the class; `text` and `group` a list of N str."""

State = dict[str, Tensor]
"""What a method's `forward` returns for the losses of the same step: translations, with their graphs."""


class Generator(nn.Module):
    """A network from images to images: forward(x [N, in, H, W]) -> [N, out, H, W], both in [-1, 1].

    A generator whose contract reads more than `visible` gets its entries stacked as channels (`zoo.layers.conditions`).
    """

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
class OptimizerSpec:
    """Adam for the networks of one optimizer, as the method's paper states it."""

    lr: float
    betas: tuple[float, float]
    eps: float = 1e-8


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
    former_names: ClassVar[Mapping[str, str]] = {}
    """Submodules by the name that they had in earlier versions of the class, so that unfinished trainings of those resume."""

    def prepare_training(self, parts: Parts) -> None:
        """Build what only training needs."""

    def networks(self) -> dict[str, list[nn.Module]]:
        """Return the networks of each optimizer; only these receive gradients in its update, and one Adam steps them."""
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


Compared = Literal["grey", "channels", "celsius"]
"""What a metric of single images receives: `grey` [N, 1, H, W] and `channels` [N, C, H, W] in [0, 1], as 8-bit files hold them,
or `celsius` [N, 1, H, W] in degrees."""


class Metric(Protocol):
    """A score of translated against real thermal images, image by image, with its protocol.

    The score of a test set is the mean over its images; an optional attribute `pooling = "mse"` makes it the PSNR of their mean
    squared error, for metrics that are a PSNR in dB of images in [0, 1].
    """

    name: ClassVar[str]
    higher_is_better: ClassVar[bool]
    unit: ClassVar[str]

    @property
    def compares(self) -> Compared:
        """What `per_image` receives."""

    def protocol(self) -> dict[str, Any]:
        """Return everything that changes the value without changing the model, JSON-able."""

    def per_image(self, translated: Tensor, real: Tensor) -> Tensor:
        """Return one float64 value per image, [N], for images of the kind that `compares` names."""


class ReadingMetric(Protocol):
    """A score of single images that also reads entries of the batch: the visible image, labels, declared entries (see `Batch`).

    Its component's contract names the same `reads`, so that data without them is refused before any training.
    """

    name: ClassVar[str]
    higher_is_better: ClassVar[bool]
    unit: ClassVar[str]

    @property
    def compares(self) -> Compared:
        """What `per_image` receives."""

    @property
    def reads(self) -> tuple[str, ...]:
        """Entries of the batch that it reads."""

    def protocol(self) -> dict[str, Any]:
        """Return everything that changes the value without changing the model, JSON-able."""

    def per_image(self, translated: Tensor, real: Tensor, batch: Batch) -> Tensor:
        """Return one float64 value per image, [N]; NaN for one to which the metric does not apply, whatever its translation."""


@runtime_checkable
class ClassMetric(ReadingMetric, Protocol):
    """A score of single images that also has a value for each class that an image shows."""

    @property
    def by(self) -> str:
        """The entry whose classes these are: `labels`, or a declared entry with classes."""

    def per_class(self, translated: Tensor, real: Tensor, batch: Batch, classes: Sequence[str]) -> Tensor:
        """Return float64 values by class, [N, K]; NaN for a class that an image does not show."""


@runtime_checkable
class SplitMetric(Protocol):
    """A score of a whole test split that is no mean over its images, from what it collects of each image."""

    name: ClassVar[str]
    higher_is_better: ClassVar[bool]
    unit: ClassVar[str]

    @property
    def compares(self) -> Compared:
        """What `collect` receives."""

    @property
    def reads(self) -> tuple[str, ...]:
        """Entries of the batch that it reads."""

    @property
    def by(self) -> str:
        """The entry whose class names `collect` receives."""

    def protocol(self) -> dict[str, Any]:
        """Return everything that changes the value without changing the model, JSON-able."""

    def collect(self, translated: Tensor, real: Tensor, batch: Batch, classes: Sequence[str]) -> list[Any]:
        """Return one item per image."""

    def value(self, items: Sequence[Any]) -> float:
        """Return the score of these images; NaN where they have none."""


@runtime_checkable
class SetMetric(Protocol):
    """A score of a set of translated against a set of real thermal images, by features of each; the sets need not be pairs."""

    name: ClassVar[str]
    higher_is_better: ClassVar[bool]
    unit: ClassVar[str]

    @property
    def extractor(self) -> str:
        """Name of the network and weights that the features come from; metrics that share it share the features."""

    def protocol(self) -> dict[str, Any]:
        """Return everything that changes the value without changing the model, JSON-able."""

    def features(self, images: Tensor) -> Tensor:
        """Return float64 features [N, D] of grey images [N, 1, H, W] in [0, 1], as 8-bit files hold them."""

    def distance(self, translated: Tensor, real: Tensor) -> float:
        """Return the score of features [N, D] against features [M, D]."""

    def notes(self, images: int, dimensions: int) -> list[str]:
        """Return the caveats of a score over this number of images (of the smaller set) with D features each."""
