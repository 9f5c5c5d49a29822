"""Spread the colours of hints over a picture, along its surfaces and to similar ones.

A hint says how far its colour is from the predicted one, in standard deviations of the prediction. This difference is
a random field over the picture. Its correlation between two cells has two parts: one of neighbourhood, from the weights
of Levin, Lischinski and Weiss (2004) with a leak, so that it fades with distance and does not cross edges; and one of
similarity, for surfaces elsewhere whose predicted colours are the same. Along surfaces, hints also tell how colourful
they are: the differences have a further part, a multiple of the predicted ab that fades like the neighbourhood. The
field at all cells is then estimated from the hints by Gaussian process regression (Rasmussen and Williams 2006, eq.
2.25 and 2.26).

The constants were fitted to about 100 validation photographs of all kinds, colourfulness to 102;
`python -m tfcolor evaluate --hints` measures them.
"""

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import splu

_STEP = 5.0  # L*: sigma of the Gaussian that makes weights of the differences of neighbours
_LEAST_WEIGHT = 1e-5  # of neighbours across an edge, so that the system stays regular
NEIGHBOURHOOD, SIMILARITY = 0.7, 0.3  # shares of the two parts of the correlation
COLORFULNESS = 0.2  # variance of the factor by which predicted ab are wrong along a surface
_ALIKE = 0.23  # sigma of the Gaussian of the Hellinger distance between predictions
EDGE = 20.0  # L*: surfaces that differ by more do not follow each other's hints
_NEARLY, _PART = 0.9, 0.2  # of an edge: what counts as one, and the least step that is a part of one
_NOISE = 0.01  # share of the variance that no hint explains, not even at its own cell
_MOST_CERTAIN = 0.98  # of the variance; less keeps the logits of the product finite


@dataclass(frozen=True, eq=False)
class HintField:
    """What hints say about each cell; see `decoding.conditioned`.

    shift: float32 [h, w, 2], how far the mean colour moves, in standard deviations of the prediction.
    certainty: float32 [h, w], the share of the variance that vanishes, in [0, 1).
    """

    shift: np.ndarray
    certainty: np.ndarray


class Neighbourhood:
    """How cells follow their neighbours: the screened Poisson equation with the weights of Levin et al. (2004)."""

    def __init__(self, lightness: np.ndarray, leak: float | None = None):
        """Factorize the equation.

        Args:
            lightness: float [h, w], L* in [0, 100].
            leak: conductance of each cell to no colour at all; None for a reach of the shorter side.
        """
        leak = 1 / min(lightness.shape) ** 2 if leak is None else leak
        first, second, weights = _links(lightness)
        count = lightness.size
        links = sp.coo_matrix((weights, (first, second)), (count, count)).tocsr()
        links = links + links.T
        system = sp.diags(np.asarray(links.sum(axis=1)).ravel() + leak) - links
        options = {"SymmetricMode": True}  # the system is symmetric, and its diagonal dominates
        self._factors = splu(system.tocsc(), permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options=options)

    def follow(self, members: sp.csr_matrix) -> np.ndarray:
        """Compute how much each cell follows each group of cells: float [cells, groups], 1 at the group itself.

        Args:
            members: [groups, cells], the shares of the cells in each group; rows sum to 1.
        """
        found = self._factors.solve(members.toarray().T)
        return found / (members.multiply(found.T)).sum(axis=1).A1


def _links(lightness):
    """The pairs of neighbouring cells, eight for each, and weights that fall with their distance and their step in L*.

    An edge may lie within a cell, whose lightness is then between those of both sides. So a step counts as an edge if
    it is part of one that is an edge together with the next cell.
    """
    height, width = lightness.shape
    cells, found = np.arange(lightness.size).reshape(lightness.shape), []
    for down, right in ((0, 1), (1, 0), (1, 1), (1, -1)):
        first = cells[: height - down, max(0, -right) : width - max(0, right)].ravel()
        rows, columns = np.divmod(first, width)
        before, here, there, after = (
            lightness[np.clip(rows + k * down, 0, height - 1), np.clip(columns + k * right, 0, width - 1)]
            for k in (-1, 0, 1, 2)
        )
        step, far = abs(there - here), np.maximum(abs(there - before), abs(after - here))
        is_edge = (far > _NEARLY * EDGE) & (step > _PART * far)
        weights = np.where(is_edge, 0, np.exp(-(step**2) / (2 * _STEP**2))) + _LEAST_WEIGHT
        found.append((first, first + down * width + right, weights / np.hypot(down, right)))
    return [np.concatenate(parts) for parts in zip(*found, strict=True)]


class Spreading:
    """Spreads the hints of one picture."""

    def __init__(self, lightness: np.ndarray, shares: np.ndarray, mean: np.ndarray, variance: np.ndarray):
        """Prepare; this takes longer than spreading.

        Args:
            lightness: float32 [h, w], L* of the cells, in [0, 100].
            shares: float32 [h, w, Q], the predicted distributions.
            mean, variance: their moments, float32 [h, w, 2] and [h, w], see `decoding.moments`.
        """
        self._shape, self._lightness = lightness.shape, lightness.ravel()
        self._roots = np.sqrt(shares.reshape(lightness.size, -1))
        self._mean, self._deviation = mean.reshape(-1, 2), np.sqrt(variance.ravel())
        self._neighbourhood = Neighbourhood(lightness)

    def field(self, members: sp.csr_matrix, ab: np.ndarray) -> HintField:
        """Estimate the field.

        Args:
            members: [K, h w], the shares of the cells in each of K groups of hints; rows sum to 1.
            ab: float32 [K, 2], the colours of the groups, ab units.
        """
        near = self._neighbourhood.follow(members)  # [cells, K]
        following = NEIGHBOURHOOD * near + SIMILARITY * self._alike(members)
        between = members @ following + _NOISE * np.eye(len(ab))
        mean, deviation = members @ self._mean, (members @ self._deviation)[:, None]
        colorful, at_hints = self._mean / self._deviation[:, None], mean / deviation

        # The covariance of a and b at group i with a and b at group k, [2 K, 2 K].
        strength = COLORFULNESS * np.einsum("ik,ia,kb->iakb", members @ near, at_hints, at_hints)
        joint = np.kron(between, np.eye(2)) + strength.reshape(2 * len(ab), -1)
        weights = np.linalg.solve(joint, ((ab - mean) / deviation).ravel()).reshape(-1, 2)

        factor = COLORFULNESS * near @ (at_hints * weights).sum(axis=1)
        shift = following @ weights + colorful * factor[:, None]
        certainty = (following * np.linalg.solve(between, following.T).T).sum(axis=1)  # colourfulness left out
        certainty = np.clip(certainty, 0, _MOST_CERTAIN).reshape(self._shape)
        return HintField(shift.reshape(*self._shape, 2).astype(np.float32), certainty.astype(np.float32))

    def correlation(self, members: sp.csr_matrix) -> np.ndarray:
        """Return the correlation of the field between each cell and each group of cells: float [cells, groups]."""
        return NEIGHBOURHOOD * self._neighbourhood.follow(members) + SIMILARITY * self._alike(members)

    def _alike(self, members):
        distance = 1 - self._roots @ (members @ self._roots).T  # the square of Hellinger's
        alike = np.exp(-np.maximum(distance, 0) / (2 * _ALIKE**2))
        return alike * np.maximum(0, 1 - abs(self._lightness[:, None] - members @ self._lightness) / EDGE)
