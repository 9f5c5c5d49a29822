"""Colour photographs: python predict.py --T 0.38 photo.jpg

Takes files, folders and globs, and writes results of the same name and format to a folder; if the format changes, its
suffix is appended to the name. Without any file, it colours the photographs that come with scikit-image, as a demo.
"""

import sys
import time
from pathlib import Path

from tfcolor import DEFAULT_MODEL
from tfcolor.color.decoding_options import Decoding
from tfcolor.photographs.formats import FORMATS
from tfcolor.utils import console
from tfcolor.utils.errors import InputError
from tfcolor.utils.options import PRECISION, XLA


def parse(arguments):
    parser = console.Parser(__doc__)
    add = parser.add_argument
    add("inputs", nargs="*", metavar="FILE", help="photographs, folders of them, or globs")
    add("--model", default=DEFAULT_MODEL, help=f"a shipped model or a model directory (default: {DEFAULT_MODEL})")
    add("--list-models", action="store_true", help="list the shipped models and exit")

    add = parser.add_argument_group("colour").add_argument
    add(
        "--T",
        type=float,
        dest="temperature",
        help="temperature in [0, 1]: 0 vivid and patchy, 1 smooth and dull (default: the model's own)",
    )
    add(
        "--lambda",
        type=float,
        dest="uniform_share",
        metavar="L",
        help="in [0, 1]: lower values make rare colours more likely (default: the model's own)",
    )
    add("--strength", type=float, help="in [0, 1], scales chroma: 0 leaves gray (default: 1)")
    add(
        "--chroma-smoothing",
        type=int,
        dest="smoothing",
        metavar="R",
        help="smooth colours over R pixels, but not across edges (default: the model's own)",
    )

    add = parser.add_argument_group("files").add_argument
    add("--output", default="colorized", help="folder to write (default: colorized)")
    add("--recursive", action="store_true", help="search folders to any depth, and keep their tree in the output")
    add("--format", choices=tuple(FORMATS), help="format of the results (default: each photograph's own)")
    add("--quality", type=int, help="quality of JPEG and WebP, 1 ... 100 (default: a JPEG's own, WebP lossless)")
    existing = parser.add_mutually_exclusive_group()
    existing.add_argument("--resume", action="store_true", help="skip photographs whose results exist")
    existing.add_argument("--overwrite", action="store_true", help="replace results that exist")
    add(
        "--shard",
        default="1/1",
        metavar="I/N",
        help="colour the I-th of N shares, one for each of N processes (default: 1/1)",
    )
    add("--workers", type=int, default=4, help="number of threads that read, and that write (default: 4)")
    add("--max-megapixels", type=float, default=300, help="refuse larger pictures (default: 300)")

    add = parser.add_argument_group("looking").add_argument
    add("--compare", action="store_true", help="also write a sheet with input, result and truth")
    add("--sweep", metavar="T,T,...", help="write a sheet with these temperatures instead of the result")
    add("--candidates", type=int, default=0, metavar="K", help="write K different plausible colourings instead")
    add("--explain", metavar="X,Y", help="plot the prediction at this pixel instead, and how sure the network is")

    computing = parser.add_argument_group("computing")
    computing.add_argument(
        "--tile", default="auto", help="side of the tiles in pixels; changes memory, not the picture (default: auto)"
    )
    computing.add_argument(
        "--working-size",
        type=int,
        metavar="S",
        help="shorter side in pixels of what the network sees, for networks with a working size (default: its own)",
    )
    PRECISION.add_to(computing, "precision", default=PRECISION.default)
    XLA.add_to(computing, "xla", default=XLA.default)
    return parser.parse_args(arguments)


