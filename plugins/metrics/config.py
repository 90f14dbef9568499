"""Options of the metrics; each is part of the protocol that a score names. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

from zoo.errors import UsageError
from zoo.hookspec import Contract
from zoo.limits import Positive

from .networks import INCEPTION, PUBLISHED, network_label

SYMMETRIC = frozenset({"symmetric"})
DISTANCE = {"lowest": 0.0, "best": 0.0}
"""Bounds of every distance."""
SIMILARITY = {"lowest": -1.0, "highest": 1.0, "best": 1.0}
"""Bounds of SSIM."""
DATA_RANGE = 1.0
"""Images are in [0, 1]; the range is that of the format, never that of one image's content."""
MS_SSIM_EXPONENTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Weights of the five scales (Wang et al. 2003, section 3.2)."""


@dataclass(frozen=True, kw_only=True)
class PSNRConfig:
    """How PSNR is computed."""

    cap_db: float = 100.0
    """Highest score of one image in dB, since the PSNR of identical images is infinite. An error of one grey level in one
    pixel of a 256x256 image has 96.3 dB."""
    pooled: bool = field(default=False, metadata={"later": True})
    """Score the test set by its mean squared error over all images together instead of the mean of the images' scores, as
    torchmetrics does where it is updated image by image."""

    def contract(self) -> Contract:
        """Return the bounds: black against white has an error of 1."""
        return Contract(offers=SYMMETRIC, promises={"lowest": 0.0, "highest": self.cap_db, "best": self.cap_db})


@dataclass(frozen=True, kw_only=True)
class SSIMConfig:
    """How SSIM is computed (Wang et al. 2004, Eq. 13)."""

    sigma: float = 1.5
    """Standard deviation of the Gaussian window in pixels; the window reaches 3.5 sigma: 11x11 for 1.5."""
    k1: float = 0.01
    """Stabilises the luminance term: C1 = (k1 * data range)^2."""
    k2: float = 0.03
    """Stabilises the contrast term: C2 = (k2 * data range)^2."""
    volume: bool = False
    """Use the channels as the third dimension of a volume with an 11x11x11 window, as MATLAB's ssim does for an RGB array.
    For thermal images with equal channels the score is the same."""
    border: Literal["replicate", "valid"] = "replicate"
    """`replicate` averages over all pixels with the edge repeated outwards, as MATLAB's ssim; `valid` averages over the
    pixels whose window lies within the image, as the 2004 paper's code and scikit-image."""

    def __post_init__(self) -> None:
        if self.radius < 1:
            fix = "Use ssim:sigma=1.5"
            raise UsageError(f"ssim has a window of sigma={self.sigma} pixels, less than one pixel wide", fix)
        if self.volume and self.border == "valid":
            fix = "Remove border=valid or volume=true"
            raise UsageError("ssim has volume=true and border=valid, and no window fits into its channels", fix)

    @property
    def radius(self) -> int:
        """Radius of the window in pixels."""
        return int(3.5 * self.sigma + 0.5)

    @property
    def min_size(self) -> int:
        """Side of the window in pixels."""
        return 2 * self.radius + 1

    def contract(self) -> Contract:
        """Return the bounds, and the size of one window as the smallest image size."""
        return Contract(min_size=self.min_size, offers=SYMMETRIC, promises=SIMILARITY)


@dataclass(frozen=True, kw_only=True)
class ClassPSNRConfig(PSNRConfig):
    """How PSNR by class is computed."""

    entry: str = "labels"
    """Entry of the dataset with the classes: `labels`, or a declared mask with class names."""

    def contract(self) -> Contract:
        """Return the bounds, the entry that it reads, and SSIM's smallest image size, so that both apply to the same images."""
        return replace(super().contract(), reads=("visible", self.entry), min_size=SSIMConfig().min_size)


@dataclass(frozen=True, kw_only=True)
class ObjectPSNRConfig(ClassPSNRConfig):
    """How PSNR by object is computed."""

    entry: str = "boxes"
    """Declared entry of the dataset with the boxes."""


@dataclass(frozen=True, kw_only=True)
class ClassSSIMConfig:
    """How SSIM by class is computed."""

    entry: str = "labels"
    """Entry of the dataset with the classes: `labels`, or a declared mask with class names."""

    def contract(self) -> Contract:
        """Return SSIM's bounds and size, and the entry that it reads."""
        return replace(SSIMConfig().contract(), reads=("visible", self.entry))


@dataclass(frozen=True, kw_only=True)
class ObjectSSIMConfig(ClassSSIMConfig):
    """How SSIM by object is computed."""

    entry: str = "boxes"
    """Declared entry of the dataset with the boxes."""


