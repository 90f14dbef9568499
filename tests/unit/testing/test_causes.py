"""`zoo check` of faulty plugins: each cause is named once, and sizes that do not work are named with those that do."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest

from zoo.scaffold import new_plugin
from zoo.testing import Result, cases_of, outcome
from zoo.testing.causes import Causes
from zoo.testing.image_sizes import smallest_side, working

NUMBERS = count()
FORWARD = "return torch.tanh(self.layers(x))"
INIT = "        self.layers = nn.Sequential(\n            nn.Conv2d(config"


@pytest.fixture
def checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[Result]]:
    """Return the results of a new package of a kind in which texts of files were replaced, in order."""

    def check(kind: str, edits: dict[str, dict[str, str]], only: tuple[str, ...] = ()) -> list[Result]:
        name = f"caused{next(NUMBERS)}"  # of its own: Python keeps what it imported
        new_plugin(name, kind, tmp_path / name)
        for file, replaced in edits.items():
            path = tmp_path / name / "src" / name / file
            source = path.read_text()
            for old, new in replaced.items():
                assert old in source
                source = source.replace(old, new)
            path.write_text(source)
        monkeypatch.syspath_prepend(tmp_path / name / "src")
        causes = Causes()
        cases = [case for case in cases_of(name, fast=not only) if not only or case.check.name in only]
        return [outcome(case, causes) for case in cases]

    return check


def by_status(results: list[Result]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {"passed": [], "failed": [], "skipped": []}
    for result in results:
        found[result.status].append(result.check)
    return found


@pytest.mark.parametrize(
    ("kind", "file", "edits"),
    [
        ("generator", "network.py", {INIT: f"        raise RuntimeError('no such driver')\n{INIT}"}),
        (
            "method",
            "method.py",
            {"        self.config = config\n": "        self.config = config\n        raise OSError('no driver')\n"},
        ),
        ("metric", "metric.py", {"self.config = config": "raise ValueError('no driver')"}),
        ("dataset", "dataset.py", {"self.config = config": "raise KeyError('no driver')"}),
        ("generator", "network.py", {"import torch\n": "import torch\nimport no_such_module_of_mine\n"}),
        ("generator", "network.py", {"class ResidualBlock": "raise SystemExit(3)\n\n\nclass ResidualBlock"}),
    ],
    ids=["generator", "method", "metric", "dataset", "import", "exit"],
)
def test_a_part_that_cannot_be_built_fails_one_check_and_the_others_are_not_run(checked, kind, file, edits):
    results = checked(kind, {file: edits})
    found = by_status(results)
    assert found["failed"] == ["builds"]
    assert found["passed"] == ["discovery", "config"]
    assert {result.text for result in results if result.status == "skipped"} == {"not run: builds failed"}
    assert len(found["skipped"]) >= 4


def test_a_network_that_raises_fails_one_check_and_the_others_name_it(checked):
    results = checked("generator", {"network.py": {FORWARD: "raise RuntimeError(f'no driver for {len(x)} images')"}})
    found = by_status(results)
    assert found["failed"] == ["shapes"]
    skipped = [result for result in results if result.status == "skipped"]
    assert {result.text for result in skipped} == {"it fails for the same cause as shapes"}
    assert {"globals", "range", "backward", "evaluation"} <= set(found["skipped"])
    assert {"builds", "options", "seeds"} <= set(found["passed"])


def test_faults_of_different_causes_are_both_named(checked):
    results = checked(
        "generator",
        {
            "network.py": {
                FORWARD: "return 2 * torch.tanh(self.layers(x))",
                INIT: f"        self.spare = nn.Linear(2, 2)\n{INIT}",
            }
        },
    )
    assert by_status(results)["failed"] == ["range", "backward"]


POOLED = "torch.nn.functional.interpolate(torch.nn.functional.avg_pool2d(x, {0}), scale_factor={0})"
"""Has the image's size where that is a multiple of the number, and a smaller one elsewhere."""
CONTRACT = "size_multiple=2, min_size=8"


def test_what_needs_every_size_is_not_run_where_a_size_does_not_work(checked):
    edits = {
        "network.py": {FORWARD: f"x = x + {POOLED.format(8)}\n        {FORWARD}"},
        "__init__.py": {CONTRACT: CONTRACT.replace("2, min_size=8", "4")},
    }
    results = checked("generator", edits, only=("shapes", "exports", "compiles"))
    assert [(result.check, result.status) for result in results] == [
        ("shapes", "failed"),
        ("exports", "skipped"),
        ("compiles", "skipped"),
    ]
    assert "not run: shapes failed" in results[1].text


