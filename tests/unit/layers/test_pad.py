"""Reflection padding against torch's own."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from zoo.layers.pad import ReflectionPad2d


@pytest.mark.parametrize(("padding", "size"), [(1, (2, 5)), (3, (4, 4)), (3, (9, 7))])
def test_value_and_gradients_equal_torchs_reflection_padding(padding: int, size: tuple[int, int]) -> None:
    ours = torch.randn(2, 3, *size, dtype=torch.float64, requires_grad=True)
    theirs = ours.detach().clone().requires_grad_()
    padded, expected = ReflectionPad2d(padding)(ours), nn.ReflectionPad2d(padding)(theirs)
    assert torch.equal(padded, expected)
    weight = torch.randn_like(padded)
    (padded**2 * weight).sum().backward()
    (expected**2 * weight).sum().backward()
    torch.testing.assert_close(ours.grad, theirs.grad)


def test_gradient_is_twice_differentiable() -> None:
    x = torch.randn(1, 1, 3, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradgradcheck(lambda t: ReflectionPad2d(2)(t) ** 3, x)


def test_input_no_larger_than_the_padding_is_refused() -> None:
    with pytest.raises(ValueError, match=r"padding of 3 .* 3 x 8"):
        ReflectionPad2d(3)(torch.zeros(1, 1, 3, 8))
