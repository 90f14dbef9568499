"""LayerGAN's layers and their composition: what each draws, what reaches it, and what is refused."""

from __future__ import annotations

import msgspec
import pytest
import torch

from zoo.errors import RefusedError, UsageError, ZooError
from zoo_plugins.layergan import zoo_components
from zoo_plugins.layergan.config import LayerGANConfig

from .conftest import SIZE, build, make_batch, options, untrained

VISIBLE_LEVEL = 2 / 255
"""One grey level of 255, in [-1, 1]."""


@pytest.mark.parametrize("layered", [True, False])
@pytest.mark.parametrize("trained", [True, False])
@pytest.mark.parametrize("target", ["absolute", "relative"])
def test_a_warmer_object_changes_its_own_pixels_only(layered: bool, trained: bool, target: str) -> None:
    method = build(options(layered=layered, target=target)) if trained else untrained(options(layered=layered))
    batch = make_batch()
    warmer = batch["thermal_segmentation"].clone()
    left_car = torch.zeros_like(warmer, dtype=torch.bool)
    left_car[0, 0, 4:12, 2:12] = True
    assert (batch["labels"][0, 4:12, 2:12] == 1).all()
    warmer[left_car] += 0.3
    with torch.no_grad():
        change = method.eval().translate({**batch, "thermal_segmentation": warmer}) - method.translate(batch)
    assert float(change[~left_car].abs().max()) == 0
    assert float(change[left_car].min()) > VISIBLE_LEVEL


@pytest.mark.parametrize(("reach", "leaks"), [("layer", False), ("image", True)])
def test_temperatures_that_the_encoder_sees_reach_their_layer_or_the_whole_image(reach: str, leaks: bool) -> None:
    method = build(options(temperature=reach)).eval()
    batch = make_batch()
    person = (batch["labels"] == 2)[:, None]
    warmer = batch["thermal_segmentation"] + 0.3 * person
    with torch.no_grad():
        change = method.translate({**batch, "thermal_segmentation": warmer}) - method.translate(batch)
    assert bool(change[~person].abs().max() > 0) is leaks
    assert float(change[person].abs().max()) > 0


def test_the_image_is_the_sum_of_the_masked_layers() -> None:
    method, batch = build(options()).eval(), make_batch()
    with torch.no_grad():
        state = method(batch)
        image = method.translate(batch)
    expected = torch.zeros_like(image)
    for layer in range(4):
        expected += (batch["labels"] == layer)[:, None] * state["fakes"][:, layer]
    torch.testing.assert_close(image, expected, rtol=0, atol=1e-6)
    torch.testing.assert_close(state["image"], expected, rtol=0, atol=1e-6)


def test_the_reduced_method_has_one_layer_and_one_discriminator() -> None:
    method, batch = build(options(layered=False)), make_batch()
    state = method(batch)
    assert len(method.generator.trunks) == len(method.discriminators) == 1
    assert state["fakes"].shape == (2, 1, 1, SIZE, SIZE)
    assert torch.equal(state["reals"][:, 0], batch["thermal"])


def test_classes_that_no_image_shows_are_not_drawn() -> None:
    method, drawn = build(options()).eval(), []
    for layer, trunk in enumerate(method.generator.trunks):
        trunk.register_forward_hook(lambda *_, layer=layer: drawn.append(layer))
    with torch.no_grad():
        method.translate(make_batch())
    assert drawn == [0, 1, 2]


def test_missing_temperatures_are_painted_from_those_of_the_classes() -> None:
    method, batch = build(options()).eval(), make_batch()
    del batch["thermal_segmentation"], batch["thermal"]
    usual = torch.tensor([10.0, 25.0, 30.0])
    given = torch.tensor([[0.0, 25.0, float("nan"), float("nan")]] * 2)
    mixed = torch.tensor([0.0, 25.0, 30.0])
    with torch.no_grad():
        for extra, degrees in (({}, usual), ({"temperatures": given}, mixed)):
            painted = ((degrees[batch["labels"]] + 10) / 30 - 1)[:, None]
            expected = method.translate({**batch, "thermal_segmentation": painted})
            torch.testing.assert_close(method.translate({**batch, **extra}), expected)


def test_an_image_without_labels_is_refused() -> None:
    with pytest.raises(ZooError, match="no `labels`"):
        build(options()).translate({"visible": torch.zeros(1, 3, SIZE, SIZE)})


def test_images_of_any_size_are_translated_with_sharp_borders() -> None:
    method, batch = build(options()).eval(), make_batch(size=48)
    batch = {name: value[..., :40] for name, value in batch.items()}
    warmer = batch["thermal_segmentation"] + 0.3 * (batch["labels"] == 2)[:, None]
    with torch.no_grad():
        before, after = method.translate(batch), method.translate({**batch, "thermal_segmentation": warmer})
    assert before.shape == (2, 1, 48, 40)
    assert torch.equal(before != after, (batch["labels"] == 2)[:, None])


def test_an_untrained_absolute_layer_shows_the_mean_temperatures() -> None:
    batch = make_batch()
    image = untrained(options()).eval().translate(batch)
    torch.testing.assert_close(image, batch["thermal_segmentation"], rtol=0, atol=1e-5)


def test_a_relative_layer_is_the_contrast_to_the_mean_temperature() -> None:
    method, batch = build(options(target="relative", contrast=6.0)), make_batch()
    state = method(batch)  # 60 degrees are 2 units: 6 degrees are 0.2
    difference = (batch["thermal"] - batch["thermal_segmentation"]) / 0.2
    torch.testing.assert_close(state["target"], difference.clip(-1, 1))
    with torch.no_grad():
        image = method.eval().translate(batch)
    torch.testing.assert_close(image, batch["thermal_segmentation"] + 0.2 * state["image"])


def test_some_classes_can_share_the_last_layer() -> None:
    method = build(options(classes=("person", "car")))
    assert method.layer_of_class.tolist() == [2, 1, 0, 2]
    assert len(method.discriminators) == len(method.generator.trunks) == 3


def test_a_class_that_the_dataset_lacks_is_refused() -> None:
    with pytest.raises(UsageError, match=r"'cart'.*Did you mean car"):
        build(options(classes=("cart",)))


@pytest.mark.parametrize(("size", "nearest"), [(96, 64), (16, 32), (1024, 512)])
def test_sizes_that_the_decoder_cannot_have_are_refused(size: int, nearest: int) -> None:
    with pytest.raises(RefusedError, match=f"Use `size`={nearest}"):
        options().for_size(size)


def test_rows_are_the_layered_and_the_reduced_method() -> None:
    rows = {row.name: row for row in zoo_components()}
    assert (rows["layergan"].config.layered, rows["layergan_reduced"].config.layered) == (True, False)
    assert {row.target for row in rows.values()} == {"zoo_plugins.layergan.method:LayerGAN"}
    for row in rows.values():
        assert msgspec.json.decode(msgspec.json.encode(row.config), type=LayerGANConfig) == row.config
