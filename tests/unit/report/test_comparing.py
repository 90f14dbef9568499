"""`zoo compare`: which runs are one system, which may be compared, and what is said of them."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from zoo.cli.compare import compare
from zoo.errors import RefusedError, UsageError
from zoo.recipe import Budget, DataRef, Part
from zoo.records import record as records
from zoo.records.record import write_json
from zoo.report.comparing import compare_results, compare_systems, group_seeds
from zoo.report.finished_runs import FinishedRun, merge_baselines
from zoo.report.ranking import rank

SPREAD = np.linspace(-0.5, 0.5, 20)
OTHER = Part(name="cut/cut")


@pytest.fixture
def a_run(make_score, make_record):
    def run(name, psnr=13.0, *, values=None, score=None, **changes):
        scores = [score or make_score(psnr + SPREAD if values is None else values)]
        return FinishedRun(folder=Path(f"results/{name}-abcdef12"), record=make_record(scores, **changes))

    return run


def test_a_better_run_is_distinguished_from_the_reference(a_run):
    runs = [a_run("a"), a_run("b", values=14 + 0.5 * SPREAD, method=OTHER), a_run("c", values=13 - SPREAD, size=128)]
    lines = compare_systems(group_seeds(runs))
    assert [line.system for line in lines] == ["a", "b", "c"]
    assert lines[0].difference is None
    assert lines[1].difference.verdict == "better"
    assert lines[1].difference.comparison.difference == pytest.approx(1)
    assert lines[1].difference.corrected == pytest.approx(2 * lines[1].difference.comparison.p)
    assert lines[2].difference.verdict == "not distinguishable"


def test_runs_that_differ_in_their_seed_are_one_system(a_run):
    runs = [a_run("a-s0"), a_run("b-s0", 14, method=OTHER), a_run("b-s1", 15, method=OTHER, seed=1)]
    lines = compare_systems(group_seeds(runs))
    assert len(lines) == 2
    assert lines[1].pooled.by_seed == pytest.approx({0: 14, 1: 15})
    assert (lines[1].difference.agreeing, lines[1].difference.trainings) == (2, 2)


def changed(score, **entries):
    return replace(score, protocol={**score.protocol, **entries})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: {"score": changed(s, resize="64x64 bicubic")}, "resize 64x64 bicubic instead of 256x256 bicubic"),
        (lambda s: {"score": changed(s, data_range=255)}, "data_range 255 instead of 1.0"),
        (lambda s: {"data": DataRef(name="OSU", fingerprint="o")}, "on OSU and a on FLIR"),
        (lambda s: {"data": DataRef(name="FLIR", fingerprint="o")}, "different contents of FLIR"),
        (lambda s: {"values": np.ones(19)}, "19 images and a on 20"),
        (lambda s: {"score": replace(s, per_image={f"x{i}": 1.0 for i in range(20)})}, "not the same"),
        (lambda s: {"score": replace(s, metric="ssim")}, "no metric in common"),
    ],
)
def test_what_cannot_be_compared_is_refused_with_the_reason(a_run, make_score, change, message):
    runs = [a_run("a"), a_run("b", method=OTHER, **change(make_score(14 + SPREAD)))]
    with pytest.raises(RefusedError, match=message):
        compare_systems(group_seeds(runs))


def test_how_methods_translate_may_differ(a_run, make_score):
    score = changed(make_score(14 + SPREAD), mode="train", reads=["visible", "labels"])
    lines = compare_systems(group_seeds([a_run("a"), a_run("b", score=score, method=OTHER)]))
    assert lines[1].difference.verdict == "better"


def test_a_distance_between_sets_is_shown_without_a_test(a_run, make_score):
    distances = [make_score([value], metric="fid", per_image={}) for value in (30, 40)]
    runs = [a_run("a", score=distances[0]), a_run("b", score=distances[1], method=OTHER)]
    assert [line.difference for line in compare_systems(group_seeds(runs))] == [None, None]


def test_one_run_or_one_run_twice_is_no_comparison(a_run):
    with pytest.raises(UsageError, match="one system"):
        compare_systems(group_seeds([a_run("a"), a_run("b", seed=1)]))
    with pytest.raises(UsageError, match="the same recipe and seed"):
        group_seeds([a_run("a"), a_run("a")])


def views(run, score, **place):
    tested = records.Tested(**{"data": run.record.data, "dataset": {}, "size": 256, "scores": [score], **place})
    return [replace(run, record=view) for view in records.views(replace(run.record, tests=[tested]))]


def test_splits_are_compared_apart_in_any_order_of_the_runs(a_run, make_score):
    first = views(a_run("a"), make_score(11 + SPREAD), split="validation")
    second = views(a_run("b", 15, method=OTHER), make_score(12 + SPREAD), split="validation")
    for runs in ([*first, *second], [*first[::-1], *second]):
        groups, left_out = compare_results(runs)
        found = {group.dataset: [round(line.pooled.value) for line in group.lines] for group in groups}
        assert found == {"FLIR, 256 px": [13, 15], "FLIR, 256 px, validation split": [11, 12]}
        assert left_out == []


def test_one_run_on_two_splits_is_no_comparison(a_run, make_score):
    score = make_score(11 + SPREAD)
    validation = replace(score, protocol={**score.protocol, "split": "validation"})
    with pytest.raises(RefusedError, match="split validation instead of test"):
        compare_results(views(a_run("a"), validation, split="validation"))


def test_runs_that_differ_in_options_of_translation_only_are_two_systems(a_run):
    parts = [Part(name="diffusion/diffusion", config={"steps": steps}) for steps in (4, 50)]
    runs = [a_run(f"steps{one.config['steps']}", 13 + place, method=one) for place, one in enumerate(parts)]
    runs = [replace(run, record=replace(run.record, train_key="the same")) for run in runs]
    ((group,), left_out) = compare_results([*runs, replace(runs[1])])
    assert [round(line.pooled.value) for line in group.lines] == [13, 14]
    assert [line.partition(": the same run")[0] for line in left_out] == ["left out: `results/steps50-abcdef12`"]


def a_baseline(a_run, name, psnr, *, steps=0, seed=0, values=None, **changes):
    method = Part(name=f"baselines/{name}")
    return a_run(
        f"{name}-{steps}it",
        psnr,
        values=values,
        method=method,
        seed=seed,
        budget=Budget(steps=steps, constant=0),
        **changes,
    )


def test_the_best_null_baseline_is_the_reference_unless_another_system_is_named(a_run):
    runs = [a_run("a", 15), a_baseline(a_run, "grey_copy", 12), a_baseline(a_run, "mean_image", 14)]
    ((group,), _) = compare_results(runs)
    assert [group.names[line.system] for line in group.lines] == ["mean_image", "cyclegan", "grey_copy"]
    assert group.reason == "the best null baseline in psnr"
    ((group,), _) = compare_results(runs, "cyclegan")
    assert (group.names[group.lines[0].system], group.reason) == ("cyclegan", "")
    ((group,), _) = compare_results([a_run("b", 15), a_run("c", 16, method=OTHER)])
    assert (round(group.lines[0].pooled.value), group.reason) == (15, "")


def test_a_baseline_that_reads_more_than_a_network_is_no_reference(a_run, make_score):
    reading = changed(make_score(19 + SPREAD), reads=["visible", "labels"])
    runs = [a_run("a", 15), a_baseline(a_run, "object_means", 0, score=reading), a_baseline(a_run, "grey_copy", 12)]
    ((group,), _) = compare_results(runs)
    assert group.names[group.lines[0].system] == "grey_copy"
    assert group.reason == "the best null baseline in psnr of those that read no more of an image than any other run"


@pytest.mark.parametrize("off", [{}, {"volume": False}])
def test_an_option_that_is_off_equals_one_that_an_earlier_version_did_not_have(a_run, make_score, off):
    runs = [a_run("a", 0, score=changed(make_score(14 + SPREAD), **off)), a_run("b", 15, method=OTHER)]
    assert [round(line.pooled.value) for line in compare_systems(group_seeds(runs))] == [14, 15]
    runs[0] = a_run("a", 0, score=changed(make_score(14 + SPREAD), volume=True))
    with pytest.raises(RefusedError, match="volume None instead of True"):
        compare_systems(group_seeds(runs))


def test_a_null_baseline_is_one_system_whatever_its_steps_seed_and_batch(a_run, make_score):
    again = a_baseline(a_run, "grey_copy", 12, steps=60, seed=1, batch=4, load_size=256, decay_crop=False)
    ssim = a_baseline(a_run, "grey_copy", 0, score=make_score(0.5 + SPREAD, "ssim"))
    for runs in ([again, ssim], [ssim, again]):
        (merged,) = merge_baselines(runs)
        assert {score.metric for score in merged.record.scores} == {"psnr", "ssim"}
    ((group,), left_out) = compare_results([a_run("a"), a_baseline(a_run, "grey_copy", 12), again])
    assert [group.names[line.system] for line in group.lines] == ["grey_copy", "cyclegan"]
    assert left_out == []
    assert {row.name for row in rank([a_run("a"), again, ssim]).rows} == {"cyclegan", "grey_copy"}


def test_runs_of_a_baseline_that_were_measured_otherwise_stay_apart(a_run, make_score):
    runs = [a_baseline(a_run, "grey_copy", 12, steps=steps) for steps in (1, 2)]
    other = a_baseline(a_run, "grey_copy", 0, steps=3, score=changed(make_score(12 + SPREAD), data_range=255))
    assert len(merge_baselines([*runs, other])) == 2
    with pytest.raises(RefusedError, match="data_range"):
        compare_results([*runs, other])
    sizes = [a_baseline(a_run, "grey_copy", 12, size=size) for size in (64, 128)]
    assert len(merge_baselines(sizes)) == 2


def test_any_number_of_views_of_one_run_has_labels_of_its_own(a_run, make_score):
    run = a_run("a")
    sizes = [views(run, make_score(11 + SPREAD), size=size)[1] for size in range(16, 26)]
    assert len({group.label for group in group_seeds(sizes)}) == len(sizes)


@pytest.mark.parametrize("width", [80, 100])
def test_on_a_terminal_no_number_and_no_verdict_is_cut(tmp_path, make_record, make_score, capsys, monkeypatch, width):
    for place, generator in enumerate(("resnet9_cbam", "a_network_with_a_long_name")):
        for seed in range(3):
            shift = (-1) ** seed * place  # the seeds disagree
            scores = [make_score(13 + shift + SPREAD), make_score(0.4 + shift / 30 + SPREAD[::-1] / 30, "ssim")]
            scores.append(make_score([60], "fid", per_image={}))
            made = make_record(scores, seed=seed, generator=Part(name=f"gone/{generator}"))
            write_json(tmp_path / f"{generator}-{seed:08}" / "record.json", made)

    def shown(terminal):
        monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal)
        monkeypatch.setenv("COLUMNS", str(width))
        compare([tmp_path], by="", reference="", as_json=False)
        return re.sub(r"\x1b\[\d*m|─", "", capsys.readouterr().out)

    text = shown(True)
    assert max(map(len, text.splitlines())) <= width
    numbers, plain = (re.findall(r"[-+]?\d+\.\d+", one) for one in (text, shown(False)))
    assert sorted(numbers) == sorted(plain)
    assert text.count("distinguishable") == 2 and "no test" in text
