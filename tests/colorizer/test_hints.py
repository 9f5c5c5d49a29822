"""Hints: kept exactly, spread along surfaces but not across edges, in any order; and nothing changes without them."""

import numpy as np
import pytest
import tensorflow as tf
from scipy.special import softmax
from skimage import data
from skimage.color import rgb2lab

from tests.made import ring_bins
from tfcolor.color.decoding import conditioned, moments
from tfcolor.color.decoding_options import Decoding
from tfcolor.colorizer import Colorizer
from tfcolor.colorizer.hints import MOST_GROUPS, Hints
from tfcolor.colorizer.opened import OpenedPhotograph
from tfcolor.colorizer.spreading import Neighbourhood
from tfcolor.colorizer.tiles import Uncolored
from tfcolor.networks.valid8 import Valid8
from tfcolor.networks.zhang import Zhang
from tfcolor.objectives.classification import Classification
from tfcolor.objectives.regression import Regression
from tfcolor.utils.errors import InputError

CAT = data.chelsea()[:200, :280]


@pytest.fixture(scope="module", params=["general", "forest", "zhang-outdoor"])
def shipped(request) -> Colorizer:
    """A model with a working size, one in tiles, and one in windows."""
    return Colorizer.load(request.param, "float32")


@pytest.fixture(scope="module")
def general() -> Colorizer:
    return Colorizer.load("general", "float32")


@pytest.fixture(scope="module")
def cat(general) -> OpenedPhotograph:
    return general.open(CAT)


def chroma_error(result: np.ndarray, x: int, y: int, color: tuple[int, int, int]) -> float:
    """The distance in ab between a pixel and the wanted colour."""
    found, wanted = (rgb2lab(np.uint8([[levels]]))[0, 0, 1:] for levels in (result[y, x], color))
    return float(np.linalg.norm(found - wanted))


# Without hints


def test_without_hints_nothing_changes(shipped):
    for options in ({}, {"temperature": 0.2, "smoothing": 3, "strength": 0.5, "uniform_share": 0.3}):
        np.testing.assert_array_equal(shipped.open(CAT).colorize((), **options), shipped.colorize(CAT, **options))


def test_16_bits_stay_16_bits(general):
    deep = CAT[:40, :40].astype(np.uint16) * 257
    np.testing.assert_array_equal(general.open(deep).colorize(), general.colorize(deep))
    assert general.open(deep).colorize([(3, 4, "red")]).dtype == np.uint16


# At a hint


def test_a_hint_is_kept_exactly(shipped):
    color = (120, 130, 90)  # at the lightness of the fur and of the background, sRGB has this hue and chroma
    opened = shipped.open(CAT)
    for points in ([(140, 100)], [(0, 0), (279, 199), (140, 100)]):
        result = opened.colorize([(x, y, "rgb(120,130,90)") for x, y in points])
        assert all(chroma_error(result, x, y, color) < 1 for x, y in points)


@pytest.mark.parametrize("options", [{"temperature": 0.0}, {"strength": 0.2}, {"smoothing": 6}], ids=str)
def test_a_hint_is_kept_exactly_however_colours_are_decoded(cat, options):
    assert chroma_error(cat.colorize([(140, 100, "#78825a")], **options), 140, 100, (0x78, 0x82, 0x5A)) < 1


def test_a_colour_that_the_network_finds_impossible_is_honoured_around_its_hint(cat):
    """Fur is never blue."""
    blue = rgb2lab(np.uint8([[[0x30, 0x60, 0xC0]]]))[0, 0, 1:]
    before, after = (
        np.linalg.norm(cat.predict_ab(hints, Decoding(0.5))[96:105, 136:145] - blue, axis=-1).mean()
        for hints in ((), [(140, 100, "#3060c0")])
    )
    assert before > 70 and after < before / 2


def test_surfaces_follow_a_hint(cat):
    """The hint at one place of the fur changes the fur elsewhere towards its colour, and more than the eyes."""
    before, after = (cat.predict_ab(hints, Decoding(0.5)) for hints in ((), [(140, 150, "#5060a0")]))
    toward = (after - before)[..., 1]  # b falls towards blue
    assert toward[150, 140] < -30 and toward[170, 120] < -10


@pytest.mark.parametrize("shift", [0, 1, 2, 3])
def test_a_colour_does_not_cross_an_edge(general, shift):
    """A step of 20 L* between two plain halves, at the border of the network's cells or within them."""
    lightness = np.full([128, 192], 45, np.float32)
    lightness[:, 96 + shift :] = 65
    opened = OpenedPhotograph(general, lightness, np.uint8, 256)
    before, after = (opened.predict_ab(hints, Decoding(0.5)) for hints in ((), [(40, 64, "#c02020")]))
    change = np.linalg.norm(after - before, axis=-1)
    assert change[:, 20:80].mean() > 20
    assert change[:, 102 + shift :].max() < 3


