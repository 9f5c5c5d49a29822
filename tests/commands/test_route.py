"""`python -m tfcolor route`: a router that must send bright photographs to one model and dark ones to the other."""

import json
import re
import shutil

import numpy as np
import pytest
from PIL import Image

from tests.made import write_model
from tfcolor.color.bins import count_bins
from tfcolor.commands import calibrate, evaluate, export, route
from tfcolor.data import datasets
from tfcolor.evaluation import router_fitting
from tfcolor.utils import console

COLORS = {"red": (60.0, 40.0), "blue": (10.0, -60.0)}


@pytest.fixture(name="folder", scope="module")
def _folder(tmp_path_factory):
    """Dark photographs are red, bright ones blue; 24 are for validation, 12 for testing, 4 for training."""
    folder = tmp_path_factory.mktemp("data") / "photographs"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for number in range(40):
        low, tint = ((20, (90, 0, 0)), (120, (0, 0, 110)))[number % 2]
        rgb = low + np.array(tint) + rng.integers(0, 25, [36, 44, 1])
        Image.fromarray(rgb.astype(np.uint8)).save(folder / f"{number:02}.png")
    return folder


@pytest.fixture(autouse=True, scope="module")
def _splits():
    """The first 24 photographs are for validation, the next 12 for testing; and few settings are tried."""
    splits = ["val"] * 24 + ["test"] * 12 + ["train"] * 4
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(datasets, "split_of", lambda file: splits[int(file[:2])])
        patch.setattr(router_fitting, "PENALTIES", (0.01, 0.1))
        patch.setattr(router_fitting, "SOFTNESSES", (1.0, 4.0))
        yield


def model_of(folder, color):
    """A model that gives everything about one colour: its bins lie around it."""
    around = 5.0 * np.stack(np.meshgrid(range(-1, 2), range(-1, 2)), axis=-1).reshape(-1, 2)
    origin = {"dataset": "made", "split": "train", "num_images": 1, "num_pixels": 9}
    bins = count_bins(around + COLORS[color], np.ones(9, int), 5, **origin)
    return write_model(folder, bins=bins, description={"decoding": {"temperature": 1.0}})


@pytest.fixture(name="models", scope="module")
def _models(tmp_path_factory):
    root = tmp_path_factory.mktemp("models")
    return [model_of(root / name, name) for name in COLORS]


def run(command, *arguments):
    return console.run(lambda: command.main([str(argument) for argument in arguments]))


def routed(models, folder, target, *more):
    names = ",".join(map(str, models))
    return run(route, "--models", names, "--dataset", folder, "--output", target, "--precision", "float32", *more)


@pytest.fixture(name="made", scope="module")
def _made(tmp_path_factory, models, folder):
    """A routed model, which must not be changed."""
    target = tmp_path_factory.mktemp("runs") / "deep" / "routed"
    assert routed(models, folder, target, "--test-photographs", 12) == 0
    return target


def test_it_learns_who_is_right_and_says_what_that_gains(made):
    content = json.loads((made / "model.json").read_text())
    assert content["specialists"] == ["red", "blue"] and content["threshold"] == content["settings"]["threshold"] == 0
    assert content["validation"] == {"photographs": 24} and content["test"] == {"photographs": 12}
    found = content["measured"]
    errors = {name: way["error"] for name, way in found["ways"].items()}
    assert errors["router"] == errors["oracle"] < min(errors["red"], errors["blue"], errors["even blend"])
    assert errors["random"] == pytest.approx((errors["red"] + errors["blue"]) / 2)
    assert found["chosen"] == pytest.approx({"red": 0.5, "blue": 0.5}) and len(found["gains"]) == 3
    assert not [path.name for path in made.parent.iterdir() if path != made]  # nothing temporary is left


def test_predict_sends_each_photograph_to_its_specialist(made, models, folder, predict, tmp_path, results):
    moved = shutil.move(shutil.copytree(made, tmp_path / "copy"), tmp_path / "moved")
    alone = {}
    for model, name in zip(models, COLORS, strict=True):
        outcome = predict(folder / "24.png", folder / "25.png", "--output", tmp_path / name, model=model)
        assert outcome.status == 0 and "note" not in outcome.err
        alone[name] = tmp_path / name
    outcome = predict(folder / "24.png", folder / "25.png", model=moved)
    assert outcome.status == 0 and "2 photographs" in outcome.out
    for number, name in ((24, "red"), (25, "blue")):
        assert re.search(rf"note: .*{number}\.png: coloured by {name} \((0\.\d\d|1\.00)\)", outcome.err)
        assert (results / f"{number}.png").read_bytes() == (alone[name] / f"{number}.png").read_bytes()


