"""Every part that comes in zoo's own wheel passes the suite that third parties run; there is no list of exceptions.

One check is not repeated: rows that differ only in numbers which `small` sets, such as ResNet-6 and ResNet-9, are one network
under it, which is compiled once.
"""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from zoo.testing import Case, cases_of, run


def distinct(cases: Iterable[Case]) -> list[Case]:
    """Return one case for each network and check where the check compiles, which takes seconds, and every other case."""
    kept = {}
    for case in cases:
        network = (
            (case.choice.component.target, case.choice.config)
            if case.choice and case.check.name == "compiles"
            else case.part
        )
        kept.setdefault((network, case.check.name), case)
    return list(kept.values())


CASES = distinct(case for case in cases_of() if case.plugin.builtin)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_part_of_zoo_conforms(case: Case) -> None:
    if case.part == "metric:detection_map":
        pytest.importorskip("pycocotools", reason="the extra detection is not installed")
    run(case)
