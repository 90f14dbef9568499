"""PatchNCE and its head against the published code's arithmetic, one number at a time."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from zoo_plugins.cut.contrast import PatchHead, draw_places, patch_nce


def dense_nce(queries: list[list[float]], keys: list[list[float]], temperature: float) -> float:
    """One image's PatchNCE as the authors' code lays it out: the positive first, -10 in its place among the negatives."""
    total = 0.0
    for i, query in enumerate(queries):
        similar = [math.fsum(a * b for a, b in zip(query, key, strict=True)) for key in keys]
        logits = [similar[i], *(-10.0 if j == i else value for j, value in enumerate(similar))]
        logits = [value / temperature for value in logits]
        top = max(logits)
        total += top + math.log(math.fsum(math.exp(value - top) for value in logits)) - logits[0]
    return total / len(queries)


@pytest.mark.parametrize("temperature", [0.07, 1.0])
def test_patch_nce_is_the_cross_entropy_written_as_loops(temperature: float) -> None:
    torch.manual_seed(0)
    q, k = (nn.functional.normalize(torch.randn(2, 5, 3, dtype=torch.float64), dim=-1) for _ in range(2))
    expected = [dense_nce(a, b, temperature) for a, b in zip(q.tolist(), k.tolist(), strict=True)]
    # At T = 1 the literal -10 still adds exp(-10) to the sum; the paper's equation does not have it.
    tolerance = 1e-12 if temperature == 0.07 else 1e-4
    assert patch_nce(q, k, temperature).tolist() == pytest.approx(expected, rel=tolerance)


def test_patch_nce_of_unrelated_patches_is_the_log_of_their_number() -> None:
    same = torch.ones(1, 7, 1)
    assert patch_nce(same, same, 0.07).item() == pytest.approx(math.log(7), rel=1e-5)


def test_a_patch_without_features_has_a_gradient() -> None:
    head = PatchHead([2], width=4, seed=0)
    feature = torch.zeros(1, 2, 2, 2, requires_grad=True)
    (vectors,) = head([feature], [torch.arange(4)])
    vectors.sum().backward()
    assert not vectors.any()
    assert feature.grad.isfinite().all()


def test_places_are_different_and_all_where_there_are_few() -> None:
    rng = torch.Generator().manual_seed(0)
    large, small = draw_places([torch.zeros(2, 3, 8, 9), torch.zeros(2, 3, 2, 3)], 20, rng)
    assert len(set(large.tolist())) == 20
    assert max(large.tolist()) < 72
    assert sorted(small.tolist()) == list(range(6))


def test_head_weights_follow_the_runs_seed() -> None:
    heads = [PatchHead([3, 4], width=8, seed=seed).state_dict()["mlp_1.0.weight"] for seed in (1, 1, 2)]
    assert torch.equal(heads[0], heads[1])
    assert not torch.equal(heads[0], heads[2])
    deviation = 0.02 * math.sqrt(2 / (64 + 256))  # Glorot & Bengio 2010, Eq. 12, with its gain
    wide = PatchHead([64], width=256, seed=0)
    assert wide.mlp_0[0].weight.std().item() == pytest.approx(deviation, rel=0.05)
    assert not wide.mlp_0[0].bias.any()
