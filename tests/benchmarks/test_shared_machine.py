"""benchmarks/speed/shared_machine.py with a small network."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "speed" / "shared_machine.py"


@pytest.mark.slow
def test_ways_take_turns_without_and_beside_a_busy_loop(tmp_path):
    ways = ["eager, passive", "eager, passive, 1 thread"]
    words = ["--generators", "resnet6", "--size", "32", "--rounds", "3", "--ways", ";".join(ways)]
    done = subprocess.run(
        [sys.executable, str(SCRIPT), *words, "--json", str(tmp_path / "rows.json")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    rows = json.loads((tmp_path / "rows.json").read_text())["rows"]
    assert [(row["busy loops"], row["way"]) for row in rows] == [(loops, way) for loops in (0, 1) for way in ways]
    for row in rows:
        assert 0 < row["best s"] <= row["s"] and row["lowest"] <= row["ratio"] <= row["highest"]
        assert row["way"] != ways[0] or row["ratio"] == 1
