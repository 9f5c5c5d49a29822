"""Regression, the paper's baseline: a network that says the colour itself."""

import json

import numpy as np
import pytest
import tensorflow as tf

from tests.made import made_bins, trainer_of
from tfcolor.colorizer.colorizer import Colorizer
from tfcolor.commands import calibrate, choose_decoding, evaluate, train
from tfcolor.models.directory import load_model
from tfcolor.networks.zhang import Zhang
from tfcolor.objectives.regression import Regression, half_square
from tfcolor.objectives.targets import batch_maker
from tfcolor.training.options import TrainingOptions
from tfcolor.utils import console

OPTIONS = ["--network", "zhang", "--width", 1 / 16, "--patch", 32, "--batch-size", 2]


def run(main, *arguments):
    return console.run(lambda: main([str(argument) for argument in arguments]))


def test_the_loss_worked_by_hand():
    """Off by (12, 16): a distance of 20, which is one unit; half of its square."""
    assert float(half_square(tf.constant([13.0, -4.0]), tf.constant([1.0, -20.0]))) == pytest.approx(0.5)
    loss = Regression(made_bins()).pixel_loss(tf.constant([[0.0, 40.0 / 20]]), tf.constant([[0.0, 0.0]]))
    assert loss.values.numpy() == loss.plain.numpy() == pytest.approx([2.0])


def test_the_best_constant_is_the_mean():
    """Which is why regression comes out brown: of 3 red and 1 green pixels the least loss is in between."""
    truth = tf.constant([[60.0, 40.0]] * 3 + [[-60.0, 40.0]])
    guess = tf.Variable([0.0, 0.0])
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(half_square(guess, truth))
    mean = np.mean(truth, axis=0)
    np.testing.assert_allclose(tape.gradient(loss, guess), -mean / 400, rtol=1e-6)


def test_targets_are_mean_colours_of_blocks():
    rgb = np.random.default_rng(0).integers(0, 256, [2, 16, 24, 3], np.uint8)
    lightness, ab = batch_maker(Regression(made_bins()), Zhang)(tf.constant(rgb))
    from skimage.color import rgb2lab

    lab = rgb2lab(rgb)
    blocks = lab[..., 1:].reshape(2, 4, 4, 6, 4, 2).mean(axis=(2, 4))
    np.testing.assert_allclose(ab, blocks, atol=1e-2)
    np.testing.assert_allclose(lightness[..., 0], lab[..., 0], atol=1e-2)


def test_one_colour_is_learned():
    objective = Regression(made_bins())
    trainer = trainer_of(lambda: Zhang(2, width=1 / 16), 2, objective)
    lightness = tf.random.stateless_uniform([2, 32, 32, 1], [0, 0], 0, 100)
    truth = tf.broadcast_to([25.0, -35.0], [2, 8, 8, 2])
    for step in range(300):
        result = trainer.step((lightness, truth), 1e-2, step)
    assert float(result.loss) < 0.01
    ab = objective.to_ab(trainer.network(lightness), 1.0)
    np.testing.assert_allclose(tf.reduce_mean(ab, [0, 1, 2]), [25, -35], atol=3)


@pytest.mark.parametrize("option", [{"uniform_share": 1.0}, {"encoding": "hard"}, {"mask_gray": True}])
def test_what_is_for_classification_is_refused(option):
    with pytest.raises(ValueError, match=f"`{next(iter(option))}` is not for regression; leave it out"):
        TrainingOptions.of(network="zhang", objective="regression", **option)
    with pytest.raises(ValueError, match="`network` valid8 needs at least 8 outputs, but regression has 2"):
        TrainingOptions.of(objective="regression")


