"""The effect of windows on a network that sees far: whether their borders show, and how much the reduced picture helps.

python -m benchmarks.studies.windows --model zhang-outdoor --large FOLDER

Borders are searched for in photographs larger than a window: the change of ab from pixel to pixel where a window begins
or ends is divided by its change elsewhere. Context is measured on validation photographs of a dataset, in
windows of half their size: alone, and blended with the photograph reduced to half, as `predict.py` does; and beside
the photograph predicted whole.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tfcolor.data import datasets
from tfcolor.utils import console
from tfcolor.utils.errors import InputError

WINDOW, OVERLAP = 128, 48  # for measuring context: half of the scenes' sides, and in the ratio of 512 to 192
WAYS = ("whole", "windows", "reduced to half", "windows and half")
_SEAM = 2  # pixels on either side of a border that belong to it: half a cell of outputs


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = console.Parser(__doc__)
    parser.prog = "python -m benchmarks.studies.windows"
    add = parser.add_argument
    add("--model", required=True, help="a shipped model or a model directory, of a network that sees far")
    add("--large", type=Path, metavar="FOLDER", help="photographs larger than 512 pixels, in which to look for borders")
    add("--dataset", default="scenes", help="its validation photographs measure context (default: scenes)")
    add("--data-dir", help="folder of the datasets (default: $TFCOLOR_DATA, else data/)")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> None:
    """Measure both, and print a table for each."""
    args = parse(arguments)
    dataset = datasets.find(args.dataset, args.data_dir)
    large = datasets.find(str(args.large), None).paths if args.large else []
    console.load_tensorflow()
    from tfcolor.colorizer.colorizer import Colorizer

    colorizer = Colorizer.load(args.model)
    if colorizer.network.is_local:
        raise InputError(f"{args.model} predicts in tiles that change nothing; give a model whose network sees far")
    if large:
        ratios = seams(colorizer, large)
        rows = [[name, f"{at:.3f}", f"{elsewhere:.3f}", f"{at / elsewhere:.3f}"] for name, at, elsewhere in ratios]
        at, elsewhere = (sum(row[k] for row in ratios) for k in (1, 2))
        rows.append(["all", "", "", f"{at / elsewhere:.3f}"])
        console.print_table("mean step of ab", ["photograph", "at borders", "elsewhere", "ratio"], rows)
    found = context(colorizer, dataset)
    console.print_table(
        f"{args.model} on {dataset.name}, validation photographs",
        ["way", "raw AuC at T = 1, %"],
        [[way, f"{found[way]:.2f}"] for way in WAYS],
    )


def seams(colorizer: Any, paths: list[Path]) -> list[tuple[str, float, float]]:
    """Measure the mean step of ab at the borders of windows, and elsewhere.

    Args:
        colorizer: colorizer of a network that sees far.
        paths: paths of photographs; those that are not larger than a window are left out.

    Returns:
        For each photograph its name and the two means, in ab units.

    Raises:
        InputError: if no photograph is larger than a window.
    """
    from tfcolor.colorizer.blending import WINDOW, BlendedLogits
    from tfcolor.evaluation.measuring import tracked_truths

    found = []
    for path, truth in tracked_truths("looking for borders", paths):
        if max(truth.lightness.shape) > WINDOW:
            starts = BlendedLogits(lambda x: x, colorizer.network, truth.lightness[None]).starts
            ab = colorizer.predict_ab(truth.lightness)
            found.append((path.name, *seam_steps(ab, starts, WINDOW)))
    if not found:
        raise InputError(f"no photograph is larger than {WINDOW} pixels; give larger ones")
    return found


def seam_steps(ab: np.ndarray, starts: list[list[int]], window: int) -> tuple[float, float]:
    """Compute the mean steps of ab between neighbouring pixels.

    Args:
        ab: float32 [H, W, 2], ab units.
        starts: starts of the windows, down and right, in pixels.
        window: side of the windows in pixels.

    Returns:
        The means across the borders of windows, and elsewhere, in ab units.
    """
    at, elsewhere = [], []
    for axis in (0, 1):
        steps = np.linalg.norm(np.diff(ab, axis=axis), axis=-1)  # the k-th lies between k and k + 1
        steps = steps if axis == 0 else steps.T
        borders = {start for start in starts[axis] if start} | {start + window for start in starts[axis]}
        is_border = np.zeros(len(steps), bool)
        for border in borders:
            is_border[max(0, border - 1 - _SEAM) : border + _SEAM] = border < len(steps)
        at.append(steps[is_border].ravel())
        elsewhere.append(steps[~is_border].ravel())
    return float(np.concatenate(at).mean()), float(np.concatenate(elsewhere).mean())


def context(colorizer: Any, dataset: datasets.Dataset) -> dict[str, float]:
    """Measure the raw AuC at T = 1, in per cent, of each of `WAYS` on the validation photographs of a dataset."""
    from tfcolor.evaluation.baselines import raw_aucs

    predictors = {
        way: lambda lightness, outputs=outputs: colorizer.objective.to_ab(outputs(lightness), 1.0).numpy()
        for way, outputs in outputs_of_ways(colorizer.network).items()
    }
    paths = dataset.split("val").paths
    with console.Progress("measuring", len(paths), "photographs") as progress:
        return raw_aucs(predictors, paths, progress.update)


def outputs_of_ways(network: Any) -> dict[str, Callable[[np.ndarray], Any]]:
    """Make functions of lightness, float32 [H, W], that give outputs, float32 [H, W, C], by the name of the way."""
    import tensorflow as tf

    from tfcolor.colorizer.blending import BlendedLogits
    from tfcolor.networks.inputs import INPUTS

    from_lightness = INPUTS[network.takes].from_lightness

    def predict(lightness, window, overview=None):
        forward = lambda x: network(from_lightness(tf.constant(x)))  # noqa: E731
        blended = BlendedLogits(forward, network, lightness[None], window, OVERLAP, overview)
        return blended.at(tuple(slice(0, side) for side in lightness.shape))[0]

    def whole(lightness):
        return predict(lightness, 8 * max(lightness.shape))

    def windows(lightness):
        return predict(lightness, WINDOW)

    def half(lightness):
        sides = [-(-side // 2) for side in lightness.shape]
        reduced = tf.image.resize(lightness[..., None], sides, "area")[..., 0].numpy()
        return tf.image.resize(whole(reduced), lightness.shape, "bilinear")

    def both(lightness):
        return predict(lightness, WINDOW, max(lightness.shape) // 2)

    return dict(zip(WAYS, (whole, windows, half, both), strict=True))


if __name__ == "__main__":
    sys.exit(console.run(main))
