"""Checks of datasets: what they write is whole, and the same every time."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

from zoo.build import build
from zoo.choices import Choice
from zoo.contracts import Dataset
from zoo.data.check import check
from zoo.data.layout import DatasetInfo
from zoo.data.writer import materialize
from zoo.errors import DataError
from zoo.testing.checks import CheckError
from zoo.testing.harness import reseed


def layout(choice: Choice) -> str:
    """Write the dataset and check it; return its splits."""
    with _written(choice, build(choice)) as (root, info):
        faults = [problem for problem in check(root) if problem.severity == "error"]
        if faults:
            place = faults[0].path.relative_to(root) if faults[0].path.is_relative_to(root) else faults[0].path.name
            found = f"{len(faults)} fault{'s' * (len(faults) > 1)}, the first: {place} {faults[0].what}"
            fix = "Correct what write() adds"
            raise CheckError("pairs of one size with labels in range, as zoo data check requires", found, fix)
    empty = [split for split in ("train", "test") if not info.splits.get(split)]
    if empty:
        raise CheckError("images in both splits", f"none in {empty[0]}", "Write both splits, or widen `small`")
    lacking = choice.contract.offers - info.offers
    if lacking:
        expected = f"{', '.join(sorted(choice.contract.offers))}, as its row offers"
        fix = "Write them, or take them out of the row's offers"
        raise CheckError(expected, f"no {', '.join(sorted(lacking))} in what it wrote", fix)
    return ", ".join(f"{count} {split}" for split, count in info.splits.items())


def epochs(choice: Choice) -> str:
    """Write the dataset three times, the last by another instance, from other seeds; return its fingerprint."""
    dataset, found = build(choice), []
    for seed, instance in enumerate((dataset, dataset, build(choice))):
        reseed(seed)
        with _written(choice, instance) as (_, info):
            found.append(info.fingerprint)
    which = ["a second pass over the same instance", "another instance with the same config"]
    for again, what in zip(found[1:], which, strict=True):
        if again != found[0]:
            fix = "Draw from a stream seeded by the config and the image's index; never from a global one or the clock"
            raise CheckError("the same images every time", f"others at {what}", fix)
    return f"fingerprint {found[0][:12]}"


def refuses(choice: Choice) -> str:
    """Give the importer a folder in another layout, a missing one, and none; return its message for the first."""
    dataset, message = build(choice), ""
    with tempfile.TemporaryDirectory() as folder:
        other = Path(folder) / "other"
        (other / "summer").mkdir(parents=True)
        for what, source in (
            ("no folder", None),
            ("a missing folder", Path(folder) / "none"),
            ("a folder in another layout", other),
        ):
            try:
                materialize(dataset, Path(folder) / "written", source)
            except DataError as error:
                message = error.message.replace(f"{folder}/", "")
            except Exception as error:
                fix = "Check for the published folders first, and raise zoo.errors.DataError with what was found"
                raise CheckError(f"a DataError on {what}", f"{type(error).__name__}: {error}", fix) from error
            else:
                fix = "Raise zoo.errors.DataError where the folders are missing"
                raise CheckError(f"a DataError on {what}", "a dataset", fix)
    return message


def write(choice: Choice, dataset: Dataset, root: Path) -> DatasetInfo:
    """Write a dataset to `root`; an importer reads the source that its row's `example` writes next to it."""
    if "source" not in choice.contract.needs:
        return materialize(dataset, root)
    place = choice.component.example
    if not place:
        raise CheckError(
            "an example of what the importer reads",
            "none in its row",
            "Write a function(folder: Path) that writes a tiny source there, and name it in the row: "
            'example="package.module:function"',
        )
    module, _, name = place.partition(":")
    make: Callable[[Path], None] = getattr(import_module(module), name)
    source = root.with_name(f"{root.name}-source")
    source.mkdir(parents=True)
    make(source)
    return materialize(dataset, root, source)


@contextmanager
def _written(choice: Choice, dataset: Dataset) -> Iterator[tuple[Path, DatasetInfo]]:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "written"
        yield root, write(choice, dataset, root)
