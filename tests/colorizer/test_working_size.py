"""Networks with a working size see reduced pictures, and their colours follow lightness at full resolution."""

import numpy as np
import pytest
import tensorflow as tf
from skimage.transform import resize

from tests.made import made_bins, write_model
from tfcolor.color.decoding_options import Decoding
from tfcolor.colorizer import Colorizer
from tfcolor.colorizer.painting import line_painter
from tfcolor.colorizer.tiles import Uncolored
from tfcolor.colorizer.working_size import ReducedOutputs, reduced_sides
from tfcolor.networks.inputs import INPUTS
from tfcolor.networks.unet import UNet
from tfcolor.objectives.classification import Classification
from tfcolor.utils import pixelwise
from tfcolor.utils.errors import InputError


def picture(height: int, width: int) -> np.ndarray:
    """Lightness, float32 [H, W]: a ramp with noise."""
    ramp = np.linspace(5, 95, height * width).reshape(height, width)
    return (ramp + np.random.default_rng(0).normal(0, 6, [height, width])).clip(0, 100).astype(np.float32)


@pytest.fixture(scope="module")
def colorizer():
    network = UNet(16, seed=1)
    network.last.filter.assign(20 * network.last.filter)  # else all colours are about the same
    network.freeze()
    return Colorizer(network, Classification(made_bins(16)), working_size=64)


@pytest.mark.parametrize(
    ("sides", "expected"),
    [
        ((64, 64), (64, 64)),
        ((40, 300), (40, 300)),
        ((640, 480), (85, 64)),
        ((1, 1), (1, 1)),
        ((100, 100_000), (4, 4048)),
    ],
    ids=str,
)
def test_the_shorter_side_is_reduced_to_the_working_size_and_panoramas_further(sides, expected):
    found = reduced_sides(*sides, 64)
    assert found == expected and found[0] * found[1] <= 4 * 64**2 * 1.02


def test_outputs_in_the_middle_of_cells_are_those_of_the_network(colorizer):
    lightness = picture(64, 96)
    source = ReducedOutputs.predicted(colorizer._forward, colorizer.network, lightness[None], 64)
    found = source.at((slice(0, 64), slice(0, 96)))[0]
    expected = colorizer.network(INPUTS["gray"].from_lightness(tf.constant(lightness[None, ..., None])))[0]
    rows, columns = (np.arange(count) * 4 + 1.5 for count in (16, 24))  # the middles, between two pixels
    middles = np.asarray(found)[np.int64(rows)][:, np.int64(columns)]
    after = np.asarray(found)[np.int64(rows) + 1][:, np.int64(columns) + 1]
    # A pixel beside the middle has 7/8 of the cell on each axis, and 1/8 of the next one.
    shares = np.array([[7 / 8, 1 / 8], [1 / 8, 7 / 8]])
    near = np.asarray(expected)
    for i, j in ((3, 5), (8, 20)):
        block = np.einsum("p,q,pqc->c", shares[0], shares[0], near[[i, i - 1]][:, [j, j - 1]])
        np.testing.assert_allclose(middles[i, j], block, atol=1e-3)
        block = np.einsum("p,q,pqc->c", shares[0], shares[0], near[[i, i + 1]][:, [j, j + 1]])
        np.testing.assert_allclose(after[i, j], block, atol=1e-3)


@pytest.mark.parametrize("sides", [(1, 1), (1, 300), (3, 2), (200, 90), (64, 64)], ids=str)
def test_pictures_of_any_size_are_coloured(colorizer, sides):
    ab = colorizer.predict_ab(picture(*sides), 0.38)
    assert ab.shape == (*sides, 2) and np.isfinite(ab).all()


@pytest.mark.parametrize("smoothing", [0, 3])
def test_tiles_change_no_bit(colorizer, smoothing):
    lightness = picture(150, 170)
    whole, tiled = (colorizer.predict_ab(lightness, 0.38, tile, smoothing=smoothing) for tile in (256, 50))
    np.testing.assert_array_equal(whole, tiled)


def test_large_tiles_are_only_for_networks_without_outputs_for_each_pixel(colorizer, tmp_path):
    assert colorizer.auto_tile == 640
    assert Colorizer.load(write_model(tmp_path / "m"), "float32").auto_tile == 256


