"""Make a router for several models on validation photographs, and measure what it gains on test photographs.

Paler colours are nearer to the truth on average, and the mean of several colours is paler than each. So models and
blends are compared twice: as they are, and each at the strength that suits it best on the validation photographs. Only
a gain that is left at the best strengths comes from knowing more.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tfcolor.colorizer.colorizer import Colorizer
from tfcolor.colorizer.features import PhotographFeatures
from tfcolor.evaluation.bootstrap import interval, replicate_counts
from tfcolor.evaluation.measuring import tracked_truths
from tfcolor.evaluation.metrics import MAX_DISTANCE
from tfcolor.evaluation.router_fitting import FOLDS, THRESHOLDS, Settings, choose, fit, folds_of, soft_labels
from tfcolor.models.routed import Router, shares_of
from tfcolor.utils.errors import WorkError

LEARNED_PIXELS, MEASURED_PIXELS = 500, 4000  # of each photograph, drawn by chance
LEAST_PHOTOGRAPHS = 2 * FOLDS
STRENGTHS = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
ROUTER, SAME, RANDOM, ORACLE = "router", "same blend for all", "random", "oracle"


@dataclass(frozen=True, eq=False)
class Colored:
    """Photographs and the colours that all specialists give some of their pixels.

    names: of the photographs, N of them.
    part: the dataset of each, int [N].
    features: float64 [N, F].
    true: float32 [N, P, 2], true ab, ab units.
    ab: float32 [N, P, K, 2], what the specialists say.
    """

    names: list[str]
    part: np.ndarray
    features: np.ndarray
    true: np.ndarray
    ab: np.ndarray

    @property
    def importance(self) -> np.ndarray:
        """The weight of each photograph, float64 [N], sum 1: each dataset counts the same, whatever its size."""
        counts = np.bincount(self.part).astype(np.float64)
        return 1 / counts[self.part] / np.count_nonzero(counts)

    def blend(self, shares: np.ndarray) -> np.ndarray:
        """Blend the specialists by `shares` [N, K] or [K]: float32 [N, P, 2], ab units."""
        return np.einsum(
            "npkc,nk->npc", self.ab, np.broadcast_to(shares, [len(self.names), self.ab.shape[2]]).astype("f4")
        )

    def errors(self, ab: np.ndarray, strength: float = 1.0) -> np.ndarray:
        """Return the mean distance of `strength` * ab [N, P, 2] to the true colours, float64 [N], ab units."""
        distances = np.linalg.norm(strength * ab - self.true, axis=-1)
        return np.minimum(distances, MAX_DISTANCE).mean(axis=1, dtype=np.float64)

    def best_strength(self, ab: np.ndarray) -> float:
        """Return the strength, of `STRENGTHS`, with the least error over all photographs."""
        return min(STRENGTHS, key=lambda strength: self.importance @ self.errors(ab, strength))

    def least_error(self, shares: np.ndarray) -> float:
        """Return the mean error of blends by `shares`, at their best strength, in ab units."""
        ab = self.blend(shares)
        return float(self.importance @ self.errors(ab, self.best_strength(ab)))


def color_all(
    title: str,
    paths: Sequence[Sequence[Path]],
    specialists: dict[str, Colorizer],
    features: PhotographFeatures,
    pixels: int,
) -> Colored:
    """Colour photographs with all specialists, each with its own decoding.

    Args:
        title: of the progress.
        paths: the photographs of each dataset; unreadable ones are left out, with a line for each.
        specialists: the models by name.
        features: what is seen in photographs.
        pixels: the number of pixels of each photograph that are kept.

    Raises:
        WorkError: if no photograph of a dataset can be read.
    """
    found: list[tuple] = []
    parts = {path: number for number, group in enumerate(paths) for path in group}
    for path, truth in tracked_truths(title, list(parts)):
        drawn = np.random.default_rng(len(found)).integers(truth.lightness.size, size=pixels)
        colors = [each.predict_ab(truth.lightness, tile=each.auto_tile) for each in specialists.values()]
        true, *ab = (plane.reshape(-1, 2)[drawn] for plane in (truth.ab, *colors))
        name = "/".join(path.parts[-2:])  # the same on every machine, for the bootstrap
        found.append((name, parts[path], features(truth.lightness), true, np.stack(ab, axis=1)))
    if {row[1] for row in found} != set(range(len(paths))):
        raise WorkError("none of the photographs of a dataset can be read, so nothing can be measured")
    names, *arrays = zip(*found, strict=True)
    return Colored(list(names), *map(np.array, arrays))


def make_router(seen: Colored, threshold: float | None = None) -> tuple[Router, Settings, float]:
    """Fit a router on photographs.

    What counts are errors at the best strengths. Otherwise the router would learn which specialist is the palest.

    Args:
        seen: the photographs, at least `LEAST_PHOTOGRAPHS`.
        threshold: the router's; None to choose it by cross-validation.

    Returns:
        The router, its settings, and the mean error in cross-validation at the best strength, in ab units.

    Raises:
        WorkError: if there are too few photographs.
    """
    if len(seen.names) < LEAST_PHOTOGRAPHS:
        raise WorkError(f"{len(seen.names)} photographs can be read, and a router needs {LEAST_PHOTOGRAPHS}")
    folds = folds_of([np.flatnonzero(seen.part == part) for part in np.unique(seen.part)])
    thresholds = THRESHOLDS if threshold is None else (threshold,)
    errors = single_errors(seen, seen)
    settings, error = choose(seen.features, errors, seen.importance, folds, seen.least_error, thresholds)
    labels = soft_labels(errors, settings.softness)
    return fit(seen.features, labels, seen.importance, settings.penalty, settings.threshold), settings, error


def single_errors(seen: Colored, measured: Colored) -> np.ndarray:
    """Return the errors of the specialists, float64 [N, K], each at the strength that is best on `seen`."""
    each = range(seen.ab.shape[2])
    strengths = [seen.best_strength(seen.ab[:, :, k]) for k in each]
    return np.stack([measured.errors(measured.ab[:, :, k], strengths[k]) for k in each], axis=1)


def gains(router: Router, names: list[str], seen: Colored, tested: Colored) -> dict:
    """Measure a router beside simpler ways to use the same models.

    Args:
        router: the router.
        names: of its specialists.
        seen: the photographs on which it was made, by which strengths and the other ways are chosen.
        tested: other photographs.

    Returns:
        `ways`: for each, `error` (ab units), `raw_auc` (%), `chroma` (ab units), `errors` by dataset, `networks` that
        run for each photograph; and its best `strength`, with the `error_at_it`. `true_chroma`. `gains`: what the
        router gains over others, as (error of the other minus the router's, and its 95 % interval). `chosen`: the
        share of photographs that each specialist colours alone; `blended`: the share that is blended.
    """
    measured = {
        name: _Measured.of(seen, tested, *shares) for name, shares in _ways(router, names, seen, tested).items()
    }
    singles = [measured[name] for name in names]
    measured[RANDOM] = _Measured.joined(singles, lambda errors: np.full_like(errors, 1 / len(errors)))
    measured[ORACLE] = _Measured.joined(singles, lambda errors: np.eye(len(errors))[errors.argmin(axis=0)].T)
    share, ours = tested.importance, measured[ROUTER]
    alone = min(names, key=lambda name: share @ measured[name].errors)
    pale = min(names, key=lambda name: share @ measured[name].least_errors)
    shares = router.shares(router.probabilities(tested.features))
    return {
        "ways": {name: each.to_json(tested) for name, each in measured.items()},
        "true_chroma": float(share @ np.linalg.norm(tested.true, axis=-1).mean(axis=1)),
        "gains": {
            alone: _paired(tested, measured[alone].errors - ours.errors),
            f"{pale}, both at their best strengths": _paired(tested, measured[pale].least_errors - ours.least_errors),
            f"{SAME}, both at their best strengths": _paired(tested, measured[SAME].least_errors - ours.least_errors),
        },
        "chosen": {name: float(share @ (shares[:, k] == 1)) for k, name in enumerate(names)},
        "blended": float(share @ (shares.max(axis=1) < 1)),
    }


def _ways(router, names, seen, tested) -> dict[str, list[np.ndarray]]:
    """For each way to use the models, the shares [N, K] or [K] on the photographs seen and on those tested."""
    one, p = np.eye(len(names)), [router.probabilities(each.features) for each in (seen, tested)]
    errors = single_errors(seen, seen)
    best = np.stack([one[errors[seen.part == part].mean(axis=0).argmin()] for part in np.unique(seen.part)])
    same = shares_of(seen.importance @ p[0], 1.0)
    return {name: [one[k], one[k]] for k, name in enumerate(names)} | {
        "best of the dataset": [best[seen.part], best[tested.part]],
        "even blend": [np.full(len(names), 1 / len(names))] * 2,
        SAME: [same, same],
        "router, no blends": [shares_of(each, 0.0) for each in p],
        "router, only blends": [shares_of(each, 1.0) for each in p],
        ROUTER: [router.shares(each) for each in p],
    }


@dataclass(frozen=True, eq=False)
class _Measured:
    """A way to use the models: errors, errors at its best strength, chromas and numbers of networks, float64 [N]."""

    errors: np.ndarray
    least_errors: np.ndarray
    chromas: np.ndarray
    networks: np.ndarray
    strength: float | None  # None where each photograph has another

    @classmethod
    def of(cls, seen: Colored, tested: Colored, seen_shares: np.ndarray, shares: np.ndarray) -> "_Measured":
        strength, ab = seen.best_strength(seen.blend(seen_shares)), tested.blend(shares)
        networks = np.broadcast_to(np.count_nonzero(shares, axis=-1), len(tested.names))
        chromas = np.linalg.norm(ab, axis=-1).mean(axis=1)
        return cls(tested.errors(ab), tested.errors(ab, strength), chromas, networks, strength)

    @classmethod
    def joined(cls, singles: list["_Measured"], choose: Callable[[np.ndarray], np.ndarray]) -> "_Measured":
        """Measure a choice among single models: `choose` maps their errors [K, N] to their weights [K, N]."""
        errors, least, chromas = (
            np.stack([getattr(each, name) for each in singles]) for name in ("errors", "least_errors", "chromas")
        )
        weights = choose(errors)
        means = ((weights * errors).sum(axis=0), (choose(least) * least).sum(axis=0), (weights * chromas).sum(axis=0))
        return cls(*means, singles[0].networks, None)

    def to_json(self, tested: Colored) -> dict:
        error, least, chroma, networks = (
            float(tested.importance @ x) for x in (self.errors, self.least_errors, self.chromas, self.networks)
        )
        return {
            "error": error,
            "raw_auc": 100 * (1 - error / MAX_DISTANCE),
            "chroma": chroma,
            "errors": [float(self.errors[tested.part == part].mean()) for part in np.unique(tested.part)],
            "networks": networks,
            "strength": self.strength,
            "error_at_it": least,
        }


def _paired(tested: Colored, differences: np.ndarray) -> list[float]:
    """The mean of differences [N], and its 95 % interval by the bootstrap over photographs."""
    counts = np.stack([replicate_counts(name) for name in tested.names]) * tested.importance[:, None]
    with np.errstate(invalid="ignore"):  # few photographs may all be left out of a replicate
        return list(interval(differences @ counts / counts.sum(axis=0)))
