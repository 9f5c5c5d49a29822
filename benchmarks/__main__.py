"""Measure how fast tfcolor is: python -m benchmarks PART

Prints tables, and writes benchmarks/results/<part>.json; growth also draws docs/growth-*.png. It needs the rivals:
pip install -r benchmarks/rivals/requirements.txt. The part faults needs none, takes an hour or more, and goes on
where it was stopped: what is done is kept in runs/faults.
"""

import argparse
import importlib
import sys
import tempfile
from pathlib import Path

from benchmarks import measure
from benchmarks.measure import ROOT, Scale, report
from benchmarks.rivals import has_torch
from tfcolor.utils import console
from tfcolor.utils.errors import InputError
from tfcolor.utils.files import make_folder, replacing

PARTS = ("scan", "train", "pack", "ops", "predict", "zhang", "unet", "pix2pix", "hints", "films", "start")
APART = ("growth", "cluster")  # about many files: they take long
FAULTS = "faults"


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = console.Parser(__doc__)
    parser.prog = "python -m benchmarks"
    parser.add_argument("part", choices=(*PARTS, *APART, FAULTS, "all"), help=f"all: the first {len(PARTS)}")
    parser.add_argument("--quick", action="store_true", help="fewer and smaller runs: a few minutes in all")
    parser.add_argument("--output", type=Path, help="folder for results and figures (default: as above)")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> None:
    """Run the parts asked for, one after the other."""
    args = parse(arguments)
    if args.output:
        make_folder(args.output)
    if args.part == FAULTS:
        return measure_faults(Scale.QUICK if args.quick else Scale.FULL, args.output)
    if not has_torch():
        raise InputError("PyTorch is not installed: pip install -r benchmarks/rivals/requirements.txt")
    console.load_tensorflow()
    scale = Scale.QUICK if args.quick else Scale.FULL
    for part in PARTS if args.part == "all" else (args.part,):
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            rows = importlib.import_module(f"benchmarks.{part}").measure(folder, scale)
            for figure in folder.glob(f"{part}-*.png"):
                with replacing((args.output or ROOT / "docs") / figure.name) as file:
                    file.write(figure.read_bytes())
        report(part, rows, scale, args.output or measure.RESULTS)


def measure_faults(scale: Scale, output: Path | None) -> None:
    """Measure without TensorFlow in this process: its memory would count for those that it starts."""
    from benchmarks import faults

    report(FAULTS, faults.measure(faults.STATE, scale), scale, output or measure.RESULTS)


if __name__ == "__main__":
    sys.exit(console.run(main))
