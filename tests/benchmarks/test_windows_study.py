"""The study of windows: it finds the borders that are there, and each way to predict does what its name says."""

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from benchmarks.studies import windows
from tests.made import write_model
from tfcolor.colorizer.colorizer import Colorizer
from tfcolor.utils import console


def test_a_step_at_a_border_shows_and_one_elsewhere_does_not():
    """Of 64 columns, the third window begins at 32, where the second (16 ... 48) still counts."""
    starts, ab = [[0], [0, 16, 32]], np.zeros([10, 64, 2], np.float32)
    ab[:, 32:, 1] = 20
    at, elsewhere = windows.seam_steps(ab, starts, 32)
    # Along rows 63 steps, of which those around 16, 32 and 48 are near borders: five each; down columns none is.
    assert at == pytest.approx(20 / 15)
    assert elsewhere == 0
    ab[:, 40:, 1] = 40
    at, elsewhere = windows.seam_steps(ab, starts, 32)
    assert at == pytest.approx(20 / 15)
    assert elsewhere == pytest.approx(20 * 10 / (10 * 48 + 9 * 64))


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return write_model(tmp_path_factory.mktemp("models") / "far", "zhang", width=1 / 16)


def test_ways_to_predict_do_what_their_names_say(model, monkeypatch):
    colorizer = Colorizer.load(model, "float32")
    ways = windows.outputs_of_ways(colorizer.network)
    lightness = np.random.default_rng(0).uniform(0, 100, [64, 96]).astype(np.float32)
    logits = tf.image.resize(colorizer.network(lightness[None, ..., None]), [64, 96], "bilinear")[0]
    np.testing.assert_allclose(ways["whole"](lightness), logits, atol=1e-3)
    np.testing.assert_allclose(ways["windows"](lightness), logits, atol=1e-3)  # smaller than a window
    flat = np.repeat(np.repeat(lightness[::2, ::2], 2, 0), 2, 1)
    reduced_cells = colorizer.network(flat[None, ::2, ::2, None])
    reduced = tf.image.resize(reduced_cells, [32, 48], "bilinear")
    np.testing.assert_allclose(
        ways["reduced to half"](flat), tf.image.resize(reduced, [64, 96], "bilinear")[0], atol=1e-3
    )
    cells = (colorizer.network(flat[None, ..., None]) + tf.image.resize(reduced_cells, [16, 24], "bilinear")) / 2
    mean = tf.image.resize(cells, [64, 96], "bilinear")[0]
    np.testing.assert_allclose(ways["windows and half"](flat), mean, atol=1e-3)
    for name, value in (("WINDOW", 32), ("OVERLAP", 16)):
        monkeypatch.setattr(windows, name, value)
    assert np.abs(windows.outputs_of_ways(colorizer.network)["windows"](lightness) - logits).max() > 0.01


def test_both_tables_are_printed(model, forest_data, tmp_path, capsys):
    Image.fromarray(np.random.default_rng(0).integers(0, 256, [16, 600, 3], np.uint8)).save(tmp_path / "wide.png")
    options = ["--model", model, "--large", tmp_path, "--dataset", "forest", "--data-dir", forest_data]
    assert console.run(lambda: windows.main([str(option) for option in options])) == 0
    out = capsys.readouterr().out
    assert "wide.png" in out
    assert all(way in out for way in windows.WAYS)


def test_photographs_must_be_larger_than_a_window(model, forest_data, photo_folder, capsys):
    options = ["--model", model, "--large", photo_folder, "--dataset", "forest", "--data-dir", forest_data]
    assert console.run(lambda: windows.main([str(option) for option in options])) == 2
    assert "no photograph is larger than 512 pixels" in capsys.readouterr().err


def test_models_that_predict_in_tiles_are_refused(model_folder, photo_folder, capsys):
    options = ["--model", str(model_folder), "--dataset", str(photo_folder)]
    assert console.run(lambda: windows.main(options)) == 2
    assert "predicts in tiles that change nothing" in capsys.readouterr().err
