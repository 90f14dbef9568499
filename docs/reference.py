"""The generated pages of the reference, made while the site is built: components, commands, hooks. None of them can rot.

`mkdocs.yml` names this file as a hook. Everything on these pages comes from the rows, dataclasses and verbs themselves.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from zoo.build import build
from zoo.cli.verbs import split_examples
from zoo.hookspec import KINDS, Component, Contract, Hooks, Kind
from zoo.registry import Registry, get_registry
from zoo.report.records_schema import fields_of

SIZE = 256
"""Image size of the costs in pixels, or the nearest that the network takes."""
HEADINGS: dict[Kind, str] = {
    "generator": "Networks that map visible images [N, 3, H, W] to thermal ones, in [-1, 1].",
    "discriminator": "Networks that distinguish real thermal images from translated ones.",
    "normalizer": "Ways to keep a discriminator Lipschitz; a suffix of the discriminator: `patchgan_gn`.",
    "method": "Networks, losses and the order of their updates.",
    "recipe": "Complete systems of the papers: `zoo bench --recipe NAME`.",
    "dataset": "Layouts that `zoo data import` reads, and the synthetic set.",
    "metric": "What `--metrics` takes; each score names its protocol.",
}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages (an event of mkdocs)."""
    logging.getLogger("torch").setLevel(logging.ERROR)
    for name, text in pages().items():
        files.append(File.generated(config, f"reference/{name}.md", content=text))
    return files


def pages() -> dict[str, str]:
    """Return every generated page by name."""
    registry = get_registry()
    texts = {kind: "\n\n".join(_kind(registry, kind)) for kind in KINDS}
    return texts | {"commands": "\n\n".join(_commands()), "hooks": "\n\n".join(_hooks())}


def field_rows(form: type) -> list[tuple[str, str, str, str]]:
    """Return name, type, default and meaning of a dataclass's fields, inherited ones too."""
    found: dict[str, tuple[str, str, str, str]] = {}
    for base in reversed(form.__mro__):
        if is_dataclass(base):
            found |= {one.name: (one.name, one.type, one.default, one.meaning) for one in fields_of(base)}
    return [found[field.name] for field in fields(form)]


def _kind(registry: Registry, kind: Kind) -> Iterator[str]:
    yield f"# {kind.capitalize()}s"
    yield HEADINGS[kind]
    for entry in registry.list(kind):
        if entry.plugin.builtin:
            yield from _component(entry.component, entry.plugin.name)


def _component(row: Component, plugin: str) -> Iterator[str]:
    contract = row.config.contract() if callable(getattr(row.config, "contract", None)) else row.contract
    yield f"## {row.name}"
    yield f"{row.summary[0].upper()}{row.summary[1:]}."
    facts = [f"`{plugin}/{row.name}`, license {row.license}", *_contract(contract), *_cost(row, plugin)]
    yield "\n".join(f"- {fact}" for fact in [*facts, *([f"source: {row.paper}"] if row.paper else [])])
    options = field_rows(type(row.config))
    if options:
        values = {name: repr(getattr(row.config, name)) for name, *_ in options}
        yield _table(
            ("option", "type", "value", "meaning"),
            [(f"`{name}`", f"`{form}`", f"`{values[name]}`", meaning) for name, form, _, meaning in options],
        )


def _contract(contract: Contract) -> Iterator[str]:
    if contract.size_multiple > 1 or contract.min_size > 1:
        yield f"sizes: multiples of {contract.size_multiple} px, at least {max(contract.min_size, contract.size_multiple)}"
    if contract.reads != ("visible",):
        yield f"reads {', '.join(contract.reads)}"
    for word, names in (("offers", contract.offers), ("needs", contract.needs)):
        if names:
            yield f"{word} {', '.join(sorted(names))}"


