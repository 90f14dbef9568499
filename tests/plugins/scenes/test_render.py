"""The synthetic scenes: reproducible, physically plausible, and neither trivial nor hopeless to translate."""

from __future__ import annotations

import numpy as np
import pytest

from zoo_plugins.scenes import ScenesConfig
from zoo_plugins.scenes.dataset import CLASSES, Scene, render
from zoo_plugins.scenes.shading import FIXED_PATTERN, NETD, THERMAL_RANGE

SKY, ROAD, PERSON = (CLASSES.index(name) for name in ("sky", "road", "person"))


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    return [render(ScenesConfig(size=64), index) for index in range(60)]


def stack(scenes: list[Scene], name: str) -> np.ndarray:
    return np.stack([getattr(scene, name) for scene in scenes])


def explained(target: np.ndarray, inputs: np.ndarray) -> float:
    """R squared of a least-squares fit."""
    weights, *_ = np.linalg.lstsq(inputs, target, rcond=None)
    return 1 - float(((target - inputs @ weights) ** 2).mean() / target.var())


def test_same_seed_gives_the_same_scene():
    first, second = render(ScenesConfig(size=48), 3), render(ScenesConfig(size=48, train=9), 3)
    for name in ("visible", "thermal", "celsius", "labels", "instances"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))


@pytest.mark.parametrize(
    ("config", "index", "split"),
    [
        (ScenesConfig(size=48), 4, "train"),
        (ScenesConfig(size=48), 3, "test"),
        (ScenesConfig(size=48, seed=1), 3, "train"),
    ],
)
def test_index_split_and_seed_each_change_the_street(config, index, split):
    original, other = render(ScenesConfig(size=48), 3), render(config, index, split)
    assert (original.labels != other.labels).mean() > 0.05


def test_arrays_have_the_promised_shapes_and_types():
    scene = render(ScenesConfig(size=50), 0)
    assert (scene.visible.shape, scene.visible.dtype) == ((50, 50, 3), np.uint8)
    assert (scene.thermal.shape, scene.thermal.dtype) == ((50, 50), np.uint8)
    assert (scene.celsius.shape, scene.celsius.dtype) == ((50, 50), np.float32)
    assert (scene.labels.shape, scene.labels.dtype) == ((50, 50), np.uint8)
    assert np.isfinite(scene.celsius).all()


def test_the_street_is_the_same_at_every_size():
    small, large = render(ScenesConfig(size=32), 5), render(ScenesConfig(size=96), 5)
    assert (small.labels == large.labels[1::3, 1::3]).mean() > 0.95
    blocks = large.celsius.reshape(32, 3, 32, 3).mean(axis=(1, 3))
    assert np.abs(small.celsius - blocks).mean() < 1.0


def test_every_class_occurs_often(scenes):
    labels = stack(scenes, "labels")
    assert labels.max() < len(CLASSES)
    for index in range(len(CLASSES)):
        assert (labels == index).any(axis=(1, 2)).mean() > 0.4, CLASSES[index]


def test_share_of_nights_follows_the_config(scenes):
    assert 0.15 < np.mean([scene.night for scene in scenes]) < 0.45
    assert all(render(ScenesConfig(size=16, night=1.0), index).night for index in range(5))
    assert not any(render(ScenesConfig(size=16, night=0.0), index).night for index in range(5))


def test_nights_are_dark_in_visible_but_not_blank(scenes):
    nights = [scene.visible for scene in scenes if scene.night]
    days = [scene.visible for scene in scenes if not scene.night]
    assert np.mean(nights) < 0.6 * np.mean(days)
    assert all(night.max() > 200 for night in nights)


def test_thermal_picture_is_the_scene_in_degrees_within_noise_and_quantisation(scenes):
    low, high = THERMAL_RANGE
    celsius, grey = stack(scenes, "celsius"), stack(scenes, "thermal")
    inside = (grey > 0) & (grey < 255)
    error = (low + grey / 255.0 * (high - low) - celsius)[inside]
    step = (high - low) / 255
    expected = np.sqrt(NETD**2 + 1.25 * FIXED_PATTERN**2 + step**2 / 12)
    assert abs(error.mean()) < 0.1
    assert 0.85 * expected < error.std() < 1.15 * expected
    assert inside.mean() > 0.85


def test_people_are_warmer_than_the_road_and_the_sky_is_coldest_at_night():
    nights = [render(ScenesConfig(size=64, night=1.0), index) for index in range(20)]
    seen = [scene.temperatures() for scene in nights if (scene.labels == PERSON).sum() > 20]
    assert len(seen) > 8
    for means in seen:
        assert means["person"] > means["road"] + 2
        assert means["sky"] == min(means.values())


def test_objects_hold_their_own_class_and_mean_temperature(scenes):
    for scene in scenes[:10]:
        for index, thing in enumerate(scene.objects):
            own = scene.instances == index
            assert own.sum() == thing.pixels > 0
            assert (scene.labels[own] == thing.label).all()
            assert scene.celsius[own].mean() == pytest.approx(thing.celsius, abs=1e-3)


def test_vehicles_of_one_class_differ_in_temperature(scenes):
    car = CLASSES.index("car")
    degrees = [thing.celsius for scene in scenes for thing in scene.objects if thing.label == car and thing.pixels > 30]
    assert np.std(degrees) > 3


def test_colour_alone_predicts_thermal_poorly_and_class_well(scenes):
    rgb, thermal = stack(scenes, "visible").reshape(-1, 3) / 255.0, stack(scenes, "thermal").ravel().astype(float)
    quadratic = np.concatenate([rgb, rgb**2, rgb[:, [0]] * rgb[:, [1]], np.ones_like(rgb[:, :1])], axis=1)
    labels = stack(scenes, "labels")
    cells = (labels + len(CLASSES) * np.arange(len(scenes))[:, None, None]).ravel()
    counts = np.maximum(np.bincount(cells), 1)
    by_class = (np.bincount(cells, weights=thermal) / counts)[cells]
    class_share = 1 - ((thermal - by_class) ** 2).mean() / thermal.var()
    assert explained(thermal, quadratic) < 0.6
    assert explained(thermal, np.eye(len(CLASSES))[labels.ravel()]) > 0.4
    assert class_share > 0.85
