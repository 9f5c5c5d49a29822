"""What predicts colours, so that all are measured alike: trivial rules, other programs' files, and a network."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import tensorflow as tf
from scipy.spatial import KDTree

from tfcolor import color, photos
from tfcolor.bins import Bins, cell_of, cells_per_axis, centre_of
from tfcolor.errors import InputError, WorkError
from tfcolor.metrics import raw_auc

_LEVELS = 101  # L* rounded to whole numbers

# Maps L* float32 [H, W] to ab [H, W, 2].
Predictor = Callable[[np.ndarray], np.ndarray]


def lab_pixels(paths: Iterable[Path]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield (lightness float32 [H, W], ab float32 [H, W, 2]) of each photograph that can be read."""
    for _, photo in photos.read_all(paths):
        if isinstance(photo, photos.Photo):
            lab = lab_of(photo.rgb)
            yield lab[..., 0], lab[..., 1:]


def lab_of(rgb: np.ndarray) -> np.ndarray:
    """Lab, float32 [H, W, 3], of sRGB uint8 [H, W, 3]."""
    return color.levels_to_lab(tf.constant(rgb)).numpy()


def gray(lightness: np.ndarray) -> np.ndarray:
    """No colour at all."""
    return np.zeros([*lightness.shape, 2])


class MeanGivenLightness:
    """The trivial predictor: for each level of L* the mean ab that it has in the training split."""

    def __init__(self, paths: Iterable[Path]):
        """Average the colours of the photographs by lightness."""
        sums, counts = np.zeros([_LEVELS, 2]), np.zeros(_LEVELS)
        for lightness, ab in lab_pixels(paths):
            level = self._level(lightness).ravel()
            counts += np.bincount(level, minlength=_LEVELS)
            for axis in (0, 1):
                sums[:, axis] += np.bincount(level, weights=ab[..., axis].ravel(), minlength=_LEVELS)
        self._ab = sums / np.maximum(counts, 1)[:, None]
        self.mean = sums.sum(axis=0) / max(counts.sum(), 1)

    def __call__(self, lightness: np.ndarray) -> np.ndarray:
        """Predict ab float64 [H, W, 2] from L* float [H, W]."""
        return self._ab[self._level(lightness)]

    def without_lightness(self, lightness: np.ndarray) -> np.ndarray:
        """Predict the mean of all training pixels, whatever the lightness."""
        return np.broadcast_to(self.mean, [*lightness.shape, 2])

    @staticmethod
    def _level(lightness):
        return np.clip(np.round(lightness), 0, _LEVELS - 1).astype(int)


def quantised(ab: np.ndarray, bins: Bins) -> np.ndarray:
    """The truth encoded and decoded: the bound that the bins set. ab float [H, W, 2] -> float64 [H, W, 2]."""
    return bins.means[bins_of(ab, bins)]


def bins_of(ab: np.ndarray, bins: Bins) -> np.ndarray:
    """The bin of each colour, or where its cell has none the nearest: ab float [..., 2] -> int [...]."""
    return nearest_bins(bins)[tuple(np.moveaxis(cell_of(ab, bins.window, bins.extent), -1, 0))]


def nearest_bins(bins: Bins) -> np.ndarray:
    """For each cell of the plane its own bin, or where it has none the one with the nearest centre: int [n, n]."""
    n = cells_per_axis(bins.window, bins.extent)
    cells = np.stack(np.meshgrid(range(n), range(n), indexing="ij"), axis=-1)
    return KDTree(bins.centres).query(centre_of(cells, bins.window, bins.extent))[1]


class FromFiles:
    """What another program made of the photographs: files of the same place and stem in a folder."""

    def __init__(self, folder: Path):
        """Look for files in a folder."""
        self._folder = folder

    def ab(self, file: str, shape: tuple[int, int]) -> np.ndarray:
        """The colours, float32 [H, W, 2], of the result for a photograph.

        Args:
            file: the photograph's path relative to its dataset.
            shape: H and W of the photograph.

        Raises:
            InputError: where there is none, several, or one of another size.
        """
        place = self._folder / file
        found = [path for path in place.parent.glob(f"{_escaped(place.stem)}.*") if path.is_file()]
        if len(found) != 1:
            raise InputError(f"{len(found) or 'no'} predictions for {file} in {self._folder}: one is needed")
        try:
            rgb = photos.read(found[0]).rgb
        except photos.UnreadableImage as error:
            raise InputError(f"prediction {found[0]} cannot be read: {error}") from error
        if rgb.shape[:2] != shape:
            raise InputError(f"prediction {found[0]} has {rgb.shape[:2]} pixels, the photograph {shape}")
        return lab_of(rgb)[..., 1:]


def _escaped(stem: str) -> str:
    return "".join(f"[{c}]" if c in "*?[" else c for c in stem)


def raw_aucs(
    predictors: dict[str, Predictor],
    paths: list[Path],
    on_photo: Callable[[int], None] = lambda done: None,
) -> dict[str, float]:
    """Measure the raw AuC of predictors over all pixels of some photographs.

    Args:
        predictors: by name; each maps L* float32 [H, W] to ab [H, W, 2].
        paths: of the photographs; those that cannot be read are left out.
        on_photo: called with the number of photographs done.

    Returns:
        By name, in per cent; see `metrics.raw_auc`.

    Raises:
        WorkError: where no photograph can be read.
    """
    totals, pixels = dict.fromkeys(predictors, 0.0), 0
    for done, (lightness, ab) in enumerate(lab_pixels(paths), start=1):
        for name, predict in predictors.items():
            totals[name] += lightness.size * raw_auc(np.linalg.norm(predict(lightness) - ab, axis=-1))
        pixels += lightness.size
        on_photo(done)
    if not pixels:
        raise WorkError(f"none of {len(paths)} photographs can be read, so nothing can be measured")
    return {name: total / pixels for name, total in totals.items()}
