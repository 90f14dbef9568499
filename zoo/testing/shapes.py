"""Checks of what networks return: images and logits of the right shape, and in range."""

from __future__ import annotations

from itertools import product

import torch
from torch import Tensor, nn

from zoo.choices import Choice
from zoo.errors import UsageError
from zoo.sizes import size_of
from zoo.testing.checks import CheckError
from zoo.testing.harness import NetworkHarness, Size, images, network_harness
from zoo.testing.image_sizes import working

SLACK = 1e-6
"""Rounding by which an image may leave [-1, 1]."""
FACTORS = (1.0, 10.0, 100.0)
"""Factors on all weights: an output that only small weights keep in range leaves it."""


def shapes(choice: Choice) -> str:
    """Run the network on 1 and 3 channels, batches of 1 and 2, square and not, odd multiples too; return the sizes."""
    harness = network_harness(choice)
    sizes = harness.sizes()
    first, *others = [(3, 1), (1, 1), (3, 3), (1, 3)] if harness.translates else [(1,), (3,)]
    tries = [(first, size) for size in sizes] + [(channels, sizes[0]) for channels in others]
    taken = set()
    for (channels, size), training in product(tries, (True, False)):
        try:
            if _runs(harness, channels, size, training=training):
                taken.add(size)
        except Exception as error:  # of any type
            _explain(harness, size, error)
            raise
    return ", ".join(f"{height}x{width}" for height, width in sorted(taken))


def in_range(choice: Choice) -> str:
    """Scale all weights and search for values outside [-1, 1]; return the largest."""
    harness = NetworkHarness(choice)
    largest = 0.0
    for factor in FACTORS:
        network = harness.build().eval()
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.mul_(factor)
            x = harness.example()
            y = torch.cat(
                [harness.output(network, example) for example in (x, torch.ones_like(x), -torch.ones_like(x))]
            )
        if factor == 1 and not y.isfinite().all():
            raise CheckError("finite images", "NaN or infinity", "Check for a division by zero, or a log of zero")
        largest = max(largest, float(y[y.isfinite()].abs().max()) if y.isfinite().any() else 0.0)
        if largest > 1 + SLACK:
            found = f"{largest:.3g} with the weights times {factor:g}"
            raise CheckError("images in [-1, 1] whatever the weights", found, "End the network with torch.tanh")
    return f"at most {largest:.3g}"


def _runs(harness: NetworkHarness, channels: tuple[int, ...], size: Size, *, training: bool) -> bool:
    """Run a new network on 1 and 2 images and require outputs of the right shape; return whether it takes this size."""
    network = harness.network(channels=channels, side=_built_for(harness, size)).train(training)
    taken = True
    for n in (1, 2):
        y = _output(harness, network, images(n, channels[0], size))
        taken = taken and y is not None
        if y is not None:
            _require_shape(harness.choice, y, n, channels, size)
    return taken


def _explain(harness: NetworkHarness, size: Size, error: Exception) -> None:
    """Raise where a network fails at a size and works at others, with the sizes that it works at."""
    fix = _sizes_fix(harness, size) if harness.choice.kind != "normalizer" else ""
    if fix and isinstance(error, CheckError):
        raise CheckError(error.expected, error.found, fix) from error
    if fix:
        expected = f"images of {size[0]}x{size[1]} px, which its contract allows, to be taken"
        found = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
        raise CheckError(expected, found, fix) from error


def _sizes_fix(harness: NetworkHarness, size: Size) -> str:
    """Return what to write for the sizes at which a network works; empty where it works at none, or the size is no cause."""
    contract = harness.choice.contract
    channels = (3, 1) if harness.translates else (1,)

    def works(side: int) -> bool:
        try:
            harness.choice.for_size(side)
            return all(_runs(harness, channels, (side, side), training=training) for training in (True, False))
        except Exception:  # of any type
            return False

    if size[0] != size[1] and all(map(works, size)):
        return "It works at squares only: define for_size() in the config, or correct forward"
    found = working(works, multiple=contract.size_multiple, least=contract.min_size)
    if found is None or found == (contract.size_multiple, contract.min_size):
        return ""
    multiple, least = found
    smallest = least if least > max(multiple, contract.min_size) else 0
    written = [
        *([f"size_multiple={multiple}"] if multiple != contract.size_multiple else []),
        *([f"min_size={smallest}"] if smallest else []),
    ]
    if not written:
        return ""
    start = f" from {smallest} px" if smallest else ""
    return f"It works at multiples of {multiple}{start}: write {', '.join(written)} in the contract, or correct forward"


def _built_for(harness: NetworkHarness, size: Size) -> int | Size:
    """Return the size that a network for images of this size is built for: a square where it requires squares."""
    return size[0] if harness.choice.square_only else size_of(*size)


def _output(harness: NetworkHarness, network: nn.Module, x: Tensor) -> Tensor | None:
    """Return the network's output; None where it was built for square images and refuses others."""
    try:
        with torch.no_grad():
            y = harness.output(network, x)
    except UsageError:
        if x.shape[-1] != x.shape[-2] and harness.choice.square_only:
            return None
        raise
    return y


def _require_shape(choice: Choice, y: Tensor, n: int, channels: tuple[int, ...], size: Size) -> None:
    of = f"of {n} image{'s' * (n > 1)} {channels[0]}x{size[0]}x{size[1]}"
    found = list(y.shape) if isinstance(y, Tensor) else type(y).__name__
    if choice.kind == "generator":
        wanted = [n, channels[1], *size]
        if found != wanted:
            fix = "Correct forward, or declare the sizes that it accepts in the contract's size_multiple and min_size"
            raise CheckError(f"{wanted} {of}", f"{found}", fix)
    elif not isinstance(y, Tensor) or y.shape[0] != n or y.ndim not in (2, 4) or (y.ndim == 2 and y.shape[1] != 1):
        raise CheckError(f"logits [{n}, 1] or [{n}, scales, h, w] {of}", f"{found}", "Correct the last layer's shape")
    if not y.isfinite().all():
        raise CheckError(f"finite values {of}", "NaN or infinity", "Check for a division by zero, or a log of zero")
