"""`zoo config`, `zoo doctor`, completion, colour."""

import json

import pytest


def test_a_default_of_zoo_toml_is_used_shown_and_written_out_in_the_record(zoo, tmp_path):
    (tmp_path / "zoo.toml").write_text('[bench]\ndata = "scenes:train=4,test=2"\nsize = 32\n')
    done = zoo("config", env={"ZOO_BENCH_STEPS": "1"})
    assert "bench --size" in done.stdout and str(tmp_path / "zoo.toml") in done.stdout
    assert "$ZOO_BENCH_STEPS" in done.stdout
    (record,) = json.loads(zoo("bench", "--method", "grey_copy", "--json", env={"ZOO_BENCH_STEPS": "1"}).stdout)
    assert record["recipe"]["size"] == 32
    command = record["command"]
    assert "--size 32" in command and "--data scenes:train=4,test=2" in command and "--steps 1" in command


def test_the_command_line_wins_over_zoo_toml(zoo, tmp_path):
    (tmp_path / "zoo.toml").write_text('[list]\noffers = "nothing"\n')
    assert zoo("list", "metric").returncode == 2
    assert zoo("list", "generator", "--offers", "taps").returncode == 0


def test_a_wrong_default_stops_every_verb_with_its_file(zoo, tmp_path):
    (tmp_path / "zoo.toml").write_text("[bench]\nsise = 64\n")
    done = zoo("list", "metric")
    assert done.returncode == 2 and "zoo.toml" in done.stderr and "size" in done.stderr


def test_a_token_is_never_shown(zoo):
    done = zoo("config", env={"HF_TOKEN": "hf_secret"})
    assert "hf_secret" not in done.stdout and "(set)" in done.stdout


def test_doctor_prints_json(zoo):
    done = zoo("doctor", "--no-network", "--json")
    assert done.returncode == 0, done.stderr
    assert {"torch", "plugins"} <= {one["what"] for one in json.loads(done.stdout)}


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("zoo bench --gen resnet9,unet_", "resnet9,unet_128"),
        ("zoo bench --disc patchgan_g", "patchgan_gn"),
        ("zoo bench --recipe pix", "pix2pix"),
        ("zoo bench --data sce", "scenes"),
        ("zoo bench --table layer", "layergan_table1"),
        ("zoo list gen", "generator"),
        ("zoo info resnet9_", "resnet9_cbam"),
        ("zoo info layergan-t", "layergan-thermalworld"),
        ("zoo table gn_cyclegan_t", "gn_cyclegan_table2"),
        ("zoo translate x.jpg --model layergan-t", "layergan-thermalworld"),
    ],
)
def test_the_shell_completes_names(zoo, typed, offered):
    words = typed.split()
    environment = {"_ZOO_COMPLETE": "complete_bash", "COMP_WORDS": typed, "COMP_CWORD": str(len(words) - 1)}
    assert offered in zoo(env=environment).stdout.split()


def test_nothing_is_coloured_in_a_pipe(zoo):
    for words in (("--help",), ("list",), ("bench", "--gen", "nonsense")):
        done = zoo(*words)
        assert "\x1b" not in done.stdout + done.stderr
