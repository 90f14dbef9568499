"""The folder of a converted network: a model that translates where the network can, else its tensors and their description."""

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
from zoo.choices import Choice, option_names
from zoo.data.layout import DatasetInfo
from zoo.errors import UsageError, ZooError
from zoo.hookspec import Kind
from zoo.model_folder import CONFIG_FILE, WEIGHTS_FILE, ModelConfig, NetworkConfig, SourceFile, save_model, save_network
from zoo.recipe import Budget, DataRef, Recipe, as_part
from zoo.registry import get_registry

State = Mapping[str, Tensor]


@dataclass(frozen=True, kw_only=True)
class Conversion:
    """A converted file."""

    folder: str
    source: SourceFile
    component: str
    """Kind and name of the network with its options; empty where it is not a component."""
    translates: bool
    """Whether `zoo.load` loads the folder."""
    reads_labels: bool
    """Whether it requires label images."""
    tensors: int
    """Number of the file's tensors in the network."""
    dropped: tuple[str, ...]
    """Keys of the file that the network does not use."""
    objects: tuple[str, ...] = ()
    """Classes and functions of the other objects in the file, which were not read."""
    checked: str
    """What was verified, in one line."""


def write(
    folder: Path, state: State, match: Match, source: SourceFile, settings: Mapping[str, str], classes: tuple[str, ...]
) -> Conversion:
    """Build the network, load the tensors, write the folder, and compare the folder with the network.

    Raises:
        UsageError: the file determines an option or it does not exist, or the folder holds something else.
        ZooError: the format does not fit its network, or the comparison failed; then the folder is removed again.
    """
    _require_free(folder, source)
    kind, _, spec = match.component.partition(" ")
    choice = get_registry().find(cast(Kind, kind), spec) if kind else None
    method = get_registry().find("method", match.format.method) if kind == "generator" else None
    choice, method = _with_settings(match, choice, method, settings)
    reason = _why_not_translating(choice, method)
    reads_labels = method is not None and bool({"labels", "thermal_segmentation"} & set(method.contract.reads))
    if classes and not reads_labels:
        raise UsageError(f"`classes` is given, and a {match.format.name} reads no label images", "Leave `classes` out")
    try:
        if choice and method and not reason:
            checked = _write_translator(folder, state, match, source, choice, method, classes)
        else:
            checked = _write_network(folder, state, match, source, choice, reason)
    except BaseException:  # nothing stays that was not verified
        for name in (WEIGHTS_FILE, CONFIG_FILE):
            (folder / name).unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            folder.rmdir()
        raise
    return Conversion(
        folder=str(folder),
        source=source,
        component=_spec(choice),
        translates=not reason,
        reads_labels=reads_labels,
        tensors=len(state),
        dropped=match.dropped,
        checked=checked,
    )


def _with_settings(
    match: Match, choice: Choice | None, method: Choice | None, settings: Mapping[str, str]
) -> tuple[Choice | None, Choice | None]:
    """Return network and method with the user's options, of those that the file does not determine."""
    for key, value in settings.items():
        if choice and key in match.format.undetermined:
            choice = choice.with_options({key: value}, named=True)
        elif method and method.has(key):
            method = method.with_options({key: value}, named=True)
        else:
            free = [*match.format.undetermined, *(option_names(method.config) if method else ())]
            fix = f"Those are: {', '.join(free)}" if free else "There is none"
            raise UsageError(f"{key!r} is not an option of {match.format.name} that its file leaves open", fix)
    return choice, method


def _why_not_translating(choice: Choice | None, method: Choice | None) -> str:
    """Return the reason why a network does not translate, as the end of a sentence; empty where it does."""
    if choice is None:
        return "it is used in training only and cannot translate"
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
    source: SourceFile,
    choice: Choice,
    method: Choice,
    classes: tuple[str, ...],
) -> str:
    contract, visible_only = choice.contract, method.contract.reads == ("visible",)
    size = -(-256 // contract.size_multiple) * contract.size_multiple  # 256, or the next size that the network takes
    recipe = Recipe(
        method=as_part(method),
        generator=as_part(choice),
        data=DataRef(name="unknown", fingerprint=""),
        size=size,
        load_size=size,
        budget=Budget(steps=0, constant=0),
        visible_channels=1 if visible_only and choice.config.in_channels == 1 else 3,
        thermal_channels=choice.config.out_channels,
    )
    dataset = msgspec.convert({"name": "unknown", "splits": {}} | dict(match.format.dataset), type=DatasetInfo)
    if classes:
        dataset = replace(dataset, classes=classes)
    with torch.random.fork_rng():
        built = build_method(recipe, dataset, torch.Generator(), training=False)
    _fill(getattr(built, built.inference[0]), state, match)
    plugins = _plugins(method=method, generator=choice)
    config = ModelConfig(recipe=recipe, dataset=dataset, plugins=plugins, converted=source)
    save_model(folder, built, config)
    return verify.check_translation(folder, built, config)


def _write_network(
    folder: Path, state: State, match: Match, source: SourceFile, choice: Choice | None, reason: str
) -> str:
    plugins = _plugins(**{choice.kind: choice}) if choice else {}
    config = NetworkConfig(network=_spec(choice), purpose=reason, converted=source, plugins=plugins)
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
    """Load the tensors; the network keeps its own where a file may lack them."""
    own = network.state_dict()
    odd = [key for key in own if key not in state and not matches_any(key, match.format.optional)]
    odd += [key for key in state if key not in own or own[key].shape != state[key].shape]
    if odd:
        raise ZooError(
            f"checkpoint format {match.format.name} does not fit {match.component}: {odd[0]} ({len(odd)} tensors in all)",
            "Report it to the authors of the plugin",
        )
    network.load_state_dict(state, strict=False)


def _spec(choice: Choice | None) -> str:
    """Return kind and name of a component with its explicit options; empty for none."""
    if choice is None:
        return ""
    named = {name: getattr(choice.config, name) for name in option_names(choice.config) if name in choice.named}
    values = [f"{name}={str(value).lower() if isinstance(value, bool) else value}" for name, value in named.items()]
    return f"{choice.kind} {choice.full_name}:{','.join(values)}"


def _plugins(**choices: Choice) -> dict[str, dict[str, str]]:
    plugins = {kind: choice.plugin for kind, choice in choices.items()}
    return {
        kind: {"plugin": plugin.name, "distribution": plugin.distribution, "version": plugin.version}
        for kind, plugin in plugins.items()
    }


def _require_free(folder: Path, source: SourceFile) -> None:
    """Refuse a folder that holds anything except an earlier conversion of the same file."""
    inside = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    config = folder / CONFIG_FILE
    same = config.is_file() and source.sha256.encode() in config.read_bytes()
    if (folder.is_dir() and inside and not (same and inside <= {WEIGHTS_FILE, CONFIG_FILE})) or folder.is_file():
        raise UsageError(f"`{folder}` exists and holds something else", "Use another `folder`")
