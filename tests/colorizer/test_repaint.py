"""Models that paint RGB: the photograph's lightness stays, unless it is repainted."""

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tests.made import write_model
from tfcolor.color.lab import lab_to_rgb, levels_to_lightness, rgb_to_lab
from tfcolor.colorizer import Colorizer
from tfcolor.commands import colorize
from tfcolor.objectives.registry import ObjectiveChoice
from tfcolor.utils import console
from tfcolor.utils.errors import InputError

GRAY = (
    np.random.default_rng(0).integers(0, 256, [32, 56, 1], np.uint8).repeat(3, axis=2)
)  # the shorter side is seen whole
SMALL = {"depth": 5, "width": 1 / 16}


@pytest.fixture(scope="module")
def rgb_model(tmp_path_factory):
    objective = ObjectiveChoice("adversarial", {"space": "rgb"})
    return write_model(tmp_path_factory.mktemp("models") / "rgb", "pix2pix", objective=objective, **SMALL)


def test_lightness_stays_unless_it_is_repainted(rgb_model):
    kept, repainted = (Colorizer.load(rgb_model, repaint=flag).colorize(GRAY) for flag in (False, True))
    lightness = lambda rgb: levels_to_lightness(tf.constant(rgb)).numpy()  # noqa: E731
    np.testing.assert_allclose(lightness(kept), lightness(GRAY), atol=1)
    colorizer = Colorizer.load(rgb_model)
    padded = np.pad(lightness(GRAY), ((0, 0), (0, 8)), "symmetric")[None, ..., None]
    painted = (np.tanh(colorizer.network(tf.constant(padded)))[0, :32, :56] + 1) / 2
    np.testing.assert_allclose(repainted, 255 * painted, atol=1.5)
    assert np.abs(lightness(repainted) - lightness(GRAY)).max() > 20


def test_colours_are_those_of_the_painted_rgb(rgb_model):
    objective = Colorizer.load(rgb_model).objective
    outputs = tf.constant(np.random.default_rng(1).normal(size=[5, 3]), tf.float32)
    lab = rgb_to_lab((tf.tanh(outputs) + 1) / 2)
    np.testing.assert_allclose(objective.to_ab(outputs, 1.0), lab[:, 1:], atol=1e-4)
    np.testing.assert_allclose(lab_to_rgb(objective.to_lab(outputs)), (np.tanh(outputs) + 1) / 2, atol=1e-4)


def test_other_models_cannot_repaint(tmp_path, capsys):
    model = write_model(tmp_path / "lab", "pix2pix", objective="adversarial", **SMALL)
    with pytest.raises(InputError, match="`repaint` is for models that paint"):
        Colorizer.load(model, repaint=True)
    Image.fromarray(GRAY).save(tmp_path / "a.png")
    arguments = [tmp_path / "a.png", "--model", model, "--repaint", "--output", tmp_path / "out"]
    assert console.run(lambda: colorize.main([str(argument) for argument in arguments])) == 2
    assert "--repaint is for models that paint" in capsys.readouterr().err


def test_repainting_does_not_smooth(rgb_model, tmp_path, capsys):
    Image.fromarray(GRAY).save(tmp_path / "a.png")
    arguments = [tmp_path / "a.png", "--model", rgb_model, "--repaint", "--chroma-smoothing", 4]
    assert console.run(lambda: colorize.main([str(argument) for argument in arguments])) == 2
    assert "give --repaint or --chroma-smoothing, not both" in capsys.readouterr().err
