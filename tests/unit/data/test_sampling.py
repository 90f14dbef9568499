"""Order of the images: every epoch a permutation, any step reproducible from the seed alone."""

from __future__ import annotations

import pytest
import torch

from zoo.data.sampling import BatchSampler
from zoo.errors import UsageError


@pytest.mark.parametrize(("n", "batch"), [(7, 1), (7, 2), (6, 3), (5, 5)])
def test_every_epoch_shows_each_image_at_most_once_in_full_batches(n: int, batch: int) -> None:
    order = BatchSampler(3, n, n, batch, True)
    seen = []
    for epoch in range(4):
        steps = range(epoch * order.steps_per_epoch, (epoch + 1) * order.steps_per_epoch)
        batches = [order.indices(step)[0] for step in steps]
        assert all(b.shape == (batch,) and b.dtype == torch.int64 for b in batches)
        images = torch.cat(batches).tolist()
        assert len(images) == len(set(images)) == n // batch * batch
        seen.append(images)
    if n > batch:
        assert len({tuple(images) for images in seen}) > 1


def test_a_step_depends_on_the_seed_and_its_number_alone() -> None:
    first = [BatchSampler(1, 9, 4, 2, False).indices(step) for step in range(20)]
    backwards = {step: BatchSampler(1, 9, 4, 2, False).indices(step) for step in reversed(range(20))}
    torch.manual_seed(5)
    for step, (visible, thermal) in enumerate(first):
        assert torch.equal(visible, backwards[step][0])
        assert torch.equal(thermal, backwards[step][1])
    other = [BatchSampler(2, 9, 4, 2, False).indices(step) for step in range(20)]
    assert any(not torch.equal(a[0], b[0]) for a, b in zip(first, other, strict=True))


def test_pairs_share_one_tensor() -> None:
    visible, thermal = BatchSampler(0, 5, 5, 2, True).indices(3)
    assert visible is thermal


def test_unpaired_thermal_images_are_drawn_evenly_and_not_with_the_visible() -> None:
    order = BatchSampler(0, 40, 5, 4, False)
    drawn = torch.stack([order.indices(step)[1] for step in range(500)]).ravel()
    counts = torch.bincount(drawn, minlength=5)
    # 2000 draws of 5: mean 400, standard deviation 18.
    assert ((counts - 400).abs() < 90).all()


@pytest.mark.parametrize("numbers", [(3, 3, 4, True), (3, 0, 1, False), (3, 4, 1, True), (3, 3, 0, True)])
def test_impossible_orders_are_refused(numbers: tuple[int, int, int, bool]) -> None:
    with pytest.raises(UsageError):
        BatchSampler(0, *numbers)
