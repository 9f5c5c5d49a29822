"""What the commands share at the terminal: options, exit statuses, tables, and the progress of long work."""

import argparse
import contextlib
import gc
import logging
import os
import re
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence

from tfcolor.utils.errors import InputError, WorkError

_OPTIONS: dict[str, str] = {}  # argument -> its option in the running command
_ARGUMENT = re.compile(r"`(\w+)`")
_collected: list[str] | None = None  # where lines go instead of the terminal
PLAIN_SECONDS = 10.0  # between two progress lines when the output is not a terminal


class Parser(argparse.ArgumentParser):
    """A command's parser. It shows its description unchanged, and tells `as_options` the option of each argument."""

    def __init__(self, description: str, examples: str | None = None):
        """Start without arguments.

        Args:
            description: the command's docstring.
            examples: shown at the end. If there are any, the first line does not list all options.
        """
        usage = "%(prog)s [options] [FILE ...]" if examples else None
        formatter = argparse.RawDescriptionHelpFormatter
        super().__init__(usage=usage, description=description, epilog=examples, formatter_class=formatter)

    def parse_known_args(
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """Parse as argparse does; `parse_args` ends up here too."""
        _OPTIONS.clear()
        _OPTIONS.update({action.dest: action.option_strings[-1] for action in self._actions if action.option_strings})
        return super().parse_known_args(args, namespace)


def command(name: str, script: str) -> str:
    """Return how to start a command in the way that the running one was started.

    Args:
        name: the command, such as 'colorize'.
        script: the script that does the same, such as 'predict.py'.

    Returns:
        For example 'tfcolor colorize', 'python -m tfcolor colorize' or 'python predict.py'.
    """
    programs = ("tfcolor", "python -m tfcolor")
    started = next((program for program in programs if sys.argv[0].startswith(f"{program} ")), None)
    return f"{started} {name}" if started else f"python {script}"


def as_options(message: str) -> str:
    """Replace the arguments that a message names in backticks by the options of the running command.

    "`batch_size` must be at least 1" becomes "--batch-size must be at least 1". Other names keep their backticks.
    """
    return _ARGUMENT.sub(lambda found: _OPTIONS.get(found[1], found[0]), message)


def run(main: Callable[[], int | None]) -> int:
    """Run a command's `main`, and turn its errors into one line and an exit status.

    Args:
        main: returns the exit status, or None for 0.

    Returns:
        What `main` returned; 2 after an `InputError` (a user's mistake), 1 after a `WorkError` or an
        `OSError` (the work failed), 130 after Ctrl-C. Other exceptions are bugs and keep their traceback.
    """
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s")
    # The one line about a file says what is wrong with it; Pillow's other warnings do not matter.
    warnings.filterwarnings("ignore", module=r"PIL\.")
    try:
        return main() or 0
    except InputError as error:
        return _fail(error, 2)
    except (WorkError, OSError) as error:
        return _fail(error, 1)
    except KeyboardInterrupt:
        return _fail("stopped by Ctrl-C", 130)


def _fail(message: object, status: int) -> int:
    print("error:", as_options(" ".join(str(message).split())), file=sys.stderr)
    return status


def load_tensorflow() -> None:
    """Import TensorFlow, and hide what it prints about missing GPUs before its logging is set up.

    What it printed appears after all if the import fails.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    # In float32, oneDNN's convolutions give the same bits for any batch and number of threads. Those of Eigen,
    # which TensorFlow takes without oneDNN, do not (measured).
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    # XLA takes half of the width of AVX-512 by default. Where there is none, this changes nothing.
    os.environ.setdefault("XLA_FLAGS", "--xla_cpu_prefer_vector_width=512")
    sys.stderr.flush()
    terminal = os.dup(2)
    is_loaded = False
    with tempfile.TemporaryFile() as greeting:
        os.dup2(greeting.fileno(), 2)  # C++ writes the lines past sys.stderr
        gc.disable()  # otherwise the collector takes a fifth of the import's time
        try:
            import tensorflow as tf

            tf.config.list_physical_devices()
            # It warns that functions are traced anew for photographs of other sizes.
            logging.getLogger("tensorflow").setLevel(logging.ERROR)
            is_loaded = True
        except KeyboardInterrupt:
            is_loaded = True  # there is nothing to explain
            raise
        finally:
            gc.freeze()
            gc.enable()
            os.dup2(terminal, 2)
            os.close(terminal)
            greeting.seek(0)
            if not is_loaded:
                sys.stderr.write(greeting.read().decode(errors="replace"))


def shown(path: object) -> str:
    """Make a path printable in one line: a newline or a broken character is escaped."""
    text = str(path)
    return text if text.isprintable() else ascii(text)[1:-1]


def shard_of(text: str) -> tuple[int, int]:
    """Read a share of the work: '2/5' -> (2, 5), the second of five.

    Raises:
        InputError: `text` is not such a pair.
    """
    numbers = [int(part) if part.isdecimal() else 0 for part in text.split("/")]
    if len(numbers) != 2 or not 1 <= numbers[0] <= numbers[1]:
        raise InputError(f"`shard` must be I/N with I from 1 to N, such as 1/4, got {text}")
    return numbers[0], numbers[1]


def numbers_of(option: str, text: str, kind: type = float) -> tuple:
    """Read numbers separated by commas: '1,0.38' -> (1.0, 0.38).

    Args:
        option: the option, named in the error.
        text: the text given for it.
        kind: float, or int for whole numbers.

    Raises:
        InputError: `text` is not a list of such numbers.
    """
    try:
        return tuple(kind(part) for part in text.split(","))
    except ValueError as error:
        kinds = "whole numbers" if kind is int else "numbers"
        raise InputError(f"{option} takes {kinds} with commas between, got {text!r}") from error


def temperatures_of(option: str, text: str) -> tuple[float, ...]:
    """Read temperatures as `numbers_of` does; repeated ones count once.

    Raises:
        InputError: `text` is not a list of numbers in [0, 1].
    """
    found = tuple(dict.fromkeys(numbers_of(option, text)))
    if not all(0 <= T <= 1 for T in found):
        raise InputError(f"{option} takes temperatures in [0, 1], got {text}")
    return found


def clock(seconds: float) -> str:
    """Format a duration: `clock(75)` is '1:15', `clock(3675)` is '1:01:15'."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"


@contextlib.contextmanager
def collected_lines() -> Iterator[list[str]]:
    """Keep in a list what `Progress.log` would print, and show no progress: for work done for another process."""
    global _collected
    before, _collected = _collected, []
    try:
        yield _collected
    finally:
        _collected = before


class Progress:
    """The progress of one long task: a bar on a terminal, elsewhere a plain line every ten seconds.

    Both show what is done, the rate and the time left. Use it as a context manager.
    """

    def __init__(self, title: str, total: int | None, unit: str, done: int = 0):
        """Start the clock.

        Args:
            title: title of the task.
            total: number of steps, or None if it is not known yet; it may be set later.
            unit: name of the steps: 'images', 'steps', 'MB'.
            done: steps that were done before.
        """
        self.title, self.total, self.unit = title, total, unit
        self._first = self._done = done
        self._started = self._printed = time.monotonic()
        self._bar = None

    def __enter__(self) -> "Progress":
        if _collected is None and sys.stderr.isatty():
            # Imported only if a bar is drawn: it takes time.
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
            from rich.progress import Progress as Bar

            self._bar = Bar(
                TextColumn("{task.description}", markup=False),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[note]}", markup=False),
                TimeRemainingColumn(),
                console=Console(stderr=True),
            )
            self._task = self._bar.add_task(self.title, total=self.total, completed=self._done, note="")
            self._bar.start()
        return self

    def __exit__(self, *exception: object) -> None:
        if self._bar:
            self._bar.stop()

    def update(self, done: float, note: str = "") -> None:
        """Show how far the task is.

        Args:
            done: steps finished; may end in part of a step.
            note: a short text beside the rate.
        """
        self._done = done
        if _collected is not None:
            return
        seconds = time.monotonic() - self._started
        rate = (done - self._first) / seconds if seconds > 0 else 0.0
        note = f"{rate:.3g} {self.unit}/s {note}".rstrip()
        if self._bar:
            self._bar.update(self._task, completed=done, total=self.total, note=note)
        elif time.monotonic() - self._printed >= PLAIN_SECONDS or (done and done == self.total):
            self._printed = time.monotonic()
            left = f", {clock((self.total - done) / rate)} left" if rate and self.total and done < self.total else ""
            total = f"/{self.total}" if self.total else ""
            print(f"{self.title}: {int(done)}{total} {self.unit}, {note}{left}", file=sys.stderr, flush=True)

    def log(self, line: str) -> None:
        """Print a line that stays, above the bar if there is one."""
        if _collected is not None:
            _collected.append(line)
        elif self._bar:
            self._bar.console.print(line, markup=False, highlight=False)
        else:
            print(line, file=sys.stderr, flush=True)


def track(items: Iterable, title: str, total: int, unit: str) -> Iterator:
    """Yield from `items` while showing how many of `total` have been consumed."""
    with Progress(title, total, unit) as progress:
        for done, item in enumerate(items, start=1):
            yield item
            progress.update(done)


def print_table(title: str, columns: list[str], rows: list[list[str]]) -> None:
    """Print a table to standard output, the first column aligned left, the others right.

    Args:
        title: title above the table.
        columns: names of the columns; there is no header if all are empty.
        rows: rows with one text for each column.
    """
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, title_justify="left", show_header=any(columns))
    for i, column in enumerate(columns):
        table.add_column(column, justify="right" if i else "left", overflow="fold")  # rather than cut long words
    for row in rows:
        table.add_row(*row)
    Console().print(table)
