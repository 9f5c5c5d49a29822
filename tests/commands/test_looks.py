"""Pictures to look at: temperatures side by side, candidates, and what is predicted at a pixel."""

import re

import numpy as np
import pytest
from PIL import Image
from skimage.color import rgb2lab

from tests.made import ring_bins
from tfcolor.color.decoding_options import Decoding
from tfcolor.colorizer import Colorizer
from tfcolor.colorizer.candidates import candidates
from tfcolor.networks.valid8 import Valid8
from tfcolor.objectives.classification import Classification


@pytest.fixture(scope="module")
def colorizer() -> Colorizer:
    return Colorizer(Valid8(16, seed=3), Classification(ring_bins(40)))


def two_surfaces(height: int = 48, width: int = 64) -> np.ndarray:
    """Lightness: a smooth bright half above a rough dark one, float32 [H, W]."""
    rough = np.random.default_rng(0).normal(0, 12, [height, width])
    return np.where(np.arange(height)[:, None] < height // 2, 80, 35 + rough).clip(0, 100).astype(np.float32)


# Candidates


def test_candidates_differ(colorizer):
    found = candidates(colorizer, two_surfaces(), 4, Decoding(), 256)
    assert found.shape == (4, 48, 64, 2) and found.dtype == np.float32
    for i in range(4):
        for j in range(i):
            assert np.linalg.norm(found[i] - found[j], axis=-1).mean() > 5, (i, j)


def test_candidates_are_the_same_again_and_whatever_the_tiles(colorizer):
    lightness = two_surfaces()
    first, again, tiled = (candidates(colorizer, lightness, 3, Decoding(), tile) for tile in (256, 256, 20))
    np.testing.assert_array_equal(first, again)
    np.testing.assert_allclose(tiled, first, atol=0.5)


def test_candidates_are_coherent(colorizer):
    """Neighbours differ hardly more than in the usual colouring: no noise is added."""
    lightness = two_surfaces()

    def roughness(ab):
        return np.linalg.norm(np.diff(ab, axis=1), axis=-1).mean()

    plain = roughness(colorizer.predict_ab(lightness, 0.38))
    assert all(roughness(ab) < 2 * plain + 1 for ab in candidates(colorizer, lightness, 4, Decoding(), 256))


@pytest.mark.parametrize("size", [(1, 1), (3, 40), (9, 8)], ids=str)
def test_candidates_of_small_and_plain_pictures(colorizer, size):
    found = candidates(colorizer, np.full(size, 50, np.float32), 3, Decoding(), 256)
    assert found.shape == (3, *size, 2) and np.isfinite(found).all()


def photo(path, size=(40, 50)):
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 256, [*size, 3], np.uint8)).save(path)
    return path


def test_candidates_are_written_as_results_are(predict, tmp_path, results):
    levels = np.linspace(0, 65535, 40 * 50).astype(np.uint16).reshape(40, 50)
    Image.fromarray(levels).save(tmp_path / "deep.png", dpi=(300, 300))
    assert predict("deep.png", "--candidates", 3).status == 0
    assert sorted(path.name for path in results.iterdir()) == [f"deep.png-{k}.png" for k in (1, 2, 3)]
    for path in results.iterdir():
        with Image.open(path) as image:
            assert image.tile[0].args == "RGB;16B" and round(image.info["dpi"][0]) == 300
            lightness = rgb2lab(np.asarray(image))[..., 0]
        assert np.abs(lightness - rgb2lab(np.repeat(levels[..., None], 3, -1) / 65535)[..., 0]).max() < 1


# Sweep and explanation


def test_sweep_shows_every_temperature(predict, tmp_path, results):
    photo(tmp_path / "a.jpg", (12, 15))
    assert predict("a.jpg", "--sweep", "1,0.38,0").status == 0
    (path,) = results.iterdir()
    assert path.name == "a.jpg-sweep.png"
    with Image.open(path) as image:
        assert image.width >= 4 * 15 and image.height >= 12
        sheet = np.asarray(image)
    for T in ("1", "0.38", "0"):
        assert predict("a.jpg", "--T", T, "--format", "png", "--output", f"T{T}").status == 0
        with Image.open(tmp_path / f"T{T}" / "a.jpg.png") as image:
            windows = np.lib.stride_tricks.sliding_window_view(sheet, (12, 15, 3))[:, :, 0].astype(int)
            assert np.abs(windows - np.asarray(image)).max(axis=(-3, -2, -1)).min() <= 1


def test_explanation_is_a_plot_that_strength_changes(predict, tmp_path):
    photo(tmp_path / "a.jpg")
    plots = []
    for strength in (0, 1):
        assert predict("a.jpg", "--explain", "10,39", "--strength", strength, "--output", f"s{strength}").status == 0
        with Image.open(tmp_path / f"s{strength}" / "a.jpg-explain.png") as image:
            assert image.format == "PNG" and image.width > 800
            plots.append(np.asarray(image.convert("RGB")))
    assert (plots[0] != plots[1]).any(axis=-1).mean() > 0.01


def test_a_pixel_outside_the_picture_is_reported(predict, tmp_path, results):
    photo(tmp_path / "a.jpg")
    outcome = predict("a.jpg", "--explain", "50,0")
    assert outcome.status == 1
    assert "cannot colour a.jpg: 50x40 pixels, so there is none at 50,0" in outcome.err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--sweep", "1,2"], "temperatures in \\[0, 1\\], got 1,2"),
        (["--sweep", "a"], "numbers with commas between, got 'a'"),
        (["--explain", "3"], "a pixel X,Y, .* got 3"),
        (["--explain", "-3,4"], "a pixel X,Y, .* got -3,4"),
        (["--compare", "--sweep", "1"], "--compare goes with results"),
    ],
)
def test_looks_that_cannot_be_are_refused(predict, tmp_path, results, options, message):
    photo(tmp_path / "a.jpg")
    options = [f"{options[0]}={options[1]}"] if options[0] == "--explain" else options
    outcome = predict("a.jpg", *options)
    assert outcome.status == 2 and re.search(message, outcome.err)
    assert not results.exists()
