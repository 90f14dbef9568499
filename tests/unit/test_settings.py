"""Defaults of options in files: their order, and errors."""

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
