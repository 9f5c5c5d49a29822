"""Make a router for several models on validation photographs, and measure what it gains on test photographs."""

from collections.abc import Sequence
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

PIXELS = 1000  # of each photograph by which blends are compared; errors of single models are those of all pixels
LEAST_PHOTOGRAPHS = 2 * FOLDS
ROUTER = "router"


@dataclass(frozen=True, eq=False)
class Colored:
    """Photographs and the colours that all specialists give them.

    names: of the photographs, N of them.
    part: the dataset of each, int [N].
    features: float64 [N, F].
    errors: float64 [N, K], mean distance of all pixels to their true colours, ab units, each at most 150.
    chromas: float64 [N, K], mean chroma, ab units.
    true: float32 [N, P, 2], true ab of some pixels.
    ab: float32 [N, P, K, 2], what the specialists give them.
    """

    names: list[str]
    part: np.ndarray
    features: np.ndarray
    errors: np.ndarray
    chromas: np.ndarray
    true: np.ndarray
    ab: np.ndarray

    @property
    def importance(self) -> np.ndarray:
        """The weight of each photograph, float64 [N], sum 1: each dataset counts the same, whatever its size."""
        counts = np.bincount(self.part).astype(np.float64)
        return 1 / counts[self.part] / np.count_nonzero(counts)

    def blend_errors(self, shares: np.ndarray) -> np.ndarray:
        """Return the error of each photograph's blend by `shares` [N, K], float64 [N]; exact for one specialist."""
        blended = np.einsum("npkc,nk->npc", self.ab, shares.astype(np.float32))
        distances = np.minimum(np.linalg.norm(blended - self.true, axis=-1), MAX_DISTANCE).mean(axis=1)
        alone = shares.max(axis=1) == 1
        return np.where(alone, (self.errors * (shares == 1)).sum(axis=1), distances)

    def blend_chromas(self, shares: np.ndarray) -> np.ndarray:
        """Return the mean chroma of each photograph's blend, as `blend_errors`."""
        blended = np.einsum("npkc,nk->npc", self.ab, shares.astype(np.float32))
        alone = shares.max(axis=1) == 1
        return np.where(
            alone, (self.chromas * (shares == 1)).sum(axis=1), np.linalg.norm(blended, axis=-1).mean(axis=1)
        )