@dataclass(frozen=True, kw_only=True)
class DetectionConfig:
    """How mean average precision is computed."""

    detector: Literal["fasterrcnn_resnet50_fpn_v2", "retinanet_resnet50_fpn_v2", "ssdlite320_mobilenet_v3_large"] = (
        "fasterrcnn_resnet50_fpn_v2"
    )
    """Detector of torchvision, trained on COCO; the last is the smallest."""
    weights: str = PUBLISHED
    """Weights of the detector: `published` (torchvision's, downloaded if needed), a file of the same format, or `random`; the
    score's name contains all but the first."""
    iou: Literal["0.5:0.95", "0.5"] = "0.5:0.95"
    """Overlap from which a detection is right: the mean over ten thresholds, as COCO has it, or one half, as PASCAL VOC."""
    entry: str = "boxes"
    """Declared entry of the dataset with the boxes."""

    def label(self) -> str:
        """Return the detector's name, with the options that are not the usual ones."""
        usual = DetectionConfig()
        options = [f",{name}={value}" for name, value in (("iou", self.iou), ("entry", self.entry))]
        changed = [text for text in options if text not in (f",iou={usual.iou}", f",entry={usual.entry}")]
        return network_label(self.detector, self.weights) + "".join(changed)

    def contract(self) -> Contract:
        """Return the bounds and the entry that it reads."""
        return Contract(reads=("visible", self.entry), promises={"lowest": 0.0, "highest": 1.0})


@dataclass(frozen=True, kw_only=True)
class MSSSIMConfig:
    """How MS-SSIM is computed (Wang et al. 2003, Eq. 7)."""

    scales: Positive = 5
    """Number of scales, 1 to 5. With fewer than 5 the paper's first exponents are divided by their sum."""

    def __post_init__(self) -> None:
        if not 1 <= self.scales <= len(MS_SSIM_EXPONENTS):
            raise UsageError(f"ms_ssim has {self.scales} scales, not 1 to 5", "Use ms_ssim:scales=5")

    @property
    def exponents(self) -> tuple[float, ...]:
        """Weight of each scale."""
        first = MS_SSIM_EXPONENTS[: self.scales]
        return first if self.scales == len(MS_SSIM_EXPONENTS) else tuple(beta / sum(first) for beta in first)

    @property
    def min_size(self) -> int:
        """Smallest side in pixels whose coarsest scale, after halving and rounding up, contains one window of 11 pixels."""
        return (2 * SSIMConfig().radius << (self.scales - 1)) + 1

    def contract(self) -> Contract:
        """Return the bounds and the smallest image size."""
        return Contract(min_size=self.min_size, offers=SYMMETRIC, promises={"lowest": 0.0, "highest": 1.0, "best": 1.0})


@dataclass(frozen=True, kw_only=True)
class NoOptions:
    """The mean absolute error and edge fidelity have no options."""


@dataclass(frozen=True, kw_only=True)
class LPIPSConfig:
    """How LPIPS is computed (Zhang et al. 2018, Eq. 1, version 0.1)."""

    network: Literal["alex", "vgg", "squeeze"] = "alex"
    """ImageNet network whose features are compared; the paper recommends `alex`."""
    weights: str = PUBLISHED
    """Weights of the network: `published` (torchvision's ImageNet weights, downloaded if needed), a file of the same format, or
    `random`; the score's name contains all but the first."""

    def label(self) -> str:
        """Return the network's name, with a suffix unless its weights are the published ones."""
        return network_label(self.network, self.weights)

    @property
    def min_size(self) -> int:
        """Smallest side in pixels that remains after the network's pooling layers."""
        return {"alex": 31, "vgg": 16, "squeeze": 17}[self.network]

    def contract(self) -> Contract:
        """Return the bounds and the smallest image size."""
        return Contract(min_size=self.min_size, offers=SYMMETRIC, promises=DISTANCE)


@dataclass(frozen=True, kw_only=True)
class ExtractorConfig:
    """The network that extracts the features of FID and KID."""

    extractor: str = INCEPTION
    """`inception` (pytorch-fid's, as in the papers) or the name of a network in timm, optionally with the tag of its weights,
    e.g. `resnet50.a1_in1k`."""
    weights: str = PUBLISHED
    """`published` (downloaded if needed), a file of weights, or `random`; the score's name contains all but the first."""

    def label(self) -> str:
        """Return the extractor's name, with a suffix unless its weights are the published ones."""
        return network_label(self.extractor, self.weights)
