"""Checks of methods, on small networks and a few rendered street scenes."""

from __future__ import annotations

from math import isfinite
from typing import Any

import torch
from safetensors.torch import load
from torch import Tensor

from zoo.choices import Choice
from zoo.contracts import Batch, Method, OptimizerSpec
from zoo.model_folder import inference_state
from zoo.sizes import size_text
from zoo.testing.checks import CheckError
from zoo.testing.harness import MethodHarness, backward_pass
from zoo.testing.networks import encoded, perturbed
from zoo.testing.shapes import SLACK

STEPS = 5
"""Steps in which an optimizer must lower its loss on one batch."""


def translates(choice: Choice) -> str:
    """Translate 1 and 2 images, square and not, to 1 and 3 channels, from what the contract reads; return the largest value."""
    harness = MethodHarness(choice)
    largest = 0.0
    for channels in (1, 3):
        method = harness.method(thermal_channels=channels)
        batch = harness.example(thermal_channels=channels)
        for n, width in ((1, harness.size), (2, harness.size), (2, harness.size * 3 // 4)):
            part = {name: _narrowed(value[:n], width, harness.size) for name, value in batch.items()}
            try:
                y = _translation(harness, method, part)
            except KeyError as error:
                expected = f"a translation from {', '.join(choice.contract.reads)}, which its contract reads"
                fix = "Name every entry that translate() needs in the contract's `reads`"
                raise CheckError(expected, f"it also reads {error}", fix) from error
            wanted = [n, channels, harness.size, width]
            if list(y.shape) != wanted:
                expected = f"{wanted} for {n} visible image{'s' * (n > 1)} {harness.size}x{width}"
                fix = "Build the output with parts.thermal_channels, at the size of batch['visible']"
                raise CheckError(expected, f"{list(y.shape)}", fix)
            largest = max(largest, float(y.abs().max()))
            if not y.isfinite().all() or largest > 1 + SLACK:
                fix = "End translate() with tanh or clamp(-1, 1)"
                raise CheckError("finite thermal images in [-1, 1]", f"{largest:.3g}", fix)
    return f"at most {largest:.3g}"


def inference(choice: Choice) -> str:
    """Load the weights that `inference` names into a method not prepared for training; both must translate alike."""
    harness = MethodHarness(choice)
    trained = harness.method(seed=0)
    if trained.order:
        perturbed(trained, 0)
    content = encoded(inference_state(trained))
    loaded = harness.method(seed=1, training=False)
    fix = "Name in `inference` every submodule and buffer that translate() uses, and build it in __init__"
    missing, _ = loaded.load_state_dict(load(content), strict=False)
    lost = [name for name in missing if name in inference_state(loaded)]
    if lost:
        raise CheckError("weights for all that `inference` names", f"none for {lost[0]}", fix)
    batch = harness.example()
    one, two = (_translation(harness, method, batch) for method in (trained, loaded))
    if not torch.equal(one, two):
        expected = "the same translations after the weights that `inference` names were saved and loaded"
        raise CheckError(expected, f"ones that differ by {float((one - two).abs().max()):.3g}", fix)
    return f"{len(content):,} bytes"


def networks(choice: Choice) -> str:
    """Compute the gradients of each optimizer; they must reach all of its parameters."""
    harness = MethodHarness(choice)
    method, batch = harness.build(), harness.example()
    if not method.order:
        return "nothing is trained"
    perturbed(method, 0).train()
    for name in dict.fromkeys(method.order):
        if not isinstance(method.optimizer(name), OptimizerSpec):
            raise CheckError("an OptimizerSpec for each optimizer", "another object", "Return one from optimizer()")
        loss, parameters = backward_pass(method, name, batch)
        if not parameters:
            raise CheckError(f"optimizer {name} to have parameters", "none", "Return its modules from networks()")
        if not loss.isfinite():
            fix = "Check for a log or root of zero"
            raise CheckError(f"finite losses of optimizer {name}", f"{float(loss):g}", fix)
        for key, parameter in parameters.items():
            if parameter.grad is None:
                expected = f"a gradient for every parameter of optimizer {name} in its update"
                fix = "Use it in a loss of this optimizer, or leave it out of networks()"
                raise CheckError(expected, f"none reaches {key}", fix)
    return ", ".join(dict.fromkeys(method.order))


def rectangles(choice: Choice) -> str:
    """Build the method for images twice as wide as high, and compute each optimizer's loss and a translation."""
    harness = MethodHarness(choice)
    if choice.square_only:
        return "requires squares"
    size = (harness.size, 2 * harness.size)
    try:
        method, batch = harness.method(size=size), harness.example(size=size)
        losses = [float(backward_pass(method, name, batch)[0].detach()) for name in dict.fromkeys(method.order)]
        height, width = _translation(harness, method, batch).shape[-2:]
        found = f"losses {losses} and a translation {height}x{width}"
        failed = (height, width) != size or not all(map(isfinite, losses))
    except (TypeError, ValueError, RuntimeError) as error:
        failed, found = True, f"{type(error).__name__}: {error}".partition("\n")[0]
    if failed:
        raise CheckError(
            f"finite losses and a translation of images of {size_text(size)} px",
            found,
            "Use zoo.sizes.height_width(parts.size), or define for_size() in the config if the method requires squares",
        )
    return size_text(size)


def learns(choice: Choice) -> str:
    """Let each optimizer step on one batch while the others are frozen; return its loss before and after."""
    harness = MethodHarness(choice)
    order = dict.fromkeys(harness.build().order)
    results = []
    for name in order:
        rng = torch.Generator().manual_seed(0)
        method, batch = harness.method(rng=rng).train(), harness.example()
        losses = _descent(method, name, batch, rng)
        if not losses[-1] < losses[0]:
            expected = f"optimizer {name} to lower its loss on one batch in {STEPS} steps, the others frozen"
            fix = "Check the sign of its terms, detach(), and the learning rate of optimizer()"
            raise CheckError(expected, f"{losses[0]:.5g}, then {losses[-1]:.5g}", fix)
        results.append(f"{name} {losses[0]:.4g} to {losses[-1]:.4g}")
    return ", ".join(results) or "nothing is trained"


def _descent(method: Method, name: str, batch: Batch, rng: torch.Generator) -> list[float]:
    """Return an optimizer's loss before each of its steps and after the last.

    Random draws are the same in each, from torch's global stream and from `rng`, the method's own: losses at different noise
    cannot be compared.
    """
    spec = method.optimizer(name)
    own = [p for module in method.networks()[name] for p in module.parameters() if p.requires_grad]
    adam = torch.optim.Adam(dict.fromkeys(own), lr=spec.lr, betas=spec.betas, eps=spec.eps)
    losses, start = [], rng.get_state()
    for _ in range(STEPS + 1):
        torch.manual_seed(0)
        rng.set_state(start)
        loss, _parameters = backward_pass(method, name, batch)
        losses.append(float(loss))
        adam.step()
        method.after_step(name)
    return losses


def _translation(harness: MethodHarness, method: Method, batch: Batch) -> Tensor:
    torch.manual_seed(0)
    method.train(method.test_mode == "train")
    with torch.no_grad():
        return harness.output(method, batch)


def _narrowed(value: Any, width: int, size: int) -> Any:
    """Crop images to a width; other entries stay the same."""
    is_image = isinstance(value, Tensor) and value.ndim >= 3 and value.shape[-1] == size
    return value[..., :width] if is_image else value
