"""The command line: python -m tfcolor COMMAND, or tfcolor COMMAND where the package is installed."""

import importlib
import sys
from pathlib import PurePath

from tfcolor import __version__
from tfcolor.utils import console

# Command -> the module in `tfcolor/commands`, and what it does.
COMMANDS = {
    "colorize": ("colorize", "colour photographs"),
    "analyze-bins": ("analyze_bins", "scan the colours of a dataset and choose the bins"),
    "train": ("train", "train a network"),
    "evaluate": ("evaluate", "measure a model, or another program's results"),
    "choose-decoding": ("choose_decoding", "choose T, lambda and chroma smoothing on validation photographs"),
    "calibrate": ("calibrate", "make a model as sure as it is right"),
    "export": ("export", "write a model for other programs"),
    "pack": ("pack", "pack a dataset into a few large files for training"),
}


def usage(program: str) -> str:
    """What the commands are."""
    width = max(map(len, COMMANDS))
    lines = [f"  {name:{width}}  {text}" for name, (_, text) in COMMANDS.items()]
    return "\n".join([f"usage: {program} COMMAND [OPTION ...]", "", *lines, "", f"{program} COMMAND --help says more."])


def main(arguments: list[str] | None = None) -> int:
    """Run a command; returns its exit status."""
    program = "python -m tfcolor" if PurePath(sys.argv[0]).name == "__main__.py" else "tfcolor"
    name, *rest = (sys.argv[1:] if arguments is None else arguments) or [""]
    if name in ("-h", "--help"):
        print(usage(program))
        return 0
    if name == "--version":
        print(f"tfcolor {__version__}")
        return 0
    if name not in COMMANDS:
        print(usage(program), file=sys.stderr)
        print(f"error: {name!r} is no command" if name else "error: a command is missing", file=sys.stderr)
        return 2
    command = importlib.import_module(f"tfcolor.commands.{COMMANDS[name][0]}")
    sys.argv[0] = f"{program} {name}"  # what argparse shows
    return console.run(lambda: command.main(rest))


if __name__ == "__main__":
    sys.exit(main())
