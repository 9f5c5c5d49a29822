#!/usr/bin/env python
"""Colour photographs: python predict.py --T 0.38 photo.jpg

Takes files, folders and globs of any size and writes results of the same name to a folder. Without
any, it colours the photographs that scikit-image carries, to show what it does.
"""

import argparse
import sys
import time
from pathlib import Path

from tfcolor import DEFAULT_MODEL, console
from tfcolor.errors import InputError


def parse(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("inputs", nargs="*", metavar="FILE", help="photographs, folders of them, or globs")
    add(
        "--T",
        type=float,
        default=0.38,
        help="temperature in [0, 1]: 0 vivid and patchy, 1 smooth and dull (0.38)",
    )
    add(
        "--model",
        default=DEFAULT_MODEL,
        help=f"a shipped model or a model directory (default {DEFAULT_MODEL})",
    )
    add("--output", default="colorized", help="folder for the results (default colorized)")
    add("--tile", default="auto", help="side of the tiles in pixels; changes memory, not the picture")
    add(
        "--precision",
        default="auto",
        choices=("auto", "float32", "bfloat16"),
        help="of the convolutions; auto: bfloat16 where it is faster",
    )
    add("--xla", default="auto", choices=("auto", "on", "off"), help="whether XLA compiles; auto: on a GPU")
    add("--compare", action="store_true", help="also write input, result and truth side by side")
    add("--overwrite", action="store_true", help="replace results that exist")
    return parser.parse_args(arguments)


def main(arguments=None):
    """Check everything that can be checked without TensorFlow, then colour."""
    args = parse(arguments)
    # What takes time to import comes after `--help`.
    from tfcolor.colorize_files import colorize_files, measure, plan
    from tfcolor.files import check_folder, make_folder
    from tfcolor.modeldir import find_model, read_description

    if not 0 <= args.T <= 1:
        raise InputError(f"--T must be in [0, 1], got {args.T:g}")
    tile = tile_size(args.tile)
    model = find_model(args.model)
    read_description(model)
    folder = Path(args.output)
    targets = plan(args.inputs, folder, args.compare, args.overwrite)
    sizes, failures = measure(targets)
    check_folder(folder)

    console.load_tensorflow()
    from tfcolor.colorizer import AUTO_TILE, Colorizer

    colorizer = Colorizer.load(model, args.precision, args.xla)
    make_folder(folder)
    started = time.perf_counter()
    colored = colorize_files(colorizer, targets, sizes, args.T, tile or AUTO_TILE)
    seconds = time.perf_counter() - started
    megapixels = sum(sizes[path][0] * sizes[path][1] for path in colored) / 1e6
    files = "photograph" if len(colored) == 1 else "photographs"
    print(f"{len(colored)} {files}, {megapixels:.1f} megapixels, coloured in {seconds:.1f} s: {folder}")
    return 2 if failures or len(colored) < len(targets) else 0


def tile_size(text):
    """The side of a tile, or None for 'auto'."""
    if text == "auto":
        return None
    if not text.isdecimal() or not int(text):
        raise InputError(f"--tile must be auto or a number of pixels from 1 up, got {text}")
    return int(text)


if __name__ == "__main__":
    sys.exit(console.run(main))
