"""The way from a batch through both steps to degrees, and what is refused."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from skimage.segmentation import find_boundaries
from torch import Tensor

from zoo.errors import UsageError
from zoo.model_folder import inference_state
from zoo_plugins.thermalgan import zoo_components
from zoo_plugins.thermalgan.config import ThermalGANConfig
from zoo_plugins.thermalgan.inputs import Inputs, edges
from zoo_plugins.thermalgan.method import ThermalGAN


def build(config: ThermalGANConfig, parts: Any) -> ThermalGAN:
    torch.manual_seed(0)
    return ThermalGAN(config, parts).double()


def painted(labels: Tensor, temperatures: list[list[float]], scale: float = 40.0) -> Tensor:
    """Each pixel at its class's temperature, as a loop."""
    plane = torch.zeros(labels.shape, dtype=torch.float64)
    for place in np.ndindex(*labels.shape):
        degrees = temperatures[place[0]][labels[place]]
        plane[place] = 0.0 if np.isnan(degrees) else min(max(degrees / scale, -1.0), 1.0)
    return plane[:, None]


def test_the_degrees_are_those_of_the_steps_composed_by_hand(make_parts, make_batch) -> None:
    method = build(ThermalGANConfig(), make_parts(thermal_channels=3))
    batch = make_batch()
    masks = torch.stack([(batch["labels"] == k).double() for k in range(3)], 1)
    temperatures = painted(batch["labels"], batch["temperatures"].tolist())
    segmentation = method.step1.G(torch.cat([batch["visible"], masks, temperatures], 1))
    relative = method.step2.G(torch.cat([batch["visible"], segmentation], 1))
    degrees = 40 * segmentation + 10 * relative
    given = {name: batch[name] for name in ("visible", "labels", "temperatures")}
    assert torch.equal(method.segment(given), segmentation)
    torch.testing.assert_close(method.degrees(given), degrees, rtol=1e-12, atol=0)
    thermal = method.translate(given)
    assert thermal.shape == (2, 3, 6, 6)
    expected = np.interp(degrees.detach().numpy(), [-10, 50], [-1, 1])  # clipped at the ends of the thermal range
    np.testing.assert_allclose(thermal[:, 1:2].detach().numpy(), expected, atol=1e-12)


def test_without_temperatures_each_class_is_at_its_mean_over_the_training_split(make_parts, make_batch) -> None:
    method = build(ThermalGANConfig(), make_parts())
    batch = make_batch()
    del batch["temperatures"]
    means = [-5.0, 20.0, float("nan")]  # class 2 never occurred
    condition = method.inputs.condition(batch)
    torch.testing.assert_close(condition[:, -1:], painted(batch["labels"], [means, means]))
    told = {**batch, "temperatures": torch.tensor([means, means], dtype=torch.float64)}
    assert torch.equal(method.degrees(batch), method.degrees(told))


def test_real_steps_recombine_to_the_real_degrees(make_parts, make_batch) -> None:
    inputs = Inputs(ThermalGANConfig(), make_parts()).double()
    batch = make_batch()
    segmentation = inputs.segmentation(batch)
    near = {**batch, "celsius": 40 * segmentation + torch.empty_like(segmentation).uniform_(-10, 10)}
    torch.testing.assert_close(
        inputs.recombine(segmentation, inputs.relative(near, segmentation)), near["celsius"], rtol=1e-12, atol=1e-12
    )
    degrees = (-10 + (batch["thermal_segmentation"] + 1) * 30).clamp(-40, 40)
    torch.testing.assert_close(40 * segmentation, degrees)
    assert (degrees == 40).any()
    far = {**batch, "celsius": 40 * segmentation + 25}
    torch.testing.assert_close(
        inputs.recombine(segmentation, inputs.relative(far, segmentation)), 40 * segmentation + 10
    )