def test_blends_are_announced(models, folder, tmp_path, predict, capsys):
    assert routed(models, folder, tmp_path / "routed", "--threshold", 1, "--test-photographs", 4) == 0
    out = capsys.readouterr().out
    assert "threshold 1" in out and "even blend" in out and "router, no blends" in out
    outcome = predict(folder / "24.png", "--T", 0.5, "--sweep", "1,0.3", model=tmp_path / "routed")
    assert outcome.status == 0
    outcome = predict(folder / "24.png", "--T", 0.5, "--compare", model=tmp_path / "routed")
    assert outcome.status == 0 and re.search("note: .*: (blend of red 0|coloured by red)", outcome.err)


def test_evaluate_measures_it(made, folder, tmp_path, capsys):
    target = tmp_path / "evaluation"
    assert run(evaluate, "--model", made, "--dataset", folder, "--output", target, "--precision", "float32") == 0
    content = json.loads((target / "evaluation.json").read_text())
    error = json.loads((made / "model.json").read_text())["measured"]["ways"]["router"]["raw_auc"]
    results = content["results"]["own"]
    assert results["routed"]["raw_auc"]["value"] == pytest.approx(error, abs=0.05)  # which is of some pixels
    assert results["routed"]["raw_auc"]["value"] > results["gray"]["raw_auc"]["value"]
    parts = tmp_path / "parts"
    for share in ("1/2", "2/2"):
        options = ("--dataset", folder, "--output", parts, "--T", "0.5,1", "--shard", share)
        assert run(evaluate, "--model", made, *options) == 0
    content = json.loads((parts / "evaluation.json").read_text())
    assert list(content["results"]) == ["0.5", "1"] and content["num_photographs"] == 12


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--hint", "1,1,red"), "--hint needs one distribution, and .* is a routed model"),
        (("--suggest", "1,1"), "--suggest needs one distribution"),
        (("--candidates", 2), "--candidates needs one distribution"),
        (("--explain", "1,1"), "--explain needs one distribution.*take a specialist as --model: .*specialists/red"),
        (("--working-size", 64), "--working-size is for models that have a working size, and red has none"),
    ],
)
def test_predict_refuses_in_one_line(made, folder, predict, arguments, message):
    outcome = predict(folder / "24.png", *arguments, model=made)
    assert outcome.status == 2 and re.fullmatch(f"error: {message}.*\n", outcome.err)


def test_other_commands_refuse_in_one_line(made, folder, tmp_path, capsys):
    for command, arguments in (
        (calibrate, ("--dataset", folder, "--output", tmp_path / "calibrated")),
        (export, ("--output", tmp_path / "exported")),
        (evaluate, ("--hints", "--dataset", folder)),
        (evaluate, ("--classifier", "lite2", "--dataset", folder)),
    ):
        assert run(command, "--model", made, *arguments) == 2
        error = capsys.readouterr().err
        assert error.count("\n") == 1 and ("is a routed model" in error or "must not be lite2" in error)


def test_wrong_arguments_are_refused_in_one_line(models, made, folder, tmp_path, capsys):
    red, _ = models
    target = tmp_path / "routed"
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "precious.txt").touch()
    for message, arguments in (
        ("--models takes at least two models", (red,)),
        ("--models has two models called red", (red, red)),
        ("no model 'nowhere'", (red, "nowhere")),
        ("is a routed model", (red, made)),
    ):
        assert routed(arguments, folder, target) == 2
        assert message in capsys.readouterr().err
    for message, more in (
        ("--threshold must be in [0, 1], got 2", ("--threshold", 2)),
        ("--photographs must be at least 1", ("--photographs", 0)),
        ("--features takes a unet", ("--features", red)),
        ("exists and is not a routed model", ("--output", tmp_path / "full", "--overwrite")),
        ("holds a routed model; give --overwrite", ("--output", made)),
        ("unknown dataset 'nothing'", ("--dataset", "nothing")),
    ):
        assert routed(models, folder, target, *more) == 2
        assert message in capsys.readouterr().err
    assert not target.exists()


def test_a_failure_leaves_nothing_and_overwrite_replaces(models, folder, made, tmp_path, capsys):
    target = shutil.copytree(made, tmp_path / "place" / "routed")
    assert routed(models, folder, target, "--overwrite", "--photographs", 9) == 1
    assert "9 photographs can be read, and a router needs 10" in capsys.readouterr().err
    assert (target / "model.json").read_bytes() == (made / "model.json").read_bytes()
    assert routed(models[::-1], folder, target, "--overwrite", "--test-photographs", 2) == 0
    assert json.loads((target / "model.json").read_text())["specialists"] == ["blue", "red"]
    assert [path.name for path in (tmp_path / "place").iterdir()] == ["routed"]
