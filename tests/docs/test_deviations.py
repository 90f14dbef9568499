"""Where zoo departs from a paper's own program stands in one place in each plugin."""

from pathlib import Path

import pytest

from zoo.registry import get_registry

PLUGINS = Path(__file__).resolve().parents[2] / "plugins"
HEADING = "## Deviations from the source\n"
WITHOUT_SOURCE = {"baselines", "converted", "predictions", "recipes"}
"""Plugins whose parts reproduce no program: null baselines, other programs' files and images, names of systems."""
FOLDERS = sorted(
    {
        entry.plugin.name
        for kind in ("generator", "discriminator", "normalizer", "method")
        for entry in get_registry().list(kind)
        if entry.plugin.builtin
    }
    - WITHOUT_SOURCE
)


@pytest.mark.parametrize("name", FOLDERS)
def test_every_network_and_method_lists_its_deviations_under_one_heading(name):
    text = (PLUGINS / name / "README.md").read_text(encoding="utf-8")
    assert text.count(HEADING) == 1
    listed = text.partition(HEADING)[2].partition("\n## ")[0]
    assert "\n- **" in listed
