"""From components to objects: import a target, build it with its config, and assemble the parts of a recipe."""

from __future__ import annotations

from dataclasses import dataclass, replace
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar

from zoo.choices import Choice
from zoo.errors import UsageError, ZooError
from zoo.hookspec import Kind
from zoo.option_types import require_whole
from zoo.plugin_faults import place_of, plugin_error
from zoo.recipe import Recipe, choice_of
from zoo.registry import get_registry, parse
from zoo.sizes import Size

if TYPE_CHECKING:
    import torch
    from torch import nn

    from zoo.contracts import Generator, Method, Normalizer
    from zoo.data.layout import DatasetInfo


def create(
    name: str,
    *,
    kind: Kind | None = None,
    in_channels: int | None = None,
    out_channels: int | None = None,
    **options: object,
) -> nn.Module:
    """Return a freshly initialised generator or discriminator as a `torch.nn.Module`.

    >>> sum(parameter.numel() for parameter in create("resnet6", width=8, norm="batch").parameters())
    124609

    Args:
        name: a component name, also with options in the text, e.g. `resnet9_cbam`, `unet_256:norm=batch`, `patchgan_gn`.
        kind: `generator` or `discriminator` where both kinds have a component of that name; by default a generator.
        in_channels, out_channels: image channels; by default 3 to 1 for a generator and 1 for a discriminator.
        options: of the component, e.g. `width=32`; `zoo info NAME` lists them. Those of a normalizer's suffix are included.

    Raises:
        UsageError: the name or an option is wrong or given twice, or the kind is not one of networks.
    """
    require_whole(1, in_channels=in_channels, out_channels=out_channels)
    registry = get_registry()
    if twice := sorted(options.keys() & parse(name)[2]):
        raise UsageError(f"option `{twice[0]}` was given twice, in {name!r} and as an argument", "Give it once")
    if kind not in (None, "generator", "discriminator"):
        raise UsageError(f"zoo.create builds generators and discriminators, not a {kind}")
    if kind is None and parse(name)[1] not in {choice.name for choice in registry.list("generator")}:
        kind = "discriminator" if registry.is_discriminator(name) else "generator"
    if kind != "discriminator":
        choice = registry.find("generator", name).with_options(options, named=True)
        generator: nn.Module = build(_sized(choice, in_channels, out_channels))
        return generator
    found, normalizer = registry.find_discriminator(name, options=options)
    discriminator = found.with_defaults(normalizer.contract.defaults.get("discriminator", {}))
    if not normalizer.contract.needs <= discriminator.contract.offers:
        raise UsageError(f"normalizer {normalizer.name} does not fit {discriminator.name} with these options")
    network: nn.Module = build(normalizer).wrap(build(_sized(discriminator, in_channels, out_channels)))
    return network


def build(choice: Choice, *arguments: object) -> Any:
    """Import a component's target and return `Class(config, *arguments)`; the instance norms of networks are guarded.

    Raises:
        ZooError: the target cannot be imported, or its constructor fails; the message names the plugin and the place in its code.
    """
    make = import_target(choice)
    try:
        made = make(choice.config, *arguments)
    except (ZooError, MemoryError):
        raise
    except Exception as error:
        if choice.plugin.builtin or place_of(error) is None or type(error).__name__ == "OutOfMemoryError":  # torch's
            raise
        where = f"{choice.kind} {choice.full_name} of {choice.plugin.distribution} {choice.plugin.version}"
        raise plugin_error(f"{where} cannot be built", error, choice.plugin) from error
    return _guarded(made, choice.kind)


def import_target(choice: Choice) -> Any:
    """Return the class or function that a component is built from.

    Raises:
        ZooError: it cannot be imported; the message names the plugin and the place in its code.
    """
    target = choice.component.target
    module, _, name = target.partition(":")
    try:
        return getattr(import_module(module), name)
    except Exception as error:  # whatever a plugin's module raises
        where = f"{choice.kind} {choice.full_name} of {choice.plugin.distribution} {choice.plugin.version}"
        raise plugin_error(f"{where} cannot be loaded from {target}", error, choice.plugin) from error


