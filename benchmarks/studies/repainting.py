"""What a network that paints red, green and blue makes of damaged photographs, with their lightness and with its own.

python -m benchmarks.studies.repainting --model runs/my-photos-pix2pix-w10 --dataset photos

It damages photographs as `train.py --degrade` does, prints how far their lightness is from that of the good ones, and
draws scikit-image's photographs.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.pictures import write_jpeg
from benchmarks.studies.systems_report import rows_of_squares
from benchmarks.studies.tables import show
from tfcolor.data import datasets
from tfcolor.photographs.pixels import read_photo
from tfcolor.utils import console
from tfcolor.utils.files import make_folder

SHOWN = ("astronaut", "chelsea", "coffee")
SIDE = 256  # pixels of a photograph's shorter side, which is about what the network was taught with


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = console.Parser(__doc__)
    parser.prog = "python -m benchmarks.studies.repainting"
    add = parser.add_argument
    add("--model", required=True, help="directory of a model that paints RGB")
    add("--dataset", required=True, help="whose test photographs are damaged, as in train.py")
    add("--data-dir", help="folder of the datasets (default: $TFCOLOR_DATA, else data/)")
    add("--photos", type=int, default=100, help="photographs, at most (default: 100)")
    add("--output", type=Path, default=Path("runs/repainting"), help="folder of the results (default: %(default)s)")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> None:
    """Measure, and draw."""
    args = parse(arguments)
    test = datasets.find(args.dataset, args.data_dir).some_of("test", args.photos)
    samples = datasets.find("samples").folder
    make_folder(args.output)
    console.load_tensorflow()
    from tfcolor.colorizer import Colorizer

    kept, repainted = (Colorizer.load(args.model, repaint=repaint) for repaint in (False, True))
    errors = np.array([lightness_errors(read_photo(path).rgb, n, repainted) for n, path in enumerate(test)])
    means = [f"{mean:.2f}" for mean in errors.mean(axis=0)]
    title = f"{len(errors)} photographs: mean distance of their lightness to that of the good ones, in L*"
    show([(title, ["damaged", "repainted"], [means])], args.output / "tables.md")
    columns: dict[str, list] = {"photograph": [], "damaged": [], "its lightness kept": [], "repainted": []}
    for number, name in enumerate(SHOWN):
        rgb = reduced(read_photo(next(samples.glob(f"{name}.*"))).rgb)
        damaged = damage(rgb, number)
        pictures = (rgb, damaged, kept.colorize(damaged), repainted.colorize(damaged))
        for column, picture in zip(columns.values(), pictures, strict=True):
            column.append(picture[:SIDE, :SIDE])
    squares = {name: np.stack(column) for name, column in columns.items()}
    write_jpeg(args.output / "repainted.jpg", rows_of_squares(squares), 840)


def lightness_errors(rgb: np.ndarray, number: int, repainted) -> tuple[float, float]:
    """The mean error in L* of a damaged photograph, and of what the network makes of it."""
    from tfcolor.color.lab import levels_to_lightness

    rgb = reduced(rgb)
    damaged = damage(rgb, number)
    truth = levels_to_lightness(rgb).numpy()
    pictures = (damaged, repainted.colorize(damaged))
    return tuple(float(np.abs(levels_to_lightness(each).numpy() - truth).mean()) for each in pictures)


def reduced(rgb: np.ndarray) -> np.ndarray:
    """Reduce a photograph so that its shorter side has `SIDE` pixels; smaller ones are left as they are."""
    scale = min(1.0, SIDE / min(rgb.shape[:2]))
    return np.asarray(Image.fromarray(rgb).resize([round(scale * side) for side in rgb.shape[1::-1]]))


def damage(rgb: np.ndarray, number: int) -> np.ndarray:
    """Return the gray photograph faded, blurred, grainy or compressed: uint8 [H, W, 3]; the number is the seed."""
    import tensorflow as tf

    from tfcolor.color.lab import levels_to_lightness, lightness_to_gray, to_levels
    from tfcolor.data.degradation import degraded

    gray = lightness_to_gray(levels_to_lightness(rgb))[..., None]
    levels = to_levels(degraded(gray, tf.constant([0, number]), 1.0))
    return np.repeat(levels.numpy(), 3, axis=-1)


if __name__ == "__main__":
    sys.exit(console.run(main))
