"""The learning rate of each step, relative to the full rate of its optimizer."""

from __future__ import annotations

import math

from zoo.contracts import Schedule
from zoo.recipe import Budget

BY_BUDGET = Schedule()


def lr_factor(step: int, budget: Budget, schedule: Schedule = BY_BUDGET) -> float:
    """Return what the learning rate is multiplied by in a step.

    Of W steps of warm-up, at most a tenth of the budget, step t (from 0) has (t + 1) / W. Then the schedule's kind decides:

    - `linear`: with c constant periods and d falling ones, period p (from 0) has 1 - (1 - end) max(0, p + 1 - c) / (d + 1)
      (`lambda_rule` of pytorch-CycleGAN-and-pix2pix at 2a7afba, where a period is an epoch): the last period still trains.
    - `cosine`: over N steps after the hold, end + (1 - end) (1 + cos(pi t / N)) / 2 (Eq. 5 of Loshchilov and Hutter, SGDR,
      ICLR 2017), where t is the first step of its period.
    - `constant`: 1.

    Args:
        step: steps already done, from 0 to `budget.steps` - 1.
    """
    warmup = min(schedule.warmup, budget.steps // 10)
    if step < warmup:
        return (step + 1) / warmup
    if schedule.kind == "constant":
        return 1.0
    if schedule.kind == "cosine":
        start = max(warmup, round((schedule.hold or 0.0) * budget.steps))
        passed = max(0, step // budget.period * budget.period - start)
        wave = (1 + math.cos(math.pi * passed / max(1, budget.steps - start))) / 2
        return schedule.end + (1 - schedule.end) * wave
    hold = budget.constant if schedule.hold is None else round(schedule.hold * budget.steps)
    constant = _periods(hold, budget.period)
    falling = max(0, _periods(budget.steps, budget.period) - constant)
    return 1.0 - (1 - schedule.end) * (max(0, step // budget.period + 1 - constant) / (falling + 1))


def _periods(steps: int, period: int) -> int:
    return -(-steps // period)