def test_the_order_of_hints_does_not_matter(cat):
    hints = [(20, 30, "#804020"), (200, 100, "gray"), (140, 150, "#5060a0"), (10, 190, "#207030")]
    first = cat.colorize(hints)
    for order in ([3, 2, 1, 0], [1, 3, 0, 2]):
        np.testing.assert_array_equal(cat.colorize([hints[k] for k in order]), first)


def test_a_stroke_is_kept_at_each_pixel(cat):
    columns = np.arange(60, 220)
    stroke = Hints.of_levels(np.stack([columns, np.full(160, 150)], axis=-1), np.tile([90, 100, 130], (160, 1)))
    ab = cat.predict_ab(stroke, Decoding(0.5))
    np.testing.assert_array_equal(ab[150, columns], stroke.ab)


def test_hints_of_many_colours_in_one_place_stay_near_their_colours(cat):
    """Contradictory neighbours must not drive colours far beyond them."""
    rng = np.random.default_rng(0)
    points = np.stack(np.meshgrid(np.arange(100, 112), np.arange(90, 102)), axis=-1).reshape(-1, 2)
    hints = Hints.of_levels(points, rng.integers(60, 200, [len(points), 3]))
    ab = cat.predict_ab(hints, Decoding(1.0))
    assert np.abs(ab).max() < 1.5 * max(np.abs(hints.ab).max(), np.abs(cat.predict_ab((), Decoding(1.0))).max())


def test_more_hints_than_are_spread_one_by_one(cat):
    points = np.stack(np.meshgrid(np.arange(0, 280, 3), np.arange(0, 200, 3)), axis=-1).reshape(-1, 2)
    assert len(points) > 10 * MOST_GROUPS
    hints = Hints.of_levels(points, CAT[points[:, 1], points[:, 0]])
    ab = cat.predict_ab(hints, Decoding(1.0))
    errors, before = (
        np.linalg.norm(each - rgb2lab(CAT)[..., 1:], axis=-1).mean() for each in (ab, cat.predict_ab((), Decoding(1.0)))
    )
    assert errors < before


@pytest.mark.parametrize("size", [(1, 1), (3, 60), (33, 2)], ids=str)
def test_small_pictures(shipped, size):
    rgb = np.full([*size, 3], 120, np.uint8)
    result = shipped.open(rgb).colorize([(0, 0, "#7d7555")])
    assert chroma_error(result, 0, 0, (0x7D, 0x75, 0x55)) < 1.5


# Their parts against independent formulas


def test_the_product_with_a_likelihood_has_the_wanted_mean():
    rng = np.random.default_rng(0)
    logits, colors = rng.normal(size=[4, 30]).astype(np.float32), rng.uniform(-80, 80, [30, 2]).astype(np.float32)
    shift, certainty = rng.normal(size=[4, 2]).astype(np.float32), np.float32([0, 0.3, 0.8, 0.98])
    product, missing = conditioned(tf.constant(logits), tf.constant(colors), shift, certainty)
    shares = softmax(logits.astype(np.float64), axis=-1)
    mean = shares @ colors
    variance = ((shares[..., None] * (colors - mean[:, None]) ** 2).sum(axis=(1, 2))) / 2 + 1
    wanted = mean + np.sqrt(variance)[:, None] * shift
    np.testing.assert_allclose(softmax(product, axis=-1) @ colors + missing, wanted, rtol=1e-4, atol=1e-3)
    # Bayes: the likelihood is a Gaussian whose product with a Gaussian prior has the wanted mean and variance.
    for k in range(1, 4):
        precision = 1 / (variance[k] * (1 - certainty[k])) - 1 / variance[k]
        centre = (wanted[k] / (variance[k] * (1 - certainty[k])) - mean[k] / variance[k]) / precision
        likelihood = np.exp(-precision / 2 * ((colors - centre) ** 2).sum(axis=-1))
        expected = shares[k] * likelihood
        np.testing.assert_allclose(softmax(product[k]), expected / expected.sum(), rtol=1e-3, atol=1e-6)


def test_without_knowledge_the_product_is_the_distribution():
    logits, colors = tf.random.stateless_normal([5, 20], [0, 1]), 50 * tf.random.stateless_normal([20, 2], [0, 2])
    product, missing = conditioned(logits, colors, tf.zeros([5, 2]), tf.zeros([5]))
    np.testing.assert_allclose(tf.nn.softmax(product), tf.nn.softmax(logits), rtol=1e-5)
    np.testing.assert_allclose(missing, 0, atol=1e-4)


