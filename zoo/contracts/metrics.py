"""The interfaces of metrics: of single images, of classes, of a whole split, and of two sets of images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Literal, Protocol, runtime_checkable

from torch import Tensor

from zoo.contracts.training import Batch

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
