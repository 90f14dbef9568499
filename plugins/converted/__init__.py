"""The method of generators that `zoo convert` brings from other programs: it translates and cannot be trained."""

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
            summary="a generator from another program's file, which zoo convert brings; it only translates",
            contract=Contract(uses=("generator",), needs=frozenset({"converted_weights"})),
        )
    ]
