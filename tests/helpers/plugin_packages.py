"""Plugins installed in a folder of the import path, as a third party's package would be."""

from __future__ import annotations

from pathlib import Path

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
"""Source of a plugin with one generator, whose class no test builds."""


def install(site: Path, name: str, source: str, requires: str = "", entry: str | None = None) -> None:
    """Put a module with its package's metadata into a folder, which is made if there is none."""
    site.mkdir(parents=True, exist_ok=True)
    (site / f"{name}.py").write_text(source)
    describe(site, name, requires, entry)


def describe(site: Path, name: str, requires: str = "", entry: str | None = None) -> None:
    """Write the metadata of package NAME-dist 1.2, with one entry point for module NAME."""
    info = site / f"{name}_dist-1.2.dist-info"
    info.mkdir()
    requires_line = f"Requires-Dist: {requires}\n" if requires else ""
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}-dist\nVersion: 1.2\n{requires_line}")
    (info / "entry_points.txt").write_text(f"[zoo.plugins]\n{entry or name} = {name}\n")
