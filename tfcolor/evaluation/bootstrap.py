"""Means over many photographs with confidence intervals, in constant memory, from parts that can be merged.

This is the online bootstrap of Chamandy et al. (2012): in each replicate a photograph counts as often as a Poisson
number says, which replaces drawing with replacement. The number is a hash of the photograph's name, so that parts
measured on different machines can be merged.
"""

import zlib
from collections.abc import Mapping

import numpy as np

REPLICATES = 1000
_PERCENTILES = (2.5, 97.5)  # the ends of the 95 % interval


class Tally:
    """Sums of the numerators and denominators of metrics, over all photographs and in each replicate."""

    def __init__(self, sums: Mapping[str, np.ndarray] | None = None):
        """Start empty, or with the given sums."""
        self.sums: dict[str, np.ndarray] = dict(sums or {})  # by metric, float64 [1 + REPLICATES, 2, ...]

    def add(self, name: str, values: Mapping[str, tuple[object, object]]) -> None:
        """Add a photograph.

        Args:
            name: name of the photograph, the same on every machine.
            values: numerator and denominator by metric: numbers, or arrays of the same shape.
        """
        counts = replicate_counts(name)
        for metric, pair in values.items():
            both = np.stack([np.asarray(part, np.float64) for part in pair])
            if metric not in self.sums:
                self.sums[metric] = np.zeros([len(counts), *both.shape])
            self.sums[metric] += counts.reshape([-1] + [1] * both.ndim) * both

    def merge(self, other: "Tally") -> None:
        """Add the sums of other photographs."""
        for metric, sums in other.sums.items():
            self.sums[metric] = self.sums.get(metric, 0) + sums

    def ratio(self, metric: str) -> np.ndarray:
        """Return numerator over denominator, for all photographs and each replicate: float64 [1 + REPLICATES, ...]."""
        sums = self.sums[metric]
        with np.errstate(invalid="ignore", divide="ignore"):
            return sums[:, 0] / sums[:, 1]


def replicate_counts(name: str) -> np.ndarray:
    """Return how often a photograph counts, float64 [1 + REPLICATES]: once, then a Poisson number per replicate."""
    rng = np.random.default_rng(zlib.crc32(name.encode(errors="surrogateescape")))
    return np.concatenate([[1.0], rng.poisson(1.0, REPLICATES)])


def interval(values: np.ndarray) -> tuple[float, float, float]:
    """Return the value for all photographs and the ends of its 95 % interval, from float [1 + REPLICATES]."""
    low, high = np.nanpercentile(values[1:], _PERCENTILES)
    return float(values[0]), float(low), float(high)
