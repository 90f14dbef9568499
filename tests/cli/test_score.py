"""`zoo score` as it is typed: its table, exit codes and messages with flags."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def outputs(pairs: Path, tmp_path: Path) -> Path:
    """The images of a program that is ten levels too dark, of two of three test images."""
    folder = tmp_path / "PID"
    folder.mkdir()
    for path in sorted((pairs / "test" / "thermal").iterdir())[:2]:
        levels = np.asarray(Image.open(path)).astype(int) - 10
        Image.fromarray(levels.astype(np.uint8)).save(folder / f"{path.stem}_fake_B.png")
    return folder


def test_missing_images_end_with_1_and_the_flag_that_scores_the_others(zoo, outputs, pairs):
    failed = zoo("score", str(outputs), "--data", str(pairs))
    assert failed.returncode == 1 and not failed.stdout
    assert "no prediction of test2" in failed.stderr and "with --allow-missing" in failed.stderr
    done = zoo("score", str(outputs), "--data", str(pairs), "--allow-missing", "--metrics", "psnr")
    assert done.returncode == 0 and "PID" in done.stdout and "2 test images" in done.stdout, done.stderr
    assert "28.13" in done.stdout  # 20 log10(255 / 10)


def test_eval_names_the_command_of_zoo(zoo):
    assert "zoo has no command test. To score" in zoo("test", "outputs").stderr
    refused = zoo("eval", "outputs", "--data", "rs")
    assert refused.returncode == 2 and "run: zoo score FOLDER" in refused.stderr
