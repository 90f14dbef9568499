"""Importers of public datasets: each reads one published layout as it is."""

from __future__ import annotations

from collections.abc import Iterable

from zoo.hookspec import Component, Contract, hookimpl

from .config import AlignedConfig, CycleGANConfig, RoadSceneConfig


@hookimpl
def zoo_components() -> Iterable[Component]:
    """Return the importers' rows."""
    return [
        Component(
            kind="dataset",
            name="roadscene",
            target="zoo_plugins.datasets.roadscene:RoadScene",
            config=RoadSceneConfig(),
            summary="RoadScene: aligned 8-bit pairs cut from a driving video; crop_LR_visible/, cropinfrared/",
            contract=Contract(offers=frozenset({"pairs"}), needs=frozenset({"source"})),
            paper='Xu et al., "FusionDN" (AAAI 2020)',
        ),
        Component(
            kind="dataset",
            name="cyclegan",
            target="zoo_plugins.datasets.cyclegan:CycleGANFolders",
            config=CycleGANConfig(),
            summary="unpaired images: trainA/, trainB/, testA/, testB/; A is visible, B thermal",
            contract=Contract(needs=frozenset({"source"})),
            paper='Zhu et al., "CycleGAN" (ICCV 2017)',
        ),
        Component(
            kind="dataset",
            name="aligned",
            target="zoo_plugins.datasets.aligned:SideBySide",
            config=AlignedConfig(),
            summary="pairs side by side in one image: train/, test/ (or val/); visible left, thermal right",
            contract=Contract(offers=frozenset({"pairs"}), needs=frozenset({"source"})),
            paper='Isola et al., "pix2pix" (CVPR 2017)',
        ),
    ]