def test_a_code_gives_another_segmentation_and_its_default_is_zero(make_parts, make_batch) -> None:
    method = build(ThermalGANConfig(code="latent", latent=3), make_parts())
    batch, code = make_batch(), torch.tensor([[1.0, 0.0, -2.0], [0.0, 3.0, 1.0]], dtype=torch.float64)
    planes = code[:, :, None, None] * torch.ones(6, 6, dtype=torch.float64)
    masks = torch.stack([(batch["labels"] == k).double() for k in range(3)], 1)
    expected = method.step1.G(torch.cat([batch["visible"], masks, planes], 1))
    torch.testing.assert_close(method.segment(batch, code), expected)
    assert torch.equal(method.segment(batch), method.segment(batch, torch.zeros_like(code)))
    assert not torch.equal(method.degrees(batch), method.degrees(batch, code))


def test_edges_are_the_pixels_at_a_border_between_classes(make_parts, make_batch) -> None:
    labels = make_batch(3, size=9)["labels"]
    for image, found in zip(labels, edges(labels), strict=True):
        np.testing.assert_array_equal(
            found[0].bool().numpy(), find_boundaries(image.numpy(), connectivity=1, mode="thick")
        )
    inputs = Inputs(ThermalGANConfig(edges=True), make_parts()).double()
    condition = inputs.condition(make_batch())
    assert condition.shape[1] == inputs.condition_channels == 3 + 3 + 1 + 1
    assert torch.equal(condition[:, -1:], edges(make_batch()["labels"]).double())


def test_a_predicted_segmentation_needs_the_visible_image_alone(make_parts, make_batch) -> None:
    method = build(ThermalGANConfig(label_mode="predicted"), make_parts())
    visible = {"visible": make_batch()["visible"]}
    assert torch.equal(method.segment(visible), method.step1.G(visible["visible"]))
    assert method.translate(visible).shape == (2, 1, 6, 6)


def test_missing_labels_are_named(make_parts, make_batch) -> None:
    with pytest.raises(UsageError, match="label_mode=predicted"):
        build(ThermalGANConfig(), make_parts()).translate({"visible": make_batch()["visible"]})


def test_only_the_generators_are_kept_for_translating(make_parts) -> None:
    parts = make_parts()
    method = build(ThermalGANConfig(), parts)
    before = set(method.state_dict())
    method.prepare_training(parts)
    assert set(inference_state(method)) == before
    assert {name.rsplit(".", 2)[0] for name in before} == {"step1.G", "step2.G"}


@pytest.mark.parametrize(
    ("options", "needs", "reads"),
    [
        (
            {},
            {"pairs", "labels", "celsius", "thermal_segmentation", "temperatures"},
            ("visible", "labels", "temperatures"),
        ),
        ({"code": "latent"}, {"pairs", "labels", "celsius", "thermal_segmentation"}, ("visible", "labels")),
        ({"label_mode": "predicted"}, {"pairs", "labels", "celsius", "thermal_segmentation"}, ("visible",)),
        ({"label_mode": "none"}, {"pairs"}, ("visible",)),
    ],
)
def test_needs_follow_the_label_mode(options: dict[str, Any], needs: set[str], reads: tuple[str, ...]) -> None:
    contract = ThermalGANConfig(**options).contract()
    assert (contract.needs, contract.reads) == (needs, reads)


@pytest.mark.parametrize(
    "options",
    [
        {"edges": True, "label_mode": "predicted"},
        {"code": "latent", "label_mode": "none"},
    ],
)
def test_options_without_a_meaning_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="thermalgan got"):
        ThermalGANConfig(**options)


def test_the_row_names_a_class_that_is_there_and_its_config_survives_json() -> None:
    row = next(row for row in zoo_components() if row.name == "thermalgan")
    assert (row.kind, row.target) == (
        "method",
        f"{ThermalGAN.__module__}:{ThermalGAN.__name__}",
    )
    config = ThermalGANConfig(label_mode="predicted", code="latent", contrast=5.0)
    assert msgspec.json.decode(msgspec.json.encode(config), type=ThermalGANConfig) == config
