"""What a working size costs: colours of fine details, and colours that leak across edges.

python -m benchmarks.studies.working_size --dataset scenes

At each working size, photographs are coloured by the model; and with their own colours, reduced to the size of its
outputs and brought back: what the best network could do. Raw AuC is that of all pixels, and of those near an edge of
the true colours, where colours leak. Photographs are never enlarged, so sizes above theirs change nothing.
"""

import argparse
import sys
from typing import Any

import numpy as np

from tfcolor import DEFAULT_MODEL
from tfcolor.data import datasets
from tfcolor.utils import console
from tfcolor.utils.errors import InputError

WAYS = ("model", "model, near edges", "true colours", "true colours, near edges", "true colours, no filter")
NEAR = 3  # pixels from an edge
EDGE = 15.0  # ab units: the change of colour from pixel to pixel that makes an edge


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = console.Parser(__doc__)
    parser.prog = "python -m benchmarks.studies.working_size"
    add = parser.add_argument
    add("--model", default=DEFAULT_MODEL, help=f"a model with a working size (default: {DEFAULT_MODEL})")
    add("--sizes", default="96,128,192,256,384", help="working sizes in pixels (default: 96,128,192,256,384)")
    add("--dataset", required=True, help="photographs as large as the largest size, or larger")
    add("--split", default="val", choices=datasets.SPLITS, help="split to measure (default: val)")
    add("--photos", type=int, default=200, help="most photographs to measure (default: 200)")
    add("--data-dir", help="folder of the datasets (default: $TFCOLOR_DATA, else data/)")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> None:
    """Measure at each size, and print a table."""
    args = parse(arguments)
    sizes = args.sizes.split(",")
    if not all(size.isdecimal() and int(size) >= 32 for size in sizes):
        raise InputError(f"--sizes must be numbers from 32 up with commas between, got {args.sizes}")
    dataset = datasets.find(args.dataset, args.data_dir)
    paths = dataset.some_of(args.split, args.photos)
    if not paths:
        raise InputError(f"{dataset.name} has no photograph in its {args.split} split; take another --split")
    console.load_tensorflow()
    from tfcolor.colorizer.colorizer import Colorizer
    from tfcolor.evaluation.measuring import tracked_truths

    if not Colorizer.load(args.model).working_size:
        raise InputError(f"{args.model} has no working size")
    colorizers = {size: Colorizer.load(args.model, working_size=int(size)) for size in sizes}
    found = {size: [] for size in sizes}
    for _, truth in tracked_truths("measuring", paths):
        edges = near_edges(truth.ab)
        for size, colorizer in colorizers.items():
            found[size].append(distances(colorizer, truth, edges))
    rows = [[size, *(f"{auc(pairs, way):.2f}" for way in WAYS)] for size, pairs in found.items()]
    title = f"{args.model} on {dataset.name}, {args.split} split, {len(paths)} photographs"
    console.print_table(f"{title}\nraw AuC at T = 1, lambda = 1, %", ["working size", *WAYS], rows)


def near_edges(ab: np.ndarray) -> np.ndarray:
    """Mark the pixels near an edge of colour: ab float [H, W, 2] -> bool [H, W]."""
    from scipy.ndimage import binary_dilation

    edges = np.zeros(ab.shape[:2], bool)
    edges[1:] |= np.linalg.norm(np.diff(ab, axis=0), axis=-1) > EDGE
    edges[:, 1:] |= np.linalg.norm(np.diff(ab, axis=1), axis=-1) > EDGE
    return binary_dilation(edges, iterations=NEAR)


def distances(colorizer: Any, truth: Any, edges: np.ndarray) -> dict[str, tuple[float, int]]:
    """The sum of the distances to the true colours, and the number of pixels, by way."""
    from tfcolor.color.decoding_options import Decoding
    from tfcolor.evaluation.metrics import MAX_DISTANCE

    predicted = colorizer.predict_many(truth.lightness, [Decoding(1.0, uniform_share=1.0)])[0]
    filtered, linear = true_colors(colorizer, truth.lightness, truth.ab)
    found = {}
    for way, ab in (("model", predicted), ("true colours", filtered), ("true colours, no filter", linear)):
        errors = np.minimum(np.linalg.norm(ab - truth.ab, axis=-1), MAX_DISTANCE)
        found[way] = errors.sum(), errors.size
        found[f"{way}, near edges"] = errors[edges].sum(), edges.sum()
    return found


def true_colors(colorizer: Any, lightness: np.ndarray, ab: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """True colours [H, W, 2] at the size of the outputs, brought back along lightness, and linearly."""
    import tensorflow as tf

    from tfcolor.colorizer.tiles import cut_with_context
    from tfcolor.colorizer.working_size import ReducedOutputs, reduced, reduced_sides

    network, size = colorizer.network, colorizer.working_size
    sides = reduced_sides(*lightness.shape, size)
    planes = [reduced(np.ascontiguousarray(plane), sides) for plane in np.moveaxis(ab, -1, 0)]
    padded = tuple(slice(0, -(-side // network.multiple) * network.multiple) for side in sides)
    seen = cut_with_context(np.stack(planes, axis=-1)[None], padded, 0)
    cells = tf.nn.avg_pool2d(tf.constant(seen), network.stride, network.stride, "VALID")
    source = ReducedOutputs.predicted(lambda x: cells, network, lightness[None], size)
    whole = tuple(slice(0, side) for side in lightness.shape)
    given = tf.constant(lightness[None, ..., None])
    filtered = source.colors("true", lambda x: x, given, whole, 0, slice(None))
    return filtered[0].numpy(), source.at(whole)[0].numpy()


def auc(pairs: list[dict[str, tuple[float, int]]], way: str) -> float:
    """The raw AuC over photographs, in per cent; NaN without pixels."""
    from tfcolor.evaluation.metrics import MAX_DISTANCE

    errors, count = (sum(pair[way][k] for pair in pairs) for k in (0, 1))
    return 100 * (1 - errors / count / MAX_DISTANCE) if count else float("nan")


if __name__ == "__main__":
    sys.exit(console.run(main))
