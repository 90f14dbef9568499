"""The score of a method on validation images, while it is trained."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import cast

import torch

from zoo.contracts import Batch, Method, SetMetric
from zoo.data.layout import DatasetInfo
from zoo.data.store import PairStore
from zoo.data.streaming import StreamedStore, open_split
from zoo.errors import UsageError
from zoo.evaluate.reading import reads_of
from zoo.evaluate.score import AnyMetric
from zoo.evaluate.trained import evaluate_method
from zoo.recipe import Recipe
from zoo.training_options import held_out


class HeldOut:
    """Some images of a split, as a split.

    Args:
        store: the whole split.
        images: indices into it.
    """

    def __init__(self, store: PairStore | StreamedStore, images: list[int]) -> None:
        self.store, self.images = store, images
        self.stems = [store.stems[image] for image in images]

    def __len__(self) -> int:
        return len(self.images)

    def whole(self, index: torch.Tensor) -> Batch:
        """Return images at these places, uncropped."""
        return self.store.whole(torch.tensor(self.images)[index])


def validation_score(
    recipe: Recipe, info: DatasetInfo, root: Path, metric: AnyMetric, device: torch.device
) -> Callable[[Method], float]:
    """Return the function that scores a method on the recipe's validation images, in the mode in which it translates.

    Raises:
        UsageError: the metric compares single images, and the validation images are unpaired.
        DataError: the split cannot be read.
    """
    plan = recipe.validation
    assert plan is not None
    if not info.pairs and not isinstance(metric, SetMetric):
        reason = f"metric {plan.metric.name} compares pairs, and dataset {info.name} is unpaired"
        raise UsageError(reason, "Validate with a metric of sets, such as `keep`=best:fid")
    store = open_split(
        root,
        plan.split or "train",
        size=recipe.size,
        device=device,
        thermal_channels=recipe.thermal_channels,
        reads=recipe.entries().union(reads_of(metric)),
    )
    # A view has all that scoring reads of a split.
    images = store if plan.split else cast(PairStore, HeldOut(store, held_out(len(store), plan.part)))

    def score(method: Method) -> float:
        method.train(method.test_mode == "train")
        torch.manual_seed(recipe.seed)
        scores, _ = evaluate_method(method, recipe, info, images, {"score": metric}, device)
        return scores[0].value

    return score
