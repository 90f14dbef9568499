"""Sample images of a training in progress, within a small share of its time."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import nullcontext

import numpy as np
import torch
from numpy.typing import NDArray

from zoo.contracts import Batch, Method
from zoo.data.store import PairStore
from zoo.layers.pixels import as_saved, to_levels
from zoo.sizes import Size
from zoo.training.ema import Ema
from zoo.training.watch import unchanged

Pixels = NDArray[np.uint8]
Row = tuple[Pixels, Pixels, Pixels]
"""A visible image [H, W, 3], its translation [H, W] and a real thermal image [H, W]."""

IMAGES = 4
"""Rows of a sample sheet."""
TIMES = 20
"""Sheets of a training, where there is time for them."""
SHARE = 0.02
"""Most of a training's time that sheets may take."""
SHEET_SECONDS = 0.05
"""Estimate for drawing the first sheet."""


class Samples:
    """Translates a few training images at each twentieth of a training.

    A sheet is left out where it would make all sheets take more than `SHARE` of the time since the training began.

    Args:
        show: called with the rows and the step; it may take its time, which counts.
        clock: seconds.
    """

    def __init__(self, show: Callable[[list[Row], int], None], clock: Callable[[], float] = time.perf_counter) -> None:
        self._show, self._clock = show, clock
        self._batches: list[Batch] = []
        self._begin: tuple[int, float] | None = None
        self._spent = self._last = 0.0

    def choose(self, store: PairStore, size: Size, seed: int) -> None:
        """Take a few evenly spaced images of a split, cropped to this size; no random stream of the training is drawn from."""
        rng = torch.Generator(store.device).manual_seed(seed)
        count = min(IMAGES, store.n_visible)
        for place in range(count):
            index = torch.tensor([place * store.n_visible // count])
            crop = store.sample(index, index % store.n_thermal, crop=size, rng=rng, aligned=store.paired, flip=False)
            self._batches.append(crop)

    def look(self, step: int, steps: int, method: Method, ema: Ema | None, rng: torch.Generator) -> None:
        """Show the images as the method would translate them now, if a sheet is due and affordable; call it after each step."""
        now = self._clock()
        if self._begin is None:
            self._begin = step, now
            return
        if step % max(1, steps // TIMES) or step == steps:  # the end is scored, with a sheet of test images
            return
        first, began = self._begin
        # A step translates at least one image and takes its gradients, which is three times the work.
        cost = self._last or SHEET_SECONDS + len(self._batches) * (now - began) / (step - first) / 3
        if self._spent + cost > SHARE * (now - began):
            return
        with unchanged(method, rng), ema.applied() if ema else nullcontext():
            self.draw(step, method)
        self._last = self._clock() - now
        self._spent += self._last

    @torch.no_grad()
    def draw(self, step: int, method: Method) -> None:
        """Show the images as the method translates them, whatever it costs; the caller restores mode and random streams."""
        method.train(method.test_mode == "train")
        rows = []
        for batch in self._batches:
            visible, translated, real = batch["visible"][0], method.translate(batch), batch["thermal"]
            fake, thermal = (as_saved(images)[0, 0].cpu().numpy() for images in (translated, real))
            rows.append((to_levels(visible).permute(1, 2, 0).cpu().numpy(), fake, thermal))
        if rows:
            self._show(rows, step)
