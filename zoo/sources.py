"""Datasets by name or folder: a component that writes its pairs once into the cache, or a folder in zoo's layout.

Imports no torch. Every image is read and checked before any training; the result is cached by the files' sizes and times.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from zoo.choices import Choice
from zoo.content import files_of, source_of, stated_options, with_contents
from zoo.data.layout import INFO_FILE, DatasetInfo, LeftOut, fingerprint, printable, read_info
from zoo.errors import DataError, UsageError, did_you_mean
from zoo.files import in_cache, made_in_cache, remember
from zoo.recipe import DataRef
from zoo.registry import get_registry, parse
from zoo.sizes import Size, height_width

if TYPE_CHECKING:
    from zoo.data.check import Problem

NAMED = 3
"""Files left out by an import that are named."""
Progress = Callable[[str, int], None]
"""Called with a description of the work and the number of images done."""


@dataclass(frozen=True, kw_only=True)
class DataSource:
    """A checked dataset."""

    root: Path
    name: str
    info: DatasetInfo
    fingerprint: str
    config: dict[str, Any] = field(default_factory=dict)
    """Options of the component that wrote it; empty for a folder."""
    members: tuple[DataSource, ...] = ()
    """The datasets of a union; empty for a single dataset."""

    @property
    def ref(self) -> DataRef:
        """What a recipe or a record names it by."""
        return DataRef(name=self.name, config=self.config, fingerprint=self.fingerprint)

    @property
    def each(self) -> tuple[DataSource, ...]:
        """The datasets of a union; a single dataset itself."""
        return self.members or (self,)

    @property
    def offers(self) -> frozenset[str]:
        """Features that a recipe may need: `pairs`, `labels`, `celsius`."""
        return self.info.offers

    @property
    def train(self) -> int:
        """Number of visible training images."""
        return self.info.splits.get("train", 0)


def open_source(spec: str | Path, *, size: Size, progress: Progress | None = None) -> DataSource:
    """Return a dataset by component name (`scenes`, `scenes:train=400`) or folder, after checking every image.

    Args:
        spec: a folder in zoo's layout, a folder in a layout that an importer recognizes (it is imported into the cache), the
            name of a dataset component that needs no files of the user's, or several of them with `+` between, whose union is
            trained on.
        size: image size of the training; a synthetic set is rendered in squares of its longer side.
        progress: called while images are rendered or checked for the first time.

    Raises:
        UsageError: no such folder or dataset, or the dataset must be imported first.
        DataError: the folder is not in the layout, or files in it are unusable; the message names them, one per line.
    """
    if not str(spec):
        raise UsageError("the name of the dataset is empty", "Name a dataset or a folder, e.g. scenes")
    names = split_union(str(spec))
    if len(names) > 1:
        return _union(names, [open_source(name, size=size, progress=progress) for name in names])
    if not _is_component(str(spec)) and (Path(spec).exists() or os.sep in str(spec)):
        return _checked(_in_layout(Path(spec), progress), progress, shown=Path(spec))
    try:
        choice = get_registry().find("dataset", str(spec))
    except UsageError as error:
        if _is_component(str(spec)):  # an option is wrong
            raise
        folders = [path.name for path in Path().iterdir() if path.is_dir()]
        fix = did_you_mean(str(spec), folders) or error.fix
        raise UsageError(f"{error.message}, and there is no folder {str(spec)!r} here", fix) from None
    if "source" in choice.contract.needs:
        fix = f"Run: zoo data import {choice.name} SRC DST, then use `data`=DST"
        raise UsageError(f"dataset {choice.name} must be imported from your copy of it", fix)
    return _rendered(choice.with_defaults({"size": max(height_width(size))}), progress)


def split_union(spec: str) -> list[str]:
    """Return the datasets of `a+b`; a `+` in the name of a folder that exists is a part of the name.

    >>> split_union("scenes:seed=1+data/rs")
    ['scenes:seed=1', 'data/rs']

    Raises:
        UsageError: a name is empty.
    """
    words, names = spec.split("+"), []
    while words:
        count = next((n for n in range(len(words), 1, -1) if Path("+".join(words[:n])).is_dir()), 1)
        names.append("+".join(words[:count]).strip())
        words = words[count:]
    if not all(names):
        found = f"`data` is {spec!r}: there is no folder of this name, and as a union it has an empty name"
        raise UsageError(found, "Write a union as a+b")
    return names


def _union(names: Sequence[str], members: Sequence[DataSource]) -> DataSource:
    """Return several datasets as one."""
    from zoo.data.union import make_union

    seen: dict[str, str] = {}
    for name, member in zip(names, members, strict=True):
        if member.fingerprint in seen:
            same = f"{name} twice" if seen[member.fingerprint] == name else f"{seen[member.fingerprint]} and {name}"
            why = "" if "twice" in same else ", which have the same images"
            raise UsageError(f"`data` {'+'.join(names)!r} names {same}{why}", "Name each dataset once")
        seen[member.fingerprint] = name
    infos = [replace(one.info, name=one.name, fingerprint=one.fingerprint) for one in members]
    root = make_union([one.root for one in members], infos)
    info = read_info(root)
    return DataSource(root=root, name=info.name, info=info, fingerprint=info.fingerprint, members=tuple(members))


def _is_component(spec: str) -> bool:
    """Whether a spec names a dataset that needs no files; `./scenes` is a folder, whatever its name."""
    if spec.startswith((".", os.sep)):
        return False
    try:
        _, name, _ = parse(spec)
    except UsageError:
        return False
    entries = [entry for entry in get_registry().list("dataset") if entry.component.name == name]
    # Importers are no datasets: a folder named `cyclegan` is the user's.
    return any("source" not in entry.component.contract.needs for entry in entries)


def _rendered(choice: Choice, progress: Progress | None) -> DataSource:
    """Write a synthetic set into the cache, once for each version or source of its plugin, and config."""
    key = _key(choice)
    root = made_in_cache(
        lambda folder: _render(choice, folder, progress), "datasets", f"{choice.name}-{key[:16]}", whole=INFO_FILE
    )
    info = read_info(root)
    config = stated_options(choice.config)
    return DataSource(root=root, name=choice.name, info=info, fingerprint=info.fingerprint, config=config)


def _key(choice: Choice, *more: str) -> str:
    """Return a hash of what decides the images that a component writes."""
    config = stated_options(choice.config)
    source, hashed = source_of(choice.plugin), with_contents(config, files_of(config))
    decides = (choice.full_name, choice.plugin.version, hashed, *([source] if source else []), *more)
    return hashlib.sha256(msgspec.json.encode(decides)).hexdigest()


def _render(choice: Choice, root: Path, progress: Progress | None, source: Path | None = None) -> None:
    from zoo.build import build
    from zoo.data.quality import measure_quality, write_quality
    from zoo.data.writer import materialize

    dataset = build(choice)

    def report(done: int, _left_out: int) -> None:
        if progress:
            progress(f"{'importing' if source else 'writing'} {choice.name}", done)

    try:
        materialize(dataset, root, source, progress=report)
        write_quality(root, measure_quality(root)[0])
    except DataError:
        if not (root / INFO_FILE).is_file():  # otherwise another process finished it first
            raise


def _in_layout(root: Path, progress: Progress | None) -> Path:
    """Return a folder in zoo's layout: this one, or its import in the cache where an importer recognizes it."""
    if not root.is_dir() or (root / INFO_FILE).exists():
        return root
    from zoo.build import build

    importers = [choice for choice in get_registry().list("dataset") if "source" in choice.contract.needs]
    found: dict[str, tuple[Choice, Sequence[Path]]] = {}
    for choice in importers:
        recognizes = getattr(build(choice), "recognizes", None)
        if recognizes and (folders := recognizes(root)):
            found[choice.name] = choice, folders
    if not found:
        return root
    if len(found) > 1:
        commands = " or ".join(f"zoo data import {name} {root} DST" for name in found)
        raise UsageError(
            f"`{root}` is in the layouts of {' and '.join(found)}", f"Run: {commands}, then use `data`=DST"
        )
    name, (choice, folders) = found.popitem()
    key = _key(choice, *map(_signature, folders))  # not of other folders, such as results beside them
    folder = made_in_cache(
        lambda folder: _render(choice, folder, progress, root),
        *("datasets", f"{printable(root.resolve().name)[:40]}-{key[:16]}"),
        whole=INFO_FILE,
    )
    if progress:
        info = read_info(folder)
        counts = ", ".join(f"{count} {split}" for split, count in info.splits.items())
        left_out = _left_out_text(info.left_out)
        command = f"zoo data import {name} {root} DST"
        kept = "the folder stays as it is, and a converted copy is kept for later runs"
        progress(f"{root}: read in layout {name}: {counts}{left_out}; {kept}. To choose split or degrees: {command}", 0)
    return folder


