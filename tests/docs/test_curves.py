"""`docs/curves.py` measures how steady a training was."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

path = Path(__file__).resolve().parents[2] / "docs" / "curves.py"
spec = importlib.util.spec_from_file_location("curves", path)
curves = importlib.util.module_from_spec(spec)
spec.loader.exec_module(curves)


def test_steadiness_is_that_of_the_second_half():
    mean, variation = curves.steadiness(np.array([100.0, 50.0, 1.0, 3.0]))
    assert (mean, variation) == pytest.approx((2.0, 0.5))
