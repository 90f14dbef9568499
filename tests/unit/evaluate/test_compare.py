"""Paired tests against scipy, hand examples and simulated comparisons."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom, permutation_test

from zoo.errors import UsageError
from zoo.evaluate.compare import holm, paired_test, too_few, verdict_of


def by_stem(values):
    return {f"image{index:03}": float(value) for index, value in enumerate(values)}


def compare(a, b, **options):
    return paired_test(by_stem(a), by_stem(b), **{"higher_is_better": True, **options})


def verdicts(comparisons):
    corrected = holm([comparison.p for comparison in comparisons])
    return [verdict_of(comparison, p) for comparison, p in zip(comparisons, corrected, strict=True)]


def test_p_is_scipys_exact_one_for_few_images():
    rng = np.random.default_rng(0)
    for n in (2, 5, 9, 12):
        a, b = rng.normal(0.4, 1, n), rng.normal(0, 1, n)
        expected = permutation_test((a - b,), np.mean, permutation_type="samples", n_resamples=np.inf)
        assert compare(a, b).p == pytest.approx(expected.pvalue, abs=1e-12)


def test_p_is_scipys_random_one_for_many_images():
    rng = np.random.default_rng(1)
    a, b = rng.normal(0.25, 1, 60), rng.normal(0, 1, 60)
    expected = permutation_test((a - b,), np.mean, permutation_type="samples", n_resamples=40_000, rng=rng)
    assert 0.01 < expected.pvalue < 0.5
    assert compare(a, b, resamples=40_000).p == pytest.approx(expected.pvalue, abs=0.01)


def test_ties_count_as_extreme():
    # Differences 0.1 + 0.2 and 0.3 cancel but for rounding: signs (+,+,-) and (-,-,+) give a mean of 0, all eight tie.
    assert compare([0.1, 0.2, 0.0], [0.0, 0.0, 0.3]).p == 1.0
    assert compare([1.0, 2.0], [1.0, 2.0]).p == 1.0


def test_effect_and_interval_describe_the_differences():
    from scipy.stats import bootstrap

    rng = np.random.default_rng(2)
    a, b = rng.normal(1, 1, 30), rng.normal(0, 1, 30)
    result = compare(a, b)
    differences = a - b
    assert result.difference == pytest.approx(differences.mean())
    assert result.effect == pytest.approx(differences.mean() / differences.std(ddof=1))
    expected = bootstrap((differences,), np.mean, n_resamples=50_000, rng=rng).confidence_interval
    assert result.low == pytest.approx(expected.low, abs=0.03)
    assert result.high == pytest.approx(expected.high, abs=0.03)
    assert result.n == 30


def test_the_order_of_the_images_does_not_matter():
    a, b = by_stem([3, 1, 2]), by_stem([1, 1, 1])
    assert paired_test(a, dict(reversed(b.items())), higher_is_better=True).difference == 1.0


def test_one_image_or_equal_differences_have_no_effect_size():
    single = compare([2.0], [1.0])
    assert (single.p, single.effect, single.low, single.high) == (1.0, None, None, None)
    assert compare([2.0, 3.0], [1.0, 2.0]).effect is None
    assert compare([0.3, 0.4, 1.1], [0.2, 0.3, 1.0]).effect is None  # but for rounding


def test_other_images_are_refused():
    with pytest.raises(UsageError, match="1 of 3"):
        paired_test({"a": 1.0, "b": 1.0}, {"b": 1.0, "c": 1.0}, higher_is_better=True)


def test_holm_gives_the_textbook_correction():
    # Sorted .005 .01 .03 .04 times 4 3 2 1: .02 .03 .06 .04, and no corrected p lies below the one before it.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


def test_verdicts_turn_with_the_metric():
    strong = np.linspace(0.5, 1.5, 20)
    results = [
        compare(strong, strong * 0),
        compare(strong, strong * 0, higher_is_better=False),
        compare(np.tile([1.0, -1.0], 10), strong * 0),
    ]
    assert verdicts(results) == ["better", "worse", "not distinguishable"]


def test_a_lone_difference_is_lost_among_many_comparisons():
    borderline = compare(np.r_[np.linspace(0.1, 1, 7), -0.3], np.zeros(8))
    assert borderline.p < 0.05
    assert verdicts([borderline]) == ["better"]
    nothing = compare(np.tile([1.0, -1.0], 4), np.zeros(8))
    assert verdicts([borderline] + [nothing] * 9)[0] == "not distinguishable"


def test_equal_systems_are_called_different_in_five_percent_of_cases():
    rng = np.random.default_rng(3)
    found = [verdicts([compare(rng.normal(0, 1, 20), rng.normal(0, 1, 20), resamples=999)])[0] for _ in range(1000)]
    low, high = binom.ppf([0.0005, 0.9995], 1000, 0.05)
    assert low <= 1000 - found.count("not distinguishable") <= high
    low, high = binom.ppf([0.0005, 0.9995], 1000, 0.025)  # the test has two sides
    assert low <= found.count("better") <= high


def test_a_difference_of_one_standard_deviation_is_found_with_twenty_images():
    rng = np.random.default_rng(4)
    found = [verdicts([compare(rng.normal(1, 1, 20), np.zeros(20), resamples=999)])[0] for _ in range(200)]
    assert found.count("better") > 0.9 * 200
    assert "worse" not in found


def test_pooled_psnr_is_compared_by_its_squared_errors():
    rng = np.random.default_rng(1)
    first, second = rng.uniform(0.001, 0.2, (2, 12))
    values = [{f"i{index:02}": -10 * np.log10(error) for index, error in enumerate(each)} for each in (first, second)]
    found = paired_test(*values, higher_is_better=True, pooling="mse")
    expected = permutation_test((second - first,), np.mean, permutation_type="samples", n_resamples=np.inf)
    assert found.p == pytest.approx(expected.pvalue)
    assert found.difference == pytest.approx(-10 * np.log10(first.mean()) + 10 * np.log10(second.mean()))
    differences = second - first
    assert found.effect == pytest.approx(differences.mean() / differences.std(ddof=1))
    assert found.low < found.difference < found.high
    same = paired_test(values[0], values[0], higher_is_better=True, pooling="mse")
    assert (same.difference, same.low, same.high, same.p) == (0, 0, 0, 1)


def test_few_images_are_said_to_be_too_few_where_no_test_over_them_can_find_a_difference():
    for n in (1, 3, 5, 6, 8, 9, 20):
        a, b = ({str(i): value + i for i in range(n)} for value in (0.0, 1.0))
        smallest = paired_test(a, b, higher_is_better=True).p
        for tests in (1, 2, 6, 7, 12):
            assert bool(too_few(n, tests)) == (min(holm([smallest] + [1.0] * (tests - 1))) >= 0.05)
    assert "8 test images: too few for 7 corrected paired tests, which require 9 or more" in too_few(8, 7)
