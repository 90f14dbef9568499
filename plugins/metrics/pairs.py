"""The base of metrics that compare a translated image with its real one."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor

from zoo.contracts import Compared
from zoo.errors import UsageError


class PairMetric:
    """A metric of each pair of images; a subclass has a `name`, `settings` or a `protocol`, and computes `values`."""

    name: ClassVar[str]
    higher_is_better: ClassVar[bool] = False
    unit: ClassVar[str] = ""
    compares: Compared = "grey"
    settings: ClassVar[dict[str, Any]] = {}
    """The protocol of a metric without options."""
    min_size: int = 1
    """Smallest height and width in pixels."""

    def __init__(self, config: object) -> None:
        pass

    def protocol(self) -> dict[str, Any]:
        """Return everything that changes the value without changing the model."""
        return self.settings

    def per_image(self, translated: Tensor, real: Tensor) -> Tensor:
        """Return the value of each image, float64 [N], for images [N, C, H, W] of the kind that `compares` names.

        Raises:
            UsageError: the images differ in shape or are smaller than `min_size`.
        """
        require_comparable(self.name, translated, real, self.min_size)
        return self.values(translated.double(), real.double())

    def values(self, translated: Tensor, real: Tensor) -> Tensor:
        """Return the value of each image, float64 [N], for float64 images of one shape and of sufficient size."""
        raise NotImplementedError


def require_comparable(name: str, translated: Tensor, real: Tensor, min_size: int = 1) -> None:
    """Require images [N, C, H, W] of one shape and of at least `min_size` pixels a side; `name` is the metric's.

    Raises:
        UsageError: they are not.
    """
    if translated.ndim != 4 or translated.shape != real.shape:
        raise UsageError(
            f"{name} compares images [N, C, H, W] of one shape, and got {list(translated.shape)} against {list(real.shape)}",
            "Resize both to the test size first",
        )
    height, width = real.shape[-2:]
    if min(height, width) < min_size:
        raise UsageError(
            f"{name} requires images of at least {min_size}x{min_size} pixels, and these have {height}x{width}",
            f"Use a test size of at least {min_size}",
        )