def test_moments_of_certain_and_of_two_colours():
    colors = tf.constant([[0.0, 0.0], [30.0, 40.0]])
    mean, variance = moments(tf.constant([[50.0, 0.0], [0.0, 0.0]]), colors)
    np.testing.assert_allclose(mean, [[0, 0], [15, 20]], atol=1e-4)
    np.testing.assert_allclose(variance, [1, 1 + 25**2 / 2], rtol=1e-5)


def test_a_hint_fades_over_plain_ground_as_the_screened_poisson_equation_says():
    """Far from borders, along a row of a wide plain stripe, the solution falls exponentially."""
    import scipy.sparse as sp

    leak = 0.01
    near = Neighbourhood(np.full([1, 400], 50.0), leak)
    members = sp.csr_matrix(([1.0], ([0], [200])), (1, 400))
    found = near.follow(members)[:, 0]
    assert found[200] == pytest.approx(1)
    weight = 1 + 1e-5
    rate = 1 + leak / (2 * weight) - np.sqrt((1 + leak / (2 * weight)) ** 2 - 1)  # w (2 h - h' - h'') + leak h = 0
    np.testing.assert_allclose(found[200:260], rate ** np.arange(60), rtol=1e-6)


# Suggestions


def test_suggestions_are_probable_and_apart(cat):
    found = cat.suggest(140, 100)
    assert 2 <= len(found) <= 5 and sum(each.probability for each in found) <= 1 + 1e-5
    assert [each.probability for each in found] == sorted((each.probability for each in found), reverse=True)
    for k, one in enumerate(found):
        assert all(np.linalg.norm(one.ab - other.ab) > 8 for other in found[:k])


def test_suggestions_know_the_hints(cat):
    blue = rgb2lab(np.uint8([[[0x30, 0x60, 0xC0]]]))[0, 0, 1:]
    found = cat.suggest(142, 102, [(140, 100, "#3060c0")])
    assert np.linalg.norm(found[0].ab - blue) < 25 and found[0].probability > 0.5


def test_the_best_place_is_not_where_a_hint_is(cat):
    first = cat.best_place()
    second = cat.best_place([(*first, "gray")])
    assert np.hypot(*np.subtract(first, second)) > 10
    assert 0 <= second[0] < 280 and 0 <= second[1] < 200


# Mistakes


def test_hints_outside_and_contradictions_are_refused(cat):
    for hints, message in (
        ([(280, 0, "red")], "no place for a hint at 280,0"),
        ([(0, -1, "red")], "no place for a hint at 0,-1"),
        ([(5, 5, "red"), (5, 5, "blue")], "two hints of different colours at 5,5"),
        ([(5, 5, "reddish")], "unknown colour 'reddish'"),
    ):
        with pytest.raises(InputError, match=message):
            cat.colorize(hints)
    with pytest.raises(InputError, match="no place for a hint at 300,10"):
        cat.suggest(300, 10)
    np.testing.assert_array_equal(cat.colorize([(5, 5, "red"), (5, 5, "#ff0000")]), cat.colorize([(5, 5, "red")]))


def test_models_without_a_distribution_refuse_hints():
    colorizer = Colorizer(Zhang(2, width=0.0625), Regression(ring_bins(8)))
    opened = colorizer.open(CAT[:20, :20])
    np.testing.assert_array_equal(opened.colorize(), colorizer.colorize(CAT[:20, :20]))
    with pytest.raises(InputError, match="predicts colours"):
        opened.colorize([(1, 1, "red")])


def test_pictures_with_hints_go_through_the_same_queue_as_others(general):
    lightness = rgb2lab(CAT)[..., 0].astype(np.float32)
    hints = Hints.of([(140, 100, "#3060c0")])
    queue = [Uncolored(lightness), Uncolored(lightness, hints=hints), Uncolored(lightness)]
    first, hinted, last = general.colorize_all(queue)
    np.testing.assert_array_equal(first, last)
    np.testing.assert_array_equal(hinted, OpenedPhotograph(general, lightness, np.uint8, 256).colorize(hints))


def test_large_pictures_of_local_networks_run_again_instead_of_filling_memory(monkeypatch):
    colorizer = Colorizer(Valid8(16, seed=3), Classification(ring_bins(40)))
    kept = colorizer.open(CAT[:60, :60]).colorize([(10, 10, "#806040")])
    monkeypatch.setattr("tfcolor.colorizer.opened._MOST_KEPT", 100)
    np.testing.assert_array_equal(colorizer.open(CAT[:60, :60]).colorize([(10, 10, "#806040")]), kept)
