"""The normalization choices against their definitions."""

from __future__ import annotations

import pytest
import torch

from zoo.layers.norm import InstanceNorm2d, conv_bias, norm2d


def test_instance_norm_standardizes_each_channel_of_each_sample_in_training_and_in_evaluation() -> None:
    x = torch.randn(2, 3, 5, 4, dtype=torch.float64) * 3 + 7
    mean = x.mean((2, 3), keepdim=True)
    expected = (x - mean) / ((x - mean).square().mean((2, 3), keepdim=True) + 1e-5).sqrt()
    norm = norm2d("instance", 3)
    torch.testing.assert_close(norm(x), expected)
    torch.testing.assert_close(norm.eval()(x), expected)
    assert not norm.state_dict()


def test_batch_norm_has_a_scale_and_running_statistics_and_none_changes_nothing() -> None:
    names = {"weight", "bias", "running_mean", "running_var", "num_batches_tracked"}
    assert set(norm2d("batch", 3).state_dict()) == names
    x = torch.randn(1, 3, 2, 2)
    assert torch.equal(norm2d("none", 3)(x), x)


@pytest.mark.parametrize(("norm", "bias"), [("instance", True), ("batch", False), ("none", False)])
def test_only_convolutions_before_instance_norm_have_a_bias(norm: str, bias: bool) -> None:
    assert conv_bias(norm) is bias


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("images", [1, 3])
def test_instance_norm_is_torchs_in_every_layout_and_keeps_it(layout, images):
    x = torch.randn(images, 5, 7, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * 3 + 1
    laid = x.clone(memory_format=layout).requires_grad_()
    found = InstanceNorm2d(5)(laid)
    plain = x.detach().clone().requires_grad_()
    expected = torch.nn.InstanceNorm2d(5)(plain)
    assert torch.allclose(found, expected, atol=1e-12) and found.is_contiguous(memory_format=layout)
    weights = torch.randn(found.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    (found * weights).sum().backward()
    (expected * weights).sum().backward()
    assert torch.allclose(laid.grad, plain.grad, atol=1e-12)
