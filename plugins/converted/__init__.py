"""The method of generators that `zoo convert` wrote: it translates and cannot be trained."""

from __future__ import annotations

from zoo.hookspec import Component, Contract, hookimpl

from .config import ConvertedConfig


@hookimpl
def zoo_components() -> list[Component]:
    """Return the method."""
    return [
        Component(
            kind="method",
            name="converted",
            target="zoo_plugins.converted.method:Converted",
            config=ConvertedConfig(),
            summary="a generator from another program's file, converted by zoo convert; inference only",
            contract=Contract(uses=("generator",), needs=frozenset({"converted_weights"})),
        )
    ]
