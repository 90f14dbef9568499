"""zoo: a plugin-based model zoo and benchmark runner for visible-to-thermal image translation.

    import zoo
    zoo.list_components("generator", "resnet*")
    network = zoo.create("resnet9_cbam", width=32)
    zoo.list_weights()
    print(zoo.bench(generator=["resnet6", "resnet9"], steps=200))
    zoo.load("results/RUN").translate("street.jpg").save("thermal.png")

Importing zoo imports no torch; each name is fetched when it is first used.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

from zoo.version import __version__

if TYPE_CHECKING:
    from zoo.api.runs import bench, train
    from zoo.api.score import score
    from zoo.build import create
    from zoo.composition import compose
    from zoo.errors import ZooError
    from zoo.hub.catalog import list_weights
    from zoo.recipe import Recipe
    from zoo.registry import list_components
    from zoo.training_options import TrainingOptions
    from zoo.translation.loading import load
    from zoo.translation.translator import Translator

__all__ = [
    "Recipe",
    "TrainingOptions",
    "Translator",
    "ZooError",
    "__version__",
    "bench",
    "compose",
    "create",
    "list_components",
    "list_weights",
    "load",
    "score",
    "train",
]

_HOMES = {
    "Recipe": "zoo.recipe",
    "TrainingOptions": "zoo.training_options",
    "Translator": "zoo.translation.translator",
    "ZooError": "zoo.errors",
    "bench": "zoo.api.runs",
    "compose": "zoo.composition",
    "create": "zoo.build",
    "list_components": "zoo.registry",
    "list_weights": "zoo.hub.catalog",
    "load": "zoo.translation.loading",
    "score": "zoo.api.score",
    "train": "zoo.api.runs",
}


_COMPUTING = ("Translator", "create", "load")
"""Names whose modules import torch; `bench`, `train` and `score` prepare its environment themselves."""


def __getattr__(name: str) -> Any:
    if name in _COMPUTING:
        from zoo.settings import ENVIRONMENT

        os.environ.update(ENVIRONMENT | os.environ)  # before torch is imported, unless the caller has done so
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'zoo' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
