"""zoo export: the file, what is printed, and requests that cannot be."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from zoo.cli.export import choose
from zoo.cli.main import app
from zoo.errors import UsageError, ZooError
from zoo.translation import export as exporting


def test_a_file_and_its_largest_difference(warm, tmp_path):
    words = ["export", str(warm), "-o", str(tmp_path / "grey.pt2"), "--json"]
    done = CliRunner().invoke(app, words, catch_exceptions=False)
    shown = json.loads(done.stdout)
    assert shown["format"] == "pt2" and shown["free"] == ["batch", "size"] and shown["max_difference"] < 1e-5
    assert len(shown["differences"]) == 2
    program = torch.export.load(tmp_path / "grey.pt2").module()
    assert torch.allclose(program(visible=torch.full((1, 3, 9, 7), 0.5)), torch.full((1, 1, 9, 7), 0.5), atol=1e-6)


def test_a_model_that_differs_leaves_no_file(warm, tmp_path, monkeypatch):
    monkeypatch.setattr(exporting, "TOLERANCE", -1.0)
    with pytest.raises(ZooError, match=r"differs from the original by .* Nothing was written") as caught:
        CliRunner().invoke(app, ["export", str(warm), "-o", str(tmp_path / "x.pt2")], catch_exceptions=False)
    assert caught.value.exit_code == 1
    assert list(tmp_path.iterdir()) == []


def test_format_and_file_follow_from_each_other(tmp_path):
    assert choose("net", None, None) == ("onnx", Path("net.onnx"))
    assert choose("net", None, "pt2") == ("pt2", Path("net.pt2"))
    assert choose("net", Path("m.pt2"), None) == ("pt2", Path("m.pt2"))
    assert choose("net", tmp_path, None) == ("onnx", tmp_path / "net.onnx")
    with pytest.raises(UsageError, match=r"format pt2 ends in .pt2, not in .onnx. Use -o m.pt2"):
        choose("net", Path("m.onnx"), "pt2")
    with pytest.raises(UsageError, match=r"not in .pth. Use -o m.onnx"):
        choose("net", Path("m.pth"), None)
