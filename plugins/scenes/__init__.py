"""Synthetic road scenes, rendered once in visible light and once in thermal infrared."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from zoo.hookspec import Component, Contract, Positive, Weights, hookimpl


@dataclass(frozen=True, kw_only=True)
class ScenesConfig:
    """Options of the scenes; an image depends only on these numbers, its split and its index."""

    seed: int = 0
    """Seed of every random stream."""
    train: Positive = 120
    """Pairs in the training split."""
    test: Positive = 20
    """Pairs in the test split."""
    size: Positive = 128
    """Height and width of the images in pixels; the street is the same at every size."""
    night: float = 0.3
    """Share of the images taken at night, 0 to 1."""
    entries: bool = field(default=False, metadata={"later": True})
    """Whether the dataset declares the entries `boxes` (people and vehicles) and `daytime` (day or night); the images are the
    same."""


@hookimpl
def zoo_components() -> Iterable[Component]:
    """Return the dataset's row."""
    return [
        Component(
            kind="dataset",
            name="scenes",
            target="zoo_plugins.scenes.dataset:Scenes",
            config=ScenesConfig(),
            summary="synthetic road scenes by day and night, with classes and degrees Celsius; no download",
            contract=Contract(offers=frozenset({"pairs", "labels", "celsius", "temperatures", "thermal_segmentation"})),
            small={"train": 3, "test": 2, "size": 32},
        )
    ]


@hookimpl
def zoo_weights() -> Iterable[Weights]:
    """Return the weights that come with zoo, so that translating needs no download."""
    return [
        Weights(
            name="pix2pix-scenes",
            summary="pix2pix with a narrow ResNet-6; trained only on synthetic scenes",
            train=(
                "zoo bench --method pix2pix --gen resnet6:width=24,norm=instance,dropout=false --disc patchgan:width=32 "
                "--data scenes:train=480 --size 128 --steps 3000"
            ),
            dataset="scenes",
            folder="zoo_plugins.scenes:weights",
            sha256="6b1c9adb89560810b5dc1b2140b336e42433fed4f8e08fbfa0136a288d4fd3e3",
            size=4423916,
            license="Apache-2.0",
            scores={"psnr (128 px, n 20)": 18.99, "ssim (128 px, n 20)": 0.5395},
        )
    ]
