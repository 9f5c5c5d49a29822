"""Run benchmarks: python -m benchmarks scan|train|pack|ops|predict|zhang|start|growth|all [--quick]

Prints tables and writes benchmarks/results/<name>.json. Needs the rivals:
pip install -r benchmarks/rivals/requirements.txt
"""

import argparse
import importlib
import importlib.util
import sys
import tempfile
from pathlib import Path

from tfcolor.utils import console
from tfcolor.utils.errors import InputError

PARTS = ("scan", "train", "pack", "ops", "predict", "zhang", "start")


def main() -> None:
    """Run the parts asked for, one after the other."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("part", choices=(*PARTS, "growth", "all"), help="all: all but growth")
    parser.add_argument("--quick", action="store_true", help="fewer repetitions: under five minutes in all")
    args = parser.parse_args()
    if not importlib.util.find_spec("torch"):
        raise InputError("a rival is missing: pip install -r benchmarks/rivals/requirements.txt")
    parts = PARTS if args.part == "all" else (args.part,)
    console.load_tensorflow()
    from benchmarks.measure import report

    for part in parts:
        with tempfile.TemporaryDirectory() as folder:
            rows = importlib.import_module(f"benchmarks.{part}").measure(Path(folder), args.quick)
        report(part, rows, args.quick)


if __name__ == "__main__":
    sys.exit(console.run(main))
