"""Encoders with published weights: from the cache without a request, verified, in the key of a training, one error without."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import timm
import torch
from hub_server import HubServer
from huggingface_hub import constants
from safetensors.torch import save

from zoo.composition import compose
from zoo.environment import option_files, provenance
from zoo.errors import UsageError, ZooError
from zoo.keys import train_key
from zoo.recipe import Recipe
from zoo.records.code_changes import code_changes
from zoo_plugins.timm.config import TimmUNetConfig
from zoo_plugins.timm.network import TimmUNet
from zoo_plugins.timm.weights import weights_file

REPO = "timm/test_resnet.r160_in1k"
NAME = "timm/unet:encoder=test_resnet,width=4,pretrained=true"


def published(seed: int) -> bytes:
    """Return a file of weights of `test_resnet`."""
    torch.manual_seed(seed)
    return save(timm.create_model("test_resnet").state_dict())


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def recipe(pairs: Path) -> Recipe:
    return compose(generator=NAME, method="regression", data=str(pairs), size=64, steps=1)


def first_weights(network: TimmUNet) -> torch.Tensor:
    return network.encoder.network.state_dict()["conv1.0.weight"]


def config() -> TimmUNetConfig:
    return TimmUNetConfig(encoder="test_resnet", width=4, pretrained=True, size=64)


def test_a_network_starts_from_the_published_weights_and_asks_for_them_once(hub: HubServer) -> None:
    hub.add(REPO, {"model.safetensors": published(1)})
    torch.manual_seed(1)
    wanted = timm.create_model("test_resnet").state_dict()["conv1.0.weight"]
    assert torch.equal(first_weights(TimmUNet(config())), wanted)
    hub.forget()
    assert torch.equal(first_weights(TimmUNet(config())), wanted)
    assert hub.asked() == []


def test_only_a_pickle_of_weights_is_found_too(hub: HubServer, tmp_path: Path) -> None:
    torch.manual_seed(1)
    wanted = timm.create_model("test_resnet").state_dict()
    torch.save(wanted, tmp_path / "w.bin")
    hub.add(REPO, {"pytorch_model.bin": (tmp_path / "w.bin").read_bytes()})
    assert torch.equal(first_weights(TimmUNet(config())), wanted["conv1.0.weight"])


def test_offline_and_without_them_there_is_one_error_that_says_what_to_do(
    hub: HubServer, recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    for ask in (lambda: TimmUNet(config()), lambda: option_files(recipe, fetch=True)):
        with pytest.raises(ZooError, match="published weights of test_resnet are not on this machine") as error:
            ask()
        assert "HF_HUB_OFFLINE is set" in error.value.message
        assert "Leave out pretrained=true" in error.value.fix
    assert hub.asked() == []
    assert option_files(recipe) == {}


def test_a_damaged_file_in_the_cache_is_fetched_again_and_not_used_offline(
    hub: HubServer, hub_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = published(1)
    hub.add(REPO, {"model.safetensors": content})
    path = weights_file("test_resnet", fetch=True)
    assert path and path.read_bytes() == content
    path.resolve().write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert weights_file("test_resnet", fetch=False) is None
    with monkeypatch.context() as patch:
        patch.setattr(constants, "HF_HUB_OFFLINE", True)
        with pytest.raises(ZooError, match="published weights of test_resnet"):
            TimmUNet(config())
    again = weights_file("test_resnet", fetch=True)
    assert again and again.read_bytes() == content


def test_the_key_of_a_training_has_the_hash_of_the_file(hub: HubServer, recipe: Recipe) -> None:
    plain = train_key(recipe)
    hub.add(REPO, {"model.safetensors": published(1)})
    first = train_key(recipe, fetch=True)
    assert option_files(recipe) == {"generator.pretrained": digest(published(1))}
    assert train_key(recipe) == first != plain


def test_other_weights_under_the_same_name_are_another_training(
    hub: HubServer, recipe: Recipe, hub_cache: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    keys = set()
    for seed in (1, 2):
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / f"cache{seed}"))
        hub.add(REPO, {"model.safetensors": published(seed)})
        keys.add(train_key(recipe, fetch=True))
    assert len(keys) == 2
    # Without published weights the cache is no part of the key.
    untrained = replace(
        recipe, generator=replace(recipe.generator, config={**recipe.generator.config, "pretrained": False})
    )
    assert option_files(untrained, fetch=True) == {}


def test_a_record_states_the_file_and_a_machine_without_it_reports_no_change(hub: HubServer, recipe: Recipe) -> None:
    files = {"generator.pretrained": digest(published(1))}
    made: Any = SimpleNamespace(recipe=recipe, option_files=files, plugins=provenance(recipe))
    stated = "the file that option generator.pretrained names or requires has changed"
    assert code_changes(made) == []
    hub.add(REPO, {"model.safetensors": published(2)})
    weights_file("test_resnet", fetch=True)
    assert code_changes(made) == [stated]


@pytest.mark.parametrize(
    ("encoder", "told"),
    [
        ("test_vit4", "publishes no weights for test_vit4.*Leave out pretrained=true"),
        ("resnt18", "no network named 'resnt18'.*Did you mean resnet18"),
        ("resnet18.nope", "no weights 'resnet18.nope'"),
    ],
)
def test_a_network_without_published_weights_is_refused_before_anything_is_requested(
    hub: HubServer, encoder: str, told: str
) -> None:
    with pytest.raises(UsageError, match=told):
        weights_file(encoder, fetch=True)
    assert hub.asked() == []
