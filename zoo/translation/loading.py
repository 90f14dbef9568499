"""zoo.load: from a name, a folder or a repository to a translator."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from zoo.build import build_method
from zoo.checkpoints.entries import shown
from zoo.compute.options import pick_device
from zoo.contracts import Method
from zoo.environment import inference_options
from zoo.errors import UsageError, ZooError
from zoo.files import expand
from zoo.hookspec import Kind
from zoo.hub.access import Access
from zoo.hub.download import Located, locate
from zoo.model_folder import CONFIG_FILE, LAST_FILE, ModelConfig, count_tensors, load_weights, read_card, read_config
from zoo.recipe import Recipe, as_part, choice_of
from zoo.registry import get_registry
from zoo.translation.bounds import Bounded, check_numbers
from zoo.translation.translator import Translator
from zoo.version import DISTRIBUTION

DTYPES = {name: getattr(torch, name) for name in ("float32", "float16", "bfloat16", "float64")}


def load(
    source: str | Path,
    *,
    device: str = "auto",
    dtype: str | torch.dtype | None = None,
    offline: bool | None = None,
    cache_dir: str | Path | None = None,
    token: str | bool | None = None,
    options: Mapping[str, Any] | None = None,
    ema: bool = True,
) -> Translator:
    """Return the translator of trained weights, ready to translate.

    Args:
        source: a name of the catalogue (`zoo list weights`), a folder that `zoo bench` or `zoo convert` wrote, or
            `org/repo[@revision]` on the Hugging Face Hub, also as `hf://org/repo` or as the address of its page. Weights of the
            catalogue and full commits are pinned: cached ones load without a request. A branch is looked up each time.
        device: `auto` (CUDA if available), `cpu`, `cuda`, `cuda:1`, ...
        dtype: of the networks, e.g. `bfloat16`; None: that of the file.
        offline: True uses only the cache; None: as `$HF_HUB_OFFLINE`.
        cache_dir: folder for files from the Hub; by default the cache of huggingface_hub.
        token: for private and gated repositories; None is that of your login, False none.
        ema: where the weights were averaged during training, use the average; False uses the last ones, which a run keeps.
        options: values of options that only translation reads, e.g. `{"steps": 10}` of a sampler; by default those of the run.

    Raises:
        UsageError: there is no such model, it is not published, not accessible or not cached while offline, or a plugin that it
            needs is not installed; or the model has no such option, or its value is wrong.
        ZooError: the download failed, or its files are damaged or do not match.
    """
    if not isinstance(source, str | Path):
        found = f"weights are loaded by a name or a folder; this is {type(source).__name__}"
        raise UsageError(found, "Use e.g. `zoo.load('pix2pix-scenes')`; `zoo.list_weights()` lists the names")
    target, floats = pick_device(device), pick_dtype(dtype)
    located = locate(source, Access(offline=offline, cache_dir=cache_dir, token=token))
    config = read_config(located.folder, located.file)
    require_parts(config, located)
    config = replace(config, recipe=with_inference_options(config.recipe, options or {}))
    method = _built(config, located)
    load_weights(located.folder, method, located.file if ema else _last_weights(located))
    name = located.folder.resolve().name if located.folder == expand(source) else str(source)
    translator = Translator(method, config, card=read_card(located.folder), name=name, folder=located.folder)
    translator = translator.to(target, floats).requires_grad_(False)
    method.train(method.test_mode == "train")
    return translator


def _last_weights(located: Located) -> str:
    """Return the name of the file of last weights."""
    if not (located.folder / LAST_FILE).is_file():
        found = f"`{located.folder}` has no {LAST_FILE}: its weights are not averaged, or the last ones were not kept"
        raise UsageError(found, "Leave out `ema`=False")
    return LAST_FILE


def with_inference_options(recipe: Recipe, options: Mapping[str, Any]) -> Recipe:
    """Return a recipe with these values of options that only translation reads, of its method or else of its generator.

    Raises:
        UsageError: neither has such an option, or a value is wrong.
    """
    kinds: tuple[Kind, ...] = ("method", "generator")
    places = [place for place in inference_options(recipe) if place.partition(".")[0] in kinds]
    for name, value in options.items():
        kind = next((kind for kind in kinds if f"{kind}.{name}" in places), None)
        if kind is None:
            has = ", ".join(dict.fromkeys(place.partition(".")[2] for place in places)) or "none"
            reason = (
                f"this model ({recipe.method.name}) has no option {name!r} that only translation reads; it has {has}"
            )
            raise UsageError(reason, "Other options decide the weights: train another run with `zoo.train(...)`")
        choice = choice_of(kind, recipe.parts[kind]).with_options({name: value}, named=True)
        part = as_part(choice)
        recipe = replace(recipe, method=part) if kind == "method" else replace(recipe, generator=part)
    return recipe


def pick_dtype(name: str | torch.dtype | None) -> torch.dtype | None:
    """Return a floating-point type by its name; None for None.

    Raises:
        UsageError: networks do not compute in it.
    """
    dtype = DTYPES.get(name) if isinstance(name, str) else name
    if name is not None and dtype not in DTYPES.values():
        raise UsageError(f"networks do not compute in {name}", f"Use one of {', '.join(DTYPES)}")
    return dtype


def require_parts(config: ModelConfig, located: Located) -> None:
    """Refuse a model with parts that no installed plugin has.

    Raises:
        UsageError: the message names the part, its distribution and the version that the weights were made with.
    """
    plugins = {plugin.name: plugin for plugin in get_registry().plugins}
    parts = {"method": config.recipe.method, "generator": config.recipe.generator}
    for kind, part in parts.items():
        if part is None:
            continue
        name, _, component = part.name.partition("/")
        package = _requirement(config.plugins.get(kind, {}))
        needs = f"the model in `{located.folder}` needs {kind} {shown(part.name)}{f' of {package}' if package else ''}"
        plugin = plugins.get(name)
        if plugin is None:
            fix = f"If you trust it, run: pip install {package}" if package else "Ask the publisher for its plugin"
            raise UsageError(f"{needs}, and no plugin {shown(name)!r} is installed", fix)
        if plugin.status != "ok":
            reason = f"{needs}, and plugin {plugin.name} is left out: {plugin.why}"
            raise UsageError(reason, f"Run: zoo plugins --why {plugin.name}")
        if not any((row.kind, row.name) == (kind, component) for row in plugin.components):
            fix = f"Run: pip install {package or f'-U {plugin.distribution}'}"
            raise UsageError(f"{needs}, and {plugin.distribution} {plugin.version} has none of that name", fix)


def _requirement(made_by: dict[str, str]) -> str:
    """Return `distribution==version`, without what is malformed: the text may come from a downloaded file."""
    distribution, version = made_by.get("distribution", ""), made_by.get("version", "")
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", distribution):
        return ""
    return f"{distribution}=={version}" if re.fullmatch(r"[0-9][0-9A-Za-z.+!-]*", version) else distribution


def _built(config: ModelConfig, located: Located) -> Method:
    """Build the networks; a config for networks much larger than the weights is refused before memory is filled."""
    weights = located.folder / located.file
    bounds = Bounded(size=weights.stat().st_size, tensors=count_tensors(weights))
    try:
        check_numbers(config.recipe)
        with torch.random.fork_rng(), bounds:  # initial weights are random
            return build_method(config.recipe, config.dataset, torch.Generator(), training=False)
    except ZooError as error:
        raise type(error)(f"`{located.folder}` cannot be loaded: {shown(error.message)}", error.fix) from error
    except Exception as error:  # a plugin's constructor may raise anything for a config that was changed
        reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
        raise ZooError(
            f"`{located.folder / CONFIG_FILE}` describes a network that cannot be built: {shown(reason)}",
            f"It was changed or written by another version of {DISTRIBUTION}",
        ) from error
