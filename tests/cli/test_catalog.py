"""`zoo list`, `zoo info`, `zoo plugins` as typed."""

from __future__ import annotations

import json

import pytest

from zoo.hub.catalog import list_weights


def names(done):
    return [row["name"] for row in json.loads(done.stdout)]


def test_list_by_kind_and_wildcard(zoo):
    assert names(zoo("list", "generator", "resnet*", "--json")) == [
        "resnet6",
        "resnet6_cbam",
        "resnet9",
        "resnet9_cbam",
    ]
    assert names(zoo("list", "unet_*", "--json"))[:2] == ["unet_128", "unet_256"]
    assert "resnet9_cbam" in zoo("list", "generators").stdout
    assert "pixel" in names(zoo("list", "discriminator", "--offers", "double_backward", "--json"))


def test_info_shows_options_and_size(zoo):
    done = zoo("info", "resnet9:norm=none", "--json")
    (details,) = json.loads(done.stdout)
    assert details["parameters"] == 11_366_657
    assert details["config"]["norm"] == "none"
    text = zoo("info", "patchgan_gn").stdout
    assert "2,762,689" in text and "reading" in text and "scalar" in text


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (("list", "generatr"), "Did you mean generator?"),
        (("list", "generator", "xyz*"), "no generator matches 'xyz*'"),
        (("info", "resnt9"), "Did you mean resnet9"),
        (("plugins", "--why", "resne"), "Did you mean resnet?"),
        (("translate", "no.jpg", "--model", "no", "-o", "out.png"), "there is no image or folder `no.jpg`"),
    ],
)
def test_typos_exit_2_with_the_close_match(zoo, words, shown):
    done = zoo(*words)
    assert done.returncode == 2
    assert shown in done.stderr and len(done.stderr.splitlines()) == 1


def test_translating_with_a_folder_that_holds_runs_names_one(zoo, tmp_path):
    (tmp_path / "results" / "run").mkdir(parents=True)
    (tmp_path / "results" / "run" / "model.safetensors").touch()
    (tmp_path / "a.png").touch()
    done = zoo("translate", "a.png", "--model", "results", "-o", "b.png")
    assert done.returncode == 2 and "results/run" in done.stderr


def test_the_weights_that_are_listed_are_those_that_python_lists(zoo):
    shown = zoo("list", "weights")
    assert names(zoo("list", "weights", "--json")) == list_weights()
    assert names(zoo("list", "weights", "--all", "--json")) == list_weights(include_unpublished=True)
    assert "not published yet" not in shown.stdout
    assert "more are not published yet: zoo list weights --all" in shown.stderr
    assert zoo("list", "generator", "--all").returncode == 2


def test_weights_are_listed_by_wildcard_and_told_with_their_commands(zoo):
    listed = zoo("list", "weights", "--all", "*-osu")
    assert listed.returncode == 0 and "gn-cyclegan-osu" in listed.stdout and "not published yet" in listed.stdout
    (row,) = json.loads(zoo("list", "weights", "layergan-thermalworld", "--all", "--json").stdout)
    assert (row["published"], row["dataset"], row["repo"]) == (False, "thermalworld", "")
    shown = zoo("info", "gn-cyclegan-flir").stdout
    assert "train      zoo bench --recipe gn_cyclegan --preset paper --data flir\n" in shown
    assert "publish    zoo publish results/RUN --to ORG/gn-cyclegan-flir\n" in shown
    unpublished = zoo("list", "weights", "*-osu")
    assert unpublished.returncode == 2 and "Run: zoo list weights '*-osu' --all" in unpublished.stderr
    wrong = zoo("list", "weights", "gn-cyclegan-fli")
    assert wrong.returncode == 2 and "Did you mean gn-cyclegan-flir" in wrong.stderr


def test_scores_of_weights_have_units_and_intervals(zoo):
    text = " ".join(zoo("info", "pix2pix-scenes").stdout.split())
    assert "psnr (128 px, n 20) 20.78 dB [19.61, 21.95], ssim (128 px, n 20) 0.6025 [0.5764, 0.6307]" in text
