"""`zoo data import`, `zoo data check` and `zoo data sample`, on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from zoo.cli.data import app
from zoo.errors import DataError, UsageError

GOOD = "no problem found in 4 images (registration not checked)"


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
    assert (good.exit_code, good.stdout) == (0, f"{dst}: ok\ndata quality: {GOOD}\n")
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


def test_importing_a_generated_set_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="scenes is generated and needs no import"):
        CliRunner().invoke(app, ["import", "scenes", "x", str(tmp_path / "dst")], catch_exceptions=False)


def test_the_data_quality_is_in_dataset_json_after_an_import_and_leaves_the_fingerprint_alone(
    source: Path, tmp_path: Path
) -> None:
    runner = CliRunner()
    runner.invoke(app, ["import", "aligned", str(source), str(tmp_path / "a")])
    runner.invoke(app, ["import", "aligned", str(source), str(tmp_path / "b"), "--no-quality"])
    with_quality, without = (json.loads((tmp_path / name / "dataset.json").read_text()) for name in "ab")
    assert (with_quality["health"]["images"], without["health"]) == (4, None)
    assert with_quality["fingerprint"] == without["fingerprint"]


def test_check_stores_the_data_quality_only_with_write(source: Path, tmp_path: Path) -> None:
    runner, dst = CliRunner(), tmp_path / "dst"
    runner.invoke(app, ["import", "aligned", str(source), str(dst), "--no-quality"])
    before = (dst / "dataset.json").read_bytes()
    flat = dst / "test/thermal/1.png"
    Image.fromarray(np.full((4, 5), 7, np.uint8)).save(flat)
    seen = runner.invoke(app, ["check", str(dst)])
    assert seen.exit_code == 0
    assert f"warning: `{flat}` has no contrast\n" in seen.stdout
    assert seen.stdout.endswith("data quality: 1 thermal images constant\n")
    assert (dst / "dataset.json").read_bytes() == before
    runner.invoke(app, ["check", str(dst), "--write"])
    assert json.loads((dst / "dataset.json").read_text())["health"]["constant"] == 1
    assert json.loads(runner.invoke(app, ["check", str(dst), "--json"]).stdout)["health"]["constant"] == 1
    for flag in ("--no-quality", "--no-health"):  # the second is the former name
        assert "data quality:" not in runner.invoke(app, ["check", str(dst), flag]).stdout
    with pytest.raises(UsageError, match="does not measure it"):
        runner.invoke(app, ["check", str(dst), "--write", "--no-quality"], catch_exceptions=False)


def test_sample_takes_images_of_both_splits(source: Path, tmp_path: Path) -> None:
    runner, dst = CliRunner(), tmp_path / "dst"
    runner.invoke(app, ["import", "aligned", str(source), str(dst)])
    words = ["sample", str(dst), str(tmp_path / "small"), "--train", "2", "--test", "1", "--seed", "3"]
    result = runner.invoke(app, words)
    assert result.stdout == f"{tmp_path / 'small'}: src, 2 train, 1 test pairs, sampled with seed 3\n"
    with pytest.raises(UsageError, match="500 train pairs cannot be sampled"):
        runner.invoke(app, ["sample", str(dst), str(tmp_path / "large")], catch_exceptions=False)


def test_check_of_a_folder_that_is_no_dataset_names_it_once(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["check", str(tmp_path)])
    assert result.exit_code == 1
    assert result.stdout.count("error: ") == 1


@pytest.fixture
def two_folders(tmp_path: Path) -> Path:
    """Ten pairs in `vi/` and `ir/`."""
    rng = np.random.default_rng(1)
    for side, shape in (("vi", (6, 8, 3)), ("ir", (6, 8))):
        (tmp_path / "nest/two" / side).mkdir(parents=True)
        for number in range(10):
            pixels = rng.integers(0, 256, shape).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / "nest/two" / side / f"{number}_{side}.png")
    return tmp_path / "nest/two"


def test_two_folders_are_imported_with_what_the_user_states(two_folders: Path, tmp_path: Path) -> None:
    words = f"--visible {two_folders / 'vi'} --thermal {two_folders / 'ir'} {tmp_path / 'dst'} --test 3 --validation 2 --seed 1"
    stated = ["--name", "Mine", "--source", "my camera", "--license", "CC0", "--citation", "me, 2026"]
    result = CliRunner().invoke(app, ["import", "pairs", *words.split(), *stated])
    assert result.exit_code == 0, result.output
    assert result.stdout == f"{tmp_path / 'dst'}: Mine, 5 train, 2 validation, 3 test pairs, 0 left out\n"
    info = json.loads((tmp_path / "dst/dataset.json").read_text())
    assert [info[key] for key in ("name", "source", "license", "citation")] == ["Mine", "my camera", "CC0", "me, 2026"]
    assert CliRunner().invoke(app, ["check", str(tmp_path / "dst")]).exit_code == 0


def test_the_user_may_name_any_import_and_only_pairs_takes_folders_and_sets(source: Path, tmp_path: Path) -> None:
    runner = CliRunner()
    runner.invoke(app, ["import", "aligned", str(source), str(tmp_path / "dst"), "--name", "Mine"])
    assert json.loads((tmp_path / "dst/dataset.json").read_text())["name"] == "Mine"
    with pytest.raises(UsageError, match="dataset aligned has no option 'test'"):
        runner.invoke(app, ["import", "aligned", "x", "y", "--test", "3"], catch_exceptions=False)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("{two}", "takes SRC DST, and 1 folder was given"),
        ("{two} {out} more", "3 folders were given. For two folders, run: zoo data import pairs --visible"),
        ("--visible {two}/vi --thermal {two}/ir {two} {out}", "2 folders were given besides the options"),
        ("--visible {two}/vi {out}", "one folder is not enough"),
        ("--visible {two}/vi --thermal {two}/none {out}", "none` does not exist"),
        ("--visible {two}/vi --thermal {two}/ir {two}/ir/out", "lies inside the folder to import from"),
        ("--visible {two}/vi --thermal {two}/ir --labels {two}/no {out}", "no` does not exist"),
        ("--visible {two}/vi --thermal {two}/ir --boxes {two}/no {out}", "no` cannot be read"),
        ("{two}/vi {out}", "lacks a folder visible.*10 files such as 0_vi.png"),
        ("{two}/.. {out}", "Name the folder that holds them: .*two"),
        ("{two} {out} --test=", "--test is empty"),
        ("{two} {out} --test most", "`test` is most"),
    ],
)
def test_a_wrong_import_of_pairs_is_refused_with_what_was_found(
    two_folders: Path, tmp_path: Path, words: str, message: str
) -> None:
    given = words.format(two=two_folders, out=tmp_path / "out").split()
    with pytest.raises((UsageError, DataError), match=message):
        CliRunner().invoke(app, ["import", "pairs", *given], catch_exceptions=False)
    assert not (tmp_path / "out").exists()


def test_split_redraws_and_names_what_it_made(two_folders: Path, tmp_path: Path) -> None:
    runner = CliRunner()
    runner.invoke(app, ["import", "pairs", str(two_folders), str(tmp_path / "dst")])
    words = ["split", str(tmp_path / "dst"), str(tmp_path / "new"), "--test", "0.4", "--validation", "2", "--seed", "3"]
    result = runner.invoke(app, words)
    assert result.stdout == f"{tmp_path / 'new'}: two, 4 train, 2 validation, 4 test pairs, redrawn with seed 3\n"
    everything = runner.invoke(app, ["split", str(tmp_path / "new"), str(tmp_path / "all"), "--test", "all"])
    assert everything.stdout == f"{tmp_path / 'all'}: two, 0 train, 10 test pairs, redrawn with seed 0\n"
    assert runner.invoke(app, ["check", str(tmp_path / "all")]).exit_code == 0
