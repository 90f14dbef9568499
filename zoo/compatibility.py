"""Checks that the parts of a recipe fit together: image sizes, and what each part needs of the others. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set

from zoo.choices import Choice
from zoo.data.layout import DatasetInfo
from zoo.errors import RefusedError, UsageError
from zoo.hookspec import Contract, Kind
from zoo.sizes import Size, height_width, size_of, size_text
from zoo.sources import DataSource

LARGEST = 4096
"""Largest image side, in pixels, that a message recommends."""
_CALIBRATED = "Choose data with labels and degrees"


PLANES = ("mask", "scalar")
"""Kinds of declared entries that a generator gets as a channel of its input."""

FEATURES: Mapping[str, tuple[Kind | None, str, str]] = {
    "taps": (
        "generator",
        "compares features inside the generator, and {provider} offers no taps",
        "Run zoo list generator --offers taps, and choose one of these",
    ),
    "time": (
        "generator",
        "passes a time to the generator, and {provider} takes none",
        "Run zoo list generator --offers time, and choose one of these",
    ),
    "features": (
        "discriminator",
        "matches features inside the discriminator, and {provider} offers none",
        "Run zoo list discriminator --offers features, and choose one of these",
    ),
    "double_backward": (
        "discriminator",
        "differentiates the gradient of the discriminator, and {provider} cannot be differentiated twice",
        "Choose another discriminator or normalizer",
    ),
    "independent_samples": (
        "discriminator",
        "needs a gradient per sample, and {provider} mixes the samples of a batch (batch norm or minibatch statistics)",
        "Set its norm to none or instance, or choose another normalizer",
    ),
    "pairs": ("dataset", "needs aligned pairs, and {provider} is unpaired", "Choose paired data, or `method`=cyclegan"),
    "labels": ("dataset", "needs class labels, and {provider} has none", "Choose labelled data such as scenes"),
    "celsius": ("dataset", "needs temperatures in degrees Celsius, and {provider} has none", "Choose radiometric data"),
    "temperatures": ("dataset", "needs the temperature of each class, and {provider} has none", _CALIBRATED),
    "thermal_segmentation": ("dataset", "needs the temperature of each object, and {provider} has none", _CALIBRATED),
    "converted_weights": (None, "only translates, with weights that zoo convert writes", "Choose a method that trains"),
    "predictions": (None, "holds images that another program translated", "Run: `zoo.score(FOLDER, data=DATASET)`"),
    "equal_channels": (
        None,
        "compares visible with thermal images channel by channel, and they have {visible} and {thermal} channels",
        "Leave the option out, or use `thermal_channels`=3",
    ),
}
"""By feature of contracts: the part that offers it, and the message and fix when it is missing."""


def check(
    parts: Mapping[Kind, Choice],
    source: DataSource,
    *,
    size: Size,
    thermal_channels: int,
    visible_channels: int = 3,
    others: Iterable[Choice] = (),
) -> None:
    """Refuse a combination that cannot work; `others` as of `check_sizes`.

    Raises:
        RefusedError: an image size that a network cannot take, or a need that no other part meets.
    """
    check_sizes(parts, size, others)
    _check_inputs(parts)
    offers = frozenset().union(source.offers, *(choice.contract.offers for choice in parts.values()))
    if visible_channels == thermal_channels:
        offers |= {"equal_channels"}
    for kind, choice in parts.items():
        missed = {need for need in choice.contract.needs if need not in _offers_for(need, parts, source, offers)}
        lacks = list(_lacks(missed, parts, source, (visible_channels, thermal_channels)))
        if lacks:
            reasons = ", and it ".join(reason for reason, _ in lacks)
            raise RefusedError(f"{kind} {choice.name} {reasons}", lacks[0][1])
        missing = [entry for entry in choice.contract.reads if entry != "visible" and entry not in source.offers]
        if missing:
            known = ", ".join(sorted(source.offers - {"pairs"})) or "nothing besides the images"
            reason = f"{kind} {choice.name} reads {', '.join(missing)}, and dataset {source.name} has none"
            raise RefusedError(reason, f"Choose other data; {source.name} offers {known}")
        kinds = {entry.name: entry.kind for entry in source.info.entries if kind == "generator"}
        listed = [entry for entry in choice.contract.reads if kinds.get(entry, "mask") not in PLANES]
        if listed:
            reason = (
                f"generator {choice.name} reads {listed[0]}, of kind {kinds[listed[0]]}, which is no plane of an image"
            )
            raise RefusedError(reason, f"A generator reads entries of kind {' or '.join(PLANES)}; a method reads all")


def _offers_for(need: str, parts: Mapping[Kind, Choice], source: DataSource, offers: Set[str]) -> Set[str]:
    """Return what the part that must meet a need offers: a dataset's entry of the same name is no input of a generator."""
    kind = FEATURES[need][0] if need in FEATURES else None
    if kind == "dataset":
        return source.offers
    return parts[kind].contract.offers if kind and kind in parts else offers


def _check_inputs(parts: Mapping[Kind, Choice]) -> None:
    """Refuse a generator with further inputs that the method does not pass."""
    method, generator = parts.get("method"), parts.get("generator")
    if method is None or generator is None:
        return
    missing = [name for name in generator.contract.inputs if name not in method.contract.needs]
    if missing:
        what = ", ".join(missing)
        like = ", such as flow or bbdm" if missing == ["time"] else ""
        raise RefusedError(
            f"generator {generator.name} takes {what} besides images, which method {method.name} does not pass",
            f"Choose another generator, or a method that passes {what}{like}",
        )