def test_batches_change_no_bit(colorizer):
    pictures = [Uncolored(picture(90, 100) * share, np.uint16) for share in (1.0, 0.5, 0.8)]
    pictures = [each._replace(lightness=each.lightness.astype(np.float32)) for each in pictures]
    decoding = Decoding(0.38, smoothing=2)
    together = list(colorizer.colorize_all(pictures, decoding))
    for each, result in zip(pictures, together, strict=True):
        (alone,) = colorizer.colorize_all([each], decoding)
        np.testing.assert_array_equal(result, alone)


@pytest.mark.parametrize(
    ("smoothing", "dtype", "shares"), [(0, np.uint8, True), (2, np.uint8, False), (0, np.uint16, False)]
)
def test_a_large_result_may_take_the_place_of_its_lightness(colorizer, monkeypatch, smoothing, dtype, shares):
    monkeypatch.setattr(pixelwise, "_LARGE", 1000)
    lightness, decoding = picture(150, 170).astype(np.float32), Decoding(0.38, smoothing=smoothing)
    (expected,) = colorizer.colorize_all([Uncolored(lightness, dtype)], decoding, tile=50)
    spare = lightness.copy()
    (result,) = colorizer.colorize_all([Uncolored(spare, dtype, is_spare=True)], decoding, tile=50)
    np.testing.assert_array_equal(result, expected)
    assert np.shares_memory(result, spare) == shares


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("tile", [50, 1000])
def test_large_pictures_are_painted_as_small_ones(colorizer, monkeypatch, fine_borders, dtype, tile):
    """With lightness so low and so high that many colours lie outside sRGB, and with tiles that are not full."""
    lightness = np.clip(3 * picture(150, 171) - 100, 1, 99).astype(np.float32)
    pictures, decoding = [Uncolored(lightness, dtype)], Decoding(0.38, strength=0.8)
    (expected,) = colorizer.colorize_all(pictures, decoding, tile)
    monkeypatch.setattr(pixelwise, "_LARGE", 1000)
    line_painter.cache_clear()
    colorizer.prepare(150, 171, dtype, decoding, tile)
    (result,) = colorizer.colorize_all(pictures, decoding, tile)
    assert line_painter.cache_info()[:2] == (1, 1)  # what was prepared is what painted
    assert result.dtype == expected.dtype == dtype
    differences = np.abs(result.astype(int) - expected)
    assert differences.max() <= 2 * np.iinfo(dtype).max / 255
    assert np.mean(differences > np.iinfo(dtype).max / 65535) < 2e-3
    assert np.ptp(result[..., 0].astype(int) - result[..., 2]) > 10


def test_colours_follow_edges_of_lightness():
    """Two halves of different lightness and colour: at the edge, where cells hold both, pixels have one of them."""
    lightness = np.full([256, 256], 20.0, np.float32)
    lightness[:, 136:] = 80.0
    cells = resize((lightness > 50).astype(float), (16, 16), anti_aliasing=True)

    class Network:
        stride, multiple = 4, 32

    outputs = tf.constant(np.stack([40 * (2 * cells - 1), 0 * cells], axis=-1)[None], tf.float32)
    source = ReducedOutputs.predicted(lambda x: outputs, Network, lightness[None], 64)
    place = (slice(0, 256), slice(0, 256))
    ab = source.colors("key", lambda x: x, tf.constant(lightness[None, ..., None]), place, 0, slice(None))[0].numpy()
    blurred = source.at(place)[0].numpy()
    edge = slice(132, 140)
    true = np.where(lightness[128, edge] > 50, 40, -40)
    assert np.abs(blurred[128, edge, 0] - true).mean() > 25
    assert np.abs(ab[128, edge, 0] - true).mean() < 8


def test_the_working_size_is_checked(tmp_path, colorizer):
    with pytest.raises(InputError, match="`working_size` must be at least 32 pixels, got 5"):
        Colorizer(colorizer.network, colorizer.objective, working_size=5)
    with pytest.raises(InputError, match="`working_size` is for models that have a working size"):
        Colorizer.load(write_model(tmp_path / "m"), "float32", working_size=64)
