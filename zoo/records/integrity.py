"""Checks the files of a run's folder, moves aside what blocks a run, and removes what killed writes left. Imports no torch."""

from __future__ import annotations

import contextlib
import re
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

from zoo.checksums import Damage, digests, find_damage, known_digests
from zoo.composition import digest
from zoo.errors import ZooError
from zoo.model_folder import CONFIG_FILE, LAST_FILE, WEIGHTS_FILE, ModelConfig
from zoo.recipe import Recipe
from zoo.records.job import LOG_FILE, RUN_FILE, STARTS_FILE
from zoo.records.lease import DEAD_AFTER, LEASE_FILE, folder_time
from zoo.records.record import FAILURE_FILE, RECORD_FILE, Record, read_json
from zoo.records.trained import TRAINED_FILE
from zoo.training.log import LOG

SCORES_FILE, SAMPLES_FILE, LOSSES_FILE = "scores.csv", "samples.png", "losses.png"
CHECKPOINTS, TILES = "checkpoints", "samples"  # named again here, where neither torch nor matplotlib is imported
MODEL = (WEIGHTS_FILE, CONFIG_FILE)
LAST = (LAST_FILE,)  # beside averaged weights
SHOWN = (SCORES_FILE, SAMPLES_FILE, LOSSES_FILE, TILES)
"""What a scoring leaves for people."""
FILES = (*MODEL, SCORES_FILE, SAMPLES_FILE, LOSSES_FILE, RECORD_FILE, TRAINED_FILE, RUN_FILE, FAILURE_FILE)
"""Files that a run writes as a whole."""
IMPORTED = "Imported from "
"""How the note begins that an imported record has."""
LEFTOVER = re.compile(r"\.(?P<name>.+)\.[0-9a-f]{8}|\.(clock|probe)-\w+")
"""Names of files and folders that are not yet in their place; one of a killed process stays."""
COPYING = 3600.0
"""Seconds after which the folder of an import that nobody writes to is left over."""


def find_faults(folder: Path, record: Record | None, *, thorough: bool) -> list[Damage]:
    """Return which files of a finished run are lost or damaged.

    Args:
        folder: of the run.
        record: of the run, None where it has none. A record stands alone where weights were never beside it, as after an import.
        thorough: read every file and miss every one that was there. Else weights and config are read only where they changed
            after the record was written, and pictures and lost weights are passed over.
    """
    weights, recipe = folder / WEIGHTS_FILE, record.recipe if record else None
    expected = record.sha256 if record else None
    if not thorough:
        since = (folder / RECORD_FILE).stat().st_mtime_ns if record else None
        names = MODEL if weights.exists() else [name for name in MODEL if (folder / name).is_dir()]
        return [
            *find_damage(folder, names, expected=expected, since=since, required=names),
            *_config_fault(folder, since, recipe),
        ]
    needed = [CONFIG_FILE] if weights.exists() else []
    if record and not record.sha256 and not any(note.startswith(IMPORTED) for note in record.notes):
        needed.append(WEIGHTS_FILE)
    faults = find_damage(folder, (*MODEL, *SHOWN, *LAST), expected=expected, required=needed)
    return [*faults, *_config_fault(folder, None, recipe)]


def config_is_whole(folder: Path, recipe: Recipe) -> bool:
    """Return whether a run's config is the one that it wrote, of this recipe."""
    return not (find_damage(folder, [CONFIG_FILE], required=[CONFIG_FILE]) or _config_fault(folder, None, recipe))


def run_digests(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of what a record vouches for, of those files that are there."""
    return digests(folder, (*MODEL, *SHOWN, *LAST))


def clear_way(folder: Path) -> None:
    """Set aside what stands in the place of a run's own files: a folder where a file belongs, a file where a folder does.

    Nothing is removed: it stays in the run's folder under a name that ends in `.aside-` and eight digits.
    """
    for name in (*FILES, LOG, LOG_FILE, STARTS_FILE):
        path = folder / name
        if path.is_dir() and not path.is_symlink():
            set_aside(path)
    for name in (CHECKPOINTS, TILES):
        path = folder / name
        if path.exists() and not path.is_dir():
            set_aside(path)
    for path in (folder / TILES).glob("*"):
        if path.is_dir():
            set_aside(path, folder)


def set_aside(path: Path, folder: Path | None = None) -> None:
    """Rename a file or folder, by default within its folder, so that its place is free; one that is gone already is no fault."""
    with contextlib.suppress(FileNotFoundError):
        path.rename((folder or path.parent) / f"{path.name}.aside-{uuid.uuid4().hex[:8]}")


def sweep_run(folder: Path) -> None:
    """Remove what killed writes left in the folder of a run whose lease this process holds: nobody else writes these files."""
    for path, name in _leftovers(folder):
        ours = name in (*FILES, STARTS_FILE) and name != FAILURE_FILE  # which the bench writes too
        if ours or _age(path) > DEAD_AFTER:
            _remove(path)


def sweep_results(results: Path) -> None:
    """Remove what killed processes left in a results folder, where others may be writing: by age."""
    for folder in (results, results / "tables", results / "slurm"):
        for path, _ in _leftovers(folder):
            if _age(path) > (COPYING if path.is_dir() else DEAD_AFTER):
                _remove(path)


def _leftovers(folder: Path) -> Iterator[tuple[Path, str]]:
    """Yield leftovers with the names that they would have got."""
    try:
        paths = list(folder.iterdir())
    except OSError:
        return
    for path in paths:
        match = LEFTOVER.fullmatch(path.name)
        if match and not path.name.startswith(LEASE_FILE):
            yield path, match["name"] or ""


def _age(path: Path) -> float:
    """Return seconds since a change, by the clock of the folder; 0 if it cannot be read."""
    try:
        return (folder_time(path.parent) - path.stat().st_mtime_ns) / 1e9
    except OSError:
        return 0.0


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def _config_fault(folder: Path, since: int | None, recipe: Recipe | None) -> list[Damage]:
    """Return what is wrong with a config whose SHA-256 nobody recorded."""
    path = folder / CONFIG_FILE
    if not path.is_file() or known_digests(folder, CONFIG_FILE):
        return []
    if since is not None and path.stat().st_mtime_ns <= since:
        return []
    try:
        config = read_json(path, ModelConfig, "")
    except ZooError as error:
        return [Damage(path=path, what=error.message.removeprefix(f"`{path}` "))]
    if config and recipe and digest(config.recipe) != digest(recipe):
        return [Damage(path=path, what=f"is of another recipe than the {RECORD_FILE} beside it")]
    return []
