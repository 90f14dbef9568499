"""Sample images of a training in progress: when they are drawn, what they cost, that they change nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from zoo.contracts import Batch, EmaSpec
from zoo.training.samples import SHARE, Row, Samples

from .conftest import SIZE, Run, TinyMethod, TinyStore


class Averaged(TinyMethod):
    inference = ("translator",)
    ema = EmaSpec(decay=0.5)
    test_mode = "train"  # dropout and batch statistics, which draw numbers and change buffers

    def translate(self, batch: Batch) -> Tensor:
        images: Tensor = self.translator(batch["visible"])
        return images


class Clock:
    """Seconds that pass only where a test says so."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


class Counter(Clock):
    """A clock that is one second further at each look."""

    def __call__(self) -> float:
        self.now += 1
        return self.now


def _batches() -> list[dict[str, Any]]:
    store = TinyStore()
    return [{"visible": store.visible[:1], "thermal": store.thermal[:1]}]


def _samples(show: Callable[[list[Row], int], None], clock: Clock) -> Samples:
    samples = Samples(show, clock)
    samples.choose = lambda store, size, seed: samples._batches.extend(_batches())
    return samples


def test_samples_change_no_weight(new_run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zoo.training.samples.SHARE", 1e9)
    plain, shown = new_run(Averaged), new_run(Averaged)
    seen: list[int] = []

    def careless(rows: list[Row], step: int) -> None:
        torch.manual_seed(99)
        torch.rand(3)
        seen.append(step)

    plain.go(40)
    shown.go(40, samples=_samples(careless, Counter()))
    assert seen == list(range(2, 40, 2)), "one sheet at each twentieth, none after the last step"
    end = shown.end()
    assert all(torch.equal(tensor, end[name]) for name, tensor in plain.end().items())


def test_sheets_take_at_most_their_share_of_the_time() -> None:
    clock, drawn = Clock(), list[int]()

    def slow(rows: list[Row], step: int) -> None:
        drawn.append(step)
        clock.now += 0.5

    samples = _samples(slow, clock)
    samples.choose(None, SIZE, 0)
    method, rng = Averaged(torch.Generator()), torch.Generator()
    for step in range(1, 1001):
        clock.now += 0.1
        samples.look(step, 1000, method, None, rng)
        assert 0.5 * (len(drawn) - 1) <= SHARE * clock.now, "after the first sheet its cost is known"
    assert drawn and 0.5 * len(drawn) <= SHARE * clock.now


def test_a_short_training_has_no_sheet_that_would_slow_it_down() -> None:
    clock, drawn = Clock(), list[int]()
    samples = _samples(lambda rows, step: drawn.append(step), clock)
    samples.choose(None, SIZE, 0)
    for step in range(1, 21):
        clock.now += 0.01
        samples.look(step, 20, Averaged(torch.Generator()), None, torch.Generator())
    assert not drawn


def test_rows_are_images_as_they_are_saved() -> None:
    rows: list[Row] = []
    samples = _samples(lambda found, step: rows.extend(found), Clock())
    samples.choose(None, SIZE, 0)
    samples.draw(7, Averaged(torch.Generator()))
    visible, translated, real = rows[0]
    assert visible.shape == (SIZE, SIZE, 3) and translated.shape == real.shape == (SIZE, SIZE)
    expected = ((TinyStore().thermal[0, 0].double() + 1) * 127.5).round().numpy()
    assert abs(real - expected).max() <= 1