def main(arguments=None):
    """Check all that needs no TensorFlow, then colour."""
    args = parse(arguments)
    # Slow imports come after `--help`.
    from tfcolor.commands import worklist
    from tfcolor.models.directory import describe_shipped_models, find_model, read_info
    from tfcolor.utils.files import check_folder, make_folder

    if args.list_models:
        for name, description in describe_shipped_models().items():
            print(f"{name}: {description}")
        return None
    check_ranges(args)
    tile, outputs, folder = tile_size(args.tile), outputs_of(args), Path(args.output)
    given = {name: getattr(args, name) for name in ("temperature", "uniform_share", "strength", "smoothing")}
    Decoding().replace(**given)  # reports values out of range before anything is read
    info = read_info(find_model(args.model))
    asked = {name: getattr(args, name) for name in ("temperature", "uniform_share", "sweep", "explain")}
    info.check_predicts_distribution(asked | {"candidates": args.candidates or None})
    decoding = info.decoding.replace(**given)
    existing = "skip" if args.resume else "replace" if args.overwrite else "refuse"
    work = worklist.find(args.inputs, folder, outputs, args.recursive, console.shard_of(args.shard), existing)
    check_folder(folder)

    console.load_tensorflow()
    from tfcolor.colorizer import Colorizer
    from tfcolor.colorizer.tiles import AUTO_TILE

    colorizer = Colorizer.load(info.folder, args.precision, args.xla, args.working_size)
    make_folder(folder)
    started = time.perf_counter()
    task = (colorizer, work.jobs, decoding, outputs)
    max_pixels = round(args.max_megapixels * 1e6)
    for path, reason in work.failures:
        print(f"cannot colour {console.shown(path)}: {console.shown(reason)}", file=sys.stderr)
    if outputs.are_looks:
        from tfcolor.commands.looks import look_at_files

        report = look_at_files(*task, tile or AUTO_TILE, max_pixels)
    else:
        from tfcolor.commands.colorize_files import colorize_files

        report = colorize_files(*task, tile or colorizer.auto_tile, max_pixels, args.workers)
    failed = len(report.failed) + len(work.failures)
    print(summary(report, work.skipped, failed, time.perf_counter() - started, folder))
    return 1 if failed else 0


def summary(report, skipped, failed, seconds, folder):
    """A line about all photographs."""
    count = len(report.colored)
    line = f"{count} {'photograph' if count == 1 else 'photographs'}, {report.num_pixels / 1e6:.1f} megapixels, "
    line += f"coloured in {seconds:.1f} s: {console.shown(folder)}"
    line += f"; {skipped} skipped, their results exist" if skipped else ""
    return line + (f"; {failed} failed" if failed else "")


def check_ranges(args):
    """Raise InputError for a number out of range."""
    for option, value, low, high in (
        ("--quality", args.quality, 1, 100),
        ("--workers", args.workers, 1, 256),
    ):
        if value is not None and not low <= value <= high:
            raise InputError(f"{option} must be in [{low:g}, {high:g}], got {value:g}")
    if not 0 < args.max_megapixels <= 1e6:
        raise InputError(f"--max-megapixels must be above 0 and at most 1000000, got {args.max_megapixels:g}")


def tile_size(text):
    """The side of a tile, or None for 'auto'."""
    if text == "auto":
        return None
    if not text.isdecimal() or not int(text):
        raise InputError(f"--tile must be auto or a number of pixels from 1 up, got {text}")
    return int(text)


def outputs_of(args):
    """The outputs for each photograph."""
    from tfcolor.commands.worklist import MOST_CANDIDATES, Outputs

    if args.candidates and not 2 <= args.candidates <= MOST_CANDIDATES:
        raise InputError(f"--candidates must be in [2, {MOST_CANDIDATES}], got {args.candidates}")
    sweep = console.temperatures_of("--sweep", args.sweep) if args.sweep is not None else ()
    point = console.numbers_of("--explain", args.explain, int) if args.explain is not None else ()
    if args.explain and (len(point) != 2 or min(point) < 0):
        raise InputError(f"--explain takes a pixel X,Y, counted from 0 at the left and the top, got {args.explain}")
    outputs = Outputs(args.format, args.quality, args.compare, sweep, args.candidates, point or None)
    if outputs.compare and outputs.are_looks:
        raise InputError("--compare goes with results; give it without --sweep, --candidates and --explain")
    return outputs
