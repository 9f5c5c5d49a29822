"""What windows do to a network that sees far: whether their borders show, and whether it should see the whole as well.

python -m tfcolor.studies.windows --model zhang-outdoor --large FOLDER

Borders are looked for in photographs larger than a window, of a folder: how much ab changes from pixel to pixel where
a window begins or ends, by how much it changes elsewhere. What more context is worth is measured on validation
photographs of a dataset, in windows of half their size: alone, and with the photograph reduced to half, blended as
`predict.py` does; and against the photograph predicted whole.
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

WINDOW, OVERLAP = 128, 48  # of the second part: half of the photographs' sides, and as 512 and 192
WAYS = ("whole", "windows", "reduced to half", "windows and half")
_SEAM = 2  # pixels to either side of a border that count as it: half a cell of logits


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tfcolor.studies.windows", description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--model", required=True, help="a shipped model or a model directory, of a network that sees far")
    add("--large", type=Path, metavar="FOLDER", help="photographs larger than 512 pixels, to look for borders")
    add("--dataset", default="scenes", help="whose validation photographs measure context (default scenes)")
    add("--data-dir", help="where datasets are (default $TFCOLOR_DATA, else data/)")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> None:
    """Measure both, and print a table of each."""
    args = parse(arguments)
    dataset = datasets.find(args.dataset, args.data_dir)
    large = datasets.find(str(args.large), None).paths if args.large else []
    console.load_tensorflow()
    from tfcolor.colorizer.colorizer import Colorizer

    colorizer = Colorizer.load(args.model)
    if colorizer.network.stride == 1:
        raise InputError(f"{args.model} goes in tiles that change nothing; give a model of a network that sees far")
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
    """Of each photograph larger than a window: mean step of ab at windows' borders, and elsewhere, in ab units."""
    from tfcolor.colorizer.blending import WINDOW, Field
    from tfcolor.evaluation.measuring import lab_pixels

    found = []
    for path in console.track(paths, "looking for borders", len(paths), "photographs"):
        for lightness, _ in lab_pixels([path]):
            if max(lightness.shape) > WINDOW:
                starts = Field(lambda x: x, lightness, colorizer.network.stride).starts
                ab = colorizer.predict_ab(lightness, colorizer.decoding.temperature)
                found.append((path.name, *seam_steps(ab, starts, WINDOW)))
    if not found:
        raise InputError(f"no photograph is larger than {WINDOW} pixels; give larger ones")
    return found


def seam_steps(ab: np.ndarray, starts: list[list[int]], window: int) -> tuple[float, float]:
    """Mean steps of ab between neighbouring pixels: across windows' borders, and elsewhere.

    Args:
        ab: float32 [H, W, 2].
        starts: where windows begin, down and right.
        window: their side.
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
    """Raw AuC at T = 1 of the `WAYS` to predict photographs."""
    from tfcolor.evaluation.baselines import raw_aucs

    ways = logits_of_ways(colorizer)
    predictors = {
        way: lambda x, logits=logits: colorizer.decode(logits(x), 1.0).numpy() for way, logits in ways.items()
    }
    paths = dataset.split("val").paths
    with console.Progress("measuring", len(paths), "photographs") as progress:
        return raw_aucs(predictors, paths, progress.update)


def logits_of_ways(colorizer: Any) -> dict[str, Callable[[np.ndarray], Any]]:
    """By way: lightness float32 [H, W] -> logits float32 [H, W, Q]."""
    import tensorflow as tf

    from tfcolor.colorizer.blending import Field

    network = colorizer.network

    def predict(lightness, window, overview=None):
        field = Field(lambda x: network(tf.constant(x)), lightness, network.stride, window, OVERLAP, overview)
        return field.enlarged(tuple(slice(0, side) for side in lightness.shape))

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
