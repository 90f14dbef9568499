"""Plugins installed beside zoo as a third party's package would be."""

from __future__ import annotations

from pathlib import Path

import pytest

GOOD = """
from dataclasses import dataclass
from zoo.hookspec import Component, hookimpl

@dataclass(frozen=True, kw_only=True)
class Config:
    in_channels: int = 3
    out_channels: int = 1

@hookimpl
def zoo_components():
    return [Component(kind="generator", name="{name}", target="x:X", config=Config(), summary="a network")]
"""


def install(site: Path, name: str, source: str, requires: str = "", entry: str | None = None) -> None:
    """Put a package with one entry point and its metadata into a folder of the import path."""
    (site / f"{name}.py").write_text(source)
    info = site / f"{name}_dist-1.2.dist-info"
    info.mkdir()
    requires_line = f"Requires-Dist: {requires}\n" if requires else ""
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}-dist\nVersion: 1.2\n{requires_line}")
    (info / "entry_points.txt").write_text(f"[zoo.plugins]\n{entry or name} = {name}\n")


@pytest.fixture
def site(tmp_path: Path) -> Path:
    folder = tmp_path / "site"
    folder.mkdir()
    return folder
