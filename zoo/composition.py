"""compose(): from names to a checked recipe. Refuses what cannot work, with the reason, before a weight exists.

Imports no torch.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace

import msgspec

from zoo.choices import Choice
from zoo.compatibility import check, check_sizes
from zoo.errors import RefusedError, UsageError
from zoo.hookspec import Kind, RecipeConfig
from zoo.option_types import require_whole
from zoo.presets import Preset, PresetName, budget, choose_preset
from zoo.recipe import Budget, Part, Precision, Recipe, as_part
from zoo.registry import Registry, get_registry
from zoo.sizes import Size, height_width, read_size, size_of
from zoo.sources import DataSource, open_source
from zoo.training_options import USUAL, TrainingOptions, held_out


def compose(
    *,
    recipe: str | None = None,
    generator: str | None = None,
    discriminator: str | None = None,
    norm: str | None = None,
    method: str | None = None,
    data: str | DataSource = "scenes",
    preset: PresetName = "quick",
    size: Size | str | None = None,
    steps: int | None = None,
    epochs: int | None = None,
    batch: int | None = None,
    seed: int = 0,
    thermal_channels: int = 1,
    precision: Precision = "fp32",
    training: TrainingOptions = USUAL,
) -> Recipe:
    """Return the recipe of one training after checking that its parts fit together.

    Args:
        recipe: a complete system by name, e.g. `layergan`, in place of its parts.
        generator, discriminator, method: component names with options, e.g. `patchgan:layers=4`; by default `resnet9`,
            `patchgan` and `cyclegan`. Parts that the method does not use are left out of the recipe.
        norm: the discriminator's normalizer where its name does not say it (`patchgan_gn` does).
        data: `scenes`, or a folder in zoo's layout.
        preset: `quick` (64 px, 600 steps, and narrow networks unless size, steps or epochs are given) or `paper` (256 px and the
            epochs of the method's source, e.g. 200 for CycleGAN and 400 for CUT, or what the named recipe's paper used).
        size, steps, epochs: what to change in the preset; size in pixels, `(512, 640)` or `"512x640"` for height and
            width, and not both steps and epochs. The learning rate falls over the same part of the budget as in the method's
            source.
        batch: images per step; by default 1, or the named recipe's.
        seed: of weights, data order and augmentation.
        thermal_channels: 1, or 3 for the papers' RGB copies.
        precision: number format of convolutions and matrix products in training, see `zoo.recipe.Precision`.
        training: learning rate, batches in parts, validation.

    Raises:
        UsageError: a name, option or number is wrong.
        RefusedError: the parts cannot work together; the message says why.
    """
    if not isinstance(training, TrainingOptions):
        raise UsageError(f"`training` is {training!r}", "Use zoo.TrainingOptions, e.g. zoo.TrainingOptions(lr=1e-4)")
    chosen = choose(
        recipe=recipe, method=method, generator=generator, discriminator=discriminator, norm=norm, preset=preset
    )
    if preset == "quick" and size is None and steps is None and epochs is None:
        chosen = chosen.quick()
    settings = Settings(
        size=chosen.size(size),
        steps=steps,
        epochs=epochs,
        batch=batch,
        seed=seed,
        thermal_channels=thermal_channels,
        precision=precision,
        training=training,
    )
    source = data if isinstance(data, DataSource) else open_source(data, size=chosen.size(size))
    return compose_chosen(chosen, source, settings)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How a recipe is trained, besides its parts and its data; see `compose`."""

    size: Size | None = None
    steps: int | None = None
    epochs: int | None = None
    batch: int | None = None
    seed: int = 0
    thermal_channels: int = 1
    precision: Precision = "fp32"
    training: TrainingOptions = USUAL


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """What the names of a recipe or of its parts mean: installed components, and the budget of their preset."""

    parts: dict[Kind, Choice]
    """The parts that the method uses, by kind."""
    system: RecipeConfig
    preset: Preset

    def quick(self) -> Chosen:
        """Return the same with the options that its parts have in preset `quick`, where the user set none."""
        return replace(
            self, parts={kind: part.with_defaults(part.component.quick) for kind, part in self.parts.items()}
        )

    def size(self, size: Size | str | None) -> Size:
        """Return an image size, the preset's where none is given.

        Raises:
            UsageError: it is none, or below 1.
        """
        return read_size(self.preset.size if size is None else size)


def choose(
    *,
    recipe: str | None = None,
    method: str | None = None,
    generator: str | None = None,
    discriminator: str | None = None,
    norm: str | None = None,
    preset: PresetName = "quick",
) -> Chosen:
    """Return the installed components that names mean; arguments as of `compose`.

    Raises:
        UsageError: a name or an option is wrong, or a recipe and parts were both given.
    """
    registry = get_registry()
    system = choose_system(
        registry, recipe, method=method, generator=generator, discriminator=discriminator, preset=preset
    )
    parts = choose_parts(registry, system, norm)
    return Chosen(parts=parts, system=system, preset=choose_preset(preset, system, parts["method"].contract.training))


