"""Trainings on images that are not square: a stopped one resumes bit for bit, and each method takes them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from zoo.build import build_method
from zoo.composition import compose
from zoo.data.store import PairStore
from zoo.recipe import choice_of
from zoo.sources import open_source
from zoo.training.engine import train
from zoo.training.seeds import seed_everything

SIZE = (32, 48)
GENERATOR, DISCRIMINATOR = "resnet6:width=4,blocks=1", "patchgan:width=4,layers=1"


def trained(
    folder: Path, data: str, stop_after: int = 99, size: tuple[int, int] = SIZE, **parts: str
) -> dict[str, Tensor]:
    source = open_source(data, size=size)
    recipe = compose(**parts, data=source, size=size, steps=4, batch=2)
    device, done = torch.device("cpu"), []

    def split(size: int | tuple[int, int]) -> PairStore:
        return PairStore.open(source.root, "train", size=size, device=device)

    rng = seed_everything(0, device)
    method = build_method(recipe, source.info, rng, training=True)
    train(
        method,
        recipe,
        split(recipe.load_size),
        folder=folder,
        train_key="key",
        device=device,
        rng=rng,
        paired="pairs" in choice_of("method", recipe.method).contract.needs,
        on_step=done.append,
        stop=lambda: len(done) >= stop_after,
        decay_store=None if recipe.decay_crop else lambda: split(recipe.size),
    )
    return method.state_dict()


@pytest.mark.parametrize(
    "parts",
    [
        {"method": "cyclegan:pool=3", "generator": GENERATOR, "discriminator": DISCRIMINATOR},
        {"method": "cut:width=8,patches=16", "generator": GENERATOR, "discriminator": DISCRIMINATOR},
        {"method": "pix2pix", "generator": GENERATOR, "discriminator": "multiscale:width=4,layers=1,scales=2"},
    ],
    ids=lambda parts: parts["method"].partition(":")[0],
)
def test_a_stopped_training_on_32x48_resumes_bit_for_bit(tmp_path, pairs, parts):
    whole = trained(tmp_path / "whole", str(pairs), **parts)
    trained(tmp_path / "parts", str(pairs), stop_after=2, **parts)
    resumed = trained(tmp_path / "parts", str(pairs), **parts)
    assert whole.keys() == resumed.keys()
    assert [name for name in whole if not torch.equal(whole[name], resumed[name])] == []
    assert all(tensor.isfinite().all() for tensor in whole.values())
    pools = [tensor for name, tensor in whole.items() if name.endswith("pool_A.images")]
    assert [pool.shape[-2:] for pool in pools] == [SIZE] * len(pools)


def test_thermalgan_trains_on_32x64(tmp_path):
    parts = {"method": "thermalgan", "generator": "unet_auto:width=2", "discriminator": DISCRIMINATOR}
    end = trained(tmp_path, "scenes:train=2,test=2", size=(32, 64), **parts)
    assert all(tensor.isfinite().all() for tensor in end.values())
