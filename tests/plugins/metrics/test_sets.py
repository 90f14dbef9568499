"""FID and KID on features, against scipy and explicit loops."""

import numpy as np
import pytest
import torch
from scipy.linalg import eigvals, sqrtm
from scipy.stats import t

from zoo.evaluate.intervals import jackknife_interval
from zoo_plugins.metrics.config import ExtractorConfig
from zoo_plugins.metrics.sets import FID, KID, frechet_distance, kernel_distance


def features(n, d, seed, shift=0.0):
    draw = np.random.default_rng(seed)
    return torch.from_numpy(draw.normal(size=(n, d)) @ draw.normal(size=(d, d)) / np.sqrt(d) + shift)


def moments(a):
    return a.mean(axis=0), np.cov(a, rowvar=False)


@pytest.mark.parametrize(("n", "m", "d"), [(200, 300, 16), (90, 90, 32), (1100, 1200, 1010)])
def test_fid_of_many_images_equals_the_matrix_root_of_scipy(n, m, d):
    a, b = features(n, d, 0), features(m, d, 1, shift=0.3)
    (mean_a, cov_a), (mean_b, cov_b) = moments(a.numpy()), moments(b.numpy())
    root = sqrtm(cov_a @ cov_b) if d < 100 else None
    trace = np.trace(root).real if root is not None else np.sqrt(np.abs(eigvals(cov_a @ cov_b).real)).sum()
    expected = ((mean_a - mean_b) ** 2).sum() + np.trace(cov_a) + np.trace(cov_b) - 2 * trace
    assert float(frechet_distance(a, b)) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(("n", "m"), [(8, 8), (8, 5), (8, 100)])
def test_fid_of_fewer_images_than_features_equals_the_eigenvalues_of_the_product(n, m):
    a, b = features(n, 24, 2), features(m, 24, 3, shift=0.1)
    (mean_a, cov_a), (mean_b, cov_b) = moments(a.numpy()), moments(b.numpy())
    largest = np.sort(eigvals(cov_a @ cov_b).real)[::-1][: min(n, m) - 1]  # the others are zero, up to rounding
    expected = ((mean_a - mean_b) ** 2).sum() + np.trace(cov_a) + np.trace(cov_b) - 2 * np.sqrt(largest).sum()
    assert float(frechet_distance(a, b)) == pytest.approx(expected, rel=1e-6)


def test_fid_of_a_set_with_itself_is_zero_and_never_negative():
    for n in (5, 200):
        a = features(n, 16, 4)
        assert 0 <= float(frechet_distance(a, a)) < 1e-9
        assert float(frechet_distance(a, a.flip(0))) < 1e-9


def test_fid_between_known_gaussians_is_that_of_the_equation():
    draw = torch.Generator().manual_seed(0)
    a = torch.randn(200_000, 2, generator=draw, dtype=torch.float64)
    b = 2 * torch.randn(200_000, 2, generator=draw, dtype=torch.float64) + torch.tensor([3.0, 0.0])
    assert float(frechet_distance(a, b)) == pytest.approx(9 + 2 * (2 - 1) ** 2, rel=0.02)


def test_kid_equals_explicit_loops():
    a, b = features(7, 5, 5), features(6, 5, 6, shift=0.5)

    def kernel(x, y):
        return (sum(p * q for p, q in zip(x, y, strict=True)) / 5 + 1) ** 3

    a_rows, b_rows = a.tolist(), b.tolist()
    within_a = [kernel(x, y) for i, x in enumerate(a_rows) for j, y in enumerate(a_rows) if i != j]
    within_b = [kernel(x, y) for i, x in enumerate(b_rows) for j, y in enumerate(b_rows) if i != j]
    between = [kernel(x, y) for x in a_rows for y in b_rows]
    expected = np.mean(within_a) + np.mean(within_b) - 2 * np.mean(between)
    assert float(kernel_distance(a, b)) == pytest.approx(expected, rel=1e-12)


def test_kid_by_blocks_of_rows_is_that_of_one_matrix():
    a, b = features(1500, 4, 7), features(1030, 4, 8, shift=0.2)

    def kernel(x, y):
        return (x @ y.T / 4 + 1) ** 3

    def within(x):
        matrix = kernel(x, x)
        return (matrix.sum() - matrix.trace()) / (len(x) * (len(x) - 1))

    expected = within(a.numpy()) + within(b.numpy()) - 2 * kernel(a.numpy(), b.numpy()).mean()
    assert float(kernel_distance(a, b)) == pytest.approx(expected, rel=1e-10)


def test_kid_is_unbiased_and_fid_is_not():
    kids = [float(kernel_distance(features(10, 8, 2 * i), features(10, 8, 2 * i))) for i in range(3)]
    assert all(kid < 0 for kid in kids)  # a set is closer to itself than two draws of it are
    draw = torch.Generator().manual_seed(0)
    sets = [torch.randn(2, 10, 8, generator=draw) for _ in range(400)]
    kid = torch.tensor([kernel_distance(a, b) for a, b in sets])
    fid = torch.tensor([frechet_distance(a, b) for a, b in sets])
    assert abs(kid.mean()) < 3 * kid.std() / 20
    assert fid.mean() > 20 * fid.std() / 20


def test_fid_says_when_its_covariances_are_rank_deficient():
    metric = FID(ExtractorConfig(extractor="resnet18", weights="random"))
    (note,) = metric.notes(20, 512)
    assert "at most 19 of the features' 512 dimensions" in note and "rank-deficient" in note
    assert metric.notes(512, 512) and not metric.notes(513, 512)
    assert KID(ExtractorConfig(extractor="resnet18", weights="random")).notes(20, 512) == []


@pytest.mark.parametrize("distance", [frechet_distance, kernel_distance])
@pytest.mark.parametrize(("n", "d"), [(20, 128), (60, 8)])
def test_jackknife_errors_are_those_of_drawing_other_images(distance, n, d):
    draw = torch.Generator().manual_seed(0)
    scale = 3 * torch.arange(1, d + 1, dtype=torch.float64) ** -0.7
    values, errors = [], []
    for _ in range(80):
        a, b = (torch.randn(2, n, d, generator=draw, dtype=torch.float64) * scale).unbind()
        b = 0.7 * a + 0.5 * b + 0.3  # pairs

        def without(gap, a=a, b=b):
            return float(distance(*(torch.cat([x[: gap.start], x[gap.stop :]]) for x in (a, b))))

        values.append(float(distance(a, b)))
        interval = jackknife_interval(values[-1], [without], [n])
        errors.append((interval.high - interval.low) / 2 / t.ppf(0.975, 19))
    assert np.mean(errors) / np.std(values) == pytest.approx(1, abs=0.3)
