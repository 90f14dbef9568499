"""Records that agree with themselves, in folders named as a bench names them; and finished runs of a chosen PSNR."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from zoo.keys import folder_name, key_of
from zoo.recipe import Part
from zoo.records.record import Record, write_json
from zoo.report.finished_runs import FinishedRun

SPREAD = np.linspace(-0.5, 0.5, 20)


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


@pytest.fixture
def a_run(make_score, make_record):
    """Return a finished run of a method with this PSNR and these changes to its recipe."""

    def run(method, psnr=13.0, *, values=None, scores=None, finished="", **changes):
        name = f"baselines/{method}" if method in ("mean_image", "grey_copy", "object_means") else f"{method}/{method}"
        made = make_record(
            scores or [make_score(psnr + SPREAD if values is None else values)], method=Part(name=name), **changes
        )
        made = replace(made, train_key=f"{name}{changes}", finished=finished or made.finished)
        return FinishedRun(folder=Path(method), record=made)

    return run
