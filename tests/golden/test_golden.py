"""Three training steps against numbers that the authors' own programs computed, in float64.

The numbers lie in `shared/golden` beside the checkout, whose README says how they were made.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor, nn

from zoo.build import build_method
from zoo.composition import compose
from zoo.compute.networks import prepared
from zoo.compute.options import PLAIN, ComputeOptions, kernels
from zoo.contracts import Method
from zoo.sources import open_source
from zoo.training.step import TrainStep

GOLDEN = Path(__file__).resolve().parents[2].parent / "shared" / "golden"
CPU = torch.device("cpu")
STEPS = 3
TOLERANCE = 1e-9
NETWORKS = {"F": "head"}
"""The originals' names of networks, where zoo's differ."""

CASES: dict[str, dict[str, Any]] = {
    "cyclegan_identity": {
        "method": "cyclegan:identity=0.5,pool=0",
        "generator": "resnet6:width=4",
        "discriminator": "patchgan:width=4",
        "thermal_channels": 3,
    },
    "cyclegan_thermal1": {
        "method": "cyclegan:pool=0",
        "generator": "resnet6:width=4",
        "discriminator": "patchgan:width=4",
    },
    "pix2pix": {
        "method": "pix2pix",
        "generator": "unet_auto:width=4,dropout=false",
        "discriminator": "patchgan:width=4",
    },
    "cut": {
        "method": "cut:width=16,patches=32",
        "generator": "resnet9:width=4,antialias=true",
        "discriminator": "patchgan:width=4,antialias=true",
        "thermal_channels": 3,
    },
    "fastcut": {
        "method": "fastcut:width=16,patches=32",
        "generator": "resnet9:width=4,antialias=true",
        "discriminator": "patchgan:width=4,antialias=true",
        "thermal_channels": 3,
    },
}
OUTPUTS = {"fake": "fake", "idt": "made"}
"""zoo's names of outputs, where the originals' differ."""


@dataclass(kw_only=True)
class Trained:
    """What a training of three steps left."""

    method: Method
    outputs: dict[str, Tensor]
    losses: list[dict[str, float]] = field(default_factory=list)
    gradients: dict[str, Tensor]


class Golden:
    """The numbers of one of the originals."""

    def __init__(self, name: str) -> None:
        path = GOLDEN / f"{name}.safetensors"
        self.tensors = load_file(path)
        with safe_open(path, "pt") as file:
            self.dead = set(file.metadata()["dead_biases"].split(","))

    def under(self, prefix: str) -> dict[str, Tensor]:
        """Return the tensors whose names begin so, without the prefix."""
        return {name.removeprefix(prefix): t for name, t in self.tensors.items() if name.startswith(prefix)}

    def batch(self, step: int) -> dict[str, Tensor]:
        """Return the images of a step."""
        return {name: images[step].clone() for name, images in self.under("input.").items()}


@pytest.fixture(params=list(CASES))
def case(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    if not (GOLDEN / f"{name}.safetensors").is_file():
        pytest.skip(f"needs {name}.safetensors in shared/golden beside the checkout")
    return name


@pytest.fixture(params=["plain", "channels-last"])
def compute(request: pytest.FixtureRequest) -> ComputeOptions:
    return PLAIN if request.param == "plain" else ComputeOptions(channels_last=True)


def test_three_steps_are_those_of_the_original_program(
    case: str, compute: ComputeOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    golden = Golden(case)
    trained = train(case, golden, compute, monkeypatch)
    for name, expected in golden.under("out.").items():
        found = trained.outputs[OUTPUTS.get(name, name)]
        close(found[1:] if name == "idt" else found, expected, name)
    for step, losses in enumerate(trained.losses):
        expected_losses = golden.under(f"loss.{step}.")
        assert losses.keys() == expected_losses.keys()
        for name, value in losses.items():
            close(torch.tensor(value, dtype=torch.float64), expected_losses[name], f"loss {name} of step {step}")
    same(trained.gradients, golden.under("grad."), golden.dead)
    state = trained.method.state_dict()
    # The original shows D the fake first and zoo the real image, so that the running statistics differ and nothing else.
    order = {key for key in golden.under("after3.") if key.startswith("D.") and "running_" in key}
    same(state, golden.under("after3."), golden.dead | order)


def train(case: str, golden: Golden, compute: ComputeOptions, monkeypatch: pytest.MonkeyPatch) -> Trained:
    """Train on the recorded images, from the recorded weights, at the recorded places and flips."""
    source = open_source("scenes:train=2,test=2", size=64)
    recipe = compose(**CASES[case], data=source, size=64)
    method = build_method(recipe, source.info, torch.Generator(), training=True).double().train()
    for name, network in networks(method).items():
        network.load_state_dict(golden.under(f"init.{name}."))
    states: list[Mapping[str, Tensor]] = []
    method.register_forward_hook(lambda module, inputs, state: states.append(state))
    result: Trained | None = None
    with ExitStack() as stack:
        stack.enter_context(kernels("fp32", compute))
        stack.enter_context(prepared(method, compute, "fp32", CPU))
        train_step = TrainStep(method, compute)
        for step in range(STEPS):
            fix_chance(golden, step, monkeypatch)
            train_step.step(golden.batch(step), 1.0)
            if result is None:
                gradients = {key: p.grad.clone() for key, p in method.named_parameters() if p.grad is not None}
                outputs = {key: tensor.detach().clone() for key, tensor in states[0].items()}
                result = Trained(method=method, outputs=outputs, gradients=gradients)
            losses = train_step.losses.read(step)
            result.losses.append({key.partition("/")[2]: value for key, value in losses.items()})
    assert result is not None
    return result


def fix_chance(golden: Golden, step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the patches and the mirroring of a step be the recorded ones."""
    places = golden.under(f"places.{step}.")
    if not places:
        return
    recorded = [places[str(layer)] for layer in range(len(places))]
    monkeypatch.setattr("zoo_plugins.cut.method.draw_places", lambda *arguments: recorded)
    if "flip" in golden.tensors:
        draw = torch.tensor([0.25 if golden.tensors["flip"][step] else 0.75])
        monkeypatch.setattr("zoo_plugins.cut.method.torch.rand", lambda *size, **options: draw)


def networks(method: Method) -> dict[str, nn.Module]:
    """Return a method's networks by the originals' names."""
    names = {ours: theirs for theirs, ours in NETWORKS.items()}
    return {names.get(name, name): child for name, child in method.named_children() if list(child.parameters())}


def same(found: Mapping[str, Tensor], expected: Mapping[str, Tensor], without: set[str]) -> None:
    """Compare tensors by name; the originals' networks have other names, and some tensors say nothing."""
    for name, tensor in expected.items():
        if name not in without:
            network, _, key = name.partition(".")
            close(found[f"{NETWORKS.get(network, network)}.{key}"], tensor, name)


def close(found: Tensor, expected: Tensor, name: str) -> None:
    """Require every number to be within 1e-9 of the tensor's largest absolute value."""
    assert found.shape == expected.shape, name
    assert found.dtype == expected.dtype, name
    far = float((found.detach() - expected).abs().max())
    scale = float(expected.abs().max())
    assert far <= TOLERANCE * scale, f"{name} differs by {far / max(scale, 1e-300):.1e} of its largest value"
