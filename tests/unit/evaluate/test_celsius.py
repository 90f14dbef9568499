"""Errors in degrees, against loops."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from zoo.contracts import Batch, Method
from zoo.evaluate.celsius import DegreeErrors, errors_by_class, mean_errors
from zoo.layers.conditions import to_range

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


class _Offset(Method):
    """Says every pixel two degrees too warm, through the thermal image or in degrees."""

    def __init__(self, own: bool) -> None:
        super().__init__()
        self.own = own

    def translate(self, batch: Batch) -> torch.Tensor:
        return to_range(batch["celsius"] + 2, (-10.0, 40.0))

    def degrees(self, batch: Batch) -> torch.Tensor | None:
        return batch["celsius"] - 3 if self.own else None


@pytest.mark.parametrize(("own", "off"), [(False, 2.0), (True, 3.0)])
def test_a_methods_own_degrees_come_before_its_images(own: bool, off: float) -> None:
    batches, found = 2, DegreeErrors(_Offset(own), NAMES, (-10.0, 40.0))
    for number in range(batches):
        celsius = torch.linspace(0, 30, 32).view(2, 1, 4, 4)[number : number + 1]
        visible, labels = celsius.expand(-1, 3, -1, -1), (celsius[:, 0] > 10).long()
        found.translate({"visible": visible, "celsius": celsius, "labels": labels})
    errors = found.errors
    assert errors.all == pytest.approx(off, abs=1e-5)
    assert errors.classes == pytest.approx({"sky": off, "road": off}, abs=1e-5)
    assert errors.n == 2


class _Noisy:
    """A method with degrees of its own, which draws its image again at each call, as with dropout."""

    def degrees(self, batch: Batch) -> torch.Tensor:
        return self.translate(batch) * 25 + 15

    def translate(self, batch: Batch) -> torch.Tensor:
        return torch.rand(batch["celsius"].shape) * 2 - 1


def test_degrees_are_those_of_the_scored_image_and_change_none_of_the_following() -> None:
    celsius = torch.zeros(1, 1, 4, 4)
    batches = [{"celsius": celsius}, {"celsius": celsius + 1}]
    torch.manual_seed(0)
    expected = [_Noisy().translate(batch) for batch in batches]
    torch.manual_seed(0)
    found = DegreeErrors(_Noisy(), (), (-10.0, 40.0))
    translated = [found.translate(batch) for batch in batches]
    assert all(torch.equal(one, other) for one, other in zip(translated, expected, strict=True))
    errors = [(image * 25 + 15 - batch["celsius"]).abs().mean() for image, batch in zip(expected, batches, strict=True)]
    assert found.errors.all == pytest.approx(float(torch.stack(errors).mean()), abs=1e-5)
