"""Defaults of options in files: their order, and errors."""

import os
import subprocess
import sys

import pytest

from zoo.errors import UsageError
from zoo.settings import read_settings

OPTIONS = {"bench": ("data", "size", "gen"), "table": ("format",)}


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """A working folder below a project's, and the user's own settings."""
    own, project = tmp_path / "own", tmp_path / "project"
    (own / "thermal-zoo").mkdir(parents=True)
    (project / "runs").mkdir(parents=True)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(own))
    monkeypatch.chdir(project / "runs")
    return own / "thermal-zoo" / "zoo.toml", project / "zoo.toml"


def values():
    return {(one.verb, one.option): one.value for one in read_settings(OPTIONS)}


def test_nothing_is_set_where_no_file_is(folders):
    assert values() == {}


def test_the_project_overrides_the_user(folders):
    own, project = folders
    own.write_text('[bench]\ndata = "rs"\nsize = 64\n[table]\nformat = "csv"\n')
    assert values()["bench", "data"] == "rs"
    project.write_text('[bench]\ndata = "flir"\ngen = ["resnet6", "unet_128"]\n')
    assert values() == {
        ("bench", "data"): "flir",
        ("bench", "gen"): "resnet6,unet_128",
        ("bench", "size"): 64,
        ("table", "format"): "csv",
    }


@pytest.mark.parametrize(
    ("text", "message", "fix"),
    [
        ("[bnch]\nsize = 1\n", "no verb", "bench"),
        ("[bench]\ndatta = 1\n", "'datta'", "data"),
        ("size = 1\n", "no verb", "zoo --help"),
        ("[bench\n", "cannot be read", "Correct"),
    ],
)
def test_a_wrong_file_is_named_with_what_was_meant(folders, text, message, fix):
    _, project = folders
    project.write_text(text)
    with pytest.raises(UsageError) as error:
        values()
    assert message in error.value.message and str(project) in error.value.message
    assert fix in error.value.fix


@pytest.mark.parametrize(("before", "expected"), [(None, "passive"), ("active", "active")])
def test_python_users_get_threads_that_wait_passively_unless_they_chose(before, expected):
    variables = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    code = (
        "import os, sys, zoo\n"
        "zoo.ZooError, zoo.list_components\n"
        "assert os.environ.get('OMP_WAIT_POLICY') == {before!r}\n"
        "class Look:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'torch':\n"
        "            print(os.environ.get('OMP_WAIT_POLICY')); sys.stdout.flush(); os._exit(0)\n"
        "sys.meta_path.insert(0, Look())\n"
        "zoo.load\n"
    ).replace("{before!r}", repr(before))
    chosen = {} if before is None else {"OMP_WAIT_POLICY": before}
    done = subprocess.run(
        [sys.executable, "-c", code], env=variables | chosen, capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == expected, done.stderr