def test_a_default_of_the_wrong_type_is_named_with_its_option(checked):
    results = checked("generator", {"config.py": {"width: Positive = 32": 'width: Positive = "32"'}})
    (failed,) = (result for result in results if result.status == "failed" and result.check == "config")
    assert "Expected `int`, got `str` for `width`" in failed.text
    assert failed.text.endswith("Give the field a default of its type")


@pytest.mark.parametrize(
    ("declared", "code", "shown"),
    [
        (4, f"x = x + {POOLED.format(8)}", "works at multiples of 8: write size_multiple=8 in the contract"),
        (2, f"x = x + {POOLED.format(12)}", "works at multiples of 12: write size_multiple=12 in the contract"),
        (2, f"x = x + {POOLED.format(32)}", "works at multiples of 32: write size_multiple=32 in the contract"),
        (1, "", "works at multiples of 2: write size_multiple=2 in the contract"),
        (4, f"x = {POOLED.format(8)}", "works at multiples of 8: write size_multiple=8 in the contract"),
        (
            2,
            "x = nn.functional.pad(x, (21, 21, 21, 21), mode='reflect')[..., 21:-21, 21:-21]",
            "works at multiples of 2 from 22 px: write min_size=22 in the contract",
        ),
        (
            4,
            f"x = nn.functional.pad(x, (21, 21, 21, 21), mode='reflect')[..., 21:-21, 21:-21] + {POOLED.format(8)}",
            "works at multiples of 8 from 24 px: write size_multiple=8, min_size=24 in the contract",
        ),
        (2, "x = x + x.transpose(-1, -2)", "works at squares only: define for_size() in the config"),
    ],
)
def test_sizes_that_do_not_work_are_named_with_those_that_do(checked, declared, code, shown):
    results = checked(
        "generator",
        {
            "network.py": {FORWARD: f"{code}\n        {FORWARD}"},
            "__init__.py": {CONTRACT: f"size_multiple={declared}"},
        },
    )
    (failed,) = [result for result in results if result.status == "failed"]
    assert failed.check == "shapes"
    assert shown in failed.text


@pytest.mark.parametrize(
    "fault", ["raise ValueError('too small')", "return torch.full((len(real),), torch.nan).double()"]
)
def test_a_metric_of_larger_images_is_asked_for_its_min_size(checked, fault):
    small = f"if real.shape[-1] < 45:\n            {fault}\n        return LEVELS"
    edits = {"from torch import Tensor": "import torch\nfrom torch import Tensor", "return LEVELS": small}
    results = checked("metric", {"metric.py": edits})
    failed = [result for result in results if result.status == "failed"]
    assert failed[0].check == "scores"
    assert "images of 32x32 px" in failed[0].text and "contract=Contract(min_size=45)" in failed[0].text
    fixed = checked("metric", {"metric.py": edits, "__init__.py": {"Contract(": "Contract(min_size=45, "}})
    assert {result.status for result in fixed} == {"passed"}


@pytest.mark.parametrize(
    ("multiple", "least", "works", "found"),
    [
        (4, 1, lambda side: side % 8 == 0, (8, 8)),
        (1, 1, lambda side: side >= 33, (1, 33)),
        (1, 1, lambda side: side % 14 == 0, (14, 14)),
        (2, 1, lambda side: side % 16 == 0 and side >= 64, (16, 64)),
        (32, 64, lambda side: side % 64 == 0, (64, 64)),
        (64, 1, lambda side: side % 128 == 0 and side > 128, None),
        (8, 1, lambda side: side == 64, None),
        (8, 1, lambda side: False, None),
        (8, 16, lambda side: True, (8, 16)),
    ],
)
def test_the_multiple_and_the_smallest_side_are_found_by_trying(multiple, least, works, found):
    assert working(works, multiple=multiple, least=least) == found


@pytest.mark.parametrize("least", [33, 40, 64, 65, 161, 512])
def test_the_smallest_side_is_exact(least):
    assert smallest_side(lambda side: side >= least, 32, 512) == least
    assert smallest_side(lambda side: False, 32, 512) is None


def test_pytest_skips_what_fails_for_a_cause_that_a_test_before_it_names(tmp_path):
    new_plugin("causednet", "generator", tmp_path / "causednet")
    network = tmp_path / "causednet/src/causednet/network.py"
    network.write_text(network.read_text().replace(FORWARD, "raise RuntimeError('no such driver')"))
    for words in (["tests"], ["--zoo", "causednet"]):
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", "-rs", "--zoo-fast", *words],
            cwd=tmp_path / "causednet",
            env={**os.environ, "PYTHONPATH": str(tmp_path / "causednet/src")},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 1
        # The package's own test runs the network too.
        assert f"{2 if words == ['tests'] else 1} failed, " in done.stdout, done.stdout
        assert "it fails for the same cause as shapes" in done.stdout
