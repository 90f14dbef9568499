"""Scores images of another program: which images, at which size, and the folder of the run. Imports no torch at its top."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.choices import Choice
from zoo.compatibility import check
from zoo.data.images import header_size
from zoo.data.matching import Matched, match_files
from zoo.data.predictions import Inspected, Range, inspect_predictions, value_ranges
from zoo.errors import RefusedError, UsageError, ZooError
from zoo.evaluate.results import SCORED_IMAGES
from zoo.keys import folder_name, train_key
from zoo.recipe import PREDICTIONS, Budget, Part, Recipe
from zoo.records.job import PlannedRun, score_name
from zoo.registry import get_registry
from zoo.scoring.real_images import TestSet, dataset_name
from zoo.sizes import Size, height_width, size_of

if TYPE_CHECKING:
    from zoo.data.scored import FilePairs
    from zoo.data.store import PairStore

Shape = tuple[int, int]
Warn = Callable[[str], None]
OWN_SIZE = "none: every pair at its own size"
"""The protocol's resize where pairs are scored at their own sizes."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The images that are scored, and how."""

    tests: TestSet
    matched: Matched
    inspected: Inspected
    shape: Shape | None
    """Height and width at which pairs are compared; None: each at its own size."""
    run: PlannedRun
    protocol: dict[str, Any]
    """Entries of the scores' protocol that differ from those of a trained method."""
    notes: tuple[str, ...]
    """What a reader of the scores must know."""
    source: str
    """Where the images come from, in free text."""
    value_range: Range | None
    """Darkest and brightest value of 16-bit and float files, where the user gave them."""

    @property
    def ranges(self) -> dict[str, Range]:
        """Values of the darkest and the brightest level, by the type of the files."""
        return value_ranges(self.inspected, self.tests.source.info, self.value_range)


def plan_scoring(
    folder: Path,
    tests: TestSet,
    *,
    name: str,
    pattern: str,
    size: Size | None,
    source: str,
    value_range: Range | None,
    allow_missing: bool,
    out: Path,
    warn: Warn,
) -> Plan:
    """Return what is scored of a folder of predictions, after reading every one of them.

    Args:
        folder: the predictions.
        tests: the real images.
        name: of the program; empty: of the folder.
        pattern: how files are named, as of `match_files`.
        size: to which both images are resized; None: see `choose_shape`.
        source: where the images come from, in free text.
        value_range: darkest and brightest value of 16-bit and float files.
        allow_missing: score the images that there are.
        out: results folder.
        warn: called with a line about files that are left out or look wrong.

    Raises:
        UsageError: no file fits a test image, several fit one, or sizes or scales are not clear.
        ZooError: predictions are missing or cannot be read, and `allow_missing` is false.
    """
    stems = [entry.stem for entry in tests.files]
    matched = match_files(folder, stems, pattern)
    if not matched.files:
        example = ", ".join(matched.extra[:3]) or "no image"
        raise UsageError(
            f"no file in `{matched.folder}` is named after an image of {tests.source.name}, such as "
            f"{stems[0]}: it holds {example}",
            "State how they are named, e.g. `pattern`='{stem}_fake_B'",
        )
    inspected = inspect_predictions(matched.files)
    complete = _require_complete(matched, inspected, len(stems), allow_missing=allow_missing, warn=warn)
    real = {entry.stem: header_size(entry.thermal) for entry in tests.files if entry.thermal}
    shape = choose_shape(inspected.sizes, real, size)
    resized = {found for found in inspected.sizes.values() if shape and found != shape}
    words = [] if complete else [f"{len(inspected.sizes)} of {len(stems)}"]
    if resized:
        words.append(f"resized from {'x'.join(map(str, resized.pop())) if len(resized) == 1 else 'several sizes'}")
    protocol: dict[str, Any] = {"split": tests.split} | ({} if shape else {"resize": OWN_SIZE})
    if words:
        protocol[SCORED_IMAGES] = "; ".join(words)
    notes = _notes(matched, inspected, protocol)
    for line in notes:
        warn(line)
    config = {
        "name": name or dataset_name(matched.folder),
        "sha256": inspected.sha256,
        "source": "",  # of runs before it was a field of the record: another text is no other run
        "range": list(value_range) if value_range and set(inspected.ends) != {"uint8"} else None,
    }
    plan = Plan(
        tests=tests,
        matched=matched,
        inspected=inspected,
        shape=shape,
        run=plan_scored(Part(name=PREDICTIONS, config=config), tests, shape, out),
        protocol=protocol,
        notes=notes,
        source=source,
        value_range=value_range,
    )
    _ = plan.ranges  # a scale that is not clear is an error now
    return plan