def compose_chosen(chosen: Chosen, source: DataSource, settings: Settings) -> Recipe:
    """Return the recipe of components that were chosen before; errors as of `compose`."""
    size, training = chosen.size(settings.size), settings.training
    steps, epochs, thermal_channels = settings.steps, settings.epochs, settings.thermal_channels
    height, width = height_width(size)
    batch = chosen.system.batch if settings.batch is None else settings.batch
    require_whole(1, steps=steps, epochs=epochs, batch=batch, thermal_channels=thermal_channels)
    require_whole(0, seed=settings.seed)
    if thermal_channels not in (1, 3):
        raise UsageError(f"thermal images have 1 or 3 channels, not {thermal_channels}")
    check_sizes(chosen.parts, size)
    parts = {kind: choice.for_size(size) for kind, choice in chosen.parts.items()}
    fitted = "baseline" in parts["method"].contract.offers
    if fitted:
        training = USUAL  # it has no network that is trained
    parts["method"] = training.with_rate(parts["method"])
    check(parts, source, size=size, thermal_channels=thermal_channels)
    for dataset in source.info.members or (source.info,):
        if dataset.test_only and "generator" in parts:
            fix = "Train on another dataset, or sample a training set: zoo data split SRC DST"
            raise UsageError(f"dataset {dataset.name} is for testing only: it has no training images", fix)
    _require_parts(training.accumulate, batch, parts["method"])
    usual = parts["method"].contract.training
    held = held_out(source.train, (training.images(source) or ("", 0.0))[1])
    if batch > max(1, source.train - len(held)):
        left = f"{source.train} training images" + f", of which {len(held)} are held out" * bool(held)
        raise UsageError(f"`batch` is {batch}, and dataset {source.name} has {left}")
    length = budget(chosen.preset, steps, epochs, max(1, (source.train - len(held)) // batch))
    if fitted:
        length = Budget(steps=0, constant=0)
    named = resolve_parts(parts, size)
    return Recipe(
        method=named["method"],
        generator=named.get("generator"),
        discriminator=named.get("discriminator"),
        normalizer=named.get("normalizer"),
        data=source.ref,
        size=size,
        load_size=size_of(round(height * usual.load_scale), round(width * usual.load_scale)),
        flip=usual.flip,
        decay_crop=usual.decay_crop,
        batch=batch,
        accumulate=training.accumulate,
        budget=length,
        validation=training.validation(source, size, length.steps),
        seed=settings.seed,
        thermal_channels=thermal_channels,
        precision=settings.precision,
    )


def _require_parts(accumulate: int, batch: int, method: Choice) -> None:
    """Refuse to compute a batch in parts that cannot be equal, or for a method that updates an optimizer several times a step."""
    require_whole(1, accumulate=accumulate)
    if batch % accumulate:
        reason = f"`batch` is {batch}, which cannot be divided into `accumulate`={accumulate} equal parts"
        raise UsageError(reason, "Use a batch that is a multiple of it")
    if accumulate > 1 and "several_updates" in method.contract.offers:
        reason = f"`accumulate` is {accumulate}, and method {method.name} updates an optimizer several times in a step"
        raise RefusedError(reason, "Use `accumulate`=1 and a smaller batch")


def choose_system(
    registry: Registry,
    recipe: str | None,
    *,
    method: str | None,
    generator: str | None,
    discriminator: str | None,
    preset: str,
) -> RecipeConfig:
    """Return the system that a recipe's name or the names of its parts mean in a preset.

    Raises:
        UsageError: both were given, or there is no such recipe.
    """
    if recipe is None:
        return RecipeConfig(
            method="cyclegan" if method is None else method,
            generator="resnet9" if generator is None else generator,
            discriminator="patchgan" if discriminator is None else discriminator,
        )
    if method or generator or discriminator:
        fix = f"Leave one out, or change the recipe by an option: {recipe}:generator=NAME"
        raise UsageError(f"recipe {recipe!r} and parts of a recipe were both given", fix)
    choice = registry.find("recipe", recipe)
    system = choice.config
    assert isinstance(system, RecipeConfig)
    if preset != "quick":
        return system
    by_user = {name: getattr(system, name) for name in ("method", "generator", "batch") if name in choice.named}
    return replace(system.quick(), **by_user)


def choose_parts(registry: Registry, system: RecipeConfig, norm: str | None = None) -> dict[Kind, Choice]:
    """Return the parts that a method uses, by kind, each with the defaults that its partners ask for.

    A user's option beats the normalizer's default, which beats the method's, which beats the component's own.
    """
    chosen: dict[Kind, Choice] = {"method": registry.find("method", system.method)}
    uses = chosen["method"].contract.uses
    if system.generator is not None:
        choice = registry.find("generator", system.generator)  # a typo is an error even if the method does not use it
        if "generator" in uses:
            chosen["generator"] = choice
    if system.discriminator is not None:
        discriminator, normalizer = registry.find_discriminator(system.discriminator, norm)
        if "discriminator" in uses:
            chosen |= {"discriminator": discriminator, "normalizer": normalizer}
    for kind in uses:
        if kind not in chosen:
            raise UsageError(f"method {chosen['method'].name} uses a {kind}, and the recipe names none")
    for giver in ("method", "normalizer"):
        if giver not in chosen:
            continue
        for kind, values in chosen[giver].contract.defaults.items():
            if kind in chosen:
                chosen[kind] = chosen[kind].with_defaults(values)
    return chosen


def digest(value: object) -> str:
    """Return the SHA-256 hex digest of a value's canonical JSON."""
    return hashlib.sha256(msgspec.json.encode(value, order="deterministic")).hexdigest()


def resolve_parts(choices: Mapping[Kind, Choice], size: Size) -> dict[Kind, Part]:
    """Return chosen parts as a recipe with this image size names them, every option spelled out."""
    return {kind: as_part(choice.for_size(size)) for kind, choice in choices.items()}


def parts_text(parts: Mapping[Kind, Part]) -> bytes:
    """Return parts as JSON, in which a recipe that was read from a file has lists where a config has tuples, as both do."""
    return msgspec.json.encode(parts, order="deterministic")
