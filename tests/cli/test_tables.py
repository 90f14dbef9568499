"""`zoo compare`, `zoo table` and `zoo bench --table` from the command line."""

from __future__ import annotations

import csv
import io
import json
import re

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


def test_runs_are_compared_with_the_reference(baselines, zoo):
    assert "Against mean_image, the best null baseline in psnr" in zoo("compare", *map(str, baselines)).stdout
    words = ("compare", *map(str, baselines), "--reference", "grey_copy")
    done = zoo(*words)
    assert done.returncode == 0, done.stderr
    assert "Against grey_copy" in done.stdout
    assert "reference" in done.stdout
    means = [
        float(found) for found in re.findall(r"^(?:mean_image|\w*grey\w*) +(\d+\.\d\d) ", done.stdout, re.MULTILINE)
    ]
    assert len(means) == len(BASELINES) and means == sorted(means, reverse=True)  # of psnr
    assert "not distinguishable" in done.stdout  # three images cannot tell: p is 1/4 at best
    found = json.loads(zoo(*words, "--json").stdout)
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
        "thermalgen_table",
    ]
    shown = zoo("table", "layergan_table1")
    assert "117.082" in shown.stdout
    assert "34.890" in shown.stdout
    rows = list(csv.DictReader(io.StringIO(zoo("table", "gn_cyclegan_table2", "--format", "csv").stdout)))
    assert {row["verdict"] for row in rows} == {"not run"}
    assert len(rows) == 4 * 11


def test_a_results_folder_is_a_table_in_every_format(baselines, zoo):
    shown = zoo("table", "results")
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.startswith("blocks: n = 3 test images, 32x32 bicubic; mean [95% interval]")
    assert {line.split()[0] for line in shown.stdout.splitlines() if line} >= set(BASELINES)
    for form, start in (
        ("markdown", "blocks: n = 3"),
        ("latex", "% needs"),
        ("html", "<section"),
        ("csv", "dataset,metric"),
    ):
        done = zoo("table", "results", "--format", form)
        assert (done.returncode, done.stdout.startswith(start)) == (0, True)
    found = json.loads(zoo("table", "results", "--json").stdout)
    assert [row["baseline"] for row in found["rows"]] == [True] * 3
    missing = zoo("table", "nowhere")
    assert (missing.returncode, "no table is named 'nowhere'" in missing.stderr) == (2, True)


def test_compare_goes_dataset_by_dataset_and_passes_over_what_has_not_finished(baselines, pairs, zoo, tmp_path):
    zoo("bench", "--method", "grey_copy,mean_image", "--data", "scenes:train=4,test=3", "--size", "32")
    (tmp_path / "results" / "open").mkdir()
    (tmp_path / "results" / "open" / "run.json").write_bytes((baselines[0] / "run.json").read_bytes())
    done = zoo("compare", "results", "--reference", "mean_image", env={"COLUMNS": "80"})
    assert done.returncode == 0, done.stderr
    assert "left out: `results/open`: it has not finished" in done.stderr
    heads = [line for line in done.stdout.splitlines() if line.endswith("n = 3 images")]
    assert heads == [
        f"{data}, 32 px: {metric}, n = 3 images" for data in ("blocks", "scenes") for metric in ("psnr [dB]", "ssim")
    ]
    assert done.stdout.count("Against mean_image") == 4
    assert max(map(len, done.stdout.splitlines())) <= 80
    wrong = zoo("compare", "results", "--reference", "mean_imag")
    assert (wrong.returncode, "Did you mean mean_image" in wrong.stderr) == (2, True)
    given = zoo("compare", str(baselines[0]), str(tmp_path / "results" / "open"), str(baselines[2]))
    assert (given.returncode, "it has not finished" in given.stderr) == (0, True)


def test_null_baselines_stand_under_a_bench_and_a_line_says_what_beats_them(pairs, zoo):
    words = [
        "bench",
        "--gen",
        "resnet6:width=2,blocks=1",
        "--disc",
        "patchgan:width=2,layers=1",
        "--size",
        "32",
        "--steps",
        "1",
    ]
    done = zoo(*words, "--data", str(pairs), "--baselines")
    assert done.returncode == 0, done.stderr
    table, text = done.stdout.splitlines(), " ".join(done.stdout.split())
    names = [line.split()[0] for line in table[2:] if line][:7]
    assert names[1] == "cyclegan" and set(names[2:]) == {*BASELINES, "histogram_matching", "pixel_regression"}
    assert re.search(r"cyclegan \S+ \S+ is not distinguishable from the best null baseline, \w+, in psnr\.$", text)
    assert "Skipped" in zoo(*words, "--data", str(pairs), "--no-baselines").stderr


def test_a_table_file_of_ones_own_is_benched_and_shown(pairs, zoo, tmp_path):
    (tmp_path / "mine.toml").write_text(
        f"""
        baselines = ["mean_image"]
        [datasets.blocks]
        data = "{pairs}"
        [[columns]]
        metric = "psnr:pooled=true"
        [[rows]]
        name = "copy"
        method = "grey_copy"
        [[rows]]
        name = "PID"
        """
    )
    done = zoo("bench", "--table", "mine.toml", "--size", "32", "--baselines")
    assert done.returncode == 0, done.stderr
    shown = zoo("table", "mine.toml")
    assert shown.stdout == done.stdout
    rows = {row["row"]: row for row in csv.DictReader(io.StringIO(zoo("table", "mine.toml", "--format", "csv").stdout))}
    (copy,) = (tmp_path / "results").glob("grey_copy-*")
    errors = [10 ** (-float(row["psnr[pooled=true]"]) / 10) for row in csv.DictReader((copy / "scores.csv").open())]
    assert float(rows["copy"]["measured"]) == pytest.approx(-10 * np.log10(np.mean(errors)))
    assert rows["PID"]["why"] == "score only"
    (tmp_path / "mine.toml").write_text("[datasets.x]\n[[columns]]\nmetric = 3\n[[rows]]\nname = 'a'")
    wrong = zoo("table", "mine.toml")
    assert (wrong.returncode, "key `columns[0].metric`: Expected `str`, got `int`" in wrong.stderr) == (2, True)
    assert len(wrong.stderr.splitlines()) == 1


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
