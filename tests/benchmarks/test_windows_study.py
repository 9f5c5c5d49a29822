"""The study of windows: borders that are there are found, and ways to predict are what they say."""

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from benchmarks.studies import windows
from tfcolor.colorizer.colorizer import Colorizer
from tfcolor.models.directory import save_model
from tfcolor.networks.zhang import Zhang
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


@pytest.fixture(name="model")
def _model(tmp_path, make_bins):
    folder = tmp_path / "model"
    folder.mkdir()
    network = {"name": "zhang", "num_bins": 16, "activation": "relu", "width": 1 / 16, "objective": "classification"}
    save_model(folder, Zhang(16, width=1 / 16, seed=1), make_bins(16), {"network": network})
    return folder


def test_ways_to_predict_are_what_they_say(model, monkeypatch):
    colorizer = Colorizer.load(model, "float32")
    ways = windows.logits_of_ways(colorizer)
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
    assert np.abs(windows.logits_of_ways(colorizer)["windows"](lightness) - logits).max() > 0.01


def test_both_tables_are_printed(model, photo_folder, tmp_path, capsys):
    large = tmp_path / "large"
    large.mkdir()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, [16, 600, 3], np.uint8)).save(large / "wide.png")
    for i in range(80):  # until some fall into the validation split
        Image.open(next(photo_folder.iterdir())).save(photo_folder / f"more{i}.png")
    options = ["--model", str(model), "--large", str(large), "--dataset", str(photo_folder)]
    assert console.run(lambda: windows.main(options)) == 0
    out = capsys.readouterr().out
    assert "wide.png" in out and all(way in out for way in windows.WAYS)


def test_models_of_small_sight_are_refused(model_folder, photo_folder, capsys):
    options = ["--model", str(model_folder), "--dataset", str(photo_folder)]
    assert console.run(lambda: windows.main(options)) == 2
    assert "tiles that change nothing" in capsys.readouterr().err
