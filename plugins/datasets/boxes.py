"""Boxes of objects in the formats in which sets publish them: YOLO text, VOC XML, COCO JSON, or lists by stem in JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from zoo.data.entries import Box
from zoo.data.images import header_size
from zoo.data.importing import short_name
from zoo.data.layout import printable, printable_stem
from zoo.errors import DataError

Corners = tuple[float, float, float, float]


@dataclass(frozen=True, kw_only=True)
class BoxFiles:
    """Where the boxes of each image are."""

    lists: Mapping[str, Sequence[Box]]
    """Boxes by stem, of one JSON file."""
    files: Mapping[str, Path]
    """A file for each image, by stem."""
    classes: tuple[str, ...] = ()
    """Class names of the indices in YOLO files."""

    def of(self, stems: Iterable[str], image: Path) -> list[Box]:
        """Return the boxes of an image under the first of these stems that has some, inside the image, in its pixels.

        Raises:
            DataError: the file of its boxes is damaged.
        """
        height, width = header_size(image)
        for stem in stems:
            if stem in self.lists:
                return inside(self.lists[stem], height, width)
            if stem in self.files:
                return inside(read_boxes(self.files[stem], height, width, self.classes), height, width)
        return []


def find_boxes(path: Path, classes: tuple[str, ...]) -> BoxFiles:
    """Return the boxes in a JSON file, or the files of a folder and the folders in it.

    Raises:
        DataError: there is no such file or folder, or it holds no boxes.
    """
    if path.is_dir():
        files = {printable_stem(file): file for file in sorted(path.rglob("*")) if file.suffix in (".txt", ".xml")}
        named = files.pop("classes", None)
        if not files:
            raise DataError(f"`{path}` holds no file of boxes", "Give a folder of .txt (YOLO) or .xml (VOC) files")
        names = classes or (tuple(named.read_text(encoding="utf-8").split()) if named else ())
        return BoxFiles(lists={}, files=files, classes=names)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return BoxFiles(lists=_coco(content) if "annotations" in content else _lists(content, classes), files={})
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        reason = (error.strerror if isinstance(error, OSError) else "") or f"{type(error).__name__}: {error}"
        form = 'COCO JSON, or {"STEM": [["CLASS", x1, y1, x2, y2], ...]}'
        raise DataError(f"the boxes in `{path}` cannot be read: {reason}", f"Give {form}") from error


def read_boxes(path: Path, height: int, width: int, classes: Sequence[str] = ()) -> list[Box]:
    """Return the boxes in a file of one image, in pixels.

    Args:
        path: VOC XML, or YOLO text: a line `class cx cy w h`, in shares of the image.
        height: of the image in pixels.
        width: of the image in pixels.
        classes: names of YOLO's class indices; `class_N` without a name.

    Raises:
        DataError: the file cannot be read.
    """
    try:
        if path.suffix == ".xml":
            return [_voc(thing) for thing in ElementTree.parse(path).iter("object")]
        boxes = []
        for index, *numbers in text_lines(path):
            x, y, w, h = (float(number) for number in numbers[:4])
            corners = (x - w / 2) * width, (y - h / 2) * height, (x + w / 2) * width, (y + h / 2) * height
            boxes.append(Box(label=class_of(index, classes), corners=corners))
        return boxes
    except (OSError, ValueError, AttributeError, TypeError, ElementTree.ParseError) as error:
        raise DataError(f"the boxes in `{short_name(path)}` cannot be read: {error}") from error


def text_lines(path: Path) -> list[list[str]]:
    """Return the words of each line of a text file of boxes, without empty lines.

    Raises:
        DataError: the file cannot be read.
    """
    try:
        return [line.split() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, ValueError) as error:
        raise DataError(f"the boxes in `{short_name(path)}` cannot be read: {error}") from error


def class_of(index: str, classes: Sequence[str]) -> str:
    """Return the name of a class index in text; `class_N` without a name, and text that is no index as it is."""
    if not index.isdigit():
        return printable(index)
    return classes[int(index)] if int(index) < len(classes) else f"class_{index}"


def inside(boxes: Iterable[Box], height: int, width: int) -> list[Box]:
    """Return boxes cut at the edges of an image; those outside it are left out."""

    def cut() -> Iterator[Box]:
        for box in boxes:
            x1, y1, x2, y2 = box.corners
            corners = max(x1, 0.0), max(y1, 0.0), min(x2, float(width)), min(y2, float(height))
            if corners[0] < corners[2] and corners[1] < corners[3]:
                yield Box(label=box.label, corners=corners)

    return list(cut())


def _voc(thing: ElementTree.Element) -> Box:
    x1, y1, x2, y2 = (float(thing.findtext(f"bndbox/{end}", "")) for end in ("xmin", "ymin", "xmax", "ymax"))
    return Box(
        label=printable(thing.findtext("name", "").strip()), corners=(x1 - 1, y1 - 1, x2, y2)
    )  # VOC counts from 1


def _coco(content: dict[str, Any]) -> dict[str, list[Box]]:
    names = {each["id"]: str(each["name"]) for each in content.get("categories", ())}
    stems = {each["id"]: printable_stem(each["file_name"]) for each in content["images"]}
    lists: dict[str, list[Box]] = {stem: [] for stem in stems.values()}
    for each in content["annotations"]:
        x, y, w, h = (float(number) for number in each["bbox"])
        label = names.get(each["category_id"], f"class_{each['category_id']}")
        lists[stems[each["image_id"]]].append(Box(label=printable(label), corners=(x, y, x + w, y + h)))
    return lists


def _lists(content: dict[str, Any], classes: Sequence[str]) -> dict[str, list[Box]]:
    """Return lists by stem: `[class, x1, y1, x2, y2]`, or as zoo stores them."""

    def box(found: Any) -> Box:
        label, *corners = (found["class"], *found["box"]) if isinstance(found, dict) else found
        x1, y1, x2, y2 = (float(number) for number in corners)
        return Box(label=class_of(str(label), classes), corners=(x1, y1, x2, y2))

    return {printable(stem): [box(each) for each in boxes] for stem, boxes in content.items()}
