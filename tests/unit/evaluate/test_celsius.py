"""Errors in degrees, against loops."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from zoo.evaluate.celsius import errors_by_class, mean_errors

NAMES = ("sky", "road", "car", "ghost")


def test_errors_are_means_over_the_pixels_of_a_class_then_over_the_images_that_show_it() -> None:
    stream = torch.Generator().manual_seed(0)
    labels = torch.randint(3, (4, 5, 6), generator=stream)
    labels[1] %= 2  # no car
    predicted, real = (torch.rand((4, 1, 5, 6), generator=stream) * 60 - 20 for _ in range(2))
    errors = errors_by_class(predicted, real, labels, len(NAMES))
    assert errors.dtype == torch.float64
    by_hand: dict[str, list[float]] = {}
    for n in range(4):
        for k, name in enumerate(NAMES):
            off = [
                abs(float(predicted[n, 0, row, column]) - float(real[n, 0, row, column]))
                for row, column in np.ndindex(5, 6)
                if labels[n, row, column] == k
            ]
            assert errors[n, k].isnan() if not off else errors[n, k].item() == pytest.approx(np.mean(off), abs=1e-12)
            by_hand.setdefault(name, []).extend([np.mean(off)] if off else [])
    assert len(by_hand["car"]) == 3
    expected = {name: np.mean(values) for name, values in by_hand.items() if values}
    assert mean_errors(errors, NAMES) == pytest.approx(expected, abs=1e-12)


def test_a_constant_offset_is_the_error_of_every_class() -> None:
    labels = torch.tensor([[[0, 1], [1, 3]]])
    real = torch.zeros(1, 1, 2, 2)
    assert mean_errors(errors_by_class(real - 2.5, real, labels, 4), NAMES) == {"sky": 2.5, "road": 2.5, "ghost": 2.5}
