"""Exported models: every generator of the zoo, run by onnxruntime and by torch alone, against translate."""

from __future__ import annotations

import io
import json

import pytest
import torch

import zoo
from zoo.composition import digest
from zoo.errors import UsageError, ZooError
from zoo.translation import export as exporting
from zoo.translation.export import Exported, export
from zoo.translation.portable import Portable

for package in ("onnx", "onnxscript", "onnxruntime"):
    pytest.importorskip(package, reason="pip install 'thermal-zoo[onnx]'")

SCENES = "scenes:train=2,test=2"
MODELS = {
    "resnet": {"generator": "resnet6:width=4,blocks=1"},
    "cut": {"method": "cut", "generator": "resnet6:width=4,blocks=1,antialias=true"},
    "cbam": {"generator": "resnet9_cbam:width=4,blocks=1"},
    "unet": {"generator": "unet_auto:width=4"},
    "pix2pix": {
        "method": "pix2pix",
        "generator": "unet_auto:width=4,dropout=false",
        "discriminator": "patchgan:width=4",
    },
    "timm": {"generator": "timm/unet:encoder=mobilenetv3_small_050,width=4", "size": 64},
    "layergan": {
        "method": "layergan:channel_multiplier=0.03125,max_channels=4,latent=8,classes=car+person",
        "discriminator": "stylegan2_gp",
    },
    "thermalgan": {"method": "thermalgan", "generator": "unet_auto:width=4", "discriminator": "patchgan:width=4"},
    "object_means": {"method": "object_means"},
}
FAST = (("unet", "onnx"), ("object_means", "pt2"))
"""The others take from five to forty seconds each to be traced and written."""
EACH = [
    pytest.param(name, kind, marks=() if (name, kind) in FAST else pytest.mark.slow)
    for name in MODELS
    for kind in ("onnx", "pt2")
]


@pytest.fixture(scope="module")
def models(saved, tmp_path_factory):
    """A translator of each name, made once, its weights large enough for every layer to be seen in the image."""
    made = {}

    def get(name: str, **more: object):
        if name not in made:
            folder = saved(tmp_path_factory.mktemp(name), SCENES, **MODELS.get(name, {}), **more)
            made[name] = zoo.load(folder, device="cpu")
            rng = torch.Generator().manual_seed(0)
            for weight in made[name].method.parameters():
                weight.add_(torch.randn(weight.shape, generator=rng) * 0.1)
        return made[name]

    return get


def run_onnx(exported: Exported, **inputs: torch.Tensor) -> torch.Tensor:
    import onnxruntime

    session = onnxruntime.InferenceSession(exported.content)
    (thermal,) = session.run(["thermal"], {name: entry.numpy() for name, entry in inputs.items()})
    return torch.from_numpy(thermal)


def run_pt2(exported: Exported, **inputs: torch.Tensor) -> torch.Tensor:
    return torch.export.load(io.BytesIO(exported.content)).module()(**inputs)


@pytest.mark.parametrize(("name", "kind"), EACH)
def test_an_exported_model_translates_as_the_translator_does_at_any_size(models, name, kind):
    translator = models(name)
    exported = export(translator, kind=kind, name=name)
    assert exported.free == ("batch", "size") and exported.notes == ()
    assert max(exported.differences.values()) < 1e-4
    rows, columns = 3 * translator.size_multiple + 32 - 32 % translator.size_multiple, translator.grid(40)
    rng = torch.Generator().manual_seed(5)
    inputs, reason = {"visible": torch.rand(3, 3, rows, columns, generator=rng) * 2 - 1}, {}
    if translator.reads_labels:
        inputs["labels"] = torch.randint(len(translator.classes), (3, rows, columns), generator=rng)
        degrees = torch.full((3, len(translator.classes)), torch.nan)
        degrees[:, translator.classes.index("car")] = 31.0
        inputs["temperatures"] = degrees
        reason = {"labels": inputs["labels"], "temperatures": {"car": 31.0}}
    expected = translator.translate(inputs["visible"], **reason)
    assert expected.std() > 1e-3
    thermal = (run_onnx if kind == "onnx" else run_pt2)(exported, **{name: inputs[name] for name in exported.inputs})
    assert thermal.shape == expected.shape
    assert torch.allclose(thermal, expected, atol=1e-4)


