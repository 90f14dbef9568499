"""Records that agree with themselves, in folders named as a bench names them."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import pytest

from zoo.keys import folder_name, key_of
from zoo.recipe import Part
from zoo.records.record import Record, write_json


@pytest.fixture
def sound(make_record, make_score):
    """Return a record without a fault."""

    def make(seed: int = 0, values=(13.0, 14.0, 16.0), **changes) -> Record:
        scores = [make_score(values), make_score((0.2, 0.3, 0.4), "ssim")]
        changes = {"splits": {"train": 6, "test": 3}, "method": Part(name="gone/net")} | changes
        record = make_record(scores, seed=seed, **changes)
        plugins = {"method": {"plugin": "gone", "distribution": "gone-net", "version": "3"}}
        return replace(record, plugins=plugins, train_key=key_of(asdict(record.recipe), plugins))

    return make


@pytest.fixture
def write_run():
    """Write a record into a results folder and return the run's folder."""

    def write(results: Path, record: Record, name: str = "") -> Path:
        folder = results / (name or folder_name(record.recipe, record.train_key))
        write_json(folder / "record.json", record)
        return folder

    return write
