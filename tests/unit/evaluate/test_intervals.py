import subprocess
import sys

import numpy as np
import pytest
from scipy import stats

from zoo.evaluate.intervals import Interval, bootstrap_interval, pool


def test_interval_of_many_normal_values_is_that_of_normal_theory():
    values = np.random.default_rng(1).normal(20, 3, size=400)
    interval = bootstrap_interval(values.tolist())
    low, high = stats.norm.interval(0.95, loc=values.mean(), scale=stats.sem(values))
    assert interval.low == pytest.approx(low, abs=0.03)
    assert interval.high == pytest.approx(high, abs=0.03)


def test_a_higher_level_gives_a_wider_interval():
    values = list(np.random.default_rng(2).normal(size=30))
    narrow, wide = bootstrap_interval(values, level=0.8), bootstrap_interval(values, level=0.99)
    assert wide.low < narrow.low < np.mean(values) < narrow.high < wide.high


def test_interval_covers_the_mean_as_often_as_it_says():
    rng = np.random.default_rng(3)
    draws = rng.normal(5, 2, size=(300, 40))
    intervals = [bootstrap_interval(row, level=0.9, resamples=500) for row in draws]
    covered = sum(interval.low <= 5 <= interval.high for interval in intervals)
    # Binomial over 300 trials: the 0.1 % and 99.9 % quantiles around 0.9, less two points for n = 40.
    assert stats.binom.ppf(0.001, 300, 0.88) <= covered <= stats.binom.ppf(0.999, 300, 0.9)


def test_the_same_seed_gives_the_same_interval():
    values = [0.1, 0.4, 0.2, 0.9]
    assert bootstrap_interval(values, seed=4) == bootstrap_interval(values, seed=4)
    assert bootstrap_interval(values, seed=4, resamples=50) != bootstrap_interval(values, seed=5, resamples=50)


def test_large_sets_are_resampled_in_pieces_with_the_same_result(monkeypatch):
    values = np.random.default_rng(6).normal(size=50)
    whole = bootstrap_interval(values, resamples=200)
    monkeypatch.setattr("zoo.evaluate.intervals._BATCH_VALUES", 1000)
    assert bootstrap_interval(values, resamples=200) == whole


@pytest.mark.parametrize("values", [[], [17.5]])
def test_fewer_than_two_values_have_no_interval(values):
    assert bootstrap_interval(values) == Interval(None, None)


def test_equal_values_have_an_interval_of_no_width():
    assert bootstrap_interval([0.1] * 7) == Interval(low=0.1, high=0.1)


@pytest.mark.parametrize("values", [[0.0, 1.0], [100.0] * 19 + [99.0], [0.5, 0.5, 0.5 + 1e-12]])
def test_small_and_nearly_equal_samples_have_a_finite_interval(values):
    interval = bootstrap_interval(values)
    assert min(values) <= interval.low <= interval.high <= max(values)


def test_the_package_imports_no_torch():
    code = "import sys, zoo.evaluate, zoo.evaluate.intervals; assert not {'torch', 'scipy'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_interval_of_a_pooled_psnr_is_that_of_its_mean_squared_error():
    errors = np.random.default_rng(3).uniform(0.001, 0.2, 40)
    low, high = bootstrap_interval((-10 * np.log10(errors)).tolist(), pooling="mse")
    of_errors = bootstrap_interval(errors.tolist())
    # The same samples in another unit; only the acceleration, a second-order term, differs between units.
    assert (low, high) == pytest.approx((-10 * np.log10(of_errors.high), -10 * np.log10(of_errors.low)), abs=0.1)
    assert low < -10 * np.log10(errors.mean()) < high
    assert pool([10.0, 20.0], "mse") == pytest.approx(-10 * np.log10(0.055))
