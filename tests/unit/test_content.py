"""What results depend on beside names and versions: plugins' sources, and the contents of files that options name."""

from __future__ import annotations

import base64
import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from zoo.content import files_of, with_contents

PLUGIN = """
from dataclasses import dataclass
from zoo.hookspec import Component, hookimpl

@dataclass(frozen=True, kw_only=True)
class Config:
    weights: str = ""

@hookimpl
def zoo_components():
    row = {"kind": "generator", "name": "mine", "summary": "a test", "paper": "none"}
    return [Component(**row, target="mine_zoo.network:Net", config=Config())]
"""
ASK = """
from zoo.registry import get_registry
from zoo.content import source_of
(plugin,) = [plugin for plugin in get_registry().plugins if plugin.name == "mine"]
assert plugin.status == "ok", plugin.why
print(source_of(plugin))
"""


def install(site: Path, *, version: str = "1.0", record: bool = True, direct: str = "") -> Path:
    """Leave a plugin as pip would in a folder of packages; return the file of its network."""
    package, info = site / "mine_zoo", site / "mine_zoo-1.0.dist-info"
    package.mkdir(parents=True)
    info.mkdir()
    (package / "__init__.py").write_text(PLUGIN)
    (package / "network.py").write_text("class Net: ...\n")
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: mine-zoo\nVersion: {version}\n")
    (info / "entry_points.txt").write_text("[zoo.plugins]\nmine = mine_zoo\n")
    if record:
        lines = []
        for path in sorted(package.iterdir()):
            digest = base64.urlsafe_b64encode(hashlib.sha256(path.read_bytes()).digest()).decode().rstrip("=")
            lines.append(f"mine_zoo/{path.name},sha256={digest},{path.stat().st_size}\n")
        (info / "RECORD").write_text("".join(lines))
    if direct:
        (info / "direct_url.json").write_text(direct)
    return package / "network.py"


def source(site: Path) -> str:
    code = f"import sys; sys.path.insert(0, {str(site)!r})\n{ASK}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_release_counts_by_its_version_until_somebody_edits_it(tmp_path):
    network = install(tmp_path)
    assert source(tmp_path) == ""
    network.write_text("class Net: pass\n")
    assert source(tmp_path) != ""


@pytest.mark.parametrize(
    "how",
    [
        {"direct": '{"url": "file:///x", "dir_info": {"editable": true}}'},
        {"direct": '{"url": "file:///x/mine.whl", "archive_info": {}}'},
        {"record": False},
        {"version": "0.0.0"},
    ],
    ids=["editable", "local-wheel", "no-record", "no-version"],
)
def test_what_can_change_under_one_version_counts_by_its_source(tmp_path, how):
    network = install(tmp_path, **how)
    before = source(tmp_path)
    assert before and source(tmp_path) == before
    (network.parent / "notes.txt").write_text("no source")
    assert source(tmp_path) == before
    network.write_text("class Net: pass\n")
    assert source(tmp_path) not in ("", before)


def test_an_edit_of_one_of_zoos_plugins_changes_no_other(monkeypatch, tmp_path):
    import shutil

    from zoo import content
    from zoo.plugins import installed

    plugins = {plugin.name: plugin for plugin in installed()}
    for name in ("resnet", "unet"):
        folder = content._location(plugins[name].module, 2)[0]
        shutil.copytree(folder, tmp_path / name)
    monkeypatch.setattr(content, "_location", lambda module, least: (tmp_path / module.split(".")[1], "zoo_plugins/"))

    def both() -> list[str]:
        content._source.cache_clear()
        return [content.source_of(plugins[name]) for name in ("resnet", "unet")]

    before = both()
    (tmp_path / "resnet" / "__init__.py").write_text("edited")
    after = both()
    content._source.cache_clear()
    assert before[0] != after[0] and before[1] == after[1]


def test_files_that_values_name_count_by_their_content(tmp_path):
    file = tmp_path / "weights.pth"
    file.write_bytes(b"one")
    config = {"weights": str(file), "width": 8, "more": [{"labels": str(file)}, "nowhere.pth"], "norm": "batch"}
    files = files_of(config)
    assert files == {name: hashlib.sha256(b"one").hexdigest() for name in ("weights", "more.0.labels")}
    told = with_contents(config, files)
    assert str(tmp_path) not in str(told) and told["width"] == 8 and told["more"][1] == "nowhere.pth"
    moved = tmp_path / "moved.pth"
    file.rename(moved)
    same = {**config, "weights": str(moved), "more": [{"labels": str(moved)}, "nowhere.pth"]}
    assert with_contents(same, files_of(same)) == told
    moved.write_bytes(b"another")
    assert with_contents(same, files_of(same)) != told
    assert files_of({"a": "", "b": "x" * 9000, "c": "\0", "d": None}) == {}
