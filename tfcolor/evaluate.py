"""How good a model is on photographs it has not seen, beside what a trivial predictor reaches.

python -m tfcolor.evaluate --model forest --dataset forest --split test
"""

import argparse
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from tfcolor import console, datasets
from tfcolor.errors import WorkError

_LEVELS = 101  # L* rounded to whole numbers


def lab_pixels(paths: Iterable[Path]):
    """Yield (lightness float32 [H, W], ab float32 [H, W, 2]) of each photograph that can be read."""
    import tensorflow as tf

    from tfcolor import color, photos

    for _, photo in photos.read_all(paths):
        if isinstance(photo, photos.Photo):
            lab = color.rgb_to_lab(color.from_uint8(tf.constant(photo.rgb))).numpy()
            yield lab[..., 0], lab[..., 1:]


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

    def __call__(self, lightness: np.ndarray) -> np.ndarray:
        """Predict ab float64 [H, W, 2] from L* float [H, W]."""
        return self._ab[self._level(lightness)]

    @staticmethod
    def _level(lightness):
        return np.clip(np.round(lightness), 0, _LEVELS - 1).astype(int)


def raw_aucs(
    predictors: dict[str, Callable[[np.ndarray], np.ndarray]],
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
    from tfcolor.metrics import raw_auc

    totals, pixels = dict.fromkeys(predictors, 0.0), 0
    for done, (lightness, ab) in enumerate(lab_pixels(paths), start=1):
        for name, predict in predictors.items():
            totals[name] += lightness.size * raw_auc(np.linalg.norm(predict(lightness) - ab, axis=-1))
        pixels += lightness.size
        on_photo(done)
    if not pixels:
        raise WorkError(f"none of {len(paths)} photographs can be read, so nothing can be measured")
    return {name: total / pixels for name, total in totals.items()}


def _arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tfcolor.evaluate", description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="forest", help="name of a shipped model, or a model directory")
    parser.add_argument("--dataset", default="forest", help="name or folder")
    parser.add_argument("--split", default="test", choices=("train", "val", "test", "all"))
    parser.add_argument("--precision", default="auto", choices=("auto", "float32", "bfloat16"), help="of convolutions")
    parser.add_argument("--data-dir", help="where datasets are (default $TFCOLOR_DATA, else data/)")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> None:
    """Measure, and print a table."""
    args = _arguments(arguments)
    dataset = datasets.find(args.dataset, args.data_dir)
    console.load_tensorflow()
    from tfcolor.colorizer import Colorizer

    colorizer = Colorizer.load(args.model, args.precision)
    paths = dataset.split(args.split).paths
    predictors = {
        "gray": lambda lightness: np.zeros([*lightness.shape, 2]),
        "mean ab given L": MeanGivenLightness(dataset.split("train").paths),
        f"{args.model}, T = 1": lambda lightness: colorizer.predict_ab(lightness, 1.0),
        f"{args.model}, T = 0.38": lambda lightness: colorizer.predict_ab(lightness, 0.38),
    }
    with console.Progress("measuring", len(paths), "photographs") as progress:
        results = raw_aucs(predictors, paths, progress.update)
    title = f"{dataset.name}, {args.split} split, {len(paths)} photographs"
    console.print_table(title, ["predictor", "raw AuC, %"], [[k, f"{v:.2f}"] for k, v in results.items()])


if __name__ == "__main__":
    sys.exit(console.run(main))