def build_method(recipe: Recipe, info: DatasetInfo, rng: torch.Generator, *, training: bool) -> Method:
    """Return the recipe's method with its networks on the CPU, initialised from torch's global random stream.

    Args:
        recipe: a composed recipe.
        info: facts of the dataset: classes, temperatures, thermal range.
        rng: the run's random stream on the training device.
        training: also build what only training needs.
    """
    parts = RecipeParts.of(recipe, info, rng)
    if not training and parts.generator_choice and parts.generator_choice.has("pretrained"):
        # Trained weights replace those of the encoder, which need no download.
        parts = replace(parts, generator_choice=parts.generator_choice.with_options({"pretrained": False}, named=True))
    method: Method = build(choice_of("method", recipe.method), parts)
    if training:
        method.prepare_training(parts)
    return _guarded(method, "method")  # again: `prepare_training` may have built networks that are no components


@dataclass(frozen=True, kw_only=True)
class RecipeParts:
    """A recipe's parts for the constructor of a method; implements `zoo.contracts.Parts`."""

    visible_channels: int
    thermal_channels: int
    size: Size
    batch: int
    classes: tuple[str, ...]
    class_temperatures: tuple[float, ...]
    thermal_range: tuple[float, float] | None
    reads: tuple[str, ...]
    normalizer: Normalizer
    rng: torch.Generator
    generator_choice: Choice | None
    discriminator_choice: Choice | None

    @classmethod
    def of(cls, recipe: Recipe, info: DatasetInfo, rng: torch.Generator) -> RecipeParts:
        """Look up every part of a recipe."""
        from zoo.contracts import Normalizer

        generator = choice_of("generator", recipe.generator) if recipe.generator else None
        return cls(
            visible_channels=recipe.visible_channels,
            thermal_channels=recipe.thermal_channels,
            size=recipe.size,
            batch=recipe.batch,
            classes=info.classes,
            class_temperatures=tuple(info.class_temperatures.get(name, float("nan")) for name in info.classes),
            thermal_range=info.thermal_range,
            reads=generator.contract.reads if generator else ("visible",),
            normalizer=build(choice_of("normalizer", recipe.normalizer)) if recipe.normalizer else Normalizer(),
            rng=rng,
            generator_choice=generator,
            discriminator_choice=choice_of("discriminator", recipe.discriminator) if recipe.discriminator else None,
        )

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what networks are built from: a built method that keeps its parts can then be copied and pickled."""
        return {**vars(self), "generator_choice": None, "discriminator_choice": None}

    def generator(self, *, in_channels: int, out_channels: int) -> Generator:
        """Build the recipe's generator with these channel counts."""
        assert self.generator_choice is not None, "the method's contract does not list generator in `uses`"
        network: Generator = build(_sized(self.generator_choice, in_channels, out_channels))
        return network

    def discriminator(self, *, in_channels: int) -> nn.Module:
        """Build the recipe's discriminator, wrapped by its normalizer."""
        assert self.discriminator_choice is not None, "the method's contract does not list discriminator in `uses`"
        return self.normalizer.wrap(build(_sized(self.discriminator_choice, in_channels, None)))


T = TypeVar("T")


def _guarded(part: T, kind: Kind) -> T:
    if kind in ("generator", "discriminator", "method"):
        from zoo.layers.norm import guard_norms

        guard_norms(part)
    return part


def _sized(choice: Choice, in_channels: int | None, out_channels: int | None) -> Choice:
    channels = {"in_channels": in_channels, "out_channels": out_channels}
    given = {name: count for name, count in channels.items() if count is not None}
    for name in given:
        if not choice.has(name):
            what = f"{choice.kind} {choice.full_name} of {choice.plugin.distribution} cannot be built"
            reason = f"its config has no field {name}, which recipes set"
            raise ZooError(f"{what}: {reason}", "Add the field to the plugin's config")
    return replace(choice, config=replace(choice.config, **given))
