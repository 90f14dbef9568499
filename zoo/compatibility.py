"""Do the parts of a recipe fit together? Sizes, and what each part needs of the others. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass

from zoo.errors import RefusedError
from zoo.hookspec import Kind
from zoo.registry import Choice
from zoo.sources import DataSource


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
        "Type: zoo list generator --offers taps",
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
        "Leave the option out, or type: --thermal-channels 3",
    ),
}


def check(
    parts: Mapping[str, Choice], source: DataSource, *, size: int, thermal_channels: int, visible_channels: int = 3
) -> None:
    """Refuse a combination that cannot work.

    Raises:
        RefusedError: an image size that a network cannot take, or a need that no other part meets.
    """
    check_sizes(parts, size)
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


def check_sizes(parts: Mapping[str, Choice], size: int) -> None:
    """Refuse an image size, in pixels, that a part cannot take.

    Raises:
        RefusedError: the size is too small for a part or not among those that it takes.
    """
    for kind, choice in parts.items():
        contract = choice.for_size(size).contract
        multiple, least = contract.size_multiple, contract.min_size
        if size % multiple == 0 and size >= least:
            continue
        nearest = max(-(-least // multiple), round(size / multiple), 1) * multiple
        limits = f"multiples of {multiple} px" if multiple > 1 else "whole pixels"
        if least > multiple:
            limits += f" from {least} px"
        reason = f"{kind} {choice.name} takes sizes in {limits}, and {size} is not one"
        raise RefusedError(reason, f"Type: --size {nearest}")


def _lacks(
    missing: Set[str], parts: Mapping[str, Choice], source: DataSource, channels: tuple[int, int]
) -> list[tuple[str, str]]:
    """Return what to say of each missing feature and how to mend it, in the order of `FEATURES`."""
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
