"""The options of `predict.py`, and what their values must be. No TensorFlow."""

import json
from pathlib import Path

from tfcolor import DEFAULT_MODEL
from tfcolor.films.options import CRF, WEIGHT
from tfcolor.photographs.formats import FORMATS
from tfcolor.utils import console
from tfcolor.utils.errors import InputError
from tfcolor.utils.options import PRECISION, XLA

DESCRIPTION = """Colour photographs and films: python predict.py photo.jpg

Takes files, folders and globs. Results have the same name and format, and go to the folder colorized. Without any
file, it colours the photographs that come with scikit-image, as a demo.
"""
EXAMPLES = {
    "photo.jpg": "one photograph",
    "old/ --recursive --output coloured": "a folder with all its folders",
    "old/ --recursive --output paler --strength 0.6": "less vivid",
    "photo.jpg --sweep 1,0.7,0.38": "a sheet of several T",
    "photo.jpg --candidates 4": "four different colourings",
    'photo.jpg --hint "120,80,#2b4f81"': "the colour at one pixel is known",
    "film.mp4": "a film",
    "huge/ --recursive --shard 2/8 --resume": "the second of eight shares",
}


def parse(arguments):
    program, width = console.command("colorize", "predict.py"), max(map(len, EXAMPLES))
    lines = [f"  {program} {words:{width}}   {meaning}" for words, meaning in EXAMPLES.items()]
    parser = console.Parser(DESCRIPTION, "\n".join(["examples:", *lines]))
    add_common_options(parser, own_decoding())
    add_file_options(parser.add_argument_group("files"))
    add_hints(parser.add_argument_group("hints"))
    add_looks(parser.add_argument_group("looking"))
    add_film_options(parser.add_argument_group("films"))
    add_computing_options(parser.add_argument_group("computing"))
    return parser.parse_args(arguments)


def own_decoding():
    """The default model's own T, lambda and chroma smoothing, from its `model.json`, without slow imports."""
    path = Path(__file__).parents[1] / "models" / DEFAULT_MODEL / "model.json"
    return json.loads(path.read_text(encoding="utf-8"))["decoding"]


def add_common_options(parser, own):
    add = parser.add_argument
    add("inputs", nargs="*", metavar="FILE", help="photographs, films, folders of them, or globs")
    add("--output", default="colorized", metavar="DIR", help="folder for the results (default: colorized)")
    add("--recursive", action="store_true", help="search folders to any depth, and keep their tree")
    existing = parser.add_mutually_exclusive_group()
    existing.add_argument("--overwrite", action="store_true", help="replace results that exist")
    existing.add_argument("--resume", action="store_true", help="skip photographs whose results exist")
    add("--strength", type=float, metavar="S", help="from 0 (gray) to 1 (default): how strong the colours are")
    of_model = f"(default: the model's own, {{}} for {DEFAULT_MODEL})"
    add(
        "--T",
        type=float,
        dest="temperature",
        metavar="T",
        help=f"from 0 (decided, patchy) to 1 (smooth, dull): temperature {of_model.format(own['temperature'])}",
    )
    add(
        "--lambda",
        type=float,
        dest="uniform_share",
        metavar="L",
        help=f"from 0 (rare colours more often) to 1 (as often as in life) {of_model.format(own['uniform_share'])}",
    )
    add(
        "--chroma-smoothing",
        type=int,
        dest="smoothing",
        metavar="R",
        help=f"smooth colours over R pixels, not across edges {of_model.format(own['smoothing'])}",
    )
    add("--model", default=DEFAULT_MODEL, help=f"a shipped model or a model directory (default: {DEFAULT_MODEL})")
    add("--list-models", action="store_true", help="list the shipped models and exit")


def add_file_options(group):
    add = group.add_argument
    add("--format", choices=tuple(FORMATS), help="format of the results (default: each photograph's own)")
    add("--quality", type=int, help="quality of JPEG and WebP, 1 ... 100 (default: a JPEG's own, WebP lossless)")
    add("--max-megapixels", type=float, default=300, metavar="N", help="refuse larger pictures (default: 300)")
    add("--shard", default="1/1", metavar="I/N", help="colour the I-th of N shares, one for each of N processes")
    add(
        "--cluster",
        metavar="WHERE",
        help="colour in other processes: local:8 for eight here, or the scheduler of Dask, such as tcp://host:8786",
    )
    add("--workers", type=int, default=4, metavar="N", help="threads that read, and that write (default: 4)")


def add_hints(group):
    add = group.add_argument
    add(
        "--hint",
        action="append",
        default=[],
        dest="hint",
        metavar="X,Y,COLOUR",
        help="the colour of a pixel, #2b4f81 or gray; things like it follow (may be repeated); in films from a time on "
        "with 12.5s, in front",
    )
    add("--hints", metavar="FILE", help="hints: opaque strokes in a PNG, or lines FILE,X,Y,COLOUR in a CSV")
    add("--suggest", metavar="X,Y", help="print the likely colours of this pixel, and where a hint would help most")


def add_looks(group):
    add = group.add_argument
    add("--compare", action="store_true", help="also write a sheet with input, result and truth")
    add("--sweep", metavar="T,T,...", help="write a sheet with these temperatures instead of the result")
    add("--candidates", type=int, default=0, metavar="K", help="write K different plausible colourings instead")
    add("--explain", metavar="X,Y", help="plot the prediction at this pixel instead, and how sure the network is")


def add_film_options(group):
    add = group.add_argument
    add("--crf", type=int, default=CRF, metavar="N", help=f"quality, from 0 (best) to 51 (default: {CRF})")
    add("--lossless", action="store_true", help="keep every level of luma, in large files")
    add(
        "--steadiness",
        type=float,
        default=WEIGHT,
        metavar="W",
        help=f"from 0 (each frame by itself) to below 1: how much frames follow others (default: {WEIGHT})",
    )


def add_computing_options(group):
    group.add_argument(
        "--tile",
        default="auto",
        metavar="N",
        help="side of the tiles in pixels; changes memory, not the picture (default: auto)",
    )
    group.add_argument(
        "--working-size",
        type=int,
        metavar="S",
        help="shorter side in pixels of what the network sees, for networks with a working size (default: its own)",
    )
    group.add_argument(
        "--repaint",
        action="store_true",
        help="also take lightness from a network that paints RGB, for damaged photographs (default: the photograph's)",
    )
    PRECISION.add_to(group, "precision", default=PRECISION.default)
    XLA.add_to(group, "xla", default=XLA.default)


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


def check_cluster(args):
    """Raise InputError if `--cluster` is wrong, or does not go with other options."""
    if args.cluster is None:
        return
    from tfcolor.cluster.client import check_address

    check_address(args.cluster)
    if args.suggest:
        raise InputError("--suggest answers about one pixel; give it without --cluster")


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
    point = pixel_of("--explain", args.explain)
    outputs = Outputs(args.format, args.quality, args.compare, sweep, args.candidates, point)
    if outputs.compare and outputs.are_looks:
        raise InputError("--compare goes with results; give it without --sweep, --candidates and --explain")
    return outputs


def pixel_of(option, text):
    """Read a pixel: '120,80' -> (120, 80); None if the option is not given."""
    if text is None:
        return None
    point = console.numbers_of(option, text, int)
    if len(point) != 2 or min(point) < 0:
        raise InputError(f"{option} takes a pixel X,Y, counted from 0 at the left and the top, got {text}")
    return point
