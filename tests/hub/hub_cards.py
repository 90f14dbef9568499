"""What the test server asks of a model card: the front matter's YAML, a known license and pipeline, a whole model-index."""

from __future__ import annotations

import re
from typing import Any

import yaml

LICENSES = {
    *("apache-2.0", "mit", "bsd-2-clause", "bsd-3-clause", "cc0-1.0", "gpl-3.0", "lgpl-3.0", "agpl-3.0", "openrail"),
    *(
        "cc-by-4.0",
        "cc-by-sa-4.0",
        "cc-by-nc-4.0",
        "cc-by-nd-4.0",
        "cc-by-nc-nd-4.0",
        "cc-by-nc-sa-4.0",
        "cc-by-nc-sa-3.0",
    ),
    *("unknown", "other"),
}
PIPELINES = ("image-to-image", "image-classification", "image-segmentation", "unconditional-image-generation", "other")


def card_data(text: str) -> dict[str, Any]:
    """Return a card's front matter; empty where there is none or it is no YAML mapping."""
    match = re.match(r"\A---\r?\n(.*?)\r?\n---\s*(\r?\n|\Z)", text, re.DOTALL)
    try:
        data = yaml.safe_load(match[1]) if match else None
    except yaml.YAMLError:
        data = None
    return data if isinstance(data, dict) else {}


def card_faults(text: str) -> list[str]:
    """Return what is wrong with a card's front matter, a line each."""
    match = re.match(r"\A---\r?\n(.*?)\r?\n---\s*(\r?\n|\Z)", text, re.DOTALL)
    if match is None:
        return []
    try:
        data = yaml.safe_load(match[1])
    except yaml.YAMLError as error:
        return [f"YAML: {' '.join(str(error).split())}"]
    if not isinstance(data, dict):
        return ["the front matter is no mapping"]
    faults = []
    if "license" in data and data["license"] not in LICENSES:
        faults.append(f'"license" must be one of [{", ".join(sorted(LICENSES))}]')
    if "pipeline_tag" in data and data["pipeline_tag"] not in PIPELINES:
        faults.append(f'"pipeline_tag" must be one of [{", ".join(PIPELINES)}]')
    if not all(isinstance(tag, str) for tag in data.get("tags", [])):
        faults.append('"tags" must be strings')
    return faults + _index_faults(data.get("model-index", []))


def _index_faults(index: Any) -> list[str]:
    if not isinstance(index, list):
        return ['"model-index" must be an array']
    faults = []
    for m, model in enumerate(index):
        if not isinstance(model.get("name"), str):
            faults.append(f'"model-index[{m}].name" is required')
        for r, result in enumerate(model.get("results", [])):
            where = f"model-index[{m}].results[{r}]"
            for part, keys in {"task": ("type",), "dataset": ("type", "name")}.items():
                faults += [f'"{where}.{part}.{key}" is required' for key in keys if not result.get(part, {}).get(key)]
            metrics = result.get("metrics") or []
            if not metrics:
                faults.append(f'"{where}.metrics" is required')
            for n, metric in enumerate(metrics):
                faults += [
                    f'"{where}.metrics[{n}].{key}" is required' for key in ("type", "value") if metric.get(key) is None
                ]
    return faults
