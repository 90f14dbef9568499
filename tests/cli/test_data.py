"""`zoo data import`, `zoo data check` and `zoo data sample`, as typed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from zoo.cli.data import app
from zoo.errors import DataError, UsageError

HEALTHY = "no fault found in 4 images (0 pairs judged for registration)"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for folder in ("train", "test"):
        (tmp_path / "src" / folder).mkdir(parents=True)
        for i in range(2):
            half = rng.integers(0, 256, (4, 5, 3)).astype(np.uint8)
            both = np.concatenate([half, half[..., :1].repeat(3, axis=2)], axis=1)
            Image.fromarray(both).save(tmp_path / "src" / folder / f"{i}.png")
    (tmp_path / "src/train/Thumbs.db").write_bytes(b"")
    return tmp_path / "src"


def test_import_answers_on_stdout_and_warns_on_stderr(source: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["import", "aligned", str(source), str(tmp_path / "dst")])
    assert result.exit_code == 0
    assert result.stdout == f"{tmp_path / 'dst'}: src, 2 train, 2 test pairs, 1 left out\n"
    assert "left out train/Thumbs.db: not an image" in result.stderr


def test_import_as_json_is_dataset_json(source: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["import", "aligned", str(source), str(tmp_path / "dst"), "--json"])
    assert json.loads(result.stdout) == json.loads((tmp_path / "dst/dataset.json").read_text())


def test_import_of_an_unknown_kind_or_a_missing_source_raises_for_main_to_print(source: Path, tmp_path: Path) -> None:
    runner = CliRunner()
    with pytest.raises(UsageError, match="alligned"):
        runner.invoke(app, ["import", "alligned", str(source), str(tmp_path / "dst")], catch_exceptions=False)
    with pytest.raises(DataError, match="does not exist"):
        runner.invoke(app, ["import", "aligned", str(tmp_path / "no"), str(tmp_path / "dst")], catch_exceptions=False)


def test_check_exits_0_when_all_is_well_and_1_with_errors(source: Path, tmp_path: Path) -> None:
    runner, dst = CliRunner(), tmp_path / "dst"
    runner.invoke(app, ["import", "aligned", str(source), str(dst)])
    good = runner.invoke(app, ["check", str(dst)])
    assert (good.exit_code, good.stdout) == (0, f"{dst}: ok\nhealth: {HEALTHY}\n")
    (dst / "train/thermal/0.png").unlink()
    bad = runner.invoke(app, ["check", str(dst)])
    assert bad.exit_code == 1
    assert f"error: `{dst}/train/visible/0.png` has no partner in train/thermal\n" in bad.stdout
    assert f"{dst}: 1 error, 1 warning\n" in bad.stdout
    as_json = runner.invoke(app, ["check", str(dst), "--json"])
    assert as_json.exit_code == 1
    answer = json.loads(as_json.stdout)
    assert answer["ok"] is False
    assert answer["problems"][0]["severity"] == "error"


def test_importing_a_set_that_is_made_on_the_spot_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="scenes is generated"):
        CliRunner().invoke(app, ["import", "scenes", "x", str(tmp_path / "dst")], catch_exceptions=False)


def test_the_health_is_in_dataset_json_after_an_import_and_leaves_the_fingerprint_alone(
    source: Path, tmp_path: Path
) -> None:
    runner = CliRunner()
    runner.invoke(app, ["import", "aligned", str(source), str(tmp_path / "a")])
    runner.invoke(app, ["import", "aligned", str(source), str(tmp_path / "b"), "--no-health"])
    with_health, without = (json.loads((tmp_path / name / "dataset.json").read_text()) for name in "ab")
    assert (with_health["health"]["images"], without["health"]) == (4, None)
    assert with_health["fingerprint"] == without["fingerprint"]


def test_check_writes_the_health_only_when_asked(source: Path, tmp_path: Path) -> None:
    runner, dst = CliRunner(), tmp_path / "dst"
    runner.invoke(app, ["import", "aligned", str(source), str(dst), "--no-health"])
    before = (dst / "dataset.json").read_bytes()
    flat = dst / "test/thermal/1.png"
    Image.fromarray(np.full((4, 5), 7, np.uint8)).save(flat)
    seen = runner.invoke(app, ["check", str(dst)])
    assert seen.exit_code == 0
    assert f"warning: `{flat}` has no contrast\n" in seen.stdout
    assert seen.stdout.endswith("health: 1 thermal images constant\n")
    assert (dst / "dataset.json").read_bytes() == before
    runner.invoke(app, ["check", str(dst), "--write"])
    assert json.loads((dst / "dataset.json").read_text())["health"]["constant"] == 1
    assert json.loads(runner.invoke(app, ["check", str(dst), "--json"]).stdout)["health"]["constant"] == 1
    assert "health:" not in runner.invoke(app, ["check", str(dst), "--no-health"]).stdout
    with pytest.raises(UsageError, match="--no-health skips them"):
        runner.invoke(app, ["check", str(dst), "--write", "--no-health"], catch_exceptions=False)


def test_sample_draws_from_both_splits(source: Path, tmp_path: Path) -> None:
    runner, dst = CliRunner(), tmp_path / "dst"
    runner.invoke(app, ["import", "aligned", str(source), str(dst)])
    words = ["sample", str(dst), str(tmp_path / "small"), "--train", "2", "--test", "1", "--seed", "3"]
    result = runner.invoke(app, words)
    assert result.stdout == f"{tmp_path / 'small'}: src, 2 train, 1 test pairs, sampled with seed 3\n"
    with pytest.raises(UsageError, match="500 train pairs were asked for"):
        runner.invoke(app, ["sample", str(dst), str(tmp_path / "large")], catch_exceptions=False)


def test_check_of_a_folder_that_is_no_dataset_names_it_once(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["check", str(tmp_path)])
    assert result.exit_code == 1
    assert result.stdout.count("error: ") == 1