def color_all(
    title: str,
    paths: Sequence[Sequence[Path]],
    specialists: dict[str, Colorizer],
    features: PhotographFeatures,
    pixels: int = PIXELS,
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
        rng = np.random.default_rng(len(found))
        drawn = rng.integers(truth.lightness.size, size=pixels)
        ab = np.stack([each.predict_ab(truth.lightness, tile=each.auto_tile) for each in specialists.values()], axis=2)
        distances = np.linalg.norm(ab - truth.ab[:, :, None], axis=-1)
        errors = np.minimum(distances, MAX_DISTANCE).mean(axis=(0, 1), dtype=np.float64)
        chromas = np.linalg.norm(ab, axis=-1).mean(axis=(0, 1), dtype=np.float64)
        sampled = (truth.ab.reshape(-1, 2)[drawn], ab.reshape(-1, len(specialists), 2)[drawn])
        found.append(("/".join(path.parts[-2:]), parts[path], features(truth.lightness), errors, chromas, *sampled))
    if {row[1] for row in found} != set(range(len(paths))):
        raise WorkError("none of the photographs of a dataset can be read, so nothing can be measured")
    names, *arrays = zip(*found, strict=True)
    return Colored(list(names), *map(np.array, arrays))


def make_router(seen: Colored, threshold: float | None = None) -> tuple[Router, Settings, float]:
    """Fit a router on photographs.

    Args:
        seen: the photographs, at least `LEAST_PHOTOGRAPHS`.
        threshold: the router's; None to choose it by cross-validation.

    Returns:
        The router, its settings, and the mean error in cross-validation, ab units.

    Raises:
        WorkError: if there are too few photographs.
    """
    if len(seen.names) < LEAST_PHOTOGRAPHS:
        raise WorkError(f"{len(seen.names)} photographs can be read, and a router needs {LEAST_PHOTOGRAPHS}")
    folds = folds_of([np.flatnonzero(seen.part == part) for part in np.unique(seen.part)])
    thresholds = THRESHOLDS if threshold is None else (threshold,)
    settings, error = choose(seen.features, seen.errors, seen.importance, folds, seen.blend_errors, thresholds)
    labels = soft_labels(seen.errors, settings.softness)
    return fit(seen.features, labels, seen.importance, settings.penalty, settings.threshold), settings, error


def gains(router: Router, names: list[str], seen: Colored, tested: Colored) -> dict:
    """Measure a router beside simpler ways to use the same models.

    Args:
        router: the router.
        names: of its specialists.
        seen: the photographs on which it was made, by which the other ways are chosen.
        tested: other photographs.

    Returns:
        `ways`: by its name, the `error` (ab units), `raw_auc` (%), `chroma` (ab units), `errors` by dataset, and the
        `networks` that run for each photograph; `best_single`: the model with the least error on `tested`; `gain`: the
        error of that model minus the router's, with its 95 % interval; `chosen`: the share of photographs that each
        specialist colours alone; `blended`: the share of photographs that are blended.
    """
    ways = _ways(router, names, seen, tested)
    errors = {name: _mean_blend(tested.blend_errors, shares) for name, shares in ways.items()}
    share = tested.importance
    table = {}
    for name, shares in ways.items():
        error = float(share @ errors[name])
        table[name] = {
            "error": error,
            "raw_auc": 100 * (1 - error / MAX_DISTANCE),
            "chroma": float(share @ _mean_blend(tested.blend_chromas, shares)),
            "errors": [float(errors[name][tested.part == part].mean()) for part in np.unique(tested.part)],
            "networks": float(share @ np.mean([np.count_nonzero(each, axis=1) for each in shares], axis=0)),
        }
    best = min(names, key=lambda name: table[name]["error"])
    shares = ways[ROUTER][0]
    return {
        "ways": table,
        "best_single": best,
        "gain": _paired(tested, errors[best] - errors[ROUTER]),
        "gain_over_same_blend": _paired(tested, errors["same blend for all"] - errors[ROUTER]),
        "chosen": {name: float(share @ (shares[:, k] == 1)) for k, name in enumerate(names)},
        "blended": float(share @ (shares.max(axis=1) < 1)),
    }


def _ways(router, names, seen, tested) -> dict[str, list[np.ndarray]]:
    """The shares [N, K] of each way to use the models; several for one that draws, whose errors are averaged."""
    count, one = len(tested.names), np.eye(len(names))
    probabilities = router.probabilities(tested.features)
    of_part = [int(seen.errors[seen.part == part].mean(axis=0).argmin()) for part in range(int(seen.part.max()) + 1)]
    same = seen.importance @ router.probabilities(seen.features)
    every = {name: np.tile(one[k], [count, 1]) for k, name in enumerate(names)}
    return {name: [shares] for name, shares in every.items()} | {
        "random": list(every.values()),
        "best for the dataset": [one[np.array(of_part)[tested.part]]],
        "even blend": [np.full([count, len(names)], 1 / len(names))],
        "same blend for all": [np.tile(shares_of(same, 1.0), [count, 1])],
        "router, no blends": [shares_of(probabilities, 0.0)],
        "router, blends only": [shares_of(probabilities, 1.0)],
        ROUTER: [router.shares(probabilities)],
        "oracle": [one[tested.errors.argmin(axis=1)]],
    }


def _mean_blend(measure, shares):
    return np.mean([measure(each) for each in shares], axis=0)


def _paired(tested: Colored, differences: np.ndarray) -> list[float]:
    """The mean of differences [N], and its 95 % interval by the bootstrap over photographs."""
    counts = np.stack([replicate_counts(name) for name in tested.names]) * tested.importance[:, None]
    with np.errstate(invalid="ignore"):  # few photographs may all be left out of a replicate
        return list(interval(differences @ counts / counts.sum(axis=0)))
