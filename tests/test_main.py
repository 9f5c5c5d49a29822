"""`tfcolor COMMAND`: which command runs, with what, and what is said if there is none."""

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import tfcolor
from tfcolor.__main__ import COMMANDS, main
from tfcolor.utils.errors import InputError, WorkError

ROOT = Path(__file__).parents[1]
INSTALLED = "/usr/bin/tfcolor"


@pytest.fixture
def start(monkeypatch, capsys):
    """Run `main` as from a shell; returns its exit status and what it printed."""

    def run(*arguments, program=INSTALLED):
        monkeypatch.setattr(sys, "argv", [program, *arguments])
        return main(), *capsys.readouterr()

    return run


@pytest.fixture
def train(monkeypatch):
    """Put a function in the place of the command `train`."""

    def replace(function):
        monkeypatch.setattr(import_module("tfcolor.commands.train"), "main", function)

    return replace


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help_lists_every_command(start, option):
    status, out, err = start(option)
    assert (status, err) == (0, "")
    assert out.startswith("usage: tfcolor ")
    assert [line.split()[0] for line in out.splitlines() if line.startswith("  ")] == list(COMMANDS)


def test_version(start):
    assert start("--version") == (0, f"tfcolor {tfcolor.__version__}\n", "")


def test_no_command_shows_the_usage(start):
    status, out, err = start()
    assert (status, out) == (2, "")
    assert err == start("--help")[1]


@pytest.mark.parametrize("name", ["colour", "", "--T", "analyze_bins", "two\nlines", "\udcff", "Train"])
def test_an_unknown_command_gets_one_line_that_says_how_to_get_help(start, name):
    status, out, err = start(name, "--help")
    assert (status, out) == (2, "")
    assert err == f"error: unknown command {name!r}; tfcolor --help lists the commands\n"
    assert err.count("\n") == 1 and err.isascii()


def test_messages_name_the_program_as_it_was_started(start):
    module = str(ROOT / "tfcolor" / "__main__.py")
    assert start("--help", program=module)[1].startswith("usage: python -m tfcolor ")
    assert "; python -m tfcolor --help lists" in start("colour", program=module)[2]


def test_a_command_gets_the_arguments_after_its_name(start, train):
    given = []
    train(given.append)
    assert start("train", "--steps", "3", "--help") == (0, "", "")
    assert given == [["--steps", "3", "--help"]]


def test_arguments_may_be_given_by_a_caller(monkeypatch, train):
    monkeypatch.setattr(sys, "argv", [INSTALLED, "colour"])
    given = []
    train(given.append)
    assert main(["train", "--resume"]) == 0
    assert given == [["--resume"]]


@pytest.mark.parametrize(
    ("error", "status"), [(InputError("`steps` is odd"), 2), (WorkError("no room"), 1), (KeyboardInterrupt(), 130)]
)
def test_a_commands_error_is_one_line_and_an_exit_status(start, train, error, status):
    def fail(arguments):
        raise error

    train(fail)
    found, out, err = start("train")
    assert (found, out) == (status, "")
    assert err.startswith("error: ") and err.count("\n") == 1


def test_a_commands_exit_status_is_passed_on(start, train):
    train(lambda arguments: 1)
    assert start("train")[0] == 1


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_under_its_own_name(start, capsys, name):
    with pytest.raises(SystemExit) as stop:
        start(name, "--help")
    out, err = capsys.readouterr()
    assert (stop.value.code, err) == (0, "")
    assert out.startswith(f"usage: tfcolor {name} ")


def test_help_and_errors_need_no_package_but_tfcolor():
    code = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
from tfcolor.__main__ import main
print(main(["--help"]), main(["--version"]), main(["colour"]), main([]))
"""
    # -I -S leave out site-packages: an import of TensorFlow or NumPy would fail.
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "0 0 2 2"
