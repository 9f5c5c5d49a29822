"""Means over many photographs and how sure they are, in constant memory, and in parts that can be added up.

The bootstrap over photographs is the online one of Chamandy et al. (2012): in each of its replicates a
photograph counts as often as a Poisson number says, which stands for drawing with replacement. The
numbers come from the photograph's name, so that parts measured anywhere fit together.
"""

import zlib
from collections.abc import Mapping

import numpy as np

REPLICATES = 1000
_LEVELS = (2.5, 97.5)  # per cent: the interval holds 95


class Tally:
    """Sums of numerators and denominators, of all photographs and in each replicate."""

    def __init__(self, sums: Mapping[str, np.ndarray] | None = None):
        """Begin with nothing, or with what `sums` says."""
        self.sums: dict[str, np.ndarray] = dict(sums or {})  # by metric: float64 [1 + REPLICATES, 2, ...]

    def add(self, name: str, values: Mapping[str, tuple[object, object]]) -> None:
        """Add a photograph.

        Args:
            name: of the photograph, the same wherever it is measured.
            values: by metric its numerator and denominator, numbers or arrays of one shape.
        """
        counts = replicate_counts(name)
        for metric, pair in values.items():
            both = np.stack([np.asarray(part, np.float64) for part in pair])
            if metric not in self.sums:
                self.sums[metric] = np.zeros([len(counts), *both.shape])
            self.sums[metric] += counts.reshape([-1] + [1] * both.ndim) * both

    def merge(self, other: "Tally") -> None:
        """Add what was measured elsewhere, on other photographs."""
        for metric, sums in other.sums.items():
            self.sums[metric] = self.sums.get(metric, 0) + sums

    def ratio(self, metric: str) -> np.ndarray:
        """Numerator over denominator, of all photographs and of each replicate: float64 [1 + REPLICATES, ...]."""
        sums = self.sums[metric]
        with np.errstate(invalid="ignore", divide="ignore"):
            return sums[:, 0] / sums[:, 1]


def replicate_counts(name: str) -> np.ndarray:
    """How often a photograph counts: once in all, and a Poisson number in each replicate; float64 [1 + REPLICATES]."""
    rng = np.random.default_rng(zlib.crc32(name.encode(errors="surrogateescape")))
    return np.concatenate([[1.0], rng.poisson(1.0, REPLICATES)])


def interval(values: np.ndarray) -> tuple[float, float, float]:
    """The value of all photographs, and the 95 % interval of the replicates, of float [1 + REPLICATES]."""
    low, high = np.nanpercentile(values[1:], _LEVELS)
    return float(values[0]), float(low), float(high)
