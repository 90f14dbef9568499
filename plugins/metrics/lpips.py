"""Learned perceptual image patch similarity."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
import torchvision
from torch import Tensor, nn
from torchmetrics.functional.image import lpips as reference

from zoo.checkpoints.published import find, sha256_of

from .config import LPIPSConfig
from .extractor import SEED, build_seeded, load_into, load_state
from .networks import LPIPS_FILES, PUBLISHED, RANDOM, weights_path
from .pairs import PairMetric

_MODELS = {"alex": "alexnet", "vgg": "vgg16", "squeeze": "squeezenet1_1"}
"""torchvision's names."""


class LPIPS(PairMetric):
    """Perceptual distance (Zhang et al. 2018, Eq. 1, version 0.1), by torchmetrics' network and linear layers.

    Grey images are repeated to three equal channels.

    Raises:
        UsageError: the file of weights is missing or of another network.
        ZooError: the published weights are not on this machine and cannot be fetched.
    """

    name: ClassVar[str] = "lpips"

    def __init__(self, config: LPIPSConfig) -> None:
        self.config, self.min_size = config, config.min_size
        self.network, self._weights = _network(config)

    def protocol(self) -> dict[str, Any]:
        """Return everything that changes the value without changing the model."""
        return {
            "data_range": 1.0,
            "network": self.config.label(),
            "weights": self._weights,
            "version": "0.1",
            "input": "grey to 3 equal channels, not resized",
        }

    @torch.no_grad()
    def values(self, translated: Tensor, real: Tensor) -> Tensor:
        """Return the distance of each image, for grey images [N, 1, H, W] in [0, 1]."""
        self.network.to(real.device)
        # One at a time: convolutions round differently in a batch.
        pairs = zip(translated.float().expand(-1, 3, -1, -1), real.float().expand(-1, 3, -1, -1), strict=True)
        values = [self.network(one[None], other[None], normalize=True) for one, other in pairs]
        return torch.cat(values).flatten().double()


def _network(config: LPIPSConfig) -> tuple[nn.Module, str]:
    """Return torchmetrics' network with its own linear layers, and the origin of its convolutions' weights."""
    # The public functions download these weights unverified, and wait for a timeout without a connection.
    network: Any = build_seeded(lambda: reference._NoTrainLpips(net=config.network, pnet_rand=True))
    if config.weights == RANDOM:
        return network, f"random, seed {SEED}"
    published = config.weights == PUBLISHED
    path = find(LPIPS_FILES[config.network]) if published else weights_path(config.weights)
    whole = getattr(torchvision.models, _MODELS[config.network])(weights=None)
    load_into(whole, load_state(path), path)
    for part in network.net.modules():  # its slices name layers by their index in torchvision's network
        for index, layer in part.named_children() if isinstance(part, nn.Sequential) else ():
            if index.isdigit():
                layer.load_state_dict(whole.features[int(index)].state_dict())
    return network, f"sha256 {sha256_of(path)}"
