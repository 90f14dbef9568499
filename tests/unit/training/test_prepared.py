"""Networks as a training prepares them: activations that are not kept, and the precision of what they compute."""

from __future__ import annotations

import copy
from contextlib import nullcontext

import torch
from torch import nn

from zoo.compute import networks
from zoo.compute.networks import prepared
from zoo.compute.options import PLAIN, ComputeOptions
from zoo.compute.recompute import recomputed
from zoo.contracts import Generator, Method

CPU = torch.device("cpu")


def kept(network: nn.Module, compute: ComputeOptions) -> tuple[int, dict[str, torch.Tensor]]:
    """Bytes that a forward pass keeps for the backward pass, and the network's gradients and statistics after it."""
    torch.manual_seed(0)
    sizes: dict[int, int] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        sizes[tensor.data_ptr()] = tensor.numel() * tensor.element_size()
        return tensor

    with recomputed(network) if compute.recompute else nullcontext():
        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            out = network(torch.ones(1, 3, 32, 32)).mean()
        out.backward()
    gradients = {f"grad {name}": p.grad for name, p in network.named_parameters() if p.grad is not None}
    return sum(sizes.values()), gradients | {name: buffer.clone() for name, buffer in network.named_buffers()}


def test_recomputed_activations_are_not_kept_and_dropout_and_statistics_stay():
    block = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.Dropout(0.5), nn.Tanh(), nn.Conv2d(8, 3, 3, padding=1)
    )
    network = nn.Sequential(*(copy.deepcopy(block) for _ in range(3)))
    usual, state = kept(copy.deepcopy(network), PLAIN)
    less, same = kept(network, ComputeOptions(recompute=True))
    assert less < usual / 4
    assert state.keys() == same.keys()
    assert all(torch.equal(tensor, same[name]) for name, tensor in state.items())
    assert "forward" not in network[0].__dict__


def test_every_method_that_computes_a_network_has_its_precision():
    class Scored(Generator):
        computes = ("with_score",)

        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 1, 1)
            self.types: list[torch.dtype] = []

        def forward(self, x):
            return self.with_score(x)[0]

        def with_score(self, x):
            image = self.conv(x)
            self.types.append(image.dtype)
            return image, image.mean()

    class One(Method):
        def __init__(self) -> None:
            super().__init__()
            self.G = Scored()

        def networks(self):
            return {"generator": [self.G]}

    method = One()
    with prepared(method, PLAIN, "bf16", CPU):
        image, score = method.G.with_score(torch.rand(1, 3, 4, 4))
        method.G(torch.rand(1, 3, 4, 4))
    assert method.G.types == [torch.bfloat16] * 2
    assert image.dtype == score.dtype == torch.float32
    assert "with_score" not in vars(method.G)


def test_outputs_of_autocast_networks_are_float32():
    conv = torch.nn.Conv2d(1, 1, 1)
    run = networks._autocast(conv.forward, "cpu")
    assert run(torch.rand(1, 1, 4, 4)).dtype == torch.float32
    assert conv.forward(torch.rand(1, 1, 4, 4)).dtype == torch.float32
