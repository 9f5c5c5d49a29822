"""Networks learn codebooks of units, and all that is done with a model can be done with the result."""

import json

import numpy as np
import pytest
from PIL import Image
from skimage.color import rgb2lab

from tfcolor.color.bins import Bins
from tfcolor.color.codebooks import fit_codebook
from tfcolor.commands import colorize, evaluate, train
from tfcolor.data.datasets import split_of
from tfcolor.evaluation.calibration import sample
from tfcolor.utils import console

NETWORKS = {
    "valid8": (16, []),
    "zhang": (16, ["--width", "0.0625", "--patch", "32"]),
    "patch_mlp": (4, ["--side", "5", "--hidden", "6", "--patch", "20", "--encoding", "hard"]),
}


def run(command, *arguments: object) -> int:
    return console.run(lambda: command.main([str(argument) for argument in arguments]))


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    """Small photographs: six for training, two in each other split."""
    folder, left, rng = (
        tmp_path_factory.mktemp("photographs"),
        {"train": 6, "val": 2, "test": 2},
        np.random.default_rng(0),
    )
    for number in range(1000):
        name = f"{number}.png"
        if left[split_of(name)]:
            left[split_of(name)] -= 1
            coarse = Image.fromarray(rng.integers(60, 196, (4, 5, 3), dtype=np.uint8))
            coarse.resize((40, 36), Image.Resampling.BICUBIC).save(folder / name)
    return folder


def map_of(units: int, path) -> Bins:
    ab = np.random.default_rng(1).normal(0, 20, [500, 2])
    origin = {"dataset": "made", "split": "train", "num_images": 1, "num_pixels": 500}
    bins = fit_codebook("som", ab, np.ones(500, int), units, **origin)
    bins.save(path)
    return bins


def trained(network: str, photographs, folder) -> Bins:
    """Train a network for three steps with a map, and return the map."""
    units, options = NETWORKS[network]
    bins = map_of(units, folder / "map.npz")
    arguments = ["--dataset", photographs, "--bins", "map.npz", "--steps", 3, "--batch-size", 2, "--output", "model"]
    assert run(train, *arguments, "--network", network, *options) == 0
    return bins


@pytest.mark.parametrize("network", ["valid8", pytest.param("zhang", marks=pytest.mark.slow)])
def test_train_and_colour(network, photographs, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    bins, photo = trained(network, photographs, tmp_path), next(photographs.iterdir())
    kept = Bins.load(tmp_path / "model" / "bins.npz")
    assert kept.codebook == "som"
    np.testing.assert_array_equal(kept.centres, bins.centres)
    assert run(colorize, photo, "--model", "model", "--output", "coloured") == 0
    with Image.open(tmp_path / "coloured" / photo.name) as result:
        assert result.size == (40, 36)
    assert run(colorize, photo, "--model", "model", "--output", "explained", "--explain", "20,10") == 0


def test_train_evaluate_and_sample_for_calibration(photographs, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    bins = trained("patch_mlp", photographs, tmp_path)
    assert run(evaluate, "--model", "model", "--dataset", photographs, "--output", "evaluation") == 0
    results = json.loads((tmp_path / "evaluation" / "evaluation.json").read_text())["results"]["1"]
    assert results["model"]["top_5"]["value"] == 100  # there are only four
    assert results["truth, quantised"]["raw_auc"]["value"] > results["model"]["raw_auc"]["value"]

    path = next(photographs.iterdir())
    logits, true_bins = sample(tmp_path / "model", [path])
    with Image.open(path) as photo:
        ab = rgb2lab(np.asarray(photo))[..., 1:].reshape(-1, 1, 2)
    expected = np.linalg.norm(ab - bins.centres, axis=-1).argmin(axis=-1)
    assert logits.shape == (len(ab), 4)
    counts, expected_counts = (np.bincount(found, minlength=4) for found in (true_bins, expected))
    assert np.abs(counts - expected_counts).sum() < 0.01 * len(ab)  # scikit-image's matrix is coarser
