"""Sums over photographs: ratios, intervals that cover, and parts that add up to the whole."""

import numpy as np
import pytest

from tfcolor.evaluation.bootstrap import REPLICATES, Tally, interval, replicate_counts


def filled(values: np.ndarray, names: list[str]) -> Tally:
    tally = Tally()
    for name, value in zip(names, values, strict=True):
        tally.add(name, {"mean": (value, 1), "weighted": (value * 3, 3), "curve": ([value, 2 * value], [1, 1])})
    return tally


def names(num: int, prefix: str = "photo") -> list[str]:
    return [f"{prefix}{i}.jpg" for i in range(num)]


def test_ratios():
    tally = filled(np.array([1.0, 2.0, 6.0]), names(3))
    assert tally.ratio("mean")[0] == tally.ratio("weighted")[0] == 3
    np.testing.assert_array_equal(tally.ratio("curve")[0], [3, 6])
    assert tally.ratio("mean").shape == (1 + REPLICATES,)


def test_a_photograph_counts_a_poisson_number_of_times():
    """Mean and variance 1; the same name always the same, another name another."""
    counts = np.stack([replicate_counts(name)[1:] for name in names(300)])
    assert counts.mean() == pytest.approx(1, abs=0.01) and counts.var() == pytest.approx(1, abs=0.01)
    assert np.abs(np.corrcoef(counts[:50])[np.triu_indices(50, 1)]).max() < 0.2
    np.testing.assert_array_equal(replicate_counts("a"), replicate_counts("a"))


def test_intervals_are_those_of_the_mean():
    """The mean of 200 numbers has the standard error sd / 200**0.5, and 95 % lie within 1.96 of these."""
    ends = []
    for seed in range(10):  # a percentile of 1,000 replicates is itself uncertain by 0.08 standard errors
        values = np.random.default_rng(seed).normal(5, 2, 200)
        value, low, high = interval(filled(values, names(200, f"{seed}-")).ratio("mean"))
        assert value == pytest.approx(values.mean())
        ends.append((np.array([low, high]) - value) / (values.std() / 200**0.5))
    np.testing.assert_allclose(np.mean(ends, axis=0), [-1.96, 1.96], atol=0.1)


def test_the_truth_is_mostly_inside():
    covered = 0
    for seed in range(100):
        values = np.random.default_rng(seed).gamma(2, 1, 60)
        _, low, high = interval(filled(values, names(60, f"{seed}-")).ratio("mean"))
        covered += low <= 2 <= high
    assert covered >= 87  # of 95 expected


def test_parts_add_up():
    values = np.random.default_rng(1).normal(size=30)
    whole = filled(values, names(30))
    parts = filled(values[:11], names(30)[:11])
    parts.merge(filled(values[11:], names(30)[11:]))
    for metric, sums in whole.sums.items():
        np.testing.assert_allclose(parts.sums[metric], sums, atol=1e-9)
    from_nothing = Tally()
    from_nothing.merge(whole)
    np.testing.assert_array_equal(from_nothing.ratio("mean"), whole.ratio("mean"))
