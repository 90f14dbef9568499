"""A converted network's folder: one that translates where the network can, else its tensors and what they are."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import msgspec
import torch
from torch import Tensor, nn

from zoo.build import build, build_method
from zoo.checkpoints import verify
from zoo.checkpoints.formats import Match, matches_any
from zoo.converted_config import Converted, NetworkConfig
from zoo.data.layout import DatasetInfo
from zoo.errors import UsageError, ZooError
from zoo.hookspec import Kind
from zoo.model_folder import CONFIG_FILE, WEIGHTS_FILE, ModelConfig, save_model, save_network
from zoo.recipe import Budget, DataRef, Part, Recipe
from zoo.registry import Choice, get_registry, option_names

State = Mapping[str, Tensor]


@dataclass(frozen=True, kw_only=True)
class Written:
    """What is in a folder, and what was compared, in one line."""

    component: str
    """Kind and name of the network with its options; empty where it is no component."""
    translates: bool
    reads_labels: bool
    checked: str


def write(
    folder: Path, state: State, match: Match, source: Converted, *, settings: dict[str, str], classes: tuple[str, ...]
) -> Written:
    """Build the network, give it the tensors, write it, and compare what is in the folder with it.

    Raises:
        UsageError: an option that the file tells or that does not exist, or the folder holds something else.
        ZooError: the format's row and its network do not fit, or the comparison failed; then the folder is gone again.
    """
    _require_free(folder, source)
    kind, _, spec = match.component.partition(" ")
    choice = get_registry().find(cast(Kind, kind), spec) if kind else None
    method = get_registry().find("method", match.format.method) if kind == "generator" else None
    choice, method = _with_settings(match, choice, method, settings)
    purpose = _purpose(choice, method)
    reads_labels = method is not None and bool({"labels", "thermal_segmentation"} & set(method.contract.reads))
    if classes and not reads_labels:
        raise UsageError(f"classes were given, and a {match.format.name} reads no label images", "Leave --classes out")
    try:
        if choice and method and not purpose:
            checked = _write_translator(folder, state, match, source, choice, method, classes)
        else:
            checked = _write_network(folder, state, match, source, choice, purpose)
    except BaseException:  # whatever happened, nothing that was not checked stays
        for name in (WEIGHTS_FILE, CONFIG_FILE):
            (folder / name).unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            folder.rmdir()
        raise
    return Written(component=_spec(choice), translates=not purpose, reads_labels=reads_labels, checked=checked)


def _with_settings(
    match: Match, choice: Choice | None, method: Choice | None, settings: dict[str, str]
) -> tuple[Choice | None, Choice | None]:
    """Return network and method with the options that a user gave, of those that are the user's to give."""
    for key, value in settings.items():
        if choice and key in match.format.undetermined:
            choice = choice.with_options({key: value}, named=True)
        elif method and method.has(key):
            method = method.with_options({key: value}, named=True)
        else:
            free = [*match.format.undetermined, *(option_names(method.config) if method else ())]
            raise UsageError(
                f"{key!r} is no option of {match.format.name} that its file leaves open",
                f"Those are: {', '.join(free)}" if free else "There is none",
            )
    return choice, method


def _purpose(choice: Choice | None, method: Choice | None) -> str:
    """Return why a network does not translate, as the end of a sentence; empty where it does."""
    if choice is None:
        return "it is a part of a training and cannot translate"
    if method is None:
        return "a discriminator cannot translate"
    reads, makes = choice.config.in_channels, choice.config.out_channels
    if method.contract.reads == ("visible",) and reads not in (1, 3):
        return f"it reads {reads} channels, and visible images have 3 or, in grey, 1"
    return "" if makes in (1, 3) else f"it makes {makes} channels, and thermal images have 1 or 3"


