"""The terminal: exit statuses, progress in pipes and on terminals, and scripts that answer quickly."""

import io
import os
import re
import resource
import subprocess
import sys
import types
from pathlib import Path

import pytest

from tfcolor.utils import console
from tfcolor.utils.errors import InputError, WorkError

REPOSITORY = Path(__file__).parents[2]
SCRIPTS = ("analyze_bins.py", "train.py", "predict.py")


def raising(error: BaseException):
    def main():
        raise error

    return main


# Exit statuses


@pytest.mark.parametrize(("returned", "status"), [(None, 0), (0, 0), (2, 2)])
def test_what_main_returns_is_the_status(returned, status, capsys):
    assert console.run(lambda: returned) == status
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (InputError("no such photograph"), 2),
        (WorkError("the download failed"), 1),
        (OSError(28, "No space left on device", "out.png"), 1),
        (KeyboardInterrupt(), 130),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else str(value),
)
def test_errors_become_one_line_and_a_status(error, status, capsys):
    assert console.run(raising(error)) == status
    out, err = capsys.readouterr()
    expected = "stopped by Ctrl-C" if status == 130 else str(error)
    assert (out, err) == ("", f"error: {expected}\n")


def test_a_message_of_several_lines_is_joined(capsys):
    console.run(raising(InputError("first\n  second\n")))
    assert capsys.readouterr().err == "error: first second\n"


def test_bugs_keep_their_traceback():
    for error in (ValueError("bug"), RuntimeError("bug"), KeyError("bug")):
        with pytest.raises(type(error), match="bug"):
            console.run(raising(error))


# Progress


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still: `clock.now` sets its seconds."""
    watch = types.SimpleNamespace(now=100.0)
    monkeypatch.setattr(console, "time", types.SimpleNamespace(monotonic=lambda: watch.now))
    return watch


def test_progress_in_a_pipe_is_a_plain_line_now_and_then(clock, capsys):
    with console.Progress("colouring", 20, "tiles") as progress:
        for done in range(1, 21):
            clock.now += 4
            progress.update(done, "photo.jpg")
    # A line whenever 10 s have passed, and one for the last: 5 of 20 tiles in 20 s leave 15 for 60 s.
    lines = capsys.readouterr().err.splitlines()
    assert [int(re.search(r"\d+", line)[0]) for line in lines] == [3, 6, 9, 12, 15, 18, 20]
    assert lines[0] == "colouring: 3/20 tiles, 0.25 tiles/s photo.jpg, 1:08 left"
    assert lines[-1] == "colouring: 20/20 tiles, 0.25 tiles/s photo.jpg"


def test_progress_goes_on_from_where_it_began(clock, capsys):
    with console.Progress("training", 1000, "steps", done=900) as progress:
        clock.now += 10
        progress.update(920)
    # 20 steps in 10 s, not 920; 80 more take 40 s.
    assert capsys.readouterr().err == "training: 920/1000 steps, 2 steps/s, 0:40 left\n"


def test_progress_towards_an_unknown_total(clock, capsys):
    with console.Progress("training", None, "steps") as progress:
        clock.now += 20
        progress.update(10)
        progress.total = 30
        clock.now += 20
        progress.update(20)
    expected = ["training: 10 steps, 0.5 steps/s", "training: 20/30 steps, 0.5 steps/s, 0:20 left"]
    assert capsys.readouterr().err.splitlines() == expected


def test_log_prints_its_line_as_it_is(capsys):
    with console.Progress("scanning", 3, "images") as progress:
        progress.log("skipped [bold]photo[/bold].jpg")
    assert capsys.readouterr() == ("", "skipped [bold]photo[/bold].jpg\n")


def test_a_terminal_gets_a_bar(monkeypatch):
    terminal = io.StringIO()
    terminal.isatty = lambda: True
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    with console.Progress("scanning", 3, "images") as progress:
        progress.log("skipped [bold]photo[/bold].jpg")
        progress.update(3)
    shown = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", terminal.getvalue())
    assert shown != terminal.getvalue()  # it moves the cursor
    assert re.search(r"scanning .* 3/3 .* images/s", shown)
    assert "skipped [bold]photo[/bold].jpg" in shown


def test_track_counts_what_it_passes_on(clock, capsys):
    assert list(console.track("abc", "reading", 3, "letters")) == ["a", "b", "c"]
    assert capsys.readouterr().err.startswith("reading: 3/3 letters")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0:00"), (9.4, "0:09"), (59.6, "1:00"), (75, "1:15"), (3599.7, "1:00:00"), (3675, "1:01:15")],
)
def test_clock(seconds, text):
    assert console.clock(seconds) == text


def test_tables_go_to_standard_output(capsys):
    console.print_table("bins", ["", "share"], [["first", "7 %"], ["second", "10 %"]])
    out, err = capsys.readouterr()
    assert err == ""
    title, *body = [line for line in out.splitlines() if re.search(r"\w", line)]
    assert title.strip() == "bins"
    cells = [re.split(r"[│┃|]", line)[1:-1] for line in body]
    assert [[cell.strip() for cell in row] for row in cells] == [
        ["", "share"],
        ["first", "7 %"],
        ["second", "10 %"],
    ]
    assert cells[1] == [" first  ", "   7 % "]  # names to the left, numbers to the right


# Scripts answer before TensorFlow loads


def answer(script: str, *arguments: str, cwd: Path) -> tuple[subprocess.CompletedProcess, float, set[str]]:
    """Run a script; returns what came, the processor's seconds, and the top-level modules it imported."""
    environment = os.environ | {"COLUMNS": "100"}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-X", "importtime", str(REPOSITORY / script), *arguments],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    lines = done.stderr.splitlines()
    timings = [line for line in lines if line.startswith("import time:")]
    done.stderr = "\n".join(line for line in lines if line not in timings)
    modules = {line.rpartition("|")[2].strip().partition(".")[0] for line in timings}
    # Processor time, for a busy machine would stretch any other.
    return done, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, modules


@pytest.mark.parametrize("script", SCRIPTS)
def test_help_answers_at_once(script, tmp_path):
    done, seconds, modules = answer(script, "--help", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"python {script}" in done.stdout  # an example to copy
    assert "argparse" in modules and not modules & {"tensorflow", "matplotlib", "skimage"}
    assert seconds < 2


@pytest.mark.parametrize(
    ("script", "arguments", "message"),
    [
        ("analyze_bins.py", ["--window", "7"], "window must divide 220"),
        ("analyze_bins.py", ["--dataset", "forrest"], "unknown dataset 'forrest': .*scenes, coast, forest"),
        ("analyze_bins.py", ["--split", "most"], "invalid choice: 'most'"),
        ("train.py", ["--batch-size", "0"], "--batch-size must be at least 1, got 0"),
        ("train.py", ["--network", "vgg"], "invalid choice: 'vgg'"),
        ("predict.py", ["--T", "2"], "--T must be in .0, 1., got 2"),
        ("predict.py", ["--model", "forrest"], "no model 'forrest'"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, list) else "",
)
def test_wrong_usage_answers_at_once(script, arguments, message, tmp_path):
    done, seconds, modules = answer(script, *arguments, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert re.search(rf"error: .*{message}", done.stderr.splitlines()[-1])
    assert "Traceback" not in done.stderr
    assert "argparse" in modules and "tensorflow" not in modules
    assert seconds < 2
    assert not list(tmp_path.iterdir())
