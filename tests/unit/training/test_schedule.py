import pytest

from zoo.recipe import Budget
from zoo.training.schedule import lr_factor


def published(epoch: int, constant: int = 100, falling: int = 100) -> float:
    """Factor of an epoch (from 1) where the scheduler steps at each epoch's end: epoch - 1 steps behind it."""
    return 1.0 - max(0, (epoch - 1) + 1 - constant) / float(falling + 1)


@pytest.mark.parametrize("epoch", [1, 99, 100, 101, 150, 199, 200])
@pytest.mark.parametrize("place", [0, 499])
def test_factor_is_the_published_one_in_every_step_of_an_epoch(epoch: int, place: int) -> None:
    budget = Budget(steps=200 * 500, constant=100 * 500, period=500)
    assert lr_factor((epoch - 1) * 500 + place, budget) == published(epoch)


def test_epoch_100_has_the_full_rate_and_epoch_200_the_measured_one() -> None:
    budget = Budget(steps=200 * 7, constant=100 * 7, period=7)
    assert 2e-4 * lr_factor(100 * 7 - 1, budget) == 2e-4
    assert 2e-4 * lr_factor(200 * 7 - 1, budget) == pytest.approx(1.98e-6, rel=1e-3)


def test_a_budget_in_steps_falls_step_by_step_and_ends_above_zero() -> None:
    factors = [lr_factor(step, Budget(steps=8, constant=4)) for step in range(8)]
    assert factors == pytest.approx([1, 1, 1, 1, 4 / 5, 3 / 5, 2 / 5, 1 / 5])


def test_the_rate_never_falls_where_all_steps_are_constant() -> None:
    assert [lr_factor(step, Budget(steps=3, constant=3)) for step in range(3)] == [1, 1, 1]


@pytest.mark.parametrize(("steps", "constant", "period"), [(10, 5, 3), (7, 2, 4), (5, 0, 2), (1, 0, 1), (9, 9, 4)])
def test_uneven_budgets_stay_within_zero_and_one(steps: int, constant: int, period: int) -> None:
    budget = Budget(steps=steps, constant=constant, period=period)
    factors = [lr_factor(step, budget) for step in range(steps)]
    assert all(0 < f <= 1 for f in factors)
    assert factors == sorted(factors, reverse=True)
    assert all(f == 1 for f in factors[:constant])
