"""Previews: photographs of any size are shown, whatever sides the network takes."""

import numpy as np
import pytest
from PIL import Image

from tests.made import made_bins
from tfcolor.networks.pix2pix import Pix2Pix
from tfcolor.networks.valid8 import Valid8
from tfcolor.objectives.classification import Classification
from tfcolor.objectives.regression import Regression
from tfcolor.training.previews import Previews


@pytest.mark.parametrize("size", [(44, 36), (300, 90), (64, 64)])
def test_photographs_smaller_than_the_network_takes_are_enlarged(tmp_path, size):
    Image.fromarray(np.random.default_rng(0).integers(0, 256, [*size[::-1], 3], np.uint8)).save(tmp_path / "a.png")
    network = Pix2Pix(2, depth=6, width=1 / 16)
    previews = Previews([tmp_path / "a.png"], Regression(made_bins(16)), network)
    sheet, numbers = previews.look(network)
    assert sheet.shape[0] > 3 * 64 and all(np.isfinite(value) for value in numbers.values())


def test_photographs_are_shown_as_they_are_where_they_fit(tmp_path):
    rgb = np.random.default_rng(0).integers(0, 256, [50, 70, 3], np.uint8)
    Image.fromarray(rgb).save(tmp_path / "a.png")
    previews = Previews([tmp_path / "a.png", tmp_path / "missing.png"], Classification(made_bins(16)), Valid8(16))
    assert len(previews) == 1
    np.testing.assert_array_equal(previews._photos[0], rgb)
