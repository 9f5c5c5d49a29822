"""The modes of a distribution over the bins: likely colours that clearly differ from each other. No TensorFlow."""

import numpy as np

_APART = 20.0  # ab units: the least distance of two modes, so that they clearly differ


def find_modes(distances: np.ndarray, support: np.ndarray, num: int) -> list[int]:
    """Find the bins with the most support, each at least 20 ab units from those before.

    Args:
        distances: float [Q, Q], between the colours of the bins, in ab units.
        support: float [Q], not negative, such as the share of the colours around each bin.
        num: most modes to find.

    Returns:
        The numbers of the bins, at most `num`, the one with the most support first.
    """
    modes: list[int] = []
    while len(modes) < num:
        allowed = np.all(distances[:, modes] >= _APART, axis=1)
        if not allowed.any():
            break
        modes.append(int(np.argmax(np.where(allowed, support, -1))))
    return modes
