"""The method of runs whose images another program translated: `zoo score` measures them, and nothing is trained."""

from __future__ import annotations

from zoo.hookspec import Component, Contract, hookimpl

from .config import PredictionsConfig


@hookimpl
def zoo_components() -> list[Component]:
    """Return the method."""
    return [
        Component(
            kind="method",
            name="predictions",
            target="zoo_plugins.predictions.method:Predictions",
            config=PredictionsConfig(),
            summary="images that another program translated, scored by zoo score; nothing is trained",
            contract=Contract(reads=("prediction",), needs=frozenset({"predictions"})),
        )
    ]
