"""Scores by class and by object, and edge fidelity, against loops and scikit-image."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from skimage.filters import sobel_h, sobel_v
from skimage.metrics import structural_similarity

from zoo.errors import UsageError
from zoo.layers.pixels import from_bytes
from zoo_plugins.metrics.config import (
    ClassPSNRConfig,
    ClassSSIMConfig,
    NoOptions,
    ObjectPSNRConfig,
    ObjectSSIMConfig,
)
from zoo_plugins.metrics.edges import EdgeFidelity
from zoo_plugins.metrics.regions import ClassPSNR, ClassSSIM, ObjectPSNR, ObjectSSIM

CLASSES = ("car", "person", "dog")
# Away from the border, where scikit-image reflects the image and zoo repeats its edge.
BOXES = [
    [[6, 7, 20, 15, 0], [10, 8, 12, 25, 1], [21.4, 9.6, 25.5, 20.4, 0]],
    [],
    [[8, 6, 26, 17, 1]],
]


def images(n=3, height=32, width=40):
    rng = np.random.default_rng(0)
    real = rng.integers(0, 256, (n, height, width)) / 255
    translated = np.clip(np.round(real * 255 + rng.normal(0, 30, real.shape)), 0, 255) / 255
    return translated, real


def tensors(*arrays):
    return tuple(torch.from_numpy(array)[:, None] for array in arrays)


def similarity(one, other):
    _, local = structural_similarity(
        one, other, data_range=1.0, gaussian_weights=True, use_sample_covariance=False, full=True
    )
    return local


def boxed():
    return {"boxes": [torch.tensor(rows, dtype=torch.float32).reshape(-1, 5) for rows in BOXES]}


def crop(image, box):
    """Return the pixels whose centres lie in a box."""
    x1, y1, x2, y2 = box[:4]
    rows = [row for row in range(image.shape[0]) if y1 <= row + 0.5 < y2]
    columns = [column for column in range(image.shape[1]) if x1 <= column + 0.5 < x2]
    return image[np.ix_(rows, columns)]


def psnr(one, other):
    return 10 * np.log10(1 / np.mean((one - other) ** 2))


@pytest.mark.parametrize("name", ["psnr", "ssim"])
def test_scores_by_object_equal_a_loop_over_the_boxes(name):
    translated, real = images()
    metric = ObjectPSNR(ObjectPSNRConfig()) if name == "psnr" else ObjectSSIM(ObjectSSIMConfig())
    expected, by_class = [], []
    for fake, true, boxes in zip(translated, real, BOXES, strict=True):
        local = similarity(fake, true)
        scores = [
            (box[4], psnr(crop(fake, box), crop(true, box)) if name == "psnr" else crop(local, box).mean())
            for box in boxes
        ]
        expected.append(np.mean([score for _, score in scores]) if scores else np.nan)
        by_class.append([])
        for index in range(len(CLASSES)):
            own = [score for kind, score in scores if kind == index]
            by_class[-1].append(np.mean(own) if own else np.nan)
    found = metric.per_image(*tensors(translated, real), boxed())
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-6)
    classes = metric.per_class(*tensors(translated, real), boxed(), CLASSES)
    np.testing.assert_allclose(classes.numpy(), by_class, atol=1e-6)


def test_scores_by_class_equal_a_loop_over_the_labels():
    translated, real = images(height=24, width=24)
    labels = np.random.default_rng(1).integers(0, 2, real.shape)
    labels[1] = 1
    batch = {"labels": torch.from_numpy(labels)}
    expected = [
        [psnr(f[mask == k], t[mask == k]) if (mask == k).any() else np.nan for k in range(3)]
        for f, t, mask in zip(translated, real, labels, strict=True)
    ]
    metric = ClassPSNR(ClassPSNRConfig())
    np.testing.assert_allclose(metric.per_class(*tensors(translated, real), batch, CLASSES), expected, atol=1e-9)
    means = np.nanmean(np.array(expected), axis=1)
    np.testing.assert_allclose(metric.per_image(*tensors(translated, real), batch), means, atol=1e-9)
    padded = [np.pad(each, ((0, 0), (5, 5), (5, 5)), mode="edge") for each in (translated, real)]
    local = [similarity(f, t)[5:-5, 5:-5] for f, t in zip(*padded, strict=True)]
    expected = [
        [one[mask == k].mean() if (mask == k).any() else np.nan for k in range(3)]
        for one, mask in zip(local, labels, strict=True)
    ]
    found = ClassSSIM(ClassSSIMConfig()).per_class(*tensors(translated, real), batch, CLASSES)
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_a_box_smaller_than_a_pixel_counts_the_pixel_that_holds_it():
    translated, real = images(n=1)
    box = torch.tensor([[10.6, 12.7, 10.9, 12.8, 0.0]])
    found = ObjectPSNR(ObjectPSNRConfig()).per_image(*tensors(translated, real), {"boxes": [box]})
    assert found.item() == pytest.approx(psnr(translated[0, 12, 10], real[0, 12, 10]), abs=1e-6)


def test_another_entry_can_be_scored_and_images_of_different_shapes_are_refused():
    metric = ObjectPSNR(ObjectPSNRConfig(entry="pedestrians"))
    assert metric.reads == (metric.by,) == ("pedestrians",)
    assert ObjectPSNRConfig(entry="pedestrians").contract().reads == ("visible", "pedestrians")
    with pytest.raises(UsageError, match="of one shape"):
        metric.per_image(torch.zeros(1, 1, 16, 16), torch.zeros(1, 1, 16, 20), {})
    with pytest.raises(UsageError, match="at least 11x11"):
        metric.per_image(torch.zeros(1, 1, 8, 8), torch.zeros(1, 1, 8, 8), {})


def test_edge_fidelity_equals_numpys_correlation_of_scikit_images_gradients():
    translated, real = images()
    visible = np.random.default_rng(2).integers(0, 256, (3, *real.shape[1:]))  # grey: three equal channels
    batch = {"visible": from_bytes(torch.from_numpy(visible).to(torch.uint8))[:, None].expand(-1, 3, -1, -1)}
    found = EdgeFidelity(NoOptions()).per_image(*tensors(translated, real), batch)
    for value, fake, seen in zip(found.tolist(), translated, visible / 255, strict=True):
        padded = [np.pad(image, 1, mode="edge") for image in (fake, seen)]
        one, other = (np.hypot(sobel_h(image), sobel_v(image))[1:-1, 1:-1].ravel() for image in padded)
        assert value == pytest.approx(np.corrcoef(one, other)[0, 1], abs=1e-6)


def test_edge_fidelity_of_the_visible_image_and_of_its_negative_is_one_and_of_a_flat_image_zero():
    _, real = images()
    (image,) = tensors(real)
    batch = {"visible": (image * 2 - 1).float().expand(-1, 3, -1, -1)}
    metric = EdgeFidelity(NoOptions())
    assert metric.per_image(image, image, batch).tolist() == pytest.approx([1, 1, 1])
    assert metric.per_image(1 - image, image, batch).tolist() == pytest.approx([1, 1, 1])
    assert metric.per_image(torch.zeros_like(image), image, batch).tolist() == [0, 0, 0]
