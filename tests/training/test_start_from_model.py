"""Training that starts from a model of another objective: which layers it takes over."""

import numpy as np
import pytest
from PIL import Image

from tests.made import write_model
from tfcolor.color.bins import Bins
from tfcolor.data import datasets
from tfcolor.objectives.registry import ObjectiveChoice
from tfcolor.training.experiment import prepare
from tfcolor.training.options import settle
from tfcolor.training.run_folder import RunFolder
from tfcolor.utils.files import read_npz


@pytest.fixture
def photos_folder(tmp_path):
    folder, rng = tmp_path / "photographs", np.random.default_rng(0)
    folder.mkdir()
    for number in range(8):
        Image.fromarray(rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)).save(folder / f"p{number}.png")
    return folder


@pytest.mark.parametrize(
    ("before", "after", "is_kept"),
    [
        (("regression", {"bound": 110}), ("adversarial", {}), True),
        (("regression", {"bound": 128}), ("adversarial", {}), False),
        (("adversarial", {"space": "rgb"}), ("adversarial", {}), False),
        (("adversarial", {"space": "rgb"}), ("adversarial", {"space": "rgb"}), True),
        (("regression", {}), ("regression", {"bound": 110}), False),
    ],
)
def test_the_last_layer_goes_on_where_outputs_stand_for_the_same(photos_folder, tmp_path, before, after, is_kept):
    choice = ObjectiveChoice(*before)
    model = write_model(tmp_path / "model", "pix2pix", objective=choice, depth=5, width=1 / 32)
    options = settle({"init": str(model), "objective": after[0], "batch_size": 1, "precision": "float32", **after[1]})
    dataset = datasets.find(str(photos_folder), None)
    experiment = prepare(options, RunFolder(tmp_path / "run"), dataset, Bins.load(model / "bins.npz"), resume=False)
    weights = read_npz(model / "weights.npz")
    for name, weight in experiment.trainer.network.weights.items():
        if name == "up1/filter" and not is_kept:
            assert weight.shape != weights[name].shape or np.abs(weight - weights[name]).max() > 0
        elif name != "up1/bias":
            np.testing.assert_array_equal(weight, weights[name])
