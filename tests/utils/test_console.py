"""The terminal: options, exit statuses, progress in pipes and on terminals, and scripts that answer quickly."""

import gc
import io
import json
import os
import re
import subprocess
import sys
import types
from pathlib import Path

import pytest

from tfcolor.utils import console
from tfcolor.utils.errors import InputError, WorkError

REPOSITORY = Path(__file__).parents[2]


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


# Arguments and options


@pytest.fixture
def parser(monkeypatch):
    """A command's parser, forgotten after the test."""
    monkeypatch.setattr(console, "_OPTIONS", {})
    parser = console.Parser("Paint: python paint.py\n\n  two  spaces\n")
    parser.add_argument("files", nargs="*")
    parser.add_argument("-b", "--batch-size", type=int)
    parser.add_argument("--lambda", dest="uniform_share", type=float)
    return parser


def test_arguments_in_a_message_become_options(parser):
    message = "`batch_size` and `uniform_share`, not `files`, `width`, `batch size` or batch_size"
    assert console.as_options(message) == message  # nothing is parsed yet
    assert parser.parse_args(["--lambda", "0.5", "a", "b"]).uniform_share == 0.5
    expected = "--batch-size and --lambda, not `files`, `width`, `batch size` or batch_size"
    assert console.as_options(message) == expected


def test_the_options_are_those_of_the_last_command(parser):
    parser.parse_known_args([])
    other = console.Parser("Draw")
    other.add_argument("--width")
    other.parse_args([])
    assert console.as_options("`batch_size`, `width`") == "`batch_size`, --width"


def test_errors_are_said_in_options(parser, capsys):
    def main():
        parser.parse_args(["--batch-size", "0"])
        raise InputError("`batch_size` must be at least 1, got 0")

    assert console.run(main) == 2
    assert capsys.readouterr().err == "error: --batch-size must be at least 1, got 0\n"


def test_help_shows_the_description_as_it_stands(parser, capsys):
    with pytest.raises(SystemExit) as end:
        parser.parse_args(["--help"])
    assert end.value.code == 0
    assert "Paint: python paint.py\n\n  two  spaces\n" in capsys.readouterr().out


@pytest.mark.parametrize(("text", "shard"), [("1/1", (1, 1)), ("2/5", (2, 5)), ("5/5", (5, 5))])
def test_shards(text, shard):
    assert console.shard_of(text) == shard


@pytest.mark.parametrize("text", ["", "1", "0/2", "3/2", "1/2/3", "a/b", "1/", "-1/2", "1.0/2", "²/3"])
def test_other_shards_are_refused(text):
    with pytest.raises(InputError, match=f"^`shard` must be I/N with I from 1 to N, such as 1/4, got {text}$"):
        console.shard_of(text)


def test_lists_of_numbers():
    assert console.numbers_of("--at", "1,0.38, 2") == (1.0, 0.38, 2.0)
    assert console.numbers_of("--at", "3,-4", int) == (3, -4)
    with pytest.raises(InputError, match=r"^--at takes numbers with commas between, got '1;2'$"):
        console.numbers_of("--at", "1;2")
    with pytest.raises(InputError, match=r"^--at takes whole numbers with commas between, got '1,2.5'$"):
        console.numbers_of("--at", "1,2.5", int)


def test_lists_of_temperatures():
    assert console.temperatures_of("--T", "1,0.38,1,0") == (1.0, 0.38, 0.0)
    for text in ("0.5,1.1", "-0.1", "nan"):
        with pytest.raises(InputError, match=rf"^--T takes temperatures in \[0, 1\], got {text}$"):
            console.temperatures_of("--T", text)
    with pytest.raises(InputError, match="--T takes numbers"):
        console.temperatures_of("--T", "warm")


@pytest.mark.parametrize(
    ("path", "text"),
    [("a b/été.jpg", "a b/été.jpg"), ("a\nb.jpg", r"a\nb.jpg"), (os.fsdecode(b"\xe9.jpg"), r"\udce9.jpg")],
)
def test_paths_are_shown_in_one_line(path, text):
    assert console.shown(Path(path)) == text


# TensorFlow


@pytest.fixture
def fake_tensorflow(monkeypatch):
    """Put a module in TensorFlow's place that writes past sys.stderr, and then raises `error` if there is one."""
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "")
    monkeypatch.delenv("TF_ENABLE_ONEDNN_OPTS")
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "1")

    def install(error: BaseException | None = None):
        def list_physical_devices():
            os.write(2, b"no GPU here\n")
            if error:
                raise error

        config = types.SimpleNamespace(list_physical_devices=list_physical_devices)
        monkeypatch.setitem(sys.modules, "tensorflow", types.SimpleNamespace(config=config))

    return install


