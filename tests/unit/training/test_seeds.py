import random

import torch

from zoo.training.seeds import seed_everything


def draws(seed: int) -> tuple[float, float, float]:
    own = seed_everything(seed, torch.device("cpu"))
    return random.random(), torch.rand(()).item(), torch.rand((), generator=own).item()


def test_the_same_seed_gives_the_same_draws_and_another_seed_others() -> None:
    assert draws(1) == draws(1)
    assert all(a != b for a, b in zip(draws(1), draws(2), strict=True))


def test_the_own_stream_is_not_the_global_one() -> None:
    _, everyone, own = draws(1)
    assert everyone != own


def test_the_cpu_is_asked_for_deterministic_algorithms() -> None:
    draws(1)
    assert torch.are_deterministic_algorithms_enabled()
