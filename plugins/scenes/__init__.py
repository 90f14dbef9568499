"""Synthetic road scenes, rendered once in visible light and once in thermal infrared."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from zoo.hookspec import Component, Contract, Weights, hookimpl
from zoo.limits import NotNegative, Positive


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
    night: NotNegative = 0.3
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
            summary="pix2pix with a narrow U-Net; trained only on synthetic scenes",
            train=(
                "zoo bench --method pix2pix:lr=5e-4,evaluation=eval --gen unet_128:width=11,norm=instance "
                "--disc patchgan:width=16,norm=instance --data scenes:train=1500 --size 128 --steps 20000 --batch 2"
            ),
            dataset="scenes",
            folder="zoo_plugins.scenes:weights",
            sha256="1fac97a188bcf29ccd7557b0173a1b4512d06d7a9b633fe06aaba950251a058b",
            size=4950580,
            license="Apache-2.0",
            scores={"psnr [dB] (128 px, n 20)": 20.78, "ssim (128 px, n 20)": 0.6025},
            intervals={"psnr [dB] (128 px, n 20)": (19.61, 21.95), "ssim (128 px, n 20)": (0.5764, 0.6307)},
        )
    ]
