"""The patch-wise contrastive loss (Park et al. 2020, section 3): the patches, their vectors, and PatchNCE."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from zoo.layers.init import initialize

EPSILON = 1e-7
"""Added to a vector's length before it is divided by it."""


class PatchHead(nn.Module):
    """H_l: maps the features at some places of each layer l to vectors of unit length, by an MLP of two layers.

    Its state has the names of the authors' code, `mlp_{l}.{0,2}`. The weights come from an own random stream, so that
    the other networks have the same initial weights with and without a head.

    Args:
        channels: channels of each layer's features.
        width: hidden units, and length of a vector.
        seed: of the initial weights (Glorot's normal with gain 0.02).
    """

    def __init__(self, channels: Sequence[int], *, width: int, seed: int) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=()):
            torch.default_generator.manual_seed(seed)
            for layer, count in enumerate(channels):
                mlp = nn.Sequential(nn.Linear(count, width), nn.ReLU(), nn.Linear(width, width))
                self.add_module(f"mlp_{layer}", mlp)
            initialize(self, "xavier")

    def forward(self, features: Sequence[Tensor], places: Sequence[Tensor]) -> list[Tensor]:
        """Return vectors [N, P, width] for each layer's features [N, C, h, w] and its places, int64 [P] in row-major order."""
        vectors = []
        for mlp, feature, place in zip(self.children(), features, places, strict=True):
            vector = mlp(feature.flatten(2).index_select(2, place).transpose(1, 2))
            # Unlike a root of squares, the norm has a gradient at 0, where a head begins that has no active unit.
            vectors.append(vector / (torch.linalg.vector_norm(vector, dim=-1, keepdim=True) + EPSILON))
        return vectors


def draw_places(features: Sequence[Tensor], count: int, rng: torch.Generator) -> list[Tensor]:
    """Return `count` different places of each layer's features [N, C, h, w], all where there are fewer; no host sync."""
    return [torch.randperm(feature[0, 0].numel(), generator=rng, device=feature.device)[:count] for feature in features]


def patch_nce(queries: Tensor, keys: Tensor, temperature: float) -> Tensor:
    """Return the mean over patches of the cross entropy of finding each query's own place among the keys, [N].

    -log(exp(q_i k_i / T) / sum_j exp(q_i k_j / T)), equations 2 and 3, the negatives being the other places of the same
    image. The authors' code has the positive in a column of its own, and -10 in its place among the negatives: with
    |q_i k_j| <= 1 and T = 0.07 that changes the sum by less than one part in exp(128), which no number format shows.

    Args:
        queries: unit vectors of the translated image, [N, P, D].
        keys: unit vectors of the source image at the same places, [N, P, D].
        temperature: T.
    """
    similarity = queries @ keys.transpose(1, 2) / temperature
    return (similarity.logsumexp(dim=2) - similarity.diagonal(dim1=1, dim2=2)).mean(dim=1)
