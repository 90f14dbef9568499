"""`zoo compare`, `zoo table` and `zoo bench --table` from the command line."""

from __future__ import annotations

import csv
import io
import json

import numpy as np
import pytest
from scipy.stats import permutation_test

BASELINES = ("grey_copy", "inverted_grey", "mean_image")


@pytest.fixture
def baselines(pairs, tmp_path, zoo):
    """Return the runs' folders of three baselines on the blocks, whose thermal images are inverted grey."""
    done = zoo("bench", "--method", ",".join(BASELINES), "--data", str(pairs), "--size", "32")
    assert done.returncode == 0, done.stderr
    return [next((tmp_path / "results").glob(f"{name}-*")) for name in BASELINES]


def test_runs_are_compared_with_the_first(baselines, zoo):
    done = zoo("compare", *map(str, baselines))
    assert done.returncode == 0, done.stderr
    assert "Against grey_copy" in done.stdout
    assert "reference" in done.stdout
    assert "not distinguishable" in done.stdout  # three images cannot tell: p is 1/4 at best
    found = json.loads(zoo("compare", *map(str, baselines), "--json").stdout)
    mean = next(line for line in found if line["metric"] == "psnr" and line["system"].startswith("mean_image"))
    grey, other = (
        [float(row["psnr"]) for row in csv.DictReader((run / "scores.csv").open())] for run in baselines[::2]
    )
    differences = np.subtract(other, grey)
    assert mean["difference"]["comparison"]["difference"] == pytest.approx(differences.mean())
    expected = permutation_test((differences,), np.mean, permutation_type="samples")
    assert mean["difference"]["comparison"]["p"] == pytest.approx(expected.pvalue)


def test_one_run_and_runs_of_other_sizes_are_refused(baselines, pairs, zoo, tmp_path):
    alone = zoo("compare", str(baselines[0]))
    assert (alone.returncode, "a comparison requires two" in alone.stderr) == (2, True)
    zoo("bench", "--method", "grey_copy", "--data", str(pairs), "--size", "16", "--out", "other")
    refused = zoo("compare", str(baselines[0]), str(tmp_path / "other"))
    assert (refused.returncode, "resize 16x16 bicubic instead of 32x32 bicubic" in refused.stderr) == (2, True)


def test_tables_are_listed_and_shown_without_results(zoo):
    listed = zoo("table")
    assert [line.split()[0] for line in listed.stdout.splitlines()[1:]] == [
        "gn_cyclegan_table2",
        "gn_cyclegan_table3",
        "layergan_table1",
    ]
    shown = zoo("table", "layergan_table1")
    assert "117.082" in shown.stdout
    assert "34.890" in shown.stdout
    rows = list(csv.DictReader(io.StringIO(zoo("table", "gn_cyclegan_table2", "--format", "csv").stdout)))
    assert {row["verdict"] for row in rows} == {"not run"}
    assert len(rows) == 4 * 11


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["table", "gn_cyclegan_table1"], "Did you mean gn_cyclegan_table"),
        (["table", "layergan_table1", "--format", "latx"], "Did you mean latex"),
        (["bench", "--table", "gn_cyclegan_table2"], "osu=DIR,flir=DIR"),
        (["bench", "--table", "gn_cyclegan_table2", "--data", "flir=x", "--gen", "resnet9"], "Leave the parts out"),
    ],
)
def test_wrong_requests_exit_2_in_one_line(zoo, words, message):
    done = zoo(*words)
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.slow
def test_a_table_is_trained_and_rendered(pairs, zoo):
    words = ["--table", "gn_cyclegan_table3", "--data", f"flir={pairs}", "--size", "32", "--steps", "1"]
    done = zoo("bench", *words)
    assert done.returncode == 0, done.stderr
    rendered = zoo("table", "gn_cyclegan_table3", "--format", "markdown").stdout
    assert rendered.startswith("## GN_CycleGAN, table 3: ablation on FLIR: not comparable: blocks instead of FLIR")
    rows = [line for line in rendered.splitlines() if "blocks instead of FLIR" in line and line.startswith("|")]
    assert len(rows) == 4 * 2
    assert all("32 px instead of 256 px" in row for row in rows)
    assert "unet_auto at 32 px instead of unet_128" in rows[0]
    assert "Skipped" in zoo("bench", *words).stderr
