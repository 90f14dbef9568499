import math

import pytest
import torch

from zoo.layers.gan import gan_loss

LOGITS = [-3.0, -0.5, 0.0, 2.0]


@pytest.mark.parametrize("real", [True, False])
def test_lsgan_is_the_mean_squared_distance_to_the_label(real: bool) -> None:
    expected = sum((x - real) ** 2 for x in LOGITS) / 4
    assert gan_loss(torch.tensor(LOGITS).view(1, 1, 2, 2), real, "lsgan").item() == pytest.approx(expected)


@pytest.mark.parametrize("real", [True, False])
def test_log_is_the_cross_entropy_of_the_sigmoid(real: bool) -> None:
    judged = [1 / (1 + math.exp(-x)) for x in LOGITS]
    expected = -sum(math.log(p if real else 1 - p) for p in judged) / 4
    assert gan_loss(torch.tensor(LOGITS).view(4, 1), real, "log").item() == pytest.approx(expected)


def test_log_is_finite_for_a_discriminator_that_is_sure() -> None:
    assert torch.isfinite(gan_loss(torch.tensor([[1e4]]), False, "log"))
