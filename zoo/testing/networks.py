"""Checks of parts that hold weights: gradients, seeds, instances, and saved weights."""

from __future__ import annotations

import torch
from safetensors.torch import load, save
from torch import Tensor, nn

from zoo.choices import Choice
from zoo.contracts import Method
from zoo.testing.checks import CheckError
from zoo.testing.harness import harness_of


def backward(choice: Choice) -> str:
    """Run forward and backward; every parameter must get a gradient, and every weight one that is not zero throughout."""
    harness = harness_of(choice)
    reached: set[str] = set()
    for seed in range(3):  # a ReLU may be zero for one input and active for another
        part = perturbed(harness.build(seed), seed)
        harness.step(part.train(), harness.example(seed))
        for name, parameter in part.named_parameters():
            if parameter.requires_grad and parameter.grad is None:
                fix = "Use it in forward, or leave it out of the network; check for detach() and torch.no_grad()"
                raise CheckError("a gradient for every parameter", f"none reaches {name} {list(parameter.shape)}", fix)
            # A bias before a normalization has no effect: its gradient is zero but for rounding.
            if parameter.grad is not None and (parameter.ndim < 2 or bool(parameter.grad.any())):
                reached.add(name)
    dead = [name for name, parameter in part.named_parameters() if parameter.requires_grad and name not in reached]
    if dead:
        fix = "Check for a factor of zero, a comparison or a rounding between it and the output"
        raise CheckError("gradients that change every weight", f"those of {dead[0]} are zero", fix)
    return f"{len(reached)} parameters"


def weights(choice: Choice) -> str:
    """Save the state dict, load it into another instance, and compare their outputs bit for bit; return its size."""
    harness = harness_of(choice)
    part, other = perturbed(harness.build(0), 0).eval(), harness.build(1).eval()
    content = encoded(part.state_dict())
    other.load_state_dict(load(content))
    example = harness.example()
    with torch.no_grad():
        one, two = harness.output(part, example), harness.output(other, example)
    if not torch.equal(one, two):
        expected = "the same output after its weights were saved and loaded"
        fix = "Keep whatever is drawn or learned in parameters or persistent buffers (register_buffer)"
        raise CheckError(expected, f"outputs that differ by {float((one - two).abs().max()):.3g}", fix)
    return f"{len(content):,} bytes"


def evaluation(choice: Choice) -> str:
    """Run the part twice in eval mode, from two seeds: the outputs must be equal."""
    harness = harness_of(choice)
    part, example = perturbed(harness.build(), 0).eval(), harness.example()
    outputs = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        with torch.no_grad():
            outputs.append(harness.output(part, example))
    if not torch.equal(*outputs):
        expected = "the same output each time in eval mode"
        fix = "Draw noise and drop features only where self.training holds"
        raise CheckError(expected, f"outputs that differ by {float((outputs[0] - outputs[1]).abs().max()):.3g}", fix)
    return "the same twice"


def seeds(choice: Choice) -> str:
    """Build the part from one seed twice and from another: the same weights, then others."""
    harness = harness_of(choice)
    one, same, other = (dict(harness.build(seed).named_parameters()) for seed in (0, 0, 1))
    for name, parameter in one.items():
        if not torch.equal(parameter, same[name]):
            fix = "Draw every weight from torch's global stream, and from no other"
            raise CheckError("the same weights from the same seed", f"{name} differs", fix)
    if one and all(torch.equal(parameter, other[name]) for name, parameter in one.items()):
        fix = "Leave torch.manual_seed and generators of your own out of the constructor"
        raise CheckError("other weights from another seed", "the same in every parameter", fix)
    return f"{len(one)} parameters"


def repeats(choice: Choice) -> str:
    """Run the same training step twice from the same seed; losses and gradients must be the same bit for bit."""
    harness = harness_of(choice)
    example = harness.example()
    runs = []
    for _ in range(2):
        part = harness.build().train()
        torch.manual_seed(0)
        runs.append(harness.step(part, example))
    if len(runs[0]) != len(runs[1]) or not all(map(torch.equal, *runs)):
        fix = "Draw from torch's global stream or from parts.rng alone, and keep no state outside of the instance"
        raise CheckError("the same losses and gradients from the same seed, on the CPU", "others the second time", fix)
    return f"{len(runs[0])} losses and gradients"


def instances(choice: Choice) -> str:
    """Build two instances and train one: the other must not change, and they must share no tensor."""
    harness = harness_of(choice)
    one, other = harness.build(0), harness.build(1)
    fix = "Make layers, buffers and lists in __init__, not in the class body or the module"
    places = {tensor.untyped_storage().data_ptr(): name for name, tensor in _tensors(one).items() if tensor.numel()}
    for name, tensor in _tensors(other).items():
        if tensor.numel() and tensor.untyped_storage().data_ptr() in places:
            raise CheckError("two instances that share nothing", f"both have the same tensor {name}", fix)
    example = harness.example()
    before = _output(choice, other, example)
    harness.step(perturbed(one, 0).train(), harness.example(1))
    _output(choice, one, harness.example(1))
    after = _output(choice, other, example)
    if not torch.equal(before, after):
        expected = "an instance that does not change while another one is trained"
        raise CheckError(expected, f"its output moved by {float((before - after).abs().max()):.3g}", fix)
    return "nothing shared"


def perturbed(part: nn.Module, seed: int) -> nn.Module:
    """Add a little noise to every weight: a branch that starts at zero then has an effect."""
    stream = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in part.parameters():
            parameter.add_(0.02 * torch.randn(parameter.shape, generator=stream, dtype=parameter.dtype))
    return part


def encoded(state: dict[str, Tensor]) -> bytes:
    """Return tensors as a safetensors file.

    Raises:
        CheckError: they cannot be saved.
    """
    try:
        return save({name: tensor.contiguous() for name, tensor in state.items()})
    except (RuntimeError, ValueError) as error:  # tensors that share memory
        fix = "Let no two entries of it share memory; tie weights in forward instead"
        raise CheckError("a state dict that safetensors can hold", " ".join(str(error).split())[:200], fix) from error


def _tensors(part: nn.Module) -> dict[str, Tensor]:
    return dict([*part.named_parameters(), *part.named_buffers()])


def _output(choice: Choice, part: nn.Module, example: object) -> Tensor:
    if isinstance(part, Method):
        torch.manual_seed(0)  # a method whose networks keep dropout on when they translate
        part.train(part.test_mode == "train")
    else:
        part.eval()
    with torch.no_grad():
        return harness_of(choice).output(part, example)