def choose_shape(predicted: dict[str, Shape], real: dict[str, Shape], size: Size | None) -> Shape | None:
    """Return the height and width at which pairs are compared; None: each at its own size.

    They are `size`, else the size that all predictions have, to which the real images are resized as a training at that size
    does; else every prediction must have the size of its real image.

    Raises:
        UsageError: predictions have several sizes, which are not those of their real images.
    """
    if size is not None:
        return height_width(size)
    sizes = set(predicted.values())
    if len(sizes) == 1:
        return sizes.pop()
    differing = [stem for stem, shape in predicted.items() if shape != real[stem]]
    if not differing:
        return None
    stem = differing[0]
    own, other = ("x".join(map(str, shape)) for shape in (predicted[stem], real[stem]))
    raise UsageError(
        f"the predictions have {len(sizes)} sizes, and {stem} is {own} while its real image is {other} (height x width)",
        "Use `size`=N, to which both are then resized",
    )


def choose_metrics(specs: Sequence[str], plan: Plan) -> list[Choice]:
    """Return the metrics of these names after checking that they apply to the dataset and the smallest image.

    Raises:
        UsageError: a metric's name or an option is wrong.
        RefusedError: a metric does not apply.
    """
    choices = [get_registry().find("metric", spec) for spec in specs]
    side = min(min(shape) for shape in plan.inspected.sizes.values())
    size = size_of(*plan.shape) if plan.shape else side
    for choice in choices:
        score_name(choice)  # so that an option that names a missing file is an error now
        check({"metric": choice}, plan.tests.source, size=size, thermal_channels=1)
        more = [entry for entry in choice.contract.reads if entry != "visible"]
        if more and plan.shape is None:
            raise RefusedError(
                f"metric {choice.name} reads {', '.join(more)}, and pairs of several sizes have the two images only",
                "Use `size`=N, to which all are resized",
            )
    return choices


def plan_scored(method: Part, tests: TestSet, shape: Shape | None, out: Path) -> PlannedRun:
    """Return a run that nothing is trained for, in a results folder; the size of pairs at sizes of their own is 0."""
    size = size_of(*shape) if shape else 0
    recipe = Recipe(
        method=method,
        data=tests.source.ref,
        size=size,
        load_size=size,
        budget=Budget(steps=0, constant=0),
        split=tests.split,
    )
    key = train_key(recipe)
    return PlannedRun(recipe=recipe, source=tests.source, folder=out / folder_name(recipe, key), train_key=key)


def open_pairs(tests: TestSet, shape: Shape | None, device: str, reads: Collection[str] = ()) -> PairStore | FilePairs:
    """Return the real images, resized to a shape, with the declared entries in `reads`, or each at its own size without them."""
    from zoo.data.scored import FilePairs
    from zoo.data.streaming import open_split

    if tests.is_dataset and shape:
        return open_split(tests.source.root, tests.split, size=size_of(*shape), device=device, reads=reads)
    return FilePairs(info=tests.source.info, files=tests.files, shape=shape)


def untrained_baselines() -> list[Choice]:
    """Return the null baselines that translate a visible image alone, without a training: the grey copies."""
    methods = get_registry().list("method")
    wanted = {"baseline", "unfitted"}
    return [one for one in methods if wanted <= one.contract.offers and one.contract.reads == ("visible",)]


def _require_complete(matched: Matched, inspected: Inspected, count: int, *, allow_missing: bool, warn: Warn) -> bool:
    """Return whether every test image has a readable prediction."""
    if matched.extra:
        warn(f"left out, of no test image: {_listed(matched.extra)}")
    faults = [f"no prediction of {_listed(matched.missing)}"] if matched.missing else []
    faults += list(inspected.unreadable.values())[:5]
    if len(inspected.unreadable) > 5:
        faults.append(f"{len(inspected.unreadable) - 5} more cannot be read")
    if not faults:
        return True
    found = f"{len(inspected.sizes)} of {count} test images have a prediction: {'; '.join(faults)}"
    if not allow_missing or not inspected.sizes:
        raise ZooError(found, "Add the images, or score the others with `allow_missing`=True")
    warn(found)
    return False


def _notes(matched: Matched, inspected: Inspected, protocol: dict[str, Any]) -> tuple[str, ...]:
    notes = []
    if SCORED_IMAGES in protocol:
        notes.append(f"Scored images: {protocol[SCORED_IMAGES]}.")
    if inspected.constant:
        notes.append(f"Predictions without contrast: {_listed(inspected.constant)}.")
    if inspected.colours:
        notes.append(
            f"{inspected.colours} of {len(inspected.sizes)} predictions have colours; they are scored in grey (BT.601)."
        )
    return tuple(notes)


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return f"{', '.join(names[:5])}{more}"
