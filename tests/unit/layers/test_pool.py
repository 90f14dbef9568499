import pytest
import torch
from torch._subclasses.fake_tensor import DataDependentOutputException, FakeTensorMode

from zoo.layers.pool import HistoryPool


def pool_of(size: int, seed: int = 0) -> HistoryPool:
    return HistoryPool(size, channels=1, height=2, width=2, rng=torch.Generator().manual_seed(seed))


def numbered(*numbers: int) -> torch.Tensor:
    return torch.tensor(numbers, dtype=torch.float32).view(-1, 1, 1, 1).expand(-1, 1, 2, 2).clone()


def first_pixels(images: torch.Tensor) -> list[int]:
    return [int(image[0, 0, 0]) for image in images]


class PlainPool:
    """The published procedure on a Python list, with draws handed in."""

    def __init__(self, size: int) -> None:
        self.size, self.stored = size, []

    def query(self, image: int, chance: float, place: int) -> int:
        if len(self.stored) < self.size:
            self.stored.append(image)
            return image
        if chance > 0.5:
            old, self.stored[place] = self.stored[place], image
            return old
        return image


@pytest.mark.parametrize("batch", [1, 3])
def test_pool_does_what_a_list_does_with_the_same_draws(batch: int) -> None:
    pool, plain = pool_of(4, seed=7), PlainPool(4)
    draws = torch.Generator().manual_seed(7)
    for start in range(0, 60, batch):
        images = range(start, start + batch)
        chances = torch.rand(batch, generator=draws).tolist()
        places = torch.randint(4, (batch,), generator=draws).tolist()
        expected = [plain.query(*query) for query in zip(images, chances, places, strict=True)]
        assert first_pixels(pool(numbered(*images))) == expected
    assert first_pixels(pool.images) == plain.stored


def test_pool_hands_back_new_images_while_it_fills() -> None:
    pool = pool_of(5)
    assert [first_pixels(pool(numbered(i)))[0] for i in range(5)] == [0, 1, 2, 3, 4]
    assert first_pixels(pool.images) == [0, 1, 2, 3, 4]


def test_half_of_the_images_are_exchanged_at_uniform_places() -> None:
    pool, exchanged, places = pool_of(10), 0, [0] * 10
    for image in range(10):
        pool(numbered(image))
    for image in range(10, 4010):
        before = first_pixels(pool.images)
        out = first_pixels(pool(numbered(image)))[0]
        if out != image:
            exchanged += 1
            places[before.index(out)] += 1
    assert abs(exchanged / 4000 - 0.5) < 4 * 0.5 / 4000**0.5
    chi_square = sum((n - exchanged / 10) ** 2 / (exchanged / 10) for n in places)
    assert chi_square < 27.9  # 99.9 % point for 9 degrees of freedom


def test_pool_gives_no_gradient_and_keeps_no_graph() -> None:
    image = torch.ones(1, 1, 2, 2, requires_grad=True)
    assert not pool_of(3)(image * 2).requires_grad
    assert not pool_of(0)(image * 2).requires_grad


def test_a_pool_of_size_zero_hands_every_image_back() -> None:
    assert first_pixels(pool_of(0)(numbered(3, 4))) == [3, 4]


def test_stored_images_outlive_changes_to_the_originals() -> None:
    pool, image = pool_of(2), numbered(5)
    pool(image)
    image.zero_()
    assert first_pixels(pool.images) == [5, 0]


def test_a_restored_pool_goes_on_as_the_saved_one() -> None:
    pool = pool_of(3)
    pool(numbered(*range(10)))
    copy = pool_of(3)
    copy.load_state_dict(pool.state_dict())
    copy.rng.set_state(pool.rng.get_state())
    assert torch.equal(copy(numbered(11, 12, 13)), pool(numbered(11, 12, 13)))
    assert torch.equal(copy.images, pool.images)


def test_no_operation_depends_on_a_value_read_back_from_the_device() -> None:
    # Fake tensors have no values, so that reading one, which on a GPU would wait for it, raises.
    with FakeTensorMode():
        pool = pool_of(3)
        assert pool(torch.zeros(2, 1, 2, 2)).shape == (2, 1, 2, 2)
        with pytest.raises(DataDependentOutputException):
            pool.filled.item()
