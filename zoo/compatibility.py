"""Do the parts of a recipe fit together? Sizes, and what each part needs of the others. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass

from zoo.errors import RefusedError, UsageError
from zoo.hookspec import Kind
from zoo.registry import Choice
from zoo.sources import DataSource

LARGEST = 4096
"""Largest image side, in pixels, that is looked at for advice."""


@dataclass(frozen=True)
class _Feature:
    """A word of contracts: who offers it, and what to say when it is missing."""

    provider: Kind | None
    lack: str
    fix: str


FEATURES: Mapping[str, _Feature] = {
    "taps": _Feature(
        "generator",
        "compares features inside the generator, and {provider} offers no taps",
        "Choose one of: zoo list generator --offers taps",
    ),
    "features": _Feature(
        "discriminator",
        "matches features inside the discriminator, and {provider} offers none",
        "Choose one of: zoo list discriminator --offers features",
    ),
    "double_backward": _Feature(
        "discriminator",
        "differentiates the gradient of the discriminator, and {provider} cannot be differentiated twice",
        "Choose another discriminator or normalizer",
    ),
    "independent_samples": _Feature(
        "discriminator",
        "needs a gradient per sample, and {provider} mixes the samples of a batch (batch norm or minibatch statistics)",
        "Set its norm to none or instance, or choose another normalizer",
    ),
    "pairs": _Feature(
        "dataset", "needs aligned pairs, and {provider} is unpaired", "Choose paired data or --method cyclegan"
    ),
    "labels": _Feature("dataset", "needs class labels, and {provider} has none", "Choose labelled data such as scenes"),
    "celsius": _Feature(
        "dataset", "needs temperatures in degrees Celsius, and {provider} has none", "Choose radiometric data"
    ),
    "temperatures": _Feature(
        "dataset", "needs the temperature of each class, and {provider} has none", "Choose data with labels and degrees"
    ),
    "thermal_segmentation": _Feature(
        "dataset",
        "needs the temperature of each object, and {provider} has none",
        "Choose data with labels and degrees",
    ),
    "converted_weights": _Feature(
        None, "only translates, with weights that zoo convert brings", "Choose a method that trains"
    ),
    "equal_channels": _Feature(
        None,
        "compares visible with thermal images channel by channel, and they have {visible} and {thermal} channels",
        "Leave the option out, or use --thermal-channels 3",
    ),
}


def check(
    parts: Mapping[str, Choice],
    source: DataSource,
    *,
    size: int,
    thermal_channels: int,
    visible_channels: int = 3,
    beside: Iterable[Choice] = (),
) -> None:
    """Refuse a combination that cannot work; `beside` as of `check_sizes`.

    Raises:
        RefusedError: an image size that a network cannot take, or a need that no other part meets.
    """
    check_sizes(parts, size, beside)
    offers = frozenset().union(source.offers, *(choice.contract.offers for choice in parts.values()))
    if visible_channels == thermal_channels:
        offers |= {"equal_channels"}
    for kind, choice in parts.items():
        lacks = _lacks(choice.contract.needs - offers, parts, source, (visible_channels, thermal_channels))
        if lacks:
            reasons = ", and it ".join(lack for lack, _ in lacks)
            raise RefusedError(f"{kind} {choice.name} {reasons}", lacks[0][1])
        missing = [entry for entry in choice.contract.reads if entry != "visible" and entry not in offers]
        if missing:
            raise RefusedError(f"{kind} {choice.name} reads {', '.join(missing)}, and dataset {source.name} has none")


def check_sizes(parts: Mapping[str, Choice], size: int, beside: Iterable[Choice] = ()) -> None:
    """Refuse an image size, in pixels, that a part cannot take.

    Args:
        parts: what is checked, by kind.
        size: of the images.
        beside: what else the advised size must suit, such as metrics and other networks of the same bench.

    Raises:
        RefusedError: the size is too small for a part or not among those that it takes; the message names the nearest size
            that suits all, or the parts alone where none does.
    """
    for kind, choice in parts.items():
        if takes_size(choice, size):
            continue
        contract = choice.for_size(size).contract
        limits = f"multiples of {contract.size_multiple} px" if contract.size_multiple > 1 else "whole pixels"
        if contract.min_size > contract.size_multiple:
            limits += f" from {contract.min_size} px"
        reason = f"{kind} {choice.name} takes sizes in {limits}, and {size} is not one"
        nearest = nearest_size([*parts.values(), *beside], size) or nearest_size([*parts.values()], size)
        raise RefusedError(
            reason, f"Use --size {nearest}" if nearest else f"No size up to {LARGEST} px suits all parts: choose others"
        )


def takes_size(choice: Choice, size: int) -> bool:
    """Return whether a part takes images of this size, in pixels."""
    contract = choice.for_size(size).contract
    return size % contract.size_multiple == 0 and size >= contract.min_size


def nearest_size(choices: Sequence[Choice], size: int) -> int | None:
    """Return the size nearest to `size` that all parts take, the larger one of two; None where there is none."""
    for candidate in sorted(range(1, LARGEST + 1), key=lambda each: (abs(each - size), -each)):
        with suppress(UsageError):  # a part may refuse a size by its options
            if all(takes_size(choice, candidate) for choice in choices):
                return candidate
    return None


def _lacks(
    missing: Set[str], parts: Mapping[str, Choice], source: DataSource, channels: tuple[int, int]
) -> list[tuple[str, str]]:
    """Return what to say of each missing feature and how to fix it, in the order of `FEATURES`."""
    lacks = [
        (f"needs {need!r}, and no part of the recipe offers it", "Choose other parts")
        for need in sorted(missing - FEATURES.keys())
    ]
    for need, feature in FEATURES.items():
        if need not in missing or (
            feature.provider in ("generator", "discriminator") and feature.provider not in parts
        ):
            continue
        provider = ""
        if feature.provider == "dataset":
            provider = f"dataset {source.name}"
        elif feature.provider:
            provider = f"{feature.provider} {parts[feature.provider].name}"
        lacks.append((feature.lack.format(provider=provider, visible=channels[0], thermal=channels[1]), feature.fix))
    return lacks
