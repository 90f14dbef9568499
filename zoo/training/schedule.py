"""The learning-rate schedule. Imports no torch."""

from __future__ import annotations

from zoo.recipe import Budget


def lr_factor(step: int, budget: Budget) -> float:
    """Return what the learning rate is multiplied by in a step: 1, then a straight line that ends above zero.

    With c constant periods and d falling ones, period p (from 0) has the factor 1 - max(0, p + 1 - c) / (d + 1)
    (`lambda_rule` of pytorch-CycleGAN-and-pix2pix at 2a7afba, where a period is an epoch): the last period trains with
    1 / (d + 1) of the rate, not with zero.

    Args:
        step: steps already done, from 0 to `budget.steps` - 1.
    """
    constant = _periods(budget.constant, budget.period)
    falling = max(0, _periods(budget.steps, budget.period) - constant)
    return 1.0 - max(0, step // budget.period + 1 - constant) / (falling + 1)


def _periods(steps: int, period: int) -> int:
    return -(-steps // period)
