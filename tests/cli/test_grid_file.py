"""`zoo bench GRID.toml`: the options of a grid stand in a file, before zoo.toml and the environment, after the command line."""

import json
import shlex

import pytest

GRID = """
gen = ["resnet6:width=2,blocks=1", "resnet6:width=3,blocks=1"]
disc = "patchgan:width=2"
data = "scenes:train=4,test=2"
steps = 2
size = 32
baselines = false
jobs = 1
"""


@pytest.fixture
def grid(tmp_path):
    path = tmp_path / "grid.toml"
    path.write_text(GRID)
    return path


def test_the_file_gives_the_runs_of_its_options_and_the_command_line_overrides_it(zoo, grid):
    (grid.parent / "zoo.toml").write_text("[bench]\nsteps = 7\nseeds = 1\n")
    env = {"ZOO_BENCH_STEPS": "9", "ZOO_BENCH_BASELINES": "1", "ZOO_BENCH_METRICS": "psnr"}
    by_file = zoo("bench", "./grid.toml", "--steps", "1", "--device", "cpu", "--json", env=env)
    assert by_file.returncode == 0, by_file.stderr
    records = json.loads(by_file.stdout)
    assert [one["recipe"]["generator"]["config"]["width"] for one in records] == [2, 3]
    assert {one["recipe"]["budget"]["steps"] for one in records} == {1}
    assert [score["metric"] for score in records[0]["scores"]] == ["psnr"]
    # The record's command needs no file, and means the same runs.
    command = records[0]["command"]
    assert "grid.toml" not in command and "--no-baselines" in command
    grid.unlink()
    again = zoo(*shlex.split(command)[1:])
    assert again.returncode == 0 and "Skipped 2 finished runs" in again.stderr


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("stepps = 3", "sets 'stepps', which is no option of zoo bench. Did you mean steps?"),
        ("generator = 'resnet6'", "Use gen"),
        ("[bench]\nsteps = 3", "Write the options at the top of the file, without [bench]"),
        ("steps = 2.5", "'2.5' is not a valid int"),
        ("steps = true", "'true' is not a valid int"),
        ("retry = 5", "'5' is not a valid bool"),
        ("data = {a = 1}", "Give a text, a number, true, false or a list of these"),
        ("data = [['a']]", "Give a text, a number, true, false or a list of these"),
        ("data = 2020-01-01", "Give a text, a number, true, false or a list of these"),
        ("gen = []", "`g.toml` sets 'gen' to an empty list"),
        ("gen = ''", "--gen is empty. Give a name, or leave it out"),
        ("steps = ", "cannot be read: "),
        ("gen = 'resnet7'", "no generator is named 'resnet7'"),
        ("columns = []\nrows = []\nprovenance = ''", "is the file of a paper's table. Run: zoo bench --table"),
    ],
)
def test_a_wrong_file_is_refused_in_one_line_before_anything_is_written(zoo, tmp_path, text, message):
    (tmp_path / "g.toml").write_text(text)
    done = zoo("bench", "g.toml", "--out", "out")
    assert done.returncode == 2 and message in done.stderr and "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("none.toml", "there is no grid file `none.toml`"),
        ("resnet9", "which is not a grid file. Name a .toml file"),
        (".", "For a dataset, use --data ."),
        ("", "the path of the grid file is empty"),
    ],
)
def test_a_word_that_is_no_grid_file_is_refused(zoo, word, message):
    done = zoo("bench", word)
    assert done.returncode == 2 and message in done.stderr
