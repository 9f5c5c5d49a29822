"""Export a model for other programs; or make a smaller copy.

An exported model takes lightness and T and gives ab, or takes and gives pictures.

python -m tfcolor export --model forest --format savedmodel --output forest-savedmodel
python -m tfcolor export --model forest --format tflite --size 480x640 --output forest.tflite
python -m tfcolor export --model forest --format tflite --int8 --pictures --size 480x640 --output phone.tflite
python -m tfcolor export --model runs/mine --format half --output mine
"""

import argparse
from pathlib import Path

from tfcolor import DEFAULT_MODEL
from tfcolor.utils import console
from tfcolor.utils.errors import InputError
from tfcolor.utils.files import check_new

FORMATS = {
    "savedmodel": "for TensorFlow",
    "tflite": "for LiteRT",
    "half": "a model directory of half the size, its filters rounded to 16 bits",
}


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = console.Parser(__doc__)
    formats = "; ".join(f"{name}: {text}" for name, text in FORMATS.items())
    parser.add_argument("--model", default=DEFAULT_MODEL, help="a shipped model or a model directory")
    parser.add_argument(
        "--format", default="savedmodel", choices=tuple(FORMATS), help=f"{formats} (default: savedmodel)"
    )
    parser.add_argument("--size", metavar="HxW", help="size of the pictures in pixels, for tflite (default: any)")
    parser.add_argument("--pictures", action="store_true", help="take and give pictures, uint8 sRGB, for tflite")
    parser.add_argument("--int8", action="store_true", help="round weights to 8 bits, for tflite")
    parser.add_argument("--output", required=True, help="folder to write, or .tflite file")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> None:
    """Check the arguments, convert and write."""
    args = parse(arguments)
    from tfcolor.models.directory import find_model, read_info

    size = size_of(args.size, args.format)
    for option in ("pictures", "int8"):
        if getattr(args, option) and args.format != "tflite":
            more = "; a savedmodel has the signature `colorize` for them" if option == "pictures" else ""
            raise InputError(f"--{option} is for tflite{more}")
    model, target = find_model(args.model), Path(args.output)
    read_info(model)
    check_new(target)
    console.load_tensorflow()
    from tfcolor.colorizer.export import write_half, write_saved_model, write_tflite

    if args.format == "tflite":
        write_tflite(model, target, size, args.pictures, args.int8)
    else:
        {"savedmodel": write_saved_model, "half": write_half}[args.format](model, target)
    print(f"{args.model}: {args.format} written to {target}")


def size_of(text: str | None, format: str) -> tuple[int | None, int | None]:
    """'480x640' -> (480, 640); (None, None) for any size."""
    if text is None:
        return None, None
    sides = text.lower().split("x")
    if format != "tflite":
        raise InputError(f"--size is for tflite; {format} takes any size")
    if len(sides) != 2 or not all(side.isdecimal() and int(side) for side in sides):
        raise InputError(f"--size must be HEIGHTxWIDTH in pixels, such as 480x640, got {text}")
    return int(sides[0]), int(sides[1])
