"""`zoo info org/repo`: what a model on the Hub is, from its card and the header of its weights alone."""

from __future__ import annotations

import hashlib
import json

import pytest
from huggingface_hub import constants

from zoo.cli.catalog import info
from zoo.errors import UsageError, ZooError

CARD = b"""---
license: cc-by-4.0
tags: [thermal]
datasets: [acme/streets]
model-index:
- name: net
  results:
  - task: {type: image-to-image}
    dataset: {type: acme/streets, name: streets}
    metrics:
    - {type: psnr, name: PSNR, value: 18.0699}
---
A card.
"""


def test_a_model_is_described_without_downloading_it(hub, files, hub_cache, capsys):
    commit = hub.add("acme/net", files | {"README.md": CARD})
    info("acme/net", as_json=True)
    (model,) = json.loads(capsys.readouterr().out)
    content = files["model.safetensors"]
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    metadata = header.pop("__metadata__")
    assert (model["revision"], model["size"]) == (commit, len(content))
    assert model["sha256"] == hashlib.sha256(content).hexdigest()
    assert (model["architecture"], model["zoo_version"]) == (metadata["architecture"], metadata["zoo_version"])
    bytes_of_tensors = max(entry["data_offsets"][1] for entry in header.values())
    assert (model["tensors"], model["parameters"]) == (len(header), {"F32": bytes_of_tensors // 4})
    assert (model["license"], model["datasets"], model["tags"]) == ("cc-by-4.0", ["acme/streets"], ["thermal"])
    assert model["scores"] == {"PSNR": 18.0699}
    assert not hub_cache.exists()
    assert [line for line in hub.asked("cdn") if "-> 206" not in line] == []


def test_people_read_the_same_and_what_to_type(hub, files, capsys):
    commit = hub.add("acme/net", files | {"README.md": CARD}, gated=True)
    info("acme/net@main")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "acme/net — cyclegan/cyclegan"
    assert f"  commit     {commit}" in lines and "  access     gated" in lines
    assert f"  load       zoo.load('acme/net@{commit}')" in lines


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("acme/nett", "has no repository acme/nett"),
        ("acme/net@v1", "has no branch, tag or commit 'v1'"),
        ("acme/torch", r"has no model.safetensors; it holds pytorch_model.bin"),
        ("acme/broken", "is not a safetensors file"),
        ("resnte9", r"no component and no weights are named 'resnte9'. Did you mean resnet9"),
        ("layergan-thermalwrold", "Did you mean layergan-thermalworld"),
    ],
)
def test_what_is_not_there_is_reported(hub, files, name, message):
    hub.add("acme/net", files)
    hub.add("acme/torch", {"pytorch_model.bin": b"x"})
    hub.add("acme/broken", {"model.safetensors": b"\x10\0\0\0\0\0\0\0{no json at all}"})
    with pytest.raises(UsageError, match=message):
        info(name)


def test_a_hub_that_does_not_answer_and_offline_are_reported(hub, files, monkeypatch):
    hub.add("acme/net", files)
    hub.fail("status", "GET")
    with pytest.raises(ZooError, match="answers 503"):
        info("acme/net")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(UsageError, match="cannot be looked up offline"):
        info("acme/net")
