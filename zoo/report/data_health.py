"""What tables say of the health of their datasets. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from zoo.data.layout import read_info
from zoo.errors import ZooError
from zoo.model_folder import read_config
from zoo.records.job import read_job
from zoo.records.record import HEALTH, Record


def known_health(runs: Iterable[tuple[Path, Record]]) -> str:
    """Return the newest summary of one dataset's health that its runs lead to; empty where there is none.

    The dataset may have been looked at after the runs were made, so its own folder is asked first, where it is on this machine.
    """
    known = list(runs)
    for folder, record in known:
        try:
            found = read_info(Path(read_job(folder).root)).health_summary(record.data.fingerprint)
        except ZooError:
            continue
        if found:
            return found
    for folder, record in known:
        found = record.dataset.get(HEALTH) or _trained_on(folder, record)
        if found:
            return str(found)
    return ""


def health_line(name: str, summary: str, folder: str = "FOLDER") -> str:
    """Return the line that stands under a table.

    Args:
        name: the dataset, as the table writes it.
        summary: what was found; empty where nothing was measured.
        folder: where the dataset is, for the command that measures it.
    """
    return f"Dataset {name}: {summary or f'health not measured; run: zoo data check {folder} --write'}"


def _trained_on(folder: Path, record: Record) -> str:
    try:
        return read_config(folder).dataset.health_summary(record.data.fingerprint)
    except ZooError:
        return ""
