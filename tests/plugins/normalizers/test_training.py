"""Trainings with each normalizer, stopped and gone on with, through CycleGAN as users run them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor

from zoo.build import build_method
from zoo.composition import compose
from zoo.contracts import Batch
from zoo.data.layout import DatasetInfo
from zoo.errors import RefusedError
from zoo.training.engine import train
from zoo.training.seeds import seed_everything

CPU = torch.device("cpu")


class NoiseStore:
    """Two images of each kind."""

    n_visible = n_thermal = 2

    def sample(
        self,
        visible: Tensor,
        thermal: Tensor,
        *,
        crop: int,
        rng: torch.Generator,
        aligned: bool,
        flip: bool,
        part: slice,
    ) -> Batch:
        stream = torch.Generator().manual_seed(0)
        images = torch.rand(2, 4, crop, crop, generator=stream) * 2 - 1
        return {"visible": images[visible[part], :3], "thermal": images[thermal[part], 3:]}

    def whole(self, index: Tensor) -> Batch:
        raise NotImplementedError


@pytest.fixture(autouse=True)
def _global_state() -> Iterator[None]:
    deterministic = torch.are_deterministic_algorithms_enabled()
    yield
    torch.use_deterministic_algorithms(deterministic)


def run(
    folder: Path, discriminator: str, generator: str = "resnet6:width=2", stop_after: int = 99
) -> dict[str, Tensor]:
    """Train three steps, or stop after fewer, and return all state of the method."""
    recipe = compose(generator=generator, discriminator=discriminator, size=64, steps=3)
    rng = seed_everything(recipe.seed, CPU)
    method = build_method(recipe, DatasetInfo(name="noise", splits={"train": 2}), rng, training=True)
    done: list[int] = []
    train(
        method,
        recipe,
        NoiseStore(),
        folder=folder,
        train_key="key",
        device=CPU,
        rng=rng,
        paired=False,
        on_step=lambda report: done.append(report.step),
        stop=lambda: len(done) >= stop_after,
        log_every=1,
    )
    return method.state_dict()


@pytest.mark.parametrize(
    "discriminator", ["patchgan_gp:width=2", "multiscale_sn:width=2", "pixel_gn:width=2", "multiscale_gp:width=2"]
)
def test_a_stopped_training_goes_on_bit_for_bit(discriminator: str, tmp_path: Path) -> None:
    straight = run(tmp_path / "straight", discriminator)
    run(tmp_path / "stopped", discriminator, stop_after=2)
    resumed = run(tmp_path / "stopped", discriminator)
    assert [name for name in straight if not torch.equal(straight[name], resumed[name])] == []


def test_clipped_discriminators_stay_in_range(tmp_path: Path) -> None:
    state = run(tmp_path, "patchgan_clip:width=2,c=0.02")
    sizes = {name: tensor.abs().max().item() for name, tensor in state.items() if name.startswith("D_A")}
    assert sizes and max(sizes.values()) <= 0.02 + 1e-9


def test_encoders_of_timm_train_with_any_of_them(tmp_path: Path) -> None:
    generator = "timm/unet:encoder=mobilenetv3_small_050,width=2"
    straight = run(tmp_path / "straight", "multiscale_gp:width=2", generator)
    run(tmp_path / "stopped", "multiscale_gp:width=2", generator, stop_after=1)
    resumed = run(tmp_path / "stopped", "multiscale_gp:width=2", generator)
    assert [name for name in straight if not torch.equal(straight[name], resumed[name])] == []


@pytest.mark.parametrize("norm", ["gp", "gn"])
def test_batch_norm_is_refused_where_a_gradient_per_sample_is_needed(norm: str) -> None:
    with pytest.raises(RefusedError, match="mixes the samples"):
        compose(discriminator=f"multiscale_{norm}:norm=batch")


@pytest.mark.parametrize("norm", ["gn", "gp", "sn", "clip"])
def test_normalizers_switch_feature_norm_off_unless_it_is_named(norm: str) -> None:
    for discriminator, kept in ((f"multiscale_{norm}", "none"), (f"multiscale_{norm}:norm=instance", "instance")):
        part = compose(discriminator=discriminator).discriminator
        assert part is not None and part.config["norm"] == kept