def _cost(row: Component, plugin: str) -> Iterator[str]:
    """Yield parameters, multiply-adds and memory of a network, counted on shapes alone."""
    if row.kind not in ("generator", "discriminator"):
        return
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    spec = f"{plugin}/{row.name}" + ":pretrained=false" * hasattr(row.config, "pretrained")
    with torch.device("meta"):
        network = build(get_registry().find(row.kind, spec).for_size(SIZE))
    parameters = sum(parameter.numel() for parameter in network.parameters())
    contract = row.config.contract() if callable(getattr(row.config, "contract", None)) else row.contract
    smallest = max(getattr(row.config, "size", None) or SIZE, contract.min_size)
    size = -(-smallest // contract.size_multiple) * contract.size_multiple
    kept: list[int] = []
    leaves = [module for module in network.modules() if not list(module.children())]
    handles = [leaf.register_forward_hook(lambda _, __, out: kept.append(out.numel())) for leaf in leaves]
    image = torch.empty(1, row.config.in_channels, size, size, device="meta")
    try:
        with FlopCounterMode(display=False) as flops:
            network(image, **{name: torch.empty(1, device="meta") for name in contract.inputs})
    finally:
        for handle in handles:
            handle.remove()
    yield (
        f"{parameters:,} parameters ({parameters * 4 / 1e6:.1f} MB in fp32); at {size} px {flops.get_total_flops() / 2e9:.2f} "
        f"billion multiply-adds, and {sum(kept) * 4 / 1e6:.0f} MB of layer outputs an image in fp32"
    )


def _commands() -> Iterator[str]:
    import typer.main

    from zoo.cli.main import app

    yield "# Commands"
    yield (
        "stdout is the answer, stderr is progress and warnings; exit 0: done, 1: the work failed, 2: the request was wrong. "
        "The default of an option can be set in the environment (`ZOO_BENCH_DATA=rs` for `zoo bench --data rs`) or in `zoo.toml` "
        '(`[bench]`, then `data = "rs"`): in the working folder or the nearest one above it that has the file, and in '
        "`~/.config/thermal-zoo`. `zoo config` shows all."
    )
    yield from _verbs(typer.main.get_command(app), "zoo")


def _verbs(command: Any, path: str) -> Iterator[str]:
    for name, verb in sorted(getattr(command, "commands", {}).items()):
        if hasattr(verb, "commands"):
            yield from _verbs(verb, f"{path} {name}")
            continue
        yield f"## {path} {name}"
        yield from _help(inspect.cleandoc(verb.help or ""))
        rows = [_parameter(one) for one in verb.params if one.name != "help"]
        if rows:
            yield _table(("", "default", "meaning"), rows)


def _help(text: str) -> Iterator[str]:
    """Yield a verb's text and its examples."""
    words, commands = split_examples(text)
    yield words
    if commands:
        yield "\n".join(["```sh", *commands, "```"])


def _parameter(one: Any) -> tuple[str, str, str]:
    argument = one.param_type_name == "argument"
    flags = one.human_readable_name if argument else ", ".join([*one.opts, *one.secondary_opts])
    default = (
        "" if one.required or one.default in (None, "", (), [], False) or callable(one.default) else f"`{one.default}`"
    )
    return f"`{flags}`", default, getattr(one, "help", "") or ""


def _hooks() -> Iterator[str]:
    yield "# Hooks and rows"
    yield "What a plugin may say to zoo: functions of its module, marked with `zoo.hookspec.hookimpl`, all optional."
    for name, hook in inspect.getmembers(Hooks, inspect.isfunction):
        yield f"## {name}"
        yield inspect.getdoc(hook) or ""
    import zoo.hookspec as spec

    yield "# Rows"
    for name, form in inspect.getmembers(spec, inspect.isclass):
        if is_dataclass(form) and form.__module__ == spec.__name__:
            yield f"## {name}"
            yield inspect.getdoc(form) or ""
            rows = [
                (f"`{field}`", f"`{kind}`", f"`{default}`" if default else "", meaning)
                for field, kind, default, meaning in field_rows(form)
            ]
            yield _table(("field", "type", "default", "meaning"), rows)


def _table(columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [columns, ("---",) * len(columns), *rows]
    return "\n".join(
        "| " + " | ".join(" ".join(text.split()).replace("|", r"\|") for text in line) + " |" for line in lines
    )
