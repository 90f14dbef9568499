"""What the commands on images share: a model, photos, and commands typed in this process."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from zoo.cli.main import app


@pytest.fixture(scope="module")
def warm(saved, tmp_path_factory) -> Path:
    """A model of data in degrees whose translation is the visible image in grey."""
    return saved(tmp_path_factory.mktemp("warm"), "scenes:train=2,test=2", method="grey_copy")


@pytest.fixture
def photos(tmp_path) -> Path:
    """A folder of two grey ramps of different sizes."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for name, width in (("a", 256), ("b", 128)):
        ramp = np.linspace(0, 255, width).round().astype(np.uint8)
        Image.fromarray(np.broadcast_to(ramp[None, :, None], (40, width, 3)).copy()).save(folder / f"{name}.png")
    return folder


def typed(*words: object) -> str:
    """Run a command in this process; its error is raised."""
    done = CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout
