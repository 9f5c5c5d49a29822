"""A calibrated model is well calibrated, and otherwise unchanged."""

import json

import numpy as np
import pytest

from tests.made import made_bins, write_model
from tfcolor.color.encoding import bins_of
from tfcolor.colorizer.colorizer import Colorizer
from tfcolor.commands import calibrate
from tfcolor.evaluation.calibration import fit, measure
from tfcolor.evaluation.measuring import truths
from tfcolor.utils import console


@pytest.mark.parametrize("temperature", [0.4, 1.0, 2.5])
def test_the_temperature_of_labels_drawn_from_a_known_distribution(temperature):
    rng = np.random.default_rng(0)
    truth = rng.normal(0, 2, [40_000, 8]).astype(np.float32)
    labels = np.argmax(truth + rng.gumbel(size=truth.shape), axis=1).astype(np.int32)  # draws from softmax(truth)
    assert fit(temperature * truth, labels) == pytest.approx(temperature, rel=0.03)
    measured = measure(truth, labels, 1.0)
    logs = np.log(np.exp(truth) / np.exp(truth).sum(axis=1, keepdims=True))
    assert measured["cross_entropy"] == pytest.approx(-logs[np.arange(len(labels)), labels].mean(), rel=1e-4)
    assert measured["calibration_error"] < 1.0 < measure(2.5 * truth, labels, 1.0)["calibration_error"]


@pytest.fixture(params=["valid8", "zhang"])
def model(request, model_folder, folder):
    """Twice as sure as it should be of how often bins occur, and trained with weights of rare colours.

    It also has a choice of T, which is no longer one once it is calibrated.
    """
    arguments = {"width": 1 / 32} if request.param == "zhang" else {}
    description = {"decoding": {"temperature": 0.5}, "decoding_chosen_by": "eye", "note": "kept"}
    bins = made_bins(16, uniform_share=0.5)
    write_model(model_folder, request.param, bins, description=description, **arguments)
    weights = dict(np.load(model_folder / "weights.npz"))
    photographs = [folder / f"{i}.png" for i in range(3)]
    seen = np.concatenate([bins_of(truth.ab, bins).ravel() for _, truth in truths(photographs)])
    shares = (np.bincount(seen, minlength=16) + 0.1) / (len(seen) + 1.6)
    last = {"valid8": "conv8", "zhang": "logits"}[request.param]
    weights[f"{last}/filter"] *= np.float32(0.02)
    weights[f"{last}/bias"] = np.float32(2 * np.log(shares) + np.log(bins.weights))
    np.savez(model_folder / "weights.npz", **weights)
    return model_folder


def run(*arguments):
    return console.run(lambda: calibrate.main([str(argument) for argument in arguments]))


def test_only_the_sharpness_of_distributions_changes(model, folder, tmp_path, capsys):
    before = {path.name: path.read_bytes() for path in model.iterdir()}
    target = tmp_path / "calibrated"
    assert run("--model", model, "--dataset", folder, "--output", target) == 0
    assert {path.name: path.read_bytes() for path in model.iterdir()} == before
    description = json.loads((target / "model.json").read_text())
    old = json.loads(before["model.json"])
    calibration = description.pop("calibration")
    assert description == {key: old[key] for key in old if not key.startswith("decoding")}
    assert calibration["photographs"] == "3 photographs, val split of photographs"
    assert calibration["after"]["cross_entropy"] < calibration["before"]["cross_entropy"]
    temperature = calibration["temperature"]
    assert f"temperature {temperature:.3f}, written to {target}" in capsys.readouterr().out
    lightness = np.random.default_rng(9).uniform(0, 100, [16, 24]).astype(np.float32)
    first, second = (
        next(colorizer.tiles(lightness[None])).outputs + colorizer.objective.log_weights(1.0)
        for colorizer in map(Colorizer.load, (model, target))
    )
    assert temperature == pytest.approx(2, rel=0.05)
    np.testing.assert_allclose(second, first / temperature, atol=1e-4)


def test_what_is_calibrated_needs_no_more(model, folder, tmp_path):
    assert run("--model", model, "--dataset", folder, "--output", tmp_path / "once") == 0
    assert run("--model", tmp_path / "once", "--dataset", folder, "--output", tmp_path / "twice") == 0
    again = json.loads((tmp_path / "twice" / "model.json").read_text())["calibration"]["temperature"]
    assert again == pytest.approx(1, abs=0.02)


def test_a_network_that_knows_nothing_has_no_temperature(model_folder, folder, tmp_path, capsys):
    target = tmp_path / "calibrated"  # of random weights and noise
    assert run("--model", model_folder, "--dataset", folder, "--output", target) == 1
    assert "no temperature from 0.1 to 10" in capsys.readouterr().err and not target.exists()


def test_photographs_that_cannot_be_read(model_folder, folder, tmp_path, capsys):
    for i in range(3):
        (folder / f"{i}.png").write_bytes(b"no picture")
    target = tmp_path / "calibrated"
    assert run("--model", model_folder, "--dataset", folder, "--output", target) == 1
    assert "none of 3 photographs can be read" in capsys.readouterr().err and not target.exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--photographs", "0"], "--photographs must be at least 1"),
        (["--split", "test"], "invalid choice: 'test'"),
        (["--output", "."], ". exists; remove it, or give another --output"),
        (["--output", "nowhere/calibrated"], "there is no folder"),
        (["--model", "nothing"], "no model 'nothing'"),
    ],
)
def test_usage_errors(folder, model_folder, tmp_path, monkeypatch, capsys, options, message):
    monkeypatch.chdir(tmp_path)
    try:
        status = run("--model", model_folder, "--dataset", folder, "--output", "calibrated", *options)
    except SystemExit as end:
        status = end.code
    assert status == 2 and message in capsys.readouterr().err and not (tmp_path / "calibrated").exists()
