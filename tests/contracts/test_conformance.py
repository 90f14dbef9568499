"""Every part that comes in zoo's own wheel passes the suite that third parties run; there is no list of exceptions."""

from __future__ import annotations

import pytest

from zoo.testing import Case, cases_of, run

CASES = [case for case in cases_of() if case.plugin.builtin]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_part_of_zoo_conforms(case: Case) -> None:
    if case.part == "metric:detection_map":
        pytest.importorskip("pycocotools", reason="the extra detection is not installed")
    run(case)
