"""Checks of methods, on small networks and a few rendered street scenes."""

from __future__ import annotations

import torch
from safetensors.torch import load
from torch import Tensor

from zoo.contracts import Method, OptimizerSpec
from zoo.model_folder import inference_state
from zoo.registry import Choice
from zoo.testing.failure import CheckError
from zoo.testing.harness import MethodHarness, turn
from zoo.testing.networks import encoded, stirred
from zoo.testing.shapes import SLACK
from zoo.testing.stubs import scenes_batch

STEPS = 5
"""Optimizer steps in which a player must lower its loss on one batch."""


def translates(choice: Choice) -> str:
    """Translate 1 and 2 images, square and not, to 1 and 3 channels, from what the contract reads; return the largest value."""
    subject = MethodHarness(choice)
    largest = 0.0
    for channels in (1, 3):
        method = subject.method(thermal_channels=channels)
        batch = scenes_batch(subject.size, thermal_channels=channels)
        for n, width in ((1, subject.size), (2, subject.size), (2, subject.size * 3 // 4)):
            part = {name: _narrowed(tensor[:n], width, subject.size) for name, tensor in batch.items()}
            try:
                y = _translation(subject, method, part)
            except KeyError as error:
                raise CheckError(
                    f"a translation from {', '.join(choice.contract.reads)}, which its contract reads",
                    f"it also looked for {error}",
                    "Name every entry that translate() needs in the contract's `reads`",
                ) from error
            wanted = [n, channels, subject.size, width]
            if list(y.shape) != wanted:
                raise CheckError(
                    f"{wanted} for {n} visible image{'s' * (n > 1)} {subject.size}x{width}",
                    f"{list(y.shape)}",
                    "Build the output with parts.thermal_channels, at the size of batch['visible']",
                )
            largest = max(largest, float(y.abs().max()))
            if not y.isfinite().all() or largest > 1 + SLACK:
                raise CheckError(
                    "finite thermal images in [-1, 1]", f"{largest:.3g}", "End translate() with tanh or clamp(-1, 1)"
                )
    return f"at most {largest:.3g}"


def inference(choice: Choice) -> str:
    """Load what `inference` names into a method that was not prepared for training; both must translate alike."""
    subject = MethodHarness(choice)
    trained = subject.method(seed=0)
    if trained.order:
        stirred(trained, 0)
    content = encoded(inference_state(trained))
    loaded = subject.method(seed=1, training=False)
    fix = "Name in `inference` every submodule and buffer that translate() uses, and build it in __init__"
    missing, _ = loaded.load_state_dict(load(content), strict=False)
    lost = [name for name in missing if name in inference_state(loaded)]
    if lost:
        raise CheckError("weights for all that `inference` names", f"none for {lost[0]}", fix)
    batch = scenes_batch(subject.size)
    one, two = (_translation(subject, method, batch) for method in (trained, loaded))
    if not torch.equal(one, two):
        raise CheckError(
            "the same translations after the weights that `inference` names were saved and loaded",
            f"ones that differ by {float((one - two).abs().max()):.3g}",
            fix,
        )
    return f"{len(content):,} bytes"


def networks(choice: Choice) -> str:
    """Give each player its turn; gradients must reach all of its parameters, and it must have an optimizer."""
    subject = MethodHarness(choice)
    method, batch = subject.build(), subject.example()
    if not method.order:
        return "nothing is trained"
    stirred(method, 0).train()
    for player in dict.fromkeys(method.order):
        if not isinstance(method.optimizer(player), OptimizerSpec):
            raise CheckError("an OptimizerSpec for each player", "another object", "Return one from optimizer()")
        loss, parameters = turn(method, player, batch)
        if not parameters:
            raise CheckError(f"player {player} to have parameters", "none", "Return its modules from networks()")
        if not loss.isfinite():
            raise CheckError(f"finite losses of player {player}", f"{float(loss):g}", "Look for a log or root of zero")
        for name, parameter in parameters.items():
            if parameter.grad is None:
                raise CheckError(
                    f"a gradient for every parameter of player {player} in its turn",
                    f"none reaches {name}",
                    "Use it in a loss of this player, or leave it out of networks()",
                )
    return ", ".join(dict.fromkeys(method.order))


def learns(choice: Choice) -> str:
    """Let each player step on one batch while the others stand still; return its loss before and after."""
    subject = MethodHarness(choice)
    order = dict.fromkeys(subject.build().order)
    told = []
    for player in order:
        rng = torch.Generator().manual_seed(0)
        method, batch = subject.method(rng=rng).train(), subject.example()
        losses = _descent(method, player, batch, rng)
        if not losses[-1] < losses[0]:
            raise CheckError(
                f"player {player} to lower its loss on one batch in {STEPS} steps, the others standing still",
                f"{losses[0]:.5g}, then {losses[-1]:.5g}",
                "Look at the sign of its terms, at detach(), and at the learning rate of optimizer()",
            )
        told.append(f"{player} {losses[0]:.4g} to {losses[-1]:.4g}")
    return ", ".join(told) or "nothing is trained"


def _descent(method: Method, player: str, batch: dict[str, Tensor], rng: torch.Generator) -> list[float]:
    """Return a player's loss before each of its steps and after the last.

    Random draws are the same in each, from torch's global stream and from `rng`, the method's own: a loss at other noise or
    another time of a flow says nothing about the step.
    """
    spec = method.optimizer(player)
    own = [p for module in method.networks()[player] for p in module.parameters() if p.requires_grad]
    adam = torch.optim.Adam(dict.fromkeys(own), lr=spec.lr, betas=spec.betas, eps=spec.eps)
    losses, start = [], rng.get_state()
    for _ in range(STEPS + 1):
        torch.manual_seed(0)
        rng.set_state(start)
        loss, _parameters = turn(method, player, batch)
        losses.append(float(loss))
        adam.step()
        method.after_step(player)
    return losses


def _translation(subject: MethodHarness, method: Method, batch: dict[str, Tensor]) -> Tensor:
    torch.manual_seed(0)
    method.train(method.test_mode == "train")
    with torch.no_grad():
        return subject.output(method, batch)


def _narrowed(tensor: Tensor, width: int, size: int) -> Tensor:
    """Cut images to a width; entries that are no images stay."""
    return tensor[..., :width] if tensor.ndim >= 3 and tensor.shape[-1] == size else tensor
