"""Options of the importers. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Generic, Literal, TypeVar

from zoo.limits import AtLeast

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Config = TypeVar("Config")


class Importer(Generic[Config]):
    """What all importers share: the options with which they are built."""

    def __init__(self, config: Config) -> None:
        self.config = config


@dataclass(frozen=True, kw_only=True)
class CountScale:
    """The linear scale from a camera's integer counts to degrees Celsius, as its maker or a calibration states it."""

    celsius_per_count: float = 0.0
    """Degrees per count of integer thermal files, e.g. 0.04 or 0.01; 0: not known. Float files and FLIR JPEGs need none."""
    celsius_at_zero: float = -273.15
    """Degrees Celsius of count 0; -273.15 where counts are proportional to kelvin."""

    def celsius(self, counts: NDArray[Any]) -> NDArray[np.float32]:
        """Return degrees Celsius, float32, of counts of any shape."""
        degrees: NDArray[np.float32] = (
            counts.astype("float64") * self.celsius_per_count + self.celsius_at_zero
        ).astype("float32")
        return degrees


@dataclass(frozen=True, kw_only=True)
class NoOptions:
    """`aligned`, `aviid`, `cyclegan` and `llvip` have no options."""


@dataclass(frozen=True, kw_only=True)
class RoadSceneConfig:
    """Options of `roadscene`."""

    test_pairs: int = 20
    """Pairs held out as the test set: those whose file names have the smallest SHA-256."""


@dataclass(frozen=True, kw_only=True)
class PairsConfig:
    """Options of `pairs`."""

    visible: str = ""
    """Folder of visible images, with `thermal` in place of a source that holds both."""
    thermal: str = ""
    """Folder of thermal images."""
    test: str = ""
    """Test set of a source without a split: a share (0.1), a number, `all`, or a file of stems; empty: `test_share`."""
    test_share: float = 0.1
    """Share of the pairs held out, by SHA-256, where neither the folders nor `test` give a split."""
    validation: str = ""
    """Validation set, on which nothing trains: a share, a number, a file of stems, or `val`, the source's folder; empty: none."""
    seed: int = 0
    """Seed of the sampled test and validation sets."""
    labels: str = ""
    """Folder of label images (class indices) whose stems are those of the pairs."""
    boxes: str = ""
    """Boxes of objects: a folder of YOLO `.txt` or VOC `.xml` files, or a JSON file (COCO, or lists by stem)."""
    classes: str = ""
    """Names of the class indices of labels and boxes, joined by `+`; empty: from the files, else `class_0`, `class_1`, ..."""


@dataclass(frozen=True, kw_only=True)
class OSUConfig:
    """Options of `osu`."""

    test: str = "3+6"
    """Sequences of the test set, joined by `+`. The publishers give no split; 3 and 6 are the last ones of both places."""


@dataclass(frozen=True, kw_only=True)
class FLIRConfig(CountScale):
    """Options of `flir`."""

    thermal: Literal["8", "16"] = "8"
    """Bits of the thermal files to import: 8 after the camera's contrast control, or 16, the sensor's counts."""
    homography: str = ""
    """File of the 3 x 3 matrix from visible to thermal pixels; empty: a crop by the cameras' published fields of view."""
    view_width: float = 0.0
    """Share of the visible image's width that the thermal camera sees, instead of the published one; 0: as published."""
    test_share: float = 0.1
    """For v2, whose pairs come without a split: share of the frames held out, in whole videos."""


@dataclass(frozen=True, kw_only=True)
class ThermalWorldConfig(CountScale):
    """Options of `thermalworld`."""

    edges: int = 1
    """Pixels on either side of an object's outline that become the class `edge`; 0: none."""
    classes: str = ""
    """Names of the class indices, joined by `+`; empty: from `labelmap.txt`, else `class_0`, `class_1`, ..."""
    test_share: float = 0.1
    """Share of the stems held out, by SHA-256, where the tree has no `ImageSets`."""


@dataclass(frozen=True, kw_only=True)
class KAISTConfig:
    """Options of `kaist`."""

    every: int = 20
    """Import every n-th frame of a video, as the set's usual test list does; neighbours differ little."""


@dataclass(frozen=True, kw_only=True)
class MSRSConfig:
    """Options of `msrs`."""

    labels: bool = True
    """Import the class labels if the tree has them."""


@dataclass(frozen=True, kw_only=True)
class M3FDConfig:
    """Options of `m3fd`."""

    test_share: float = 0.1
    """Share of the pairs held out, in whole blocks of neighbours, where the tree has no `meta/train.txt`."""
    block: int = 50
    """Neighbouring numbers that stay together: the frames come from videos whose ends are not published."""


@dataclass(frozen=True, kw_only=True)
class RadiometricConfig(CountScale):
    """Options of `radiometric`."""

    homography: str = ""
    """File of the 3 x 3 matrix from visible to thermal pixels; empty: the camera's own alignment, or none."""
    test_share: float = 0.1
    """Share of the pairs held out, by SHA-256, where the tree has no `train` and `test`."""


@dataclass(frozen=True, kw_only=True)
class VEDAIConfig:
    """Options of `vedai`."""

    size: Literal["512", "1024"] = "512"
    """Width and height of the images to import."""
    split: str = "infragan"
    """`infragan` (the InfraGAN paper's: ids 1000 to 1199 are the test set), or the name of a published fold, e.g. `fold01`."""


@dataclass(frozen=True, kw_only=True)
class NIICUConfig:
    """Options of `niicu`."""

    part: Literal["4-channel", "rgb-t"] = "4-channel"
    """Part of the set; only `4-channel` is aligned by pixel."""


@dataclass(frozen=True, kw_only=True)
class FreiburgConfig:
    """Options of `freiburg`."""

    left: int = 300
    """First column to keep: the thermal image is warped into the wider visible one and black at its sides."""
    right: int = 1700
    """Column at which the crop ends."""
    low: float = 21800.0
    """Count of the thermal camera that networks see as -1."""
    high: float = 25000.0
    """Count that networks see as 1; no scale in degrees is published."""
    every: Annotated[int, AtLeast(1)] = 1
    """Import every n-th frame of a drive; neighbours differ little."""
    labels: bool = False
    """Import class labels, and only the frames that have them: frames by day, and the test set."""


@dataclass(frozen=True, kw_only=True)
class CVC14Config:
    """Options of `cvc14`."""

    every: Annotated[int, AtLeast(1)] = 1
    """Import every n-th frame; neighbours differ little."""


@dataclass(frozen=True, kw_only=True)
class IRVIConfig:
    """Options of `irvi`."""

    paired: bool = False
    """Take frames of equal names for pairs. The publishers do not state that they are."""