def _write_translator(
    folder: Path,
    state: State,
    match: Match,
    source: Converted,
    choice: Choice,
    method: Choice,
    classes: tuple[str, ...],
) -> str:
    row = match.format
    contract = choice.contract
    size = -(-256 // contract.size_multiple) * contract.size_multiple  # 256 unless the network takes only larger ones
    grey = method.contract.reads == ("visible",) and choice.config.in_channels == 1
    recipe = Recipe(
        method=_part(method),
        generator=_part(choice),
        data=DataRef(name="unknown", fingerprint=""),
        size=size,
        load_size=size,
        budget=Budget(steps=0, constant=0),
        visible_channels=1 if grey else 3,
        thermal_channels=choice.config.out_channels,
    )
    facts = {"name": "unknown", "splits": {}} | dict(row.dataset)
    dataset = msgspec.convert(facts, type=DatasetInfo)
    if classes:
        dataset = replace(dataset, classes=classes)
    with torch.random.fork_rng():
        built = build_method(recipe, dataset, torch.Generator(), training=False)
    _fill(getattr(built, built.inference[0]), state, match)
    config = ModelConfig(
        recipe=recipe, dataset=dataset, plugins=_plugins(method=method, generator=choice), converted=source
    )
    save_model(folder, built, config)
    return verify.check_translation(folder, built, config)


def _write_network(
    folder: Path, state: State, match: Match, source: Converted, choice: Choice | None, purpose: str
) -> str:
    config = NetworkConfig(
        network=_spec(choice),
        purpose=purpose,
        converted=source,
        plugins=_plugins(**{choice.kind: choice}) if choice else {},
    )
    if choice is None:
        save_network(folder, state, config)
        return "every tensor is finite"
    with torch.random.fork_rng():
        network: nn.Module = build(choice)
    _fill(network, state, match)
    save_network(folder, network.state_dict(), config)
    contract = choice.contract
    side = -(-max(verify.SIDE, contract.min_size) // contract.size_multiple) * contract.size_multiple
    return verify.check_network(folder, network, choice.config.in_channels, side)


def _fill(network: nn.Module, state: State, match: Match) -> None:
    """Load the tensors; the network keeps its own for those that a file may lack."""
    own = network.state_dict()
    odd = [key for key in own if key not in state and not matches_any(key, match.format.optional)]
    odd += [key for key in state if key not in own or own[key].shape != state[key].shape]
    if odd:
        raise ZooError(
            f"checkpoint format {match.format.name} does not fit {match.component}: {odd[0]} ({len(odd)} tensors in all)",
            "Its plugin is at fault",
        )
    network.load_state_dict(state, strict=False)


def _spec(choice: Choice | None) -> str:
    """Return kind and name of a component with the options that were named; empty for none."""
    if choice is None:
        return ""
    named = {name: getattr(choice.config, name) for name in option_names(choice.config) if name in choice.named}
    values = [f"{name}={str(value).lower() if isinstance(value, bool) else value}" for name, value in named.items()]
    return f"{choice.kind} {choice.full_name}:{','.join(values)}"


def _part(choice: Choice) -> Part:
    return Part(name=choice.full_name, config=msgspec.to_builtins(choice.config))


def _plugins(**choices: Choice) -> dict[str, dict[str, str]]:
    return {
        kind: {
            "plugin": choice.plugin.name,
            "distribution": choice.plugin.distribution,
            "version": choice.plugin.version,
        }
        for kind, choice in choices.items()
    }


def _require_free(folder: Path, source: Converted) -> None:
    """Refuse a folder that holds anything but an earlier conversion of the same file."""
    inside = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    if not inside and not folder.exists():
        return
    config = folder / CONFIG_FILE
    same = config.is_file() and source.sha256.encode() in config.read_bytes()
    if folder.is_dir() and (not inside or (same and inside <= {WEIGHTS_FILE, CONFIG_FILE})):
        return
    raise UsageError(f"`{folder}` is there already and holds something else", "Type another -o FOLDER")
