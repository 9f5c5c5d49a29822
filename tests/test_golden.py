"""The same weights give the same pictures, and the same options the same training, as in version 0.1."""

import json
from pathlib import Path

import numpy as np
import pytest

from tfcolor.color.decoding_options import Decoding
from tfcolor.color.lab import levels_to_lightness
from tfcolor.colorizer import Colorizer
from tfcolor.colorizer.candidates import candidates
from tfcolor.commands import train
from tfcolor.data import datasets
from tfcolor.photographs.pixels import read_photo
from tfcolor.utils import console

GOLDEN = Path(__file__).parent / "golden"
# Name -> model, photograph and the part of it, and the rows and columns between those that are stored.
PICTURES = {
    "valid8": ("forest", "coffee.png", np.s_[100:196, 200:328], 4),
    "valid8_outdoor": ("outdoor", "chelsea.png", np.s_[50:146, 100:228], 4),
    "zhang_small": ("zhang-outdoor", "astronaut.png", np.s_[:203, 101:300], 4),
    "zhang_reduced": ("zhang-outdoor", "chelsea.png", np.s_[:, :], 7),  # larger than 256 pixels: seen reduced, too
    "zhang_windows": ("zhang-outdoor", "rocket.jpg", np.s_[:, :], 9),  # larger than 512 pixels: in windows
}
DECODINGS = {
    "default": {},
    "mean": {"temperature": 1.0, "uniform_share": 1.0, "smoothing": 0},
    "vivid": {"temperature": 0.38, "uniform_share": 0.5, "smoothing": 0},
    "mode": {"temperature": 0.0, "smoothing": 0},
    "smooth": {"temperature": 1.0, "smoothing": 8, "strength": 0.5},
    "trained": {"temperature": 0.7, "smoothing": 4},
}
TRAINING = ["--dataset", "samples", "--precision", "float32", "--steps", "12", "--window", "20"]
SMALL_ZHANG = ["--batch-size", "2", "--patch", "32", "--network", "zhang", "--width", "0.0625"]
TRAININGS = {
    "valid8": [
        "--batch-size",
        "4",
        "--patch",
        "20",
        "--activation",
        "rrelu",
        "--batch-norm",
        "--weight-average",
        "0.9",
    ],
    "zhang": [
        *SMALL_ZHANG,
        *["--weight-decay", "1e-3", "--zoom", "1.5", "--lambda", "0.8", "--initialization", "data"],
    ],
    "regression": [*SMALL_ZHANG, *["--objective", "regression", "--schedule", "plateau"]],
}


@pytest.fixture(scope="module")
def stored() -> dict[str, np.ndarray]:
    with np.load(GOLDEN / "pictures.npz") as file:
        return dict(file)


@pytest.mark.parametrize("name", PICTURES)
def test_the_same_weights_give_the_same_pictures(name, stored):
    model, photograph, part, every = PICTURES[name]
    colorizer = Colorizer.load(model, "float32", "off")
    rgb = read_photo(datasets.find("samples").folder / photograph).rgb[part]
    for decoding, given in DECODINGS.items():
        tile = 100 if decoding == "vivid" else 256
        difference = np.abs(
            colorizer.colorize(rgb, tile=tile, **given)[::every, ::every].astype(int) - stored[f"{name}/{decoding}"]
        )
        # Where a colour lies on the border between two levels, rounding may go either way.
        assert difference.max() <= 1 and (difference > 0).mean() < 1e-3, decoding
    lightness = levels_to_lightness(rgb).numpy()
    for key, given in (
        ("ab", {"temperature": 0.7, "uniform_share": 0.5, "smoothing": 0}),
        ("ab smoothed", {"temperature": 1.0, "smoothing": 8}),
    ):
        own = Colorizer(colorizer.network, colorizer.objective)  # without the model's own lambda
        found = own.predict_ab(lightness, **given)[::every, ::every]
        np.testing.assert_allclose(found, stored[f"{name}/{key}"], atol=1e-3)
    if f"{name}/candidates" in stored:
        found = candidates(colorizer, lightness, 3, Decoding(0.38, uniform_share=0.8))[:, ::every, ::every]
        assert np.quantile(np.abs(found - stored[f"{name}/candidates"]), 0.99) < 0.1


@pytest.mark.parametrize(
    "name", ["valid8", *(pytest.param(n, marks=pytest.mark.slow) for n in ("zhang", "regression"))]
)
def test_the_same_options_give_the_same_training(name, tmp_path):
    arguments = [*TRAINING, *TRAININGS[name], "--output", str(tmp_path / "run")]
    assert console.run(lambda: train.main(arguments)) == 0
    expected = json.loads((GOLDEN / "trainings.json").read_text())[name]
    with np.load(tmp_path / "run" / "weights.npz") as file:
        weights = dict(file)
    assert weights.keys() == expected["weights"].keys()
    for key, (mean, norm) in expected["weights"].items():
        # Last bits differ between processors, and twelve steps of Adam make more of them.
        assert np.linalg.norm(weights[key]) == pytest.approx(norm, rel=1e-3, abs=1e-4), key
        assert weights[key].mean() == pytest.approx(mean, rel=1e-2, abs=1e-4), key
    metrics = json.loads((tmp_path / "run" / "model.json").read_text())["metrics"]["raw_auc_percent"]
    assert metrics == pytest.approx(expected["raw_auc_percent"], abs=0.05)
