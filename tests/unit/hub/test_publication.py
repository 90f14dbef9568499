"""What is published of a run: numbers as in the record, metadata that the Hub's own client parses, nothing of the machine."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
import yaml
from huggingface_hub import ModelCard, parse_eval_result_entries
from safetensors.numpy import load_file, save_file

from zoo.composition import compose
from zoo.errors import UsageError, ZooError
from zoo.hookspec import Weights
from zoo.hub.card_data import license_of
from zoo.hub.model_names import known_system, model_name
from zoo.hub.publication import prepare, row_text, write_publication
from zoo.model_folder import read_config
from zoo.records.record import read_record
from zoo.sources import open_source
from zoo.version import __version__

TINY = {"generator": "resnet6:width=4,blocks=1", "discriminator": "patchgan_gn:width=4,layers=1", "steps": 4}


@pytest.fixture
def run(finished, pairs, tmp_path) -> Path:
    return finished(tmp_path / "secret" / "results" / "run", str(pairs), **TINY)


def edit(run: Path, **changes: object) -> None:
    record = json.loads((run / "record.json").read_text())
    (run / "record.json").write_text(json.dumps(record | changes))


def readme(run: Path, **options: str) -> str:
    return prepare(run, "acme/blocks", **options).files["README.md"].decode()


def test_the_cards_metadata_is_parsed_by_the_hubs_client_and_equals_the_record(run):
    text, score = readme(run), read_record(run).scores[0]
    data = ModelCard(text).data
    assert (data.library_name, data.pipeline_tag, data.license) == ("zoo", "image-to-image", "other")
    assert {"thermal", "cyclegan", "blocks"} <= set(data.tags) and data.datasets == ["blocks"]
    (result,) = data.eval_results
    assert (result.metric_type, result.metric_value, result.dataset_name) == ("psnr", score.value, "blocks")
    assert result.metric_args["n"] == 3 and result.metric_args["data_range"] == 1.0
    assert (result.metric_args["low"], result.metric_args["high"]) == (score.low, score.high)
    assert "| psnr [dB] | 10.33 | 10.06 to 10.60 | 3 | higher |" in text


def test_eval_results_are_parsed_by_the_hubs_client_and_equal_the_record(run):
    (entry,) = parse_eval_result_entries(yaml.safe_load(prepare(run, "acme/x").files[".eval_results/zoo.yaml"]))
    assert (entry.dataset_id, entry.task_id, entry.value) == ("acme/blocks", "psnr_32px", 31 / 3)
    assert entry.date == read_record(run).finished and "n 3, 95% [10.0625, 10.6]" in entry.notes
    edit(run, scores=[])
    assert ".eval_results/zoo.yaml" not in prepare(run, "acme/x").files
    assert ModelCard(readme(run)).data.eval_results is None and "Nothing was measured" in readme(run)


def test_a_size_that_is_not_square_is_published_as_height_and_width(finished, pairs, tmp_path):
    run = finished(tmp_path / "run", str(pairs), size=(32, 48), **TINY)
    made = prepare(run, "acme/blocks")
    text = made.files["README.md"].decode()
    assert "at 32x48 px" in text and "(32, 48)" not in text
    (result,) = ModelCard(text).data.eval_results
    assert result.metric_name == "psnr (32x48 px)"
    assert "32x48 px" in made.row.summary and all("32x48 px" in name for name in made.row.scores)
    (entry,) = parse_eval_result_entries(yaml.safe_load(made.files[".eval_results/zoo.yaml"]))
    assert entry.task_id == "psnr_32x48px"


def test_a_dataset_on_the_hub_is_called_by_its_name_there(run):
    config = read_config(run)
    data = replace(config.dataset, source="https://huggingface.co/datasets/alice/streets")
    (run / "config.json").write_bytes(msgspec.json.encode(replace(config, dataset=data)))
    assert ModelCard(readme(run)).data.datasets == ["alice/streets"]


def test_the_card_says_how_to_load_how_it_was_trained_and_what_it_is_not_for(run):
    text, row = readme(run), prepare(run, "acme/blocks").row
    assert 'zoo.load("acme/blocks@COMMIT")' in text and row.sha256 in text and "1,234 parameters" in text
    assert "1 min" in text and "0.667 times the training split" in text and "torch" in text
    assert "before each training image was used once" in text
    assert "patchgan/patchgan" in text and f"thermal-zoo {__version__}" in text and "Wu et al." in text
    for warning in ("Measuring temperatures", "Safety", "Limits"):
        assert warning in text
    assert "not stated by its publishers" in text and "license: apache-2.0" in readme(run, license="apache-2.0")


def test_text_of_the_dataset_cannot_break_the_page(run):
    config = read_config(run)
    data = replace(config.dataset, source="a | b\n\n# Heading <!-- zoo: end --> <script>")
    (run / "config.json").write_bytes(msgspec.json.encode(replace(config, dataset=data)))
    text = readme(run)
    assert "- source: a \\| b # Heading &lt;!-- zoo: end --> &lt;script>" in text
    assert text.count("<!-- zoo: end -->") == 1


def test_no_path_of_the_machine_is_published(run, pairs):
    edit(run, notes=[f"fid: scored by `zoo bench --data {pairs} --metrics fid:weights={run}/w.pth`, zoo 0.1.0."])
    publication = prepare(run, "acme/blocks")
    for name in ("README.md", "record.json", "config.json"):
        text = publication.files[name].decode()
        assert str(run.parent.parent) not in text and str(pairs.parent) not in text, name
    shared = json.loads(publication.files["record.json"])
    assert shared["command"].endswith("--data pairs --out results")
    assert "--metrics fid:weights=w.pth" in shared["notes"][0]


def test_the_row_of_the_catalogue_is_python_that_makes_it(run):
    row = prepare(run, "acme/blocks").row
    assert eval(row_text(row), {"Weights": Weights}) == row
    assert row.repo == "acme/blocks" and row.scores == {"psnr [dB] (32 px, n 3)": 31 / 3}
    score = read_record(run).scores[0]
    assert dict(row.intervals) == {"psnr [dB] (32 px, n 3)": (score.low, score.high)}


def test_a_dry_run_writes_the_files_and_touches_no_others(run, tmp_path):
    publication, out = prepare(run, "acme/blocks"), tmp_path / "out"
    for _ in range(2):
        write_publication(publication, out)
    written = {str(path.relative_to(out)): path.read_bytes() for path in out.rglob("*") if path.is_file()}
    assert written.keys() == publication.files.keys() and written["README.md"] == publication.files["README.md"]
    (out / "thesis.tex").write_text("mine")
    with pytest.raises(UsageError, match=r"thesis\.tex"):
        write_publication(publication, out)


def test_what_is_no_finished_run_is_refused(run, tmp_path):
    with pytest.raises(UsageError, match="holds 1 runs"):
        prepare(run.parent, "acme/x")
    with pytest.raises(UsageError, match="is not a folder"):
        prepare(tmp_path / "nowhere", "acme/x")
    (run / "record.json").unlink()
    with pytest.raises(UsageError, match="it is not a finished run"):
        prepare(run, "acme/x")


def test_damaged_folders_are_refused(run, finished, pairs, tmp_path):
    path = run / "model.safetensors"
    whole, tensors = path.read_bytes(), load_file(path)
    name = next(iter(tensors))
    save_file(tensors | {name: np.full_like(tensors[name], np.nan)}, path)
    with pytest.raises(ZooError, match=f"not finite, in {name}"):
        prepare(run, "acme/x")
    save_file({other: tensor for other, tensor in tensors.items() if other != name}, path)
    with pytest.raises(ZooError, match=f"{name} is missing"):
        prepare(run, "acme/x")
    path.write_bytes(whole[:-100])
    with pytest.raises(ZooError, match=r"model.safetensors` is damaged.* Run: zoo bench .* --retry"):
        prepare(run, "acme/x")
    path.write_bytes(whole)
    other = finished(tmp_path / "other", str(pairs), **TINY, seed=1)
    (run / "config.json").write_bytes((other / "config.json").read_bytes())
    with pytest.raises(ZooError, match="belong to two trainings"):
        prepare(run, "acme/x")


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        ({"recipe": "gn_cyclegan", "preset": "paper"}, "gn-cyclegan-blocks"),
        ({"recipe": "gn_cyclegan", "size": 64, "steps": 60, "seed": 2}, "gn-cyclegan-blocks-64px-60it-s2"),
        ({"recipe": "pix2pix", "epochs": 3, "size": 64, "batch": 2}, "pix2pix-blocks-64px-3e-b2"),
        (
            {"generator": "resnet6", "discriminator": "patchgan_sn", "preset": "paper"},
            "cyclegan-resnet6-patchgan-sn-blocks",
        ),
        ({"generator": "resnet6:width=8", "steps": 3}, "cyclegan-resnet6-patchgan-blocks-64px-3it-0123abcd"),
        ({"method": "mean_image", "preset": "paper"}, "mean-image-blocks"),
    ],
)
def test_names_say_the_system_the_data_and_what_departs_from_the_paper(pairs, asked, name):
    recipe = compose(data=open_source(str(pairs), size=64), **asked)
    assert model_name(recipe, "0123abcdef") == name
    assert bool(known_system(recipe)) == ("recipe" in asked)


@pytest.mark.parametrize(
    ("stated", "known"),
    [
        ("Apache-2.0", "apache-2.0"),
        ("CC BY-NC-SA 4.0", "cc-by-nc-sa-4.0"),
        ("MIT", "mit"),
        ("none stated by the publishers", ""),
        ("", ""),
    ],
)
def test_licenses_of_data_by_the_hubs_names(run, stated, known):
    assert license_of(replace(read_config(run).dataset, license=stated)) == known
