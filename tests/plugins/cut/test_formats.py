"""Files of CUT's patch head, F: recognised, converted, and equal to a forward written here in plain torch."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import load_file

import zoo
from zoo.checkpoints.convert import convert
from zoo.checkpoints.peek import peek
from zoo.errors import UsageError
from zoo_plugins.cut.contrast import PatchHead

CHANNELS = (3, 128, 256, 256, 256)


def state_dict(width=256):
    torch.manual_seed(0)
    state = {}
    for layer, channels in enumerate(CHANNELS):
        for place, ins in ((0, channels), (2, width)):
            state[f"mlp_{layer}.{place}.weight"] = torch.randn(width, ins) * 0.1
            state[f"mlp_{layer}.{place}.bias"] = torch.randn(width)
    return state


def test_a_converted_head_computes_what_cut_computes(tmp_path):
    state = state_dict()
    torch.save(state, tmp_path / "latest_net_F.pth")
    assert peek(tmp_path / "latest_net_F.pth").parameters == 560_384
    done = convert(tmp_path / "latest_net_F.pth", tmp_path / "F")
    assert done.source.title.endswith("on 3, 128, 256, 256 and 256 channels, from contrastive-unpaired-translation")
    head = PatchHead(CHANNELS, width=256, seed=0)
    head.load_state_dict(load_file(tmp_path / "F" / "model.safetensors"))
    features = [torch.randn(1, channels, 8, 8) for channels in CHANNELS]
    places = [torch.arange(0, 64, 5)] * 5
    for layer, (vectors, feature) in enumerate(zip(head(features, places), features, strict=True)):
        samples = feature.permute(0, 2, 3, 1).flatten(1, 2)[0, places[0]]
        hidden = (samples @ state[f"mlp_{layer}.0.weight"].T + state[f"mlp_{layer}.0.bias"]).clamp(min=0)
        out = hidden @ state[f"mlp_{layer}.2.weight"].T + state[f"mlp_{layer}.2.bias"]
        expected = out / (out.pow(2).sum(1, keepdim=True).sqrt() + 1e-7)
        assert torch.allclose(vectors[0], expected, atol=1e-5)


def test_loading_a_head_says_that_it_does_not_translate(tmp_path):
    torch.save(state_dict(width=8), tmp_path / "latest_net_F.pth")
    convert(tmp_path / "latest_net_F.pth", tmp_path / "F")
    with pytest.raises(UsageError, match=r"holds a CUT patch head .* cannot translate"):
        zoo.load(tmp_path / "F")
