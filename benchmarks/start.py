"""How long a command takes until it shows something."""

from pathlib import Path

from benchmarks import material
from benchmarks.measure import Row, Scale, alternate, python, ratios, row, run_process


def measure(folder: Path, scale: Scale) -> list[Row]:
    """Measure whole processes."""
    (photo,) = material.squares(folder, 1, scale.of(full=256, quick=256, tiny=32))
    commands = {
        "help": python("predict.py", "--help"),
        "import": python("-c", "import tensorflow"),
        "photograph": python("predict.py", photo, "--output", folder / "colored", "--overwrite"),
        "samples": python("predict.py", "--output", folder / "samples", "--overwrite"),
    }
    contestants = {name: lambda command=command: run_process(command) for name, command in commands.items()}
    repeats = scale.of(full=9, quick=2, tiny=1)
    seconds = alternate(contestants, repeats, warm_up=scale is not Scale.TINY)
    return [
        row("predict.py --help", seconds["help"], "s", "< 0.3"),
        row("import tensorflow", seconds["import"], "s"),
        row("predict.py, one photograph of 256x256 written", seconds["photograph"], "s"),
        row("predict.py, the six sample photographs", seconds["samples"], "s"),
        row("one photograph / import tensorflow", ratios(seconds["photograph"], seconds["import"]), "x", "< 1.5"),
        row("six sample photographs / import tensorflow", ratios(seconds["samples"], seconds["import"]), "x", "< 1.5"),
    ]
