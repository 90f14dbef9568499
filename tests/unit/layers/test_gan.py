"""Adversarial losses against their papers' equations, written out in NumPy's float64."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from zoo.contracts import Normalizer
from zoo.layers.gan import discriminator_loss, discriminator_terms, gan_loss, generator_loss, generator_term

LOGITS = [-3.0, -0.5, 0.0, 2.0]
RNG = np.random.default_rng(0)
REAL, FAKE = RNG.normal(0.5, 1.5, (2, 3, 4, 5)), RNG.normal(-0.5, 1.5, (2, 3, 4, 5))
"""Logits of two images at three scales."""


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


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def relative(real: np.ndarray, fake: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """C(x_r) - E[C(x_f)] and C(x_f) - E[C(x_r)], scale by scale (Jolicoeur-Martineau 2018, Eq. 8)."""
    one, other = np.empty_like(real), np.empty_like(fake)
    for scale in range(real.shape[1]):
        one[:, scale] = real[:, scale] - fake[:, scale].mean()
        other[:, scale] = fake[:, scale] - real[:, scale].mean()
    return one, other


PLAIN = {
    "lsgan": (lambda r, f: ((r - 1) ** 2).mean() + (f**2).mean(), lambda r, f: ((f - 1) ** 2).mean()),
    "log": (
        lambda r, f: -np.log(sigmoid(r)).mean() - np.log(1 - sigmoid(f)).mean(),
        lambda r, f: -np.log(sigmoid(f)).mean(),
    ),
    "hinge": (lambda r, f: np.maximum(0, 1 - r).mean() + np.maximum(0, 1 + f).mean(), lambda r, f: -f.mean()),
    "wgan": (lambda r, f: f.mean() - r.mean(), lambda r, f: -f.mean()),
}
AVERAGE = {
    "rasgan": lambda r, f: -np.log(sigmoid(r)).mean() - np.log(1 - sigmoid(f)).mean(),
    "ralsgan": lambda r, f: ((r - 1) ** 2).mean() + ((f + 1) ** 2).mean(),
    "rahinge": lambda r, f: np.maximum(0, 1 - r).mean() + np.maximum(0, 1 + f).mean(),
}
EQUATIONS = PLAIN | {
    kind: (
        lambda r, f, loss=loss: loss(*relative(r, f)),
        lambda r, f, loss=loss: loss(*reversed(relative(r, f))),
    )
    for kind, loss in AVERAGE.items()
}


@pytest.mark.parametrize("kind", EQUATIONS)
def test_losses_of_both_sides_are_their_equations(kind) -> None:
    discriminator, generator = EQUATIONS[kind]
    real, fake = torch.from_numpy(REAL), torch.from_numpy(FAKE)
    assert discriminator_loss(real, fake, kind).item() == pytest.approx(discriminator(REAL, FAKE), rel=1e-12)
    assert generator_loss(fake, kind, real).item() == pytest.approx(generator(REAL, FAKE), rel=1e-12)


@pytest.mark.parametrize("kind", EQUATIONS)
def test_terms_are_the_losses_on_a_discriminators_logits(kind) -> None:
    torch.manual_seed(0)
    network = nn.Conv2d(1, 2, 3).double()
    real, fake = (torch.randn(2, 1, 8, 8, dtype=torch.float64, requires_grad=True) for _ in range(2))
    logits = network(real).detach().numpy(), network(fake).detach().numpy()
    discriminator, generator = EQUATIONS[kind]
    terms = discriminator_terms(network, Normalizer(), real, fake, kind)
    assert terms.keys() == {"D"}
    assert terms["D"].item() == pytest.approx(discriminator(*logits) / 2, rel=1e-12)
    term = generator_term(network, real, fake, kind)
    assert term.item() == pytest.approx(generator(*logits), rel=1e-12)
    term.backward()
    assert real.grad is None
    assert fake.grad.abs().max() > 0


@pytest.mark.parametrize(("kind", "seen"), [("hinge", 1), ("wgan", 1), ("lsgan", 1), ("rahinge", 2)])
def test_only_a_relativistic_generator_shows_the_real_images(kind, seen: int) -> None:
    images = torch.zeros(1, 1, 3, 3)
    calls = []
    network = nn.Conv2d(1, 1, 3)
    network.register_forward_hook(lambda *_: calls.append(1))
    generator_term(network, images, images, kind)
    assert len(calls) == seen


def test_scalar_logits_are_compared_with_the_mean_over_the_batch() -> None:
    real, fake = torch.tensor([[1.0], [3.0]]), torch.tensor([[0.0], [-4.0]])
    expected = ((3.0 - 1) ** 2 + (5.0 - 1) ** 2) / 2 + ((-2.0 + 1) ** 2 + (-6.0 + 1) ** 2) / 2
    assert discriminator_loss(real, fake, "ralsgan").item() == pytest.approx(expected)
