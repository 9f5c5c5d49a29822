"""How long until something happens."""

from pathlib import Path

from benchmarks import material
from benchmarks.measure import Row, alternate, python, ratios, row, run_process


def measure(folder: Path, quick: bool) -> list[Row]:
    """Measure whole processes."""
    (photo,) = material.squares(folder, 1)
    color = python("predict.py", photo, "--output", folder / "colored", "--overwrite")
    contestants = {
        "help": python("predict.py", "--help"),
        "import": python("-c", "import tensorflow"),
        "first": color,
    }
    runs = {name: (lambda command=command: run_process(command)) for name, command in contestants.items()}
    seconds = alternate(runs, 2 if quick else 9)
    first = ratios(seconds["first"], seconds["import"])
    return [
        row("predict.py --help", seconds["help"], "s", "< 0.3"),
        row("import tensorflow", seconds["import"], "s"),
        row("predict.py, one photograph of 256x256 written", seconds["first"], "s"),
        row("one photograph / import tensorflow", first, "x", "< 1.6"),
    ]
