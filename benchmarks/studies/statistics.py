"""What a few runs show: intervals of means, and differences that are more than chance."""

import itertools
from dataclasses import dataclass

import numpy as np
from scipy import stats

LEVEL = 0.95


def mean_and_half_width(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Compute the mean, and half of its 95 % interval by Student's t, over the first axis.

    Args:
        values: float [runs, ...], at least 2 runs.
    """
    values = np.asarray(values, np.float64)
    half = stats.t.ppf((1 + LEVEL) / 2, len(values) - 1) * stats.sem(values, axis=0)
    return values.mean(axis=0), half


@dataclass(frozen=True)
class Difference:
    """The difference first - second, over pairs of runs.

    mean, half_width: mean of the difference, and half the width of its 95 % interval.
    p, p_corrected: p of a paired t-test, alone and corrected for the number of comparisons.
    """

    first: str
    second: str
    mean: float
    half_width: float
    p: float
    p_corrected: float

    @property
    def is_significant(self) -> bool:
        """Whether the corrected p is below 5 %."""
        return self.p_corrected < 1 - LEVEL


def paired_differences(values: dict[str, list[float]], pairs: list[tuple[str, str]] | None = None) -> list[Difference]:
    """Compare runs with paired t-tests, corrected for the number of comparisons (Holm 1979).

    Args:
        values: one number for each seed, by name; all names have the same seeds in the same order.
        pairs: pairs of names to compare; None for all.

    Returns:
        The differences, in the order of `pairs`.

    Raises:
        ValueError: if names differ in their number of runs, or there are fewer than 2.
    """
    sizes = {len(runs) for runs in values.values()}
    if len(sizes) != 1 or min(sizes) < 2:
        raise ValueError(f"paired runs must be equally many and at least 2, got {sorted(sizes)}")
    pairs = list(itertools.combinations(values, 2)) if pairs is None else pairs
    differences = [np.subtract(values[a], values[b]) for a, b in pairs]
    p_values = [_paired_p(difference) for difference in differences]
    results = []
    for (a, b), difference, p, corrected in zip(pairs, differences, p_values, holm(p_values), strict=True):
        mean, half = mean_and_half_width(difference)
        results.append(Difference(a, b, float(mean), float(half), p, corrected))
    return results


def _paired_p(difference):
    if np.allclose(difference, difference[0], rtol=1e-9, atol=0):  # no spread: scipy would divide by zero
        return 1.0 if difference[0] == 0 else 0.0
    return float(stats.ttest_1samp(difference, 0).pvalue)


def holm(p_values: list[float]) -> list[float]:
    """Correct p-values for their number (Holm 1979, "A simple sequentially rejective procedure").

    The k-th smallest of m is multiplied by m - k + 1. None becomes smaller than the one before it, or larger than 1.
    """
    order = np.argsort(p_values, kind="stable")
    factors = len(p_values) - np.arange(len(p_values))
    corrected = np.empty(len(p_values))
    corrected[order] = np.minimum(1, np.maximum.accumulate(np.asarray(p_values, float)[order] * factors))
    return corrected.tolist()
