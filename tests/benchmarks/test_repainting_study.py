"""The study of repainted photographs: its damage, its measure and its sheet."""

import numpy as np
import pytest
from PIL import Image
from skimage import data
from skimage.color import rgb2lab

from benchmarks.studies import repainting
from tests.made import write_model
from tfcolor.data.datasets import split_of
from tfcolor.objectives.registry import ObjectiveChoice
from tfcolor.utils import console


@pytest.fixture
def photographs(tmp_path):
    """One for testing."""
    folder = tmp_path / "photographs"
    folder.mkdir()
    name = next(f"{number}.png" for number in range(1000) if split_of(f"{number}.png") == "test")
    Image.fromarray(data.chelsea()[:100, :120]).save(folder / name)
    return folder


def test_damaged_photographs_are_gray_and_the_same_each_time():
    rgb = repainting.reduced(data.coffee())
    assert min(rgb.shape[:2]) == repainting.SIDE
    first, again, other = (repainting.damage(rgb, number) for number in (0, 0, 1))
    assert (first == first[..., :1]).all() and first.shape == rgb.shape
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_lightness_is_compared_with_the_good_photograph():
    class Nothing:
        """A network that changes nothing."""

        def colorize(self, rgb):
            return rgb

    rgb = data.chelsea()[:100, :120]
    damaged, repainted = repainting.lightness_errors(rgb, 3, Nothing())
    expected = np.abs(rgb2lab(repainting.damage(rgb, 3)) - rgb2lab(rgb))[..., 0].mean()
    assert damaged == repainted == pytest.approx(expected, abs=1e-3)


@pytest.mark.slow
def test_the_study(tmp_path, photographs):
    model = write_model(
        *(tmp_path / "model", "pix2pix"),
        objective=ObjectiveChoice("adversarial", {"space": "rgb"}),
        **{"width": 1 / 16, "depth": 5},
    )
    arguments = ["--model", model, "--dataset", photographs, "--photos", 1, "--output", tmp_path / "out"]
    assert console.run(lambda: repainting.main([*map(str, arguments)])) == 0
    assert "1 photographs: mean distance" in (tmp_path / "out" / "tables.md").read_text()
    with Image.open(tmp_path / "out" / "repainted.jpg") as sheet:
        assert sheet.width == 840


def test_models_that_cannot_repaint_are_refused(tmp_path, photographs, capsys):
    arguments = ["--model", write_model(tmp_path / "model"), "--dataset", photographs, "--output", tmp_path / "out"]
    assert console.run(lambda: repainting.main([*map(str, arguments)])) == 2
    assert "for models that paint red, green and blue" in capsys.readouterr().err
