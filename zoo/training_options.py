"""What a user changes in how a recipe is trained: learning rate, batches in parts, validation. Imports no torch."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from zoo.choices import Choice, option_names
from zoo.compatibility import check
from zoo.errors import RefusedError, UsageError
from zoo.option_types import require_whole
from zoo.recipe import Validation, as_part
from zoo.registry import get_registry
from zoo.sizes import Size
from zoo.sources import DataSource

USUAL_VALIDATIONS = 20
"""Validations of a training that does not say how often."""


@dataclass(frozen=True, kw_only=True)
class TrainingOptions:
    """Changes to how a recipe is trained; by default it is trained as its method's source trains."""

    lr: float | None = None
    """Learning rate; a method's further rates keep their proportion to it."""
    accumulate: int = 1
    """Parts in which a batch is computed, for less memory."""
    validate: str | float = ""
    """What to validate on: a split of the dataset, or a part of the training images to hold out, such as 0.1."""
    validate_every: int | None = None
    """Steps between two validations; None: a twentieth of the training."""
    keep: str = "last"
    """Which weights remain: `last`, or `best:METRIC` for those with the best score in a validation."""
    patience: int | None = None
    """Validations without a better score after which the training ends."""
    rescues: int = 0
    """How often a training whose loss is no longer finite goes back to the last validation, at half the learning rate."""

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> TrainingOptions:
        """Return the options among these arguments of a function or options of a command, by their names."""
        return cls(**{field.name: given[field.name] for field in fields(cls) if field.name in given})

    def with_rate(self, method: Choice) -> Choice:
        """Return a method with the learning rate.

        Raises:
            UsageError: the method's options name no learning rate, or it is not above 0.
        """
        if self.lr is None:
            return method
        if not 0 < self.lr < math.inf:
            raise UsageError(f"`lr` is {self.lr}; it must be a number above 0")
        if not method.has("lr"):
            raise UsageError(f"method {method.name} has no option `lr`", f"Run: zoo info {method.name}")
        further = {name: getattr(method.config, name) for name in option_names(method.config) if name.endswith("_lr")}
        if not method.config.lr > 0:
            found = f"`lr` is {self.lr}, and method {method.name} has its own option lr={method.config.lr}"
            raise UsageError(found, "Leave one of them out")
        rates = {name: rate * self.lr / method.config.lr for name, rate in further.items() if rate is not None}
        return method.with_options({"lr": self.lr, **rates}, named=True)

    def images(self, source: DataSource) -> tuple[str, float] | None:
        """Return the split or the part of the training images to validate on; None without validation.

        Raises:
            UsageError: there are no such images, or it is not clear which weights remain.
        """
        if self.keep not in ("last", "best") and not self.keep.startswith("best:"):
            raise UsageError(f"`keep` is {self.keep!r}", "Use last, best, or best:METRIC such as best:psnr")
        plain = self.keep == "last" and self.patience is None and self.validate_every is None and not self.rescues
        return None if plain and self.validate == "" else _images(self.validate, source)

    def validation(self, source: DataSource, size: Size, steps: int) -> Validation | None:
        """Return how a training of this many steps on images of this size is validated; None where it is not.

        Raises:
            UsageError: an option is wrong, or there are no images to validate on.
            RefusedError: the metric does not suit the images.
        """
        images = self.images(source)
        if images is None:
            return None
        split, part = images
        every = max(1, steps // USUAL_VALIDATIONS) if self.validate_every is None else self.validate_every
        require_whole(1, validate_every=every, patience=self.patience)
        require_whole(0, rescues=self.rescues)
        kind, _, spec = self.keep.partition(":")
        metric = get_registry().find("metric", spec or "psnr")
        check({"metric": metric}, source, size=size, thermal_channels=1)
        return Validation(
            split=split,
            part=part,
            every=every,
            metric=as_part(metric),
            keep="best" if kind == "best" else "last",
            patience=self.patience,
            rescues=self.rescues,
        )


USUAL = TrainingOptions()


def held_out(images: int, part: float) -> list[int]:
    """Return which of a split's images are held out for a validation on this part of them: one at least, and not all.

    >>> held_out(10, 0.2)
    [6, 9]
    """
    count = min(images - 1, max(1, round(part * images)))
    return sorted(random.Random(0).sample(range(images), count)) if part else []


def _images(validate: str | float, source: DataSource) -> tuple[str, float]:
    """Return the split or the part of the training images that `validate` means; the dataset's own split by default."""
    has = [split for split in source.info.splits if split not in ("train", "test") and source.info.splits[split]]
    fix = "Use `validate`=0.1, which holds out a tenth of the training images"
    if validate == "":
        if not has:
            raise UsageError(f"dataset {source.name} has no validation split", fix)
        return has[0], 0.0
    try:
        part = float(validate)
    except ValueError:
        if validate == "test":
            raise UsageError(
                "the test split cannot validate: it would choose the weights that it scores", fix
            ) from None
        if validate not in has:
            fix = f"It has {', '.join(has)}" if has else fix
            raise UsageError(f"dataset {source.name} has no split {validate!r} to validate on", fix) from None
        return str(validate), 0.0
    if not 0 < part < 1:
        raise UsageError(f"`validate` is {validate}", "Use a part between 0 and 1, such as 0.1, or a split")
    if not source.info.pairs:
        reason = f"dataset {source.name} is unpaired, so that no part of its training images can be scored"
        raise RefusedError(reason, "Use paired data, or a dataset with a validation split")
    if source.train < 2:
        raise UsageError(f"dataset {source.name} has {source.train} training images, and none can be held out")
    return "", part