@pytest.fixture(name="regression", scope="module")
def _regression(tmp_path_factory):
    """A classifier, and a regression tuned from it, on made photographs."""
    from PIL import Image

    folder = tmp_path_factory.mktemp("regression")
    (folder / "photographs").mkdir()
    rng = np.random.default_rng(0)
    for i in range(24):
        rgb = np.repeat(np.repeat(rng.integers(0, 256, [5, 5, 3], np.uint8), 8, 0), 8, 1)
        Image.fromarray(rgb).save(folder / "photographs" / f"{i}.png")
    data = ["--dataset", folder / "photographs"]
    assert run(train.main, *data, *OPTIONS, "--steps", 4, "--output", folder / "classes", "--lambda", 1) == 0
    tuned = [*data, *OPTIONS, "--steps", 1, "--learning-rate", 1e-9, "--objective", "regression"]
    assert run(train.main, *tuned, "--init", folder / "classes", "--output", folder / "tuned") == 0
    return folder


@pytest.mark.slow
def test_tuning_takes_all_but_the_last_layer(regression):
    classes, tuned = (load_model(regression / name)[0] for name in ("classes", "tuned"))
    for name, weight in classes.weights.items():
        if not name.startswith("logits/"):
            np.testing.assert_allclose(tuned.weights[name], weight, atol=1e-6)
    assert tuned.weights["logits/filter"].shape == [1, 1, 8, 2]
    description = json.loads((regression / "tuned" / "model.json").read_text())
    assert description["objective"]["name"] == "regression"
    assert set(description["metrics"]["raw_auc_percent"]) == {"mean ab given L", "regression"}


@pytest.mark.slow
def test_a_regression_can_be_tuned_to_classification(regression, tmp_path):
    again = ["--dataset", regression / "photographs", *OPTIONS, "--steps", 1, "--init", regression / "tuned"]
    assert run(train.main, *again, "--output", tmp_path / "again", "--learning-rate", 1e-9) == 0
    tuned, again = (load_model(folder)[0] for folder in (regression / "tuned", tmp_path / "again"))
    assert again.weights["logits/bias"].shape[0] == load_model(tmp_path / "again")[1].bins.num_bins
    np.testing.assert_allclose(again.weights["conv3_2/filter"], tuned.weights["conv3_2/filter"], atol=1e-6)


@pytest.mark.slow
def test_it_colours_with_what_the_network_says(regression, predict, results):
    photo = next((regression / "photographs").glob("*.png"))
    assert predict(photo, model=regression / "tuned").status == 0
    assert len(list(results.iterdir())) == 1
    colorizer = Colorizer.load(regression / "tuned", "float32")
    lightness = np.random.default_rng(0).uniform(0, 100, [32, 40]).astype(np.float32)
    expected = 20 * tf.image.resize(colorizer.network(lightness[None, ..., None]), [32, 40], "bilinear")[0]
    np.testing.assert_allclose(colorizer.predict_ab(lightness), expected, rtol=1e-4, atol=1e-2)


@pytest.mark.slow
@pytest.mark.parametrize("option", [["--T", 0], ["--lambda", 0.5], ["--sweep", "1,0"], ["--explain", "1,1"]])
def test_what_needs_a_distribution_is_refused(regression, predict, results, option):
    outcome = predict(next((regression / "photographs").glob("*.png")), *option, model=regression / "tuned")
    assert outcome.status == 2
    assert outcome.err.count("\n") == 1 and f"{option[0]} chooses from a predicted distribution" in outcome.err
    assert not results.exists()


@pytest.mark.slow
def test_it_is_measured(regression, tmp_path, capsys):
    data = ["--model", regression / "tuned", "--dataset", regression / "photographs", "--split", "train"]
    assert run(evaluate.main, *data, "--output", tmp_path / "found") == 0
    found = json.loads((tmp_path / "found" / "evaluation.json").read_text())["results"]
    assert set(found) == {"1"} and "top_1" not in found["1"]["tuned"] and found["1"]["tuned"]["raw_auc"]
    assert run(evaluate.main, *data, "--output", tmp_path / "other", "--T", "1") == 2
    assert run(choose_decoding.main, *data) == 2
    assert "there is nothing to choose" in capsys.readouterr().err
    assert run(calibrate.main, *data, "--output", tmp_path / "other") == 2
    assert "there is nothing to calibrate" in capsys.readouterr().err
