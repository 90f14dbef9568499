"""Checks of what a network offers: intermediate features, second derivatives, independent samples, export, compilation."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from zoo.choices import Choice
from zoo.contracts import Generator
from zoo.testing.checks import CheckError
from zoo.testing.harness import NetworkHarness
from zoo.testing.networks import perturbed

STEP = 1e-7
"""Of the finite differences, in float64; a wider one covers more kinks of ReLUs."""


def taps(choice: Choice) -> str:
    """Compute the network's features at its `tap_layers`, in this order and reversed; return the layers."""
    harness = NetworkHarness(choice)
    network, x = harness.build(), harness.example()
    assert isinstance(network, Generator)
    layers = network.tap_layers
    if not layers:
        raise CheckError("tap_layers to name layers", "none", "Set tap_layers, or take `taps` out of the row's offers")
    features, reversed_features = network.eval().taps(x, layers), network.taps(x, layers[::-1])
    if len(features) != len(layers) or not all(map(torch.equal, features, reversed_features[::-1])):
        fix = "Index them by the layer"
        raise CheckError("one tensor for each layer, in the order of `layers`", f"{len(features)} in another", fix)
    for layer, feature in zip(layers, features, strict=True):
        if feature.ndim != 4 or len(feature) != len(x):
            fix = "Return feature maps"
            raise CheckError(f"features [{len(x)}, C, h, w] at layer {layer}", f"{list(feature.shape)}", fix)
    deepest = features[-1]
    if not deepest.requires_grad:
        raise CheckError("features with their graph", "none at the last layer", "Leave detach() and no_grad out")
    return f"layers {', '.join(map(str, layers))}"


def double_backward(choice: Choice) -> str:
    """Compare the derivative of |grad D|^2 by the weights with a finite difference, in float64; return their relative error."""
    harness = NetworkHarness(choice)
    network = perturbed(harness.build(), 0).double().train()
    x = harness.example().double()
    parameters = [parameter for parameter in network.parameters() if parameter.requires_grad]
    stream = torch.Generator().manual_seed(0)
    ways = [torch.randn(p.shape, generator=stream, dtype=p.dtype) * (p.norm() / p.numel() ** 0.5) for p in parameters]

    def squared_gradient() -> Tensor:
        images = x.clone().requires_grad_(True)
        (gradient,) = torch.autograd.grad(harness.output(network, images).sum(), images, create_graph=True)
        return gradient.square().sum()

    value = squared_gradient()
    fix = "Replace operations without a second derivative, or take `double_backward` out of the row's offers"
    if not value.requires_grad:
        raise CheckError("a gradient that can be differentiated again", "one without a graph", fix)
    slopes = torch.autograd.grad(value, parameters, allow_unused=True)
    exact = sum(float((slope * way).sum()) for slope, way in zip(slopes, ways, strict=True) if slope is not None)
    ends = []
    for sign in (1, -1):
        _move(parameters, ways, sign * STEP)
        ends.append(float(squared_gradient()))
        _move(parameters, ways, -sign * STEP)
    measured = (ends[0] - ends[1]) / (2 * STEP)
    error = abs(exact - measured) / max(abs(exact), abs(measured), 1e-12 * float(value))
    if error > 1e-3:
        expected = f"a derivative of |grad D|^2 of {measured:.6g}, as finite differences give"
        raise CheckError(expected, f"{exact:.6g}", fix)
    return f"off by {error:.0e} of finite differences"


def independent_samples(choice: Choice) -> str:
    """Check that each image's output does not depend on the other image."""
    harness = NetworkHarness(choice)
    network, x = perturbed(harness.build(), 0).train(), harness.example().requires_grad_(True)
    (gradient,) = torch.autograd.grad(harness.output(network, x)[0].square().sum(), x)
    if bool(gradient[1:].any()):
        raise CheckError(
            "an output that depends on its own image alone",
            "a gradient by another image of the batch",
            "Leave out batch norm and other statistics of a batch, or take `independent_samples` out of the row's offers",
        )
    return "no gradient between images"


def exports(choice: Choice) -> str:
    """Export the network and compare what the program computes; return the size of its graph."""
    harness = NetworkHarness(choice)
    network, x = harness.build().eval(), harness.example()
    try:
        program = torch.export.export(network, (x,), harness.inputs(x))
    except Exception as error:  # of any type
        raise CheckError(
            "a network that torch.export accepts, as its row offers",
            _first_line(error),
            "Leave branches on values of tensors and .item() out of forward, or take `exports` out of the row's offers",
        ) from error
    with torch.no_grad():
        y = harness.output(network, x)
        _require_close(y, program.module()(x, **harness.inputs(x)), "the exported program", float(y.norm()))
    return f"{len(program.graph.nodes)} operations"


def compiles(choice: Choice) -> str:
    """Compile the network without a break and compare outputs and gradients; return how many gradients."""
    harness = NetworkHarness(choice)
    # eval: dropout would draw otherwise. float64: the rounding of float32 switches ReLUs, on some processors more of them.
    network, x = harness.build().eval().double(), harness.example().double()
    plain = harness.step(network, x)
    torch._dynamo.reset()
    # This backend traces forward and backward as the real one does, and then runs them without a compiler.
    compiled = torch.compile(network, backend="aot_eager", fullgraph=True, dynamic=False)
    assert isinstance(compiled, nn.Module)
    try:
        traced = harness.step(compiled, x)
    except Exception as error:  # of any type
        raise CheckError(
            "a network that torch.compile accepts without a graph break, as its row offers",
            _first_line(error),
            "Leave branches on values of tensors, .item() and print out of forward, or take `compiles` out of the row's offers",
        ) from error
    finally:
        torch._dynamo.reset()
    # A bias before a normalization has a gradient of rounding alone: compare with the norm of all gradients.
    every = float(torch.cat([value.flatten() for value in plain]).norm())
    for one, other in zip(plain, traced, strict=True):
        _require_close(one, other, "the compiled network", every)
    return f"{len(plain)} gradients"


def _move(parameters: list[nn.Parameter], ways: list[Tensor], length: float) -> None:
    with torch.no_grad():
        for parameter, way in zip(parameters, ways, strict=True):
            parameter.add_(way, alpha=length)


def _require_close(one: Tensor, other: Tensor, what: str, scale: float) -> None:
    if one.shape != other.shape or float((one - other).norm()) > 1e-3 * float(one.norm()) + 1e-4 * scale:
        found = f"{list(other.shape)} in place of {list(one.shape)}, or values that differ by more than rounding"
        fix = "Keep what forward does the same from call to call"
        raise CheckError(f"{what} to compute what the network does", found, fix)


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {(str(error).strip().splitlines() or ['no message'])[0][:200]}"