def test_a_file_has_metadata(models):
    import onnx

    translator = models("object_means")
    exported = export(translator, kind="onnx", name="means-scenes")
    model = onnx.load_from_string(exported.content)
    about = {entry.key: entry.value for entry in model.metadata_props}
    assert about["name"] == "means-scenes"
    assert about["config_sha256"] == digest(translator.config)
    assert "-1 is black, 1 is white" in about["visible"] and "-1 is the coldest" in about["thermal"]
    assert json.loads(about["thermal_range_celsius"]) == list(translator.thermal_range)
    assert json.loads(about["classes"]) == list(translator.classes)
    assert [entry.name for entry in model.graph.input] == ["visible", "labels", "temperatures"]
    assert [entry.name for entry in model.graph.output] == ["thermal"]
    extra = {"zoo.json": ""}
    torch.export.load(io.BytesIO(export(translator, kind="pt2", name="m").content), extra_files=extra)
    assert json.loads(extra["zoo.json"])["name"] == "m"


@pytest.mark.parametrize("fixed", ["size", "batch"])
def test_a_graph_with_a_fixed_dimension_is_exported_with_a_note(models, monkeypatch, fixed):
    traced = exporting._traced

    def trace(module, shape, grid, free):
        if fixed in free:
            raise UsageError("encoder x is built for images of 32x32 px")
        return traced(module, shape, grid, free)

    monkeypatch.setattr(exporting, "_traced", trace)
    exported = export(models("object_means"), kind="pt2", name="m")
    assert exported.free == (("batch",) if fixed == "size" else ())
    what = "image size is" if fixed == "size" else "batch size and the image size are"
    assert exported.notes == (f"the {what} fixed, at 32x32 px: encoder x is built for images of 32x32 px",)
    count = "N" if fixed == "size" else "1"
    assert exported.inputs["visible"].startswith(f"float32 [{count}, 3, 32, 32]")


def test_dropout_at_inference_is_noted(saved, pairs, tmp_path):
    options = {"method": "pix2pix", "generator": "unet_auto:width=2", "discriminator": "patchgan:width=4"}
    translator = zoo.load(saved(tmp_path, str(pairs), size=64, **options), device="cpu")
    exported = export(translator, kind="pt2", name="p")
    assert any("translates with dropout" in note for note in exported.notes)
    assert translator.method.training  # as before


def test_a_difference_from_the_original_is_an_error(models, monkeypatch):
    monkeypatch.setattr(exporting, "TOLERANCE", -1.0)
    with pytest.raises(ZooError, match="differs from the original by"):
        export(models("object_means"), kind="pt2", name="m")


def test_what_computes_outside_torch_cannot_be_exported(saved, pairs, tmp_path):
    translator = zoo.load(saved(tmp_path, str(pairs), method="histogram_matching"), device="cpu")
    with pytest.raises(ZooError, match="histogram_matching has no network to export"):
        export(translator, kind="pt2", name="m")


def test_a_missing_package_and_a_wrong_size_are_refused(models, monkeypatch):
    with pytest.raises(UsageError, match=r"do not take images of 50 px\. Use `size`=64"):
        export(models("unet"), kind="pt2", name="m", size=50)
    monkeypatch.setattr(exporting, "find_spec", lambda name: None if name == "onnxscript" else name)
    with pytest.raises(UsageError, match=r"needs onnxscript, .* pip install 'thermal-zoo\[onnx\]'"):
        export(models("unet"), kind="onnx", name="m")


def test_each_image_of_an_exported_batch_has_its_own_statistics(models):
    translator = models("pix2pix")
    assert translator.method.training
    visible = torch.rand(2, 3, 32, 64) * torch.tensor([1.0, 0.2])[:, None, None, None]
    assert torch.allclose(Portable(translator)(visible), translator.translate(visible), atol=1e-5)