def test_tensorflow_loads_silently(fake_tensorflow, capfd, monkeypatch):
    fake_tensorflow()
    console.load_tensorflow()
    os.write(2, b"afterwards\n")
    assert capfd.readouterr() == ("", "afterwards\n")
    assert os.environ["TF_ENABLE_ONEDNN_OPTS"] == "1"
    assert os.environ["TF_CPP_MIN_LOG_LEVEL"] == "1"  # what the user chose stays
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "0")
    console.load_tensorflow()
    assert os.environ["TF_ENABLE_ONEDNN_OPTS"] == "0"


def test_what_tensorflow_says_appears_if_it_fails(fake_tensorflow, capfd):
    fake_tensorflow(ImportError("a library is missing"))
    with pytest.raises(ImportError, match="a library is missing"):
        console.load_tensorflow()
    assert capfd.readouterr().err == "no GPU here\n"
    assert gc.isenabled()
    fake_tensorflow(KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        console.load_tensorflow()
    assert capfd.readouterr().err == ""


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


def test_nothing_to_do_shows_no_progress(clock, capsys):
    with console.Progress("colouring", 0, "photographs") as progress:
        progress.update(0)
    assert capsys.readouterr().err == ""


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

CALLS = {
    ("analyze_bins.py", "--help"): "python analyze_bins.py",  # an example to copy
    ("analyze_bins.py", "--window", "7"): "error: --window must divide 220",
    ("analyze_bins.py", "--dataset", "forrest"): "error: unknown dataset 'forrest': .*scenes, coast, forest",
    ("analyze_bins.py", "--split", "most"): "error: .*invalid choice: 'most'",
    ("train.py", "--help"): "python train.py",
    ("train.py", "--batch-size", "0"): "error: --batch-size must be at least 1, got 0",
    ("train.py", "--network", "vgg"): "error: .*invalid choice: 'vgg'",
    ("predict.py", "--help"): "python predict.py",
    ("predict.py", "--T", "2"): "error: --T must be in .0, 1., got 2",
    ("predict.py", "--model", "forrest"): "error: no model 'forrest'",
}
RUN_ALL = """
import contextlib, io, json, runpy, sys, time

repository, calls = json.loads(sys.argv[1])
sys.path.insert(0, repository)
answers, before = [], set()
for script, *arguments in calls:
    sys.argv = [script, *arguments]
    out, err, status = io.StringIO(), io.StringIO(), 0
    started = time.process_time()  # a busy machine would stretch any other
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            runpy.run_path(f"{repository}/{script}", run_name="__main__")
        except SystemExit as end:
            status = end.code or 0
    seconds = time.process_time() - started
    heavy = {"tensorflow", "matplotlib", "skimage"} & sys.modules.keys() - before
    before |= heavy
    answers.append([status, out.getvalue(), err.getvalue(), seconds, sorted(heavy)])
print(json.dumps(answers))
"""


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    """The answers to all calls, made in one new process and an empty folder; and the files in it afterwards."""
    folder = tmp_path_factory.mktemp("empty")
    process = subprocess.run(
        [sys.executable, "-c", RUN_ALL, json.dumps([str(REPOSITORY), list(CALLS)])],
        cwd=folder,
        env=os.environ | {"COLUMNS": "100"},
        capture_output=True,
        text=True,
        check=True,
    )
    return dict(zip(CALLS, json.loads(process.stdout), strict=True)), list(folder.iterdir())


@pytest.mark.parametrize("call", CALLS, ids=" ".join)
def test_scripts_answer_at_once(call, answers):
    (status, out, err, _, heavy), files = answers[0][call], answers[1]
    if "--help" in call:
        assert (status, err) == (0, "")
        assert CALLS[call] in out
    else:
        assert (status, out) == (2, "")
        assert re.search(CALLS[call], err.splitlines()[-1])
        assert "Traceback" not in err
    assert not heavy
    assert not files


def test_all_scripts_answer_within_two_seconds(answers):
    assert sum(seconds for *_, seconds, _ in answers[0].values()) < 2


@pytest.mark.parametrize(
    ("started", "expected"),
    [
        ("train.py", "python predict.py"),
        ("/my tfcolor /train.py", "python predict.py"),
        ("tfcolor train", "tfcolor colorize"),
        ("python -m tfcolor train", "python -m tfcolor colorize"),
    ],
)
def test_commands_are_named_as_the_running_one_was_started(started, expected, monkeypatch):
    monkeypatch.setattr(sys, "argv", [started])
    assert console.command("colorize", "predict.py") == expected
