"""Synthetic road scenes, seen once in visible light and once in thermal infrared."""

from __future__ import annotations

from collections.abc import Iterable

from zoo.hookspec import Component, Contract, hookimpl

from .config import ScenesConfig


@hookimpl
def zoo_components() -> Iterable[Component]:
    """Return the dataset's row."""
    return [
        Component(
            kind="dataset",
            name="scenes",
            target="zoo_plugins.scenes.dataset:Scenes",
            config=ScenesConfig(),
            summary="synthetic road scenes by day and night, with classes and degrees Celsius; no download",
            contract=Contract(offers=frozenset({"pairs", "labels", "celsius", "temperatures", "thermal_segmentation"})),
        )
    ]
