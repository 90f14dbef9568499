"""Weights of the networks of LPIPS, FID and KID, and how scores name them. Imports no torch."""

from __future__ import annotations

from pathlib import Path

from zoo.checkpoints.packaged import PACKAGED
from zoo.checkpoints.published import PublishedFile, sha256_of
from zoo.errors import UsageError

INCEPTION = "inception"
PUBLISHED, RANDOM = "published", "random"

INCEPTION_FILE = PublishedFile(
    name="pt_inception-2015-12-05-6726825d.pth",
    url="https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/pt_inception-2015-12-05-6726825d.pth",
    sha256="6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2",
    other_names=("weights-inception-2015-12-05-6726825d.pth",),  # torch-fidelity's
)
LPIPS_FILES = {
    network: PublishedFile(
        name=f"{stem}.pth", url=f"https://download.pytorch.org/models/{stem}.pth", sha256=stem.rpartition("-")[2]
    )
    for network, stem in {
        "alex": "alexnet-owt-7be5be79",
        "vgg": "vgg16-397923af",
        "squeeze": "squeezenet1_1-b8a52dc0",
    }.items()
}
"""torchvision's networks; the names end with the beginning of the SHA-256."""
DETECTOR_FILES = {
    detector: PublishedFile(
        name=f"{detector}_coco-{sha256}.pth",
        url=f"https://download.pytorch.org/models/{detector}_coco-{sha256}.pth",
        sha256=sha256,
    )
    for detector, sha256 in {
        "fasterrcnn_resnet50_fpn_v2": "dd69338a",
        "retinanet_resnet50_fpn_v2": "5905b1c5",
        "ssdlite320_mobilenet_v3_large": "a79551df",
    }.items()
}
"""torchvision's detectors; the names end with the beginning of the SHA-256."""


def network_label(network: str, weights: str) -> str:
    """Return a network's name in scores: `NAME` with published weights, otherwise `NAME@random` or `NAME@SHA256`.

    Raises:
        UsageError: there is no such file.
    """
    if weights == PUBLISHED:
        return network
    if weights == RANDOM:
        return f"{network}@{RANDOM}"
    digest = sha256_of(weights_path(weights))
    known = {INCEPTION: INCEPTION_FILE.sha256} | {name: file.sha256 for name, file in PACKAGED.items()}
    return network if digest == known.get(network) else f"{network}@{digest[:8]}"


def weights_path(weights: str) -> Path:
    """Return the file that the option `weights` names.

    Raises:
        UsageError: there is no such file.
    """
    path = Path(weights)
    if not path.is_file():
        fix = f"Name an existing file, or use weights={PUBLISHED}"
        raise UsageError(f"there is no file of weights `{weights}`", fix)
    return path