def _left_out_text(files: Sequence[LeftOut]) -> str:
    """Return how many files an import left out, with the reasons of the first few; empty for none."""
    if not files:
        return ""
    shown = [f"{file.name}: {file.reason}" for file in files[:NAMED]] + ["..."] * (len(files) > NAMED)
    return f", {len(files)} file{'s' * (len(files) > 1)} left out ({'; '.join(shown)})"


def _checked(root: Path, progress: Progress | None, *, shown: Path) -> DataSource:
    """Check a user's folder; the error lists the problems, one per line."""
    from zoo.data.check import check

    info = read_info(root)
    key = ("checked", _signature(root))
    found = _cached_fingerprint(key)
    if not found:
        if progress:
            progress(f"checking {shown}, once: {sum(info.splits.values())} pairs", 0)
        errors = [problem for problem in check(root) if problem.severity == "error"]
        if errors:
            raise _faulty(root, errors, shown)
        found = fingerprint(root, info)
        remember(found.encode(), *key)
    return DataSource(root=root.resolve(), name=info.name, info=info, fingerprint=found)


def _faulty(root: Path, errors: Sequence[Problem], shown: Path) -> DataError:
    """Return the error of a dataset with problems; of an import in the cache it names the user's folder."""
    imported = root != shown
    places = [problem.path.relative_to(root) if imported else problem.path for problem in errors[:20]]
    lines = [printable(f"zoo:   {place}: {problem.what}") for place, problem in zip(places, errors, strict=False)]
    lines += [f"zoo:   ... and {len(errors) - 20} more"] * (len(errors) > 20)
    found = f"{len(errors)} problem{'s' * (len(errors) > 1)}{' after its import' * imported}"
    fix = f"to import it again: `zoo data import KIND {shown} DST`" if imported else "`zoo data check` lists them all"
    return DataError("\n".join([f"dataset `{shown}` has {found}; {fix}:", *lines]))


def _cached_fingerprint(key: tuple[str, ...]) -> str:
    """Return the fingerprint stored in the cache; empty if there is none or it cannot be read."""
    path = in_cache(*key)
    with contextlib.suppress(OSError, UnicodeDecodeError):
        text = path.read_text() if path else ""
        return text if re.fullmatch(r"[0-9a-f]{64}", text) else ""
    return ""


def _signature(root: Path) -> str:
    """Return a hash of the folder's file names, sizes and times."""
    digest = hashlib.sha256(os.fsencode(root.resolve()))
    for path in sorted(path for path in root.rglob("*") if path.is_file()):
        stat = path.stat()
        digest.update(os.fsencode(f"{path} {stat.st_size} {stat.st_mtime_ns}\n"))
    return digest.hexdigest()
