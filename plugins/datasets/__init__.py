"""Importers of public datasets: each reads one published layout as it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from zoo.hookspec import Component, Contract, hookimpl

from .config import (
    CVC14Config,
    FLIRConfig,
    FreiburgConfig,
    IRVIConfig,
    KAISTConfig,
    M3FDConfig,
    MSRSConfig,
    NIICUConfig,
    NoOptions,
    OSUConfig,
    PairsConfig,
    RadiometricConfig,
    RoadSceneConfig,
    ThermalWorldConfig,
    VEDAIConfig,
)

SMALL: Mapping[str, Mapping[str, Any]] = {
    "roadscene": {"test_pairs": 3},
    "m3fd": {"test_share": 0.4, "block": 4},
    "radiometric": {"celsius_per_count": 0.04},
    "freiburg": {"left": 4, "right": 28},
}
"""Options with which the example has images in both splits, and degrees."""
CHECKED = " (checked on real files)"
"""Ends the summary of an importer that was run on files of the set; the others were written from the published layouts."""


@hookimpl
def zoo_components() -> Iterable[Component]:
    """Return the importers' rows."""
    return [
        _row(
            "roadscene",
            "public_pairs:RoadScene",
            RoadSceneConfig(),
            f"RoadScene: aligned 8-bit pairs cut from a driving video; crop_LR_visible/, cropinfrared/{CHECKED}",
            'Xu et al., "FusionDN" (AAAI 2020)',
        ),
        _row(
            "osu",
            "public_pairs:OSU",
            OSUConfig(),
            "OSU colour-thermal (OTCBVS 03): six campus sequences; 1a/ ... 6a/ thermal, 1b/ ... 6b/ colour",
            'Davis and Sharma, "Background-Subtraction using Contour-based Fusion" (CVIU 2007)',
        ),
        _row(
            "flir",
            "flir:FLIR",
            FLIRConfig(),
            "FLIR ADAS v1 (train/, val/) and v2 (video_rgb_test/, ...): driving videos, registered at import",
            "Teledyne FLIR, ADAS thermal dataset (2018, 2022)",
        ),
        _row(
            "thermalworld",
            "thermalworld:ThermalWorld",
            ThermalWorldConfig(),
            "ThermalWorld: VOC tree with ThermalImages/, or ThermalGAN's TV/, IR_32/, LABEL_TEMP/; labels, degrees",
            'Kniaz et al., "ThermalGAN" (ECCV Workshops 2018)',
            frozenset({"pairs", "labels", "celsius", "temperatures", "thermal_segmentation"}),
        ),
        _row(
            "llvip",
            "public_pairs:LLVIP",
            NoOptions(),
            "LLVIP: streets at night; visible/{train,test}/, infrared/{train,test}/",
            'Jia et al., "LLVIP" (ICCV Workshops 2021)',
        ),
        _row(
            "kaist",
            "public_pairs:KAIST",
            KAISTConfig(),
            "KAIST multispectral pedestrians: setNN/VNNN/{visible,lwir}/; sets 0-5 train, 6-11 test",
            'Hwang et al., "Multispectral Pedestrian Detection" (CVPR 2015)',
        ),
        _row(
            "msrs",
            "public_pairs:MSRS",
            MSRSConfig(),
            "MSRS: road scenes of MFNet, enhanced; {train,test}/{vi,ir,Segmentation_labels}/",
            'Tang et al., "PIAFusion" (Information Fusion 2022)',
            frozenset({"pairs", "labels"}),
        ),
        _row(
            "m3fd",
            "public_pairs:M3FD",
            M3FDConfig(),
            "M3FD: roads and campus; Vis/, Ir/ (or vi/, ir/)",
            'Liu et al., "Target-aware Dual Adversarial Learning" (CVPR 2022)',
        ),
        _row(
            "aviid",
            "aerial:AVIID",
            NoOptions(),
            "AVIID: roads from the air; {trainA,trainB,testA,testB}/, A visible, B infrared, or several such folders",
            "AVIID-1 to AVIID-3",
        ),
        _row(
            "vedai",
            "aerial:VEDAI",
            VEDAIConfig(),
            "VEDAI: vehicles from the air, near infrared (no thermal radiation), boxes; Vehicules512/ID_{co,ir}.png",
            "Razakarivony and Jurie (JVCIR 2016)",
            frozenset({"pairs", "boxes"}),
        ),
        _row(
            "niicu",
            "aerial:NIICU",
            NIICUConfig(),
            "NII-CU MAPD: people from a drone, boxes; {4-channel,rgb-t}/images/{rgb,thermal}/{train,val}/",
            "Speth et al. (Journal of Field Robotics 2022)",
            frozenset({"pairs", "boxes"}),
        ),
        _row(
            "freiburg",
            "driving:Freiburg",
            FreiburgConfig(),
            "Freiburg Thermal: driving by day and night, 16-bit counts; train/SEQUENCE/PART/{fl_rgb,fl_ir_aligned}/, test/",
            'Vertens et al., "HeatNet" (IROS 2020)',
            frozenset({"pairs", "daytime"}),
        ),
        _row(
            "cvc14",
            "driving:CVC14",
            CVC14Config(),
            "CVC-14: pedestrians by day and night, boxes; {Day,Night}/{Visible,FIR}/; not registered, so unpaired",
            "Gonzalez et al. (Sensors 2016)",
            frozenset({"boxes", "boxes_thermal", "daytime"}),
        ),
        _row(
            "irvi",
            "driving:IRVI",
            IRVIConfig(),
            "IRVI: videos of traffic and monitoring, unpaired; {trainA,trainB,testA,testB}/, A infrared, B visible",
            'Li et al., "I2V-GAN" (ACM MM 2021)',
            frozenset(),
        ),
        _row(
            "radiometric",
            "radiometric:Radiometric",
            RadiometricConfig(),
            f"your own pairs in degrees: 16-bit files with a stated scale, or FLIR radiometric JPEGs{CHECKED}",
            "",
            frozenset({"pairs", "celsius"}),
        ),
        _row(
            "pairs",
            "pairs:Pairs",
            PairsConfig(),
            "pairs in two folders of equal file names: visible|vis|vi|rgb|color|A and thermal|infrared|ir|lwir|T|B; "
            "train/, test/ optional",
            "",
        ),
        _row(
            "cyclegan",
            "cyclegan:CycleGANFolders",
            NoOptions(),
            "unpaired images in trainA/, trainB/, testA/, testB/: A visible, B thermal",
            'Zhu et al., "CycleGAN" (ICCV 2017)',
            frozenset(),
        ),
        _row(
            "aligned",
            "aligned:SideBySide",
            NoOptions(),
            "pairs side by side in one image, in train/ and test/ (or val/): visible left, thermal right",
            'Isola et al., "pix2pix" (CVPR 2017)',
        ),
    ]


def _row(
    name: str, target: str, config: Any, summary: str, paper: str, offers: frozenset[str] = frozenset({"pairs"})
) -> Component:
    return Component(
        kind="dataset",
        name=name,
        target=f"zoo_plugins.datasets.{target}",
        config=config,
        summary=summary,
        contract=Contract(offers=offers, needs=frozenset({"source"})),
        paper=paper,
        small=SMALL.get(name, {}),
        example=f"zoo_plugins.datasets.examples:{name}",
    )
