"""Records and results folders made by hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from zoo.evaluate.results import Score
from zoo.recipe import Budget, DataRef, Part, Recipe
from zoo.records.record import Record, Timing, write_json
from zoo.report.table_plan import ColumnMetric, RefusedRow, TablePlan, TableRun, write_plan

RECIPE = Recipe(
    method=Part(name="cyclegan/cyclegan"),
    data=DataRef(name="FLIR", fingerprint="f" * 64),
    size=256,
    load_size=286,
    budget=Budget(steps=100_000, constant=50_000, period=500),
)
PROTOCOL = {"split": "test", "resize": "256x256 bicubic", "mode": "eval", "reads": ["visible"], "data_range": 1.0}
SPLITS = {"train": 500, "test": 20}

MakeScore = Callable[..., Score]
MakeRecord = Callable[..., Record]


def score(values: Sequence[float], metric: str = "psnr", **changes: object) -> Score:
    array = np.asarray(values, dtype=float)
    found = Score(
        metric=metric,
        value=float(array.mean()),
        n=array.size,
        low=float(array.mean()) - 0.25,
        high=float(array.mean()) + 0.25,
        level=0.95,
        unit="dB" if metric == "psnr" else "",
        higher_is_better=not metric.startswith("fid"),
        protocol=PROTOCOL,
        per_image={f"image{index:02}": float(value) for index, value in enumerate(array)},
    )
    return replace(found, **changes)


def record(scores: Sequence[Score], *, splits: Mapping[str, int] = SPLITS, **changes: object) -> Record:
    recipe = replace(RECIPE, **changes)
    return Record(
        recipe=recipe,
        train_key=f"{recipe.method.name}{recipe.seed}",
        score_key="s",
        command="zoo bench",
        finished="2024-01-01T00:00:00+00:00",
        scores=list(scores),
        losses={},
        parameters={"translation": 1},
        timing=Timing(train_seconds=1, steps_per_second=1, score_seconds=1, resumed=0),
        peak_memory={"host": 1, "device": None},
        environment={},
        plugins={},
        dataset={"name": recipe.data.name, "fingerprint": recipe.data.fingerprint, "splits": dict(splits)},
    )


class Results:
    """A results folder for `gn_cyclegan_table3`, whose lone dataset is FLIR."""

    def __init__(self, root: Path, table: str = "gn_cyclegan_table3") -> None:
        self.root, self.table = root, table
        self.cells: list[TableRun] = []
        self.refused: list[RefusedRow] = []
        self.data = {"flir": "FLIR"}
        self.measures = [ColumnMetric(column=name, spec=name, score=name) for name in ("psnr", "ssim")]

    def add(
        self, row: str, made: Record | None, *, seed: int = 0, dataset: str = "flir", instead: tuple[str, ...] = ()
    ) -> Path:
        folder = self.root / f"{dataset}-{row}-{seed}"
        if made:
            write_json(folder / "record.json", made)
        self.cells.append(TableRun(row=row, dataset=dataset, seed=seed, folder=folder.name, instead=instead))
        return folder

    def write(self) -> Path:
        plan = TablePlan(
            table=self.table,
            measures=tuple(self.measures),
            data=self.data,
            cells=tuple(self.cells),
            refused=tuple(self.refused),
        )
        write_plan(self.root, plan)
        return self.root


@pytest.fixture
def results(tmp_path: Path) -> Results:
    return Results(tmp_path / "results")


@pytest.fixture
def make_score() -> MakeScore:
    return score


@pytest.fixture
def make_record() -> MakeRecord:
    return record
