"""benchmarks/speed/gpu.sh with a stub of Python that records what it is called with: no GPU is needed."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_command

from zoo.cli.main import app

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "speed" / "gpu.sh"
NINE_MINUTES = 540
STUB = f"""#!/bin/sh
case "$1" in
-) exec {sys.executable} "$@" ;;
-c) exit "${{NO_GPU:-0}}" ;;
esac
echo "$@" >> "$CALLS"
case "$*" in *"${{FAILS:-nothing fails}}"*) echo broken; exit 3 ;; esac
for word in "$@"; do
    [ "$last" = --json ] && echo '{{"rows": [1]}}' > "$word"
    last=$word
done
exit 0
"""


@pytest.fixture
def gpu(tmp_path, monkeypatch):
    """Return a function that runs the script and returns its process and the calls of Python."""
    (tmp_path / "python").write_text(STUB)
    (tmp_path / "python").chmod(0o755)
    (tmp_path / "data").mkdir()
    calls = tmp_path / "calls"
    monkeypatch.setenv("PYTHON", str(tmp_path / "python"))
    monkeypatch.setenv("CALLS", str(calls))

    def run(**variables: str) -> tuple[subprocess.CompletedProcess[str], list[str]]:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        calls.write_text("")
        command = ["sh", str(SCRIPT), str(tmp_path / "out"), str(tmp_path / "data")]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return done, calls.read_text().splitlines()

    return run


def test_one_json_has_every_part(gpu, tmp_path):
    done, calls = gpu()
    assert done.returncode == 0, done.stderr
    parts = json.loads((tmp_path / "out" / "gpu.json").read_text())["parts"]
    assert len(parts) == len(calls) == 10
    assert {part["exit"] for part in parts.values()} == {0}
    assert [name for name, part in parts.items() if part.get("report") == {"rows": [1]}] == [
        *(f"steps-{what}" for what in ("batches", "compiled", "cyclegan", "gn", "sizes")),
        "translate",
    ]


def test_run_again_it_repeats_only_what_failed(gpu, tmp_path):
    _, first = gpu(FAILS="translate.py")
    parts = json.loads((tmp_path / "out" / "gpu.json").read_text())["parts"]
    assert parts["translate"]["exit"] == 3 and "report" not in parts["translate"] and len(first) == 10
    assert parts["translate"]["log"] == "broken\n"
    _, second = gpu(FAILS="nothing fails")
    assert len(second) == 1 and "translate.py" in second[0]
    assert json.loads((tmp_path / "out" / "gpu.json").read_text())["parts"]["translate"]["exit"] == 0
    before = (tmp_path / "out" / "gpu.json").read_bytes()
    assert gpu()[1] == [] and (tmp_path / "out" / "gpu.json").read_bytes() == before


def test_half_a_report_of_a_part_that_was_ended_is_left_out(gpu, tmp_path):
    gpu()
    (tmp_path / "out" / "translate.json").write_text('{"rows"')
    done, _ = gpu()
    parts = json.loads((tmp_path / "out" / "gpu.json").read_text())["parts"]
    assert done.returncode == 0 and "report" not in parts["translate"] and len(parts) == 10


def test_without_a_gpu_it_refuses(gpu):
    done, calls = gpu(NO_GPU="1")
    assert done.returncode == 2 and calls == [] and done.stderr == "gpu.sh: no CUDA device\n"


def test_its_parts_end_within_nine_minutes():
    text = SCRIPT.read_text()
    total = int(re.findall(r"^total=(\d+)", text, re.MULTILINE)[0])
    assert total + 15 < NINE_MINUTES and '[ "$limit" -le "$left" ] || limit=$left' in text
    limits = [int(limit) for limit in re.findall(r"^ *(?:steps|part) \S+ (\d+) ", text, re.MULTILINE)]
    assert len(limits) == 9 and sum(limits) + limits[-1] <= total  # the last one runs in two precisions


def test_its_calls_use_options_that_there_are(gpu):
    _, calls = gpu()
    bench = get_command(app).commands["bench"]
    known = {name for option in bench.params for name in option.opts}
    used = {word for call in calls if call.startswith("-m zoo bench") for word in call.split() if word.startswith("--")}
    assert used and used <= known
    for script in ("steps", "translate"):
        text = "".join((SCRIPT.parent / f"{name}.py").read_text() for name in (script, "harness"))
        for call in calls:
            if f"{script}.py" in call:
                assert all(f'"{word}"' in text for word in call.split() if word.startswith("--"))
