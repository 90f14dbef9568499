"""A metric plugin of thirty lines that reads boxes passes `zoo check`, and its faults are named."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from zoo.testing import cases_of, outcome

PLUGIN = '''
"""How bright objects are."""

from dataclasses import dataclass

from zoo.hookspec import Component, Contract, hookimpl


@dataclass(frozen=True, kw_only=True)
class Config:
    """No options."""


@hookimpl
def zoo_components():
    """Return the metric."""
    contract = Contract(reads=("boxes",), promises={"lowest": 0.0, "best": 0.0})
    row = {"kind": "metric", "name": "box_error", "target": "NAME_metric:BoxError", "config": Config()}
    return [Component(**row, summary="mean absolute error inside the boxes", contract=contract)]
'''
METRIC = """
import torch


class BoxError:
    name, higher_is_better, unit, compares, reads = "box_error", False, "", "grey", ("boxes",)

    def __init__(self, config):
        pass

    def protocol(self):
        return {"pixels": "inside boxes"}

    def per_image(self, translated, real, batch):
        values = []
        for error, boxes in zip((translated - real).abs()[:, 0], batch["boxes"], strict=True):
            cuts = [error[y1:y2, x1:x2] for x1, y1, x2, y2, _ in boxes.int().tolist()]
            values.append(torch.stack([cut.mean() for cut in cuts]).mean() if cuts else torch.tensor(torch.nan))
        return torch.stack(values).double()
"""


@pytest.fixture
def check(tmp_path, monkeypatch, request):
    """Return a function that writes the plugin, with edits, and returns its failed checks by name."""

    def run(plugin: str = PLUGIN, metric: str = METRIC) -> dict[str, str]:
        name = f"boxed_{abs(hash((request.node.name, plugin, metric)))}"
        Path(tmp_path / f"{name}.py").write_text(plugin.replace("NAME", name))
        Path(tmp_path / f"{name}_metric.py").write_text(metric)
        monkeypatch.syspath_prepend(str(tmp_path))
        results = [outcome(case) for case in cases_of(name)]
        assert {"scores", "direction", "bounds"} <= {result.check for result in results}
        sys.modules.pop(name, None)
        return {result.check: result.text for result in results if result.status == "failed"}

    return run


def test_thirty_lines_pass(check):
    assert len([line for line in (PLUGIN + METRIC).splitlines() if line.strip()]) <= 30
    assert check() == {}


def test_an_entry_that_the_contract_does_not_name_fails(check):
    failed = check(plugin=PLUGIN.replace('reads=("boxes",), ', ""))
    assert "expected a contract that reads boxes" in failed["scores"]


def test_an_entry_that_the_check_cannot_make_fails_with_a_way_out(check):
    failed = check(PLUGIN.replace('"boxes"', '"rain"'), METRIC.replace('("boxes",)', '("rain",)'))
    assert "found rain" in failed["scores"] and "`small`" in failed["scores"]


def test_per_class_of_another_shape_fails(check):
    wrong = METRIC.replace("reads = ", "reads, by = ").replace('("boxes",)\n', '("boxes",), "boxes"\n')
    wrong += """
    def per_class(self, translated, real, batch, classes):
        return self.per_image(translated, real, batch)
"""
    assert "per_class to return float64 [3, 2]" in check(metric=wrong)["scores"]
