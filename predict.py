#!/usr/bin/env python
"""Colour photographs: python predict.py --T 0.38 photo.jpg

Takes files, folders and globs of any size and writes results of the same name to a folder. Without
any, it colours the photographs that scikit-image carries, to show what it does.
"""

import argparse
import glob
import sys
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tfcolor import console, datasets, photos
from tfcolor.errors import InputError
from tfcolor.files import check_folder, make_folder
from tfcolor.modeldir import DEFAULT_MODEL, find_model, read_description

WRITES_AHEAD = 1  # results that may wait to be written while the next photograph is coloured


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
    colored = colorize_all(colorizer, targets, sizes, args.T, tile or AUTO_TILE)
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


def plan(inputs, folder, compare, overwrite):
    """Find the photographs and the names of their results: {photograph: (result, comparison)}."""
    paths = [path for text in inputs for path in expand(text)] if inputs else datasets.sample_photographs()
    sources = {path.resolve() for path in paths}
    targets, taken = {}, {}
    for path in dict.fromkeys(paths):
        result = folder / photos.output_name(path)
        comparison = folder / f"{result.stem}-compare.png" if compare else None
        for target in filter(None, (result, comparison)):
            if target in taken:
                raise InputError(f"{path} and {taken[target]} would both be written to {target}; colour them apart")
            if target.resolve() in sources:
                raise InputError(f"{target} is an input, it cannot be a result as well; give another --output")
            if target.exists() and not overwrite:
                raise InputError(f"{target} exists; give --overwrite to replace it, or another --output")
            taken[target] = path
        targets[path] = (result, comparison)
    return targets


def expand(text):
    """The photographs that an argument means: a file, a folder's images, or a glob's matches."""
    if not text:
        raise InputError("a file name is empty; leave it out to colour the samples")
    path = Path(text)
    if path.is_dir():
        found = sorted(p for p in path.iterdir() if p.suffix.lower() in datasets.SUFFIXES and p.is_file())
        if not found:
            raise InputError(f"no images in folder {text}")
        return found
    if path.exists():
        return [path]
    matches = glob.glob(text, recursive=True)  # noqa: PTH207  (Path.glob refuses absolute patterns)
    found = sorted(Path(match) for match in matches if Path(match).is_file())
    if not found:
        raise InputError(f"{text} matches no file")
    return found


def measure(targets):
    """Read the sizes of all photographs; those that are no images are said, and dropped from `targets`."""
    sizes, failures = {}, []
    for path in list(targets):
        try:
            sizes[path] = photos.read_size(path)
        except photos.UnreadableImage as error:
            failures.append(f"cannot read {path}: {error}")
            del targets[path]
    if not targets:
        more = f" (nor any of {len(failures) - 1} others)" if len(failures) > 1 else ""
        raise InputError(failures[0] + more)
    for failure in failures:
        print(failure, file=sys.stderr)
    return sizes, len(failures)


def colorize_all(colorizer, targets, sizes, temperature, tile):
    """Colour and write the photographs; returns those that were, the others being said.

    Reading and writing go on in other threads while the network works.
    """
    from tfcolor.colorizer import count_tiles

    total = sum(count_tiles(height, width, tile) for width, height in sizes.values())
    colored, waiting, writing = [], deque(), deque()
    with console.Progress("colouring", total, "tiles") as progress, ThreadPoolExecutor(1) as writer:

        def pictures():
            for path, photo in photos.read_all(targets):
                if isinstance(photo, photos.UnreadableImage):
                    progress.log(f"cannot read {path}: {photo}")
                    width, height = sizes[path]
                    progress.total -= count_tiles(height, width, tile)
                else:
                    waiting.append((path, photo))
                    yield photo.rgb

        def show(done):
            progress.update(done, waiting[0][0].name)

        for rgb in colorizer.colorize_all(pictures(), temperature, tile, show):
            path, photo = waiting.popleft()
            writing.append(writer.submit(write, targets[path], photo, rgb))
            colored.append(path)
            if len(writing) > WRITES_AHEAD:
                writing.popleft().result()
            del photo, rgb  # else they stay in memory while the next one is read
        for write_job in writing:
            write_job.result()
    return colored


def write(target, photo, rgb):
    """Write the result, and where it is asked for the comparison."""
    from tfcolor.color import grayed
    from tfcolor.sheets import sheet

    result, comparison = target
    photos.write(result, rgb, photo.alpha)
    if comparison:
        pictures = [("input", grayed(photo.rgb).numpy()), ("result", rgb)]
        pictures += [("truth", photo.rgb)] if photo.has_color else []
        photos.write(comparison, sheet([pictures]))


if __name__ == "__main__":
    sys.exit(console.run(main))
