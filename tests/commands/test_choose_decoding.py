"""T, lambda and chroma smoothing are chosen on validation photographs, by what the user asks for."""

import itertools
import json
import re

import pytest

from tfcolor.color.decoding_options import Decoding
from tfcolor.colorizer.colorizer import Colorizer
from tfcolor.commands import choose_decoding
from tfcolor.evaluation import decoding_choice
from tfcolor.evaluation.baselines import raw_aucs
from tfcolor.evaluation.decoding_choice import Grid, choose
from tfcolor.utils import console
from tfcolor.utils.errors import WorkError


def test_the_best_by_each_criterion_and_of_equals_the_least_smoothing():
    found = {
        Decoding(1.0, smoothing=4): {"raw_auc": 90.0, "rebalanced_auc": 60.0, "mean_auc": 75.0, "dcf": 9.0},
        Decoding(0.5, smoothing=2): {"raw_auc": 90.0001, "rebalanced_auc": 61.0, "mean_auc": 75.5, "dcf": 7.0},
        Decoding(0.2): {"raw_auc": 89.0, "rebalanced_auc": 59.0, "mean_auc": 74.0, "dcf": 6.0},
    }
    for criterion in ("mean_auc", "raw_auc", "rebalanced_auc"):
        assert choose(found, criterion) == Decoding(0.5, smoothing=2)
    assert choose(found, "dcf") == Decoding(0.2)
    assert choose(found, "mean_auc", most_dcf=7.0) == Decoding(0.2)
    with pytest.raises(WorkError, match=r"no combination has a dCF below 5; the least is 6\.00"):
        choose(found, "mean_auc", most_dcf=5.0)


SMALL = ("--T", "1,0.3", "--lambda", "1,0.5", "--chroma-smoothing", "0,2")  # few combinations to measure


def run(*arguments):
    return console.run(lambda: choose_decoding.main([*map(str, arguments), *SMALL]))


def test_what_is_measured_is_what_is_written(folder, model_folder, capsys):
    before = (model_folder / "model.json").read_text()
    assert run("--model", model_folder, "--dataset", folder) == 0
    out = capsys.readouterr().out
    assert (model_folder / "model.json").read_text() == before and "3 photographs" in out
    assert run("--model", model_folder, "--dataset", folder, "--write", "--by", "dcf") == 0
    description = json.loads((model_folder / "model.json").read_text())
    chosen = Decoding(**description["decoding"])
    assert Colorizer.load(model_folder).decoding == chosen
    said = f"T {chosen.temperature:g}, lambda {chosen.uniform_share:g}, chroma smoothing {chosen.smoothing}"
    assert f"best in dCF: {said}" in capsys.readouterr().out
    assert description["decoding_chosen_by"] == "best dcf on the val split of photographs"
    assert run("--model", model_folder, "--dataset", folder, "--write", "--most-dcf", 1000) == 0
    description = json.loads((model_folder / "model.json").read_text())
    assert description["decoding_chosen_by"] == "best mean_auc with a dCF below 1000 on the val split of photographs"
    assert run("--model", model_folder, "--dataset", folder, "--write", "--most-dcf", -1) == 1
    assert {**description, "decoding": 0, "decoding_chosen_by": 0} == {
        **json.loads(before),
        "decoding": 0,
        "decoding_chosen_by": 0,
    }


def test_headings_fit_a_terminal(folder, model_folder, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")
    assert run("--model", model_folder, "--dataset", folder) == 0
    out = capsys.readouterr().out
    heads = ["T", "lambda", "smoothing", "mean", "raw", "bounded", "rebalanced", "dCF"]
    assert re.findall(r"\w+", next(line for line in out.splitlines() if "rebalanced" in line)) == heads
    assert "…" not in out and "best in mean of raw and bounded AuC: T " in out


def test_the_numbers_are_those_of_other_measurements(folder, model_folder):
    paths = [folder / f"{i}.png" for i in range(3)]
    found = decoding_choice.measure(model_folder, [folder / "4.png"], paths, Grid((1.0, 0.3), (1.0, 0.5), (0, 2)))
    combinations = itertools.product((1.0, 0.3), (0, 2), (1.0, 0.5))
    assert set(found) == {Decoding(T, smoothing=r, uniform_share=share) for T, r, share in combinations}
    colorizer = Colorizer.load(model_folder)
    predict = lambda lightness: colorizer.predict_ab(lightness, 0.3, uniform_share=0.5)  # noqa: E731
    expected = raw_aucs({"m": predict}, paths, lambda done: None)["m"]
    assert found[Decoding(0.3, uniform_share=0.5)]["raw_auc"] == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--photographs", "0"], "--photographs must be at least 1"),
        (["--split", "test"], "invalid choice: 'test'"),
        (["--T", "1,2"], "--T must be in [0, 1], got 2"),
        (["--lambda", "half"], "--lambda takes numbers with commas between, got 'half'"),
        (["--chroma-smoothing", "0.5"], "--chroma-smoothing takes whole numbers with commas between, got '0.5'"),
    ],
)
def test_usage_errors(folder, model_folder, capsys, options, message):
    arguments = ["--model", str(model_folder), "--dataset", str(folder), *options]
    try:
        status = console.run(lambda: choose_decoding.main(arguments))
    except SystemExit as end:
        status = end.code
    assert status == 2 and message in capsys.readouterr().err


def test_photographs_that_cannot_be_read(folder, model_folder, capsys):
    for i in range(3):
        (folder / f"{i}.png").write_bytes(b"no picture")
    assert run("--model", model_folder, "--dataset", folder) == 1
    assert "none of 3 photographs can be read" in capsys.readouterr().err