def check_transfer(parts: Mapping[Kind, Choice], trained: DatasetInfo, tested: DataSource) -> None:
    """Refuse to test a recipe that is trained on one dataset on another that lacks what its parts read to translate.

    Raises:
        RefusedError: the tested dataset lacks an entry, declares it otherwise, or has classes that the training data lack.
    """
    reads = {entry: kind for kind, choice in parts.items() for entry in choice.contract.reads if entry != "visible"}
    missing = [entry for entry in reads if entry not in tested.offers]
    if missing:
        kind = reads[missing[0]]
        raise RefusedError(
            f"{kind} {parts[kind].name} reads {', '.join(missing)}, and dataset {tested.name} has none",
            "Test on other data, or choose a method that reads the visible image alone",
        )
    for entry in reads:
        _require_alike(entry, trained, tested)


def _require_alike(entry: str, trained: DatasetInfo, tested: DataSource) -> None:
    """Refuse an entry that the tested dataset declares otherwise than the training data, or with other classes."""
    declared = [one for info in (trained, tested.info) for one in info.entries if one.name == entry]
    kinds = [f"{one.kind} {one.unit}".strip() for one in declared]
    if len(set(kinds)) > 1:
        raise RefusedError(
            f"{entry} is {kinds[1]} in dataset {tested.name}, and {kinds[0]} in {trained.name}, the training data",
            "Test on data that declare it as the training data do",
        )
    named = "labels" if entry == "temperatures" else entry
    own, known = tested.info.classes_of(named), trained.classes_of(named)
    unknown = ", ".join(name for name in own if name not in known)
    other, fix = f"{trained.name}, the training data,", "Test on data with the classes of the training data"
    if unknown:
        raise RefusedError(f"dataset {tested.name} has {named} of {unknown}, and {other} has not", fix)
    if known and not own and kinds[0].startswith("mask"):  # boxes without classes: there are none
        raise RefusedError(f"dataset {tested.name} names no classes of {named}, and {other} does", fix)


def check_sizes(parts: Mapping[Kind, Choice], size: Size, others: Iterable[Choice] = ()) -> None:
    """Refuse an image size that a part cannot take.

    Args:
        parts: the parts to check, by kind.
        size: of the images.
        others: parts that the recommended size must suit too, such as metrics and other networks of the same grid.

    Raises:
        RefusedError: the size is too small for a part or no multiple that it takes, or a part requires squares; the message
            names the nearest size that suits all, or if there is none the nearest that suits the checked parts.
    """
    all_parts = [*parts.values(), *others]
    for kind, choice in parts.items():
        if choice.takes(size):
            continue
        nearest = _nearest_size(all_parts, size) or _nearest_size([*parts.values()], size)
        advice = f"Use `size`={size_text(nearest)}{_reason_for(nearest, size, choice, all_parts)}" if nearest else ""
        fix = advice or f"No size up to {LARGEST} px suits all parts: choose others"
        if choice.square_only and not isinstance(size, int):
            raise RefusedError(f"{kind} {choice.name} requires square images, and {size_text(size)} is no square", fix)
        limits = _limits(choice.for_size(size).contract)
        raise RefusedError(f"{kind} {choice.name} takes sizes in {limits}, and {size_text(size)} is not one", fix)


def _reason_for(nearest: Size, size: Size, choice: Choice, parts: Sequence[Choice]) -> str:
    """Return which other parts do not take the size that the part alone would be given; nothing where that one is recommended."""
    alone = _nearest_size([choice], size)
    if alone is None or alone == nearest:
        return ""
    refusing = dict.fromkeys(f"{one.kind} {one.name}" for one in parts if not _all_take([one], alone))
    verb = "do" if len(refusing) > 1 else "does"
    return f": {' and '.join(refusing)} {verb} not take {size_text(alone)}" if refusing else ""


def _limits(contract: Contract) -> str:
    limits = f"multiples of {contract.size_multiple} px" if contract.size_multiple > 1 else "whole pixels"
    return f"{limits} from {contract.min_size} px" if contract.min_size > contract.size_multiple else limits


def _nearest_size(choices: Sequence[Choice], size: Size) -> Size | None:
    """Return the size nearest to `size`, in height and in width, that all parts take; None where there is none.

    Of two sides the larger one has priority. Where a part requires squares, they are as large as the shorter side.
    """
    height, width = height_width(size)
    nearest_height = _nearest_side(choices, height)
    nearest_width = nearest_height if width == height else _nearest_side(choices, width)
    if nearest_height is None or nearest_width is None:
        return None
    nearest = size_of(nearest_height, nearest_width)
    return nearest if _all_take(choices, nearest) else _nearest_side(choices, min(height, width))


def _nearest_side(choices: Sequence[Choice], side: int) -> int | None:
    """Return the side nearest to `side` whose square all parts take, the larger one of two; None where there is none."""
    candidates = sorted(range(1, LARGEST + 1), key=lambda each: (abs(each - side), -each))
    return next((each for each in candidates if _all_take(choices, each)), None)


def _all_take(choices: Sequence[Choice], size: Size) -> bool:
    try:
        return all(choice.takes(size) for choice in choices)
    except UsageError:  # options of a part may refuse a size
        return False


def _lacks(
    missing: Set[str], parts: Mapping[Kind, Choice], source: DataSource, channels: tuple[int, int]
) -> Iterator[tuple[str, str]]:
    """Yield message and fix for each missing feature: unknown ones first, then in the order of `FEATURES`."""
    for need in sorted(missing - FEATURES.keys()):
        yield f"needs {need!r}, and no part of the recipe offers it", "Choose other parts"
    for need, (kind, lack, fix) in FEATURES.items():
        if need not in missing or (kind in ("generator", "discriminator") and kind not in parts):
            continue
        name = source.name if kind == "dataset" else parts[kind].name if kind else ""
        yield lack.format(provider=f"{kind} {name}", visible=channels[0], thermal=channels[1]), fix
