"""What third parties build on, as text: `python tests/contracts/api.py` writes it to `api.json` after a change that was meant."""

from __future__ import annotations

import importlib
import inspect
import json
import sys
from pathlib import Path
from typing import Any

SNAPSHOT = Path(__file__).with_name("api.json")
PUBLIC = (
    "zoo",
    "zoo.checkpoints.hub_file",
    "zoo.checkpoints.packaged",
    "zoo.checkpoints.published",
    "zoo.checkpoints.templates",
    "zoo.contracts",
    "zoo.data.drawing",
    "zoo.data.entries",
    "zoo.data.images",
    "zoo.data.importing",
    "zoo.data.layout",
    "zoo.data.writer",
    "zoo.errors",
    "zoo.hookspec",
    "zoo.layers.blur",
    "zoo.layers.conditions",
    "zoo.layers.gan",
    "zoo.layers.init",
    "zoo.layers.kinds",
    "zoo.layers.noise",
    "zoo.layers.norm",
    "zoo.layers.pad",
    "zoo.layers.parallel",
    "zoo.layers.pixels",
    "zoo.layers.pool",
    "zoo.layers.residual",
    "zoo.layers.spectral",
    "zoo.layers.stylegan2",
    "zoo.limits",
    "zoo.sizes",
    "zoo.testing",
)
"""The modules whose names and signatures change only with a word in the CHANGELOG and a new version."""


def describe() -> dict[str, Any]:
    """Return names and signatures of the public modules, and verbs and flags of the command line."""
    return {"modules": {name: _module(name) for name in PUBLIC}, "commands": dict(_verbs())}


def _module(name: str) -> dict[str, Any]:
    module = importlib.import_module(name)
    listed = getattr(module, "__all__", None)
    names = listed or [
        key
        for key, value in vars(module).items()
        if not key.startswith("_") and getattr(value, "__module__", None) == name
    ]
    return {key: _shape(getattr(module, key)) for key in sorted(names)}


def _shape(value: Any) -> Any:
    if inspect.isclass(value):
        own = {
            key: _shape(member)
            for key, member in sorted(vars(value).items())
            if not key.startswith("_") and (inspect.isfunction(member) or isinstance(member, property))
        }
        return {"class": _signature(value), **own}
    return _signature(value) if callable(value) else type(value).__name__


def _signature(value: Any) -> str:
    try:
        parameters = inspect.signature(value).parameters.values()
    except (TypeError, ValueError):
        return type(value).__name__
    # Without annotations and default objects, whose text differs between versions of Python.
    return ", ".join(
        "*" * (one.kind is one.KEYWORD_ONLY) + one.name + "=" * (one.default is not one.empty) for one in parameters
    )


def _verbs() -> Any:
    import typer.main

    from zoo.cli.main import app

    def walk(command: Any, path: str) -> Any:
        for name, verb in sorted(getattr(command, "commands", {}).items()):
            yield from walk(verb, f"{path} {name}")
        if not hasattr(command, "commands"):
            words = [*(word for one in command.params for word in (*one.opts, *one.secondary_opts))]
            yield path, sorted(words)

    yield from walk(typer.main.get_command(app), "zoo")


if __name__ == "__main__":
    SNAPSHOT.write_text(json.dumps(describe(), indent=1, sort_keys=True) + "\n", encoding="utf-8")
    sys.stdout.write(f"{SNAPSHOT}\n")
