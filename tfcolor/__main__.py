"""The command line: `tfcolor COMMAND`, or `python -m tfcolor COMMAND` if the package is not installed."""

import importlib
import sys
from pathlib import PurePath

from tfcolor import __version__
from tfcolor.utils import console

# Command -> its module in `tfcolor.commands`, and what it does.
COMMANDS = {
    "colorize": ("colorize", "colour photographs"),
    "analyze-bins": ("analyze_bins", "count the colours of a dataset and choose the bins"),
    "train": ("train", "train a network"),
    "evaluate": ("evaluate", "measure a model, or another program's results"),
    "choose-decoding": ("choose_decoding", "choose T, lambda and chroma smoothing on validation photographs"),
    "calibrate": ("calibrate", "calibrate a model's probabilities on validation photographs"),
    "route": ("route", "join several models, and choose among them for each photograph"),
    "export": ("export", "write a model for other programs"),
    "web": ("web.command", "colour photographs on a page in the browser"),
    "pack": ("pack", "pack a dataset into a few large files for training"),
}


def usage(program: str) -> str:
    """List the commands.

    Args:
        program: how the program was started, such as 'tfcolor'.

    Returns:
        The text that `--help` prints.
    """
    width = max(map(len, COMMANDS))
    commands = [f"  {name:{width}}  {purpose}" for name, (_, purpose) in COMMANDS.items()]
    lines = [f"usage: {program} [--help | --version] COMMAND [OPTION ...]", "", *commands, ""]
    return "\n".join([*lines, f"{program} COMMAND --help says more."])


def main(arguments: list[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: the command's name and its arguments; None takes the process's own.

    Returns:
        The exit status: 2 if the command is missing or unknown, otherwise the command's.
    """
    program = "python -m tfcolor" if PurePath(sys.argv[0]).name == "__main__.py" else "tfcolor"
    arguments = sys.argv[1:] if arguments is None else arguments
    if not arguments:
        print(usage(program), file=sys.stderr)
        return 2
    name, *rest = arguments
    if name in ("-h", "--help"):
        print(usage(program))
        return 0
    if name == "--version":
        print(f"tfcolor {__version__}")
        return 0
    if name not in COMMANDS:
        print(f"error: unknown command {name!r}; {program} --help lists the commands", file=sys.stderr)
        return 2
    module = f"tfcolor.commands.{COMMANDS[name][0]}"
    sys.argv[0] = f"{program} {name}"  # argparse shows it in its usage
    return console.run(lambda: importlib.import_module(module).main(rest))


if __name__ == "__main__":
    sys.exit(main())
