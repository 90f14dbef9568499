"""The normalization choices against their definitions."""

from __future__ import annotations

import pytest
import torch

from zoo.layers.norm import conv_bias, norm2d


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
