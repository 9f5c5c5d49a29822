"""The colorizer: tiles leave no visible seams, every pixel is coloured, and lightness stays as it is."""

import json
import weakref

import numpy as np
import pytest
import tensorflow as tf
from skimage.color import rgb2lab

from tests.made import ring_bins
from tfcolor.color.decoding import annealed_mean
from tfcolor.color.decoding_options import Decoding
from tfcolor.color.lab import levels_to_lab, levels_to_lightness
from tfcolor.colorizer.colorizer import Colorizer
from tfcolor.colorizer.tiles import Uncolored
from tfcolor.data import datasets
from tfcolor.evaluation.baselines import raw_aucs
from tfcolor.evaluation.measuring import truths
from tfcolor.networks.valid8 import Valid8
from tfcolor.networks.zhang import Zhang
from tfcolor.objectives.classification import Classification
from tfcolor.utils.errors import InputError

SIZES = [(1, 1), (1, 50), (50, 1), (3, 5), (9, 8), (17, 40)]


@pytest.fixture(scope="module")
def colorizer() -> Colorizer:
    return Colorizer(Valid8(16, seed=3), Classification(ring_bins(40)))


@pytest.fixture(scope="module")
def far_sighted() -> Colorizer:
    """A model whose network is not local: it takes pictures whole or in windows."""
    return Colorizer(Zhang(16, width=1 / 16, seed=3), Classification(ring_bins(40)))


def picture(height: int, width: int, seed: int = 0) -> np.ndarray:
    """uint8 [H, W, 3], from black to white, in many colours."""
    rng = np.random.default_rng(seed)
    ramp = np.linspace(0, 1, height * width).reshape(height, width, 1)
    return np.clip(255 * ramp + rng.normal(0, 30, [height, width, 3]), 0, 255).astype(np.uint8)


def uncolored(rgb: np.ndarray) -> Uncolored:
    return Uncolored(levels_to_lightness(rgb).numpy(), rgb.dtype.type)


def lightness_of(rgb: np.ndarray) -> np.ndarray:
    return rgb2lab(rgb)[..., 0].astype(np.float32)


def mirrored(i: np.ndarray, length: int) -> np.ndarray:
    """Which of `length` pixels is seen at place i where mirrors stand on the first and the last."""
    period = max(2 * (length - 1), 1)
    i = i % period
    return np.minimum(i, period - i)


def direct_logits(colorizer: Colorizer, lightness: np.ndarray) -> np.ndarray:
    """The network on the whole picture at once, extended by its mirror images: float32 [H, W, Q]."""
    around = [mirrored(np.arange(-8, side + 8), side) for side in lightness.shape]
    padded = lightness[np.ix_(*around)]
    return colorizer.network(tf.constant(padded[None, ..., None]))[0].numpy()


# Tiles and borders


def test_the_size_of_the_tiles_changes_nothing(colorizer):
    lightness = lightness_of(picture(40, 50))
    results = [colorizer.predict_ab(lightness, 0.38, tile) for tile in (256, 7, 16, 33)]
    assert np.ptp(results[0]) > 10  # there is something to differ in
    for result in results[1:]:
        np.testing.assert_allclose(result, results[0], atol=1e-3)


def test_tiles_of_one_pixel(colorizer):
    lightness = lightness_of(picture(5, 6))
    expected = colorizer.predict_ab(lightness, 0.38)
    np.testing.assert_allclose(colorizer.predict_ab(lightness, 0.38, tile=1), expected, atol=1e-3)


def test_tiles_leave_no_trace_in_the_picture(colorizer):
    rgb = picture(40, 50)
    whole = colorizer.colorize(rgb, 0.38).astype(int)
    for tile in (7, 33):
        assert np.abs(colorizer.colorize(rgb, 0.38, tile) - whole).max() <= 1


@pytest.mark.parametrize("kind", ["colorizer", "far_sighted"])
def test_progress_counts_every_tile(kind, request):
    seen = []
    request.getfixturevalue(kind).colorize(picture(20, 33), 1.0, 16, seen.append)
    assert seen == sorted(set(seen)) and seen[-1] == 6  # 2 rows of 3, those of one size together


@pytest.mark.parametrize("tile", [7, 256])
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_every_pixel_is_coloured(colorizer, size, tile):
    gray = np.repeat(np.random.default_rng(1).integers(60, 200, [*size, 1], np.uint8), 3, axis=-1)
    result = colorizer.colorize(gray, 0, tile)
    assert result.shape == gray.shape and result.dtype == np.uint8
    # At T = 0 each pixel has the chroma of a bin, 40, or what sRGB can show of it.
    chroma = np.linalg.norm(rgb2lab(result)[..., 1:], axis=-1)
    assert chroma.min() > 10


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_equals_the_network_on_the_whole_picture_extended_by_reflection(colorizer, size):
    lightness = lightness_of(picture(*size))
    logits = direct_logits(colorizer, lightness).astype(np.float64)
    shares = np.exp(logits - logits.max(axis=-1, keepdims=True))
    expected = shares / shares.sum(axis=-1, keepdims=True) @ colorizer.bins.means
    for tile in (256, 16):
        np.testing.assert_allclose(colorizer.predict_ab(lightness, 1.0, tile), expected, atol=1e-3)


# Many pictures


@pytest.mark.parametrize("kind", ["colorizer", "far_sighted"])
def test_many_pictures_are_coloured_as_one_by_one(kind, request):
    colorizer = request.getfixturevalue(kind)
    sizes = [(10, 12), (10, 12), (40, 50), (10, 12), (3, 3), (64, 20), (10, 12)]
    pictures = [picture(*size, seed=seed) for seed, size in enumerate(sizes)]
    done = []
    results = list(colorizer.colorize_all(map(uncolored, pictures), Decoding(0.38), 20, done.append))
    assert done[-1] == 5 + 6 + 4 and done == sorted(done)
    for result, rgb in zip(results, pictures, strict=True):
        assert np.abs(result.astype(int) - colorizer.colorize(rgb, 0.38, 20)).max() <= 1


@pytest.mark.parametrize("kind", ["colorizer", "far_sighted"])
def test_small_pictures_of_one_size_share_batches(kind, request, monkeypatch):
    colorizer, batches = request.getfixturevalue(kind), []
    forward = colorizer._forward
    monkeypatch.setattr(colorizer, "_forward", lambda x: batches.append(len(x)) or forward(x))
    list(colorizer.colorize_all([uncolored(picture(9, 8, seed)) for seed in range(7)] + [uncolored(picture(8, 9))]))
    assert batches == [7, 1]


@pytest.mark.parametrize("kind", ["colorizer", "far_sighted"])
def test_a_large_picture_is_done_before_the_next_is_asked_for(kind, request, monkeypatch):
    colorizer, asked = request.getfixturevalue(kind), []
    monkeypatch.setattr("tfcolor.colorizer.colorizer._BATCH_PIXELS", 40 * 30 // 4)

    def pictures():
        for number in range(3):
            asked.append(number)
            yield uncolored(picture(40, 30, number))

    for number, _ in enumerate(colorizer.colorize_all(pictures(), tile=20)):
        assert asked[-1] == number


@pytest.mark.parametrize("kind", ["colorizer", "far_sighted"])
def test_what_is_finished_is_in_memory_no_more_when_the_next_picture_is_read(kind, request, monkeypatch):
    colorizer, alive = request.getfixturevalue(kind), []
    monkeypatch.setattr("tfcolor.colorizer.colorizer._BATCH_PIXELS", 40 * 30 // 4)

    def pictures():
        for number in range(3):
            assert all(reference() is None for reference in alive)
            lightness = uncolored(picture(40, 30, number)).lightness.copy()
            alive.append(weakref.ref(lightness))
            yield Uncolored(lightness)
            del lightness

    results = colorizer.colorize_all(pictures(), tile=20)
    for _ in range(3):
        alive.append(weakref.ref(next(results)))
    assert len(alive) == 6


# Precision and compilation


def test_bfloat16_gives_nearly_the_same(colorizer):
    rounded = Colorizer(Valid8(16, seed=3, compute_dtype=tf.bfloat16), colorizer.objective)
    lightness = lightness_of(picture(40, 50))
    difference = rounded.predict_ab(lightness, 1.0) - colorizer.predict_ab(lightness, 1.0)
    assert 0 < np.linalg.norm(difference, axis=-1).mean() < 0.3


@pytest.mark.realdata
def test_bfloat16_colours_real_photographs_within_one_unit(data_root):
    exact, rounded = (Colorizer.load("forest", compute) for compute in ("float32", "bfloat16"))
    paths = datasets.find("forest", str(data_root), download=False).split("test").paths[:6]
    predictors = {
        name: lambda lightness, model=model: model.predict_ab(lightness)
        for name, model in (("float32", exact), ("bfloat16", rounded))
    }
    aucs = raw_aucs(predictors, paths)
    assert aucs["bfloat16"] == pytest.approx(aucs["float32"], abs=0.1)
    for _, truth in truths(paths[:2]):
        difference = rounded.predict_ab(truth.lightness) - exact.predict_ab(truth.lightness)
        assert 0 < np.linalg.norm(difference, axis=-1).mean() < 1


@pytest.mark.parametrize("kind", ["colorizer", "far_sighted"])
@pytest.mark.parametrize("temperature", [0, 0.38])
def test_xla_gives_the_same(kind, request, temperature):
    colorizer = request.getfixturevalue(kind)
    compiled = Colorizer(colorizer.network, colorizer.objective, xla="on")
    given = tf.zeros([1, 32, 32, 1])
    assert "HloModule" in compiled._forward.experimental_get_compiler_ir(given)()
    with pytest.raises(ValueError, match="jit_compile"):
        colorizer._forward.experimental_get_compiler_ir(given)
    lightness = lightness_of(picture(20, 30))
    results = [c.predict_ab(lightness, temperature) for c in (compiled, colorizer)]
    close = np.isclose(*results, atol=1e-2).all(axis=-1)
    assert close.mean() > 0.99  # at T = 0 two logits may be equal except for rounding
    assert colorizer.colorize(picture(20, 30), temperature).shape == (20, 30, 3)


# Temperature


@pytest.mark.parametrize("temperature", [0, 0.01, 0.38, 1])
def test_temperatures(colorizer, temperature):
    lightness = lightness_of(picture(17, 40))
    ab = colorizer.predict_ab(lightness, temperature)
    logits = direct_logits(colorizer, lightness).astype(np.float64)
    means = colorizer.bins.means
    if temperature == 0:
        np.testing.assert_array_equal(ab, means.astype(np.float32)[logits.argmax(axis=-1)])
        assert len(np.unique(ab.reshape(-1, 2), axis=0)) > 3
        return
    # Zhang et al. 2016, eq. 5, on probabilities: exp(log z / T), normalised.
    shares = np.exp(logits - logits.max(axis=-1, keepdims=True))
    shares = (shares / shares.sum(axis=-1, keepdims=True)) ** (1 / temperature)
    expected = (shares / shares.sum(axis=-1, keepdims=True)) @ means
    # float32 logits are good to 1e-6; divided by T, times a chroma of 40.
    np.testing.assert_allclose(ab, expected, atol=1e-3 + 1e-4 / temperature)


def test_a_lower_temperature_is_more_vivid(colorizer):
    lightness = lightness_of(picture(17, 40))
    chroma = [np.linalg.norm(colorizer.predict_ab(lightness, T), axis=-1).mean() for T in (1, 0.38, 0.01, 0)]
    assert chroma == sorted(chroma)
    assert chroma[0] < chroma[-1] - 1


# Lightness, and the colour of the input


@pytest.mark.parametrize("radius", [15, 40, 85])
@pytest.mark.parametrize("temperature", [0, 0.38])
def test_lightness_stays_within_the_rounding_of_8_bits(radius, temperature):
    """85 is beyond sRGB for nearly all: such colours must lose chroma, not lightness."""
    bins = ring_bins(radius)
    rgb = picture(64, 64, seed=radius)
    result = (
        Colorizer(Valid8(bins.num_bins, seed=3), Classification(bins)).colorize(rgb, temperature).astype(np.float64)
    )
    lightness = rgb2lab(rgb)[..., 0]
    lowest = rgb2lab(np.clip((result - 0.5) / 255, 0, 1))[..., 0]
    highest = rgb2lab(np.clip((result + 0.5) / 255, 0, 1))[..., 0]
    assert (lightness >= lowest - 0.01).all()
    assert (lightness <= highest + 0.01).all()


@pytest.mark.parametrize("kind", ["colorizer", "far_sighted"])
def test_16_bits_have_more_levels_of_lightness_than_8(kind, request):
    colorizer = request.getfixturevalue(kind)
    levels = np.linspace(0, 65535, 64 * 64).round().astype(np.uint16).reshape(64, 64)
    rgb = np.repeat(levels[..., None], 3, axis=-1)
    result = colorizer.colorize(rgb, 0)
    assert result.dtype == np.uint16 and np.ptp(result, axis=-1).mean() > 1000
    lightness, expected = (rgb2lab(x / 65535)[..., 0] for x in (result, rgb))
    assert np.abs(lightness - expected).max() < 0.01
    assert len(np.unique(lightness.round(2))) > 2000


@pytest.mark.parametrize("network", [Valid8, Zhang])
def test_strength_scales_chroma_and_0_leaves_gray(network):
    bins = ring_bins(15)  # within sRGB at these lightnesses
    gentle = Colorizer(network(bins.num_bins, seed=3), Classification(bins))
    rgb = np.random.default_rng(0).integers(90, 160, [20, 30, 1]).repeat(3, axis=-1).astype(np.uint16) * 257
    whole, half, none = (rgb2lab(gentle.colorize(rgb, 0, strength=s) / 65535)[..., 1:] for s in (1, 0.5, 0))
    assert np.linalg.norm(whole, axis=-1).mean() > 2
    np.testing.assert_allclose(half, whole / 2, atol=0.05)
    np.testing.assert_allclose(none, 0, atol=0.05)


def test_smoothed_colours_vary_less_and_show_no_tiles(colorizer):
    rgb = picture(60, 50)
    plain, smooth, tiled = (
        colorizer.colorize(rgb, 0, tile, smoothing=radius).astype(int) for tile, radius in ((256, 0), (256, 3), (17, 3))
    )
    assert np.abs(smooth - tiled).max() <= 1

    def variation(rgb):
        return np.abs(np.diff(rgb2lab(rgb.astype(np.uint8))[..., 1:], axis=1)).mean()

    assert variation(smooth) < 0.7 * variation(plain)


def test_logits_lead_to_the_same_colours(colorizer):
    lightness = lightness_of(picture(20, 33))
    expected = colorizer.predict_ab(lightness, 1.0)
    for part in colorizer.tiles(lightness[None], 16):
        ab = tf.nn.softmax(part.outputs[0]).numpy() @ colorizer.bins.means
        np.testing.assert_allclose(ab, expected[part.place], atol=1e-3)


def test_black_stays_black_and_white_white(colorizer):
    rgb = picture(64, 64)
    rgb[::3, ::3], rgb[1::3, ::3] = 0, 255
    for temperature in (0, 0.38):
        result = colorizer.colorize(rgb, temperature)
        for level in (0, 255):
            assert (result[(rgb == level).all(axis=-1)] == level).all()


def test_the_colour_of_the_input_is_not_looked_at(colorizer):
    """Two pictures of equal lightness to the last bit, and of quite different colours."""
    rgb = np.random.default_rng(5).integers(0, 256, [400_000, 3], np.uint8)
    lightness = levels_to_lab(tf.constant(rgb))[:, 0].numpy()
    order = np.argsort(lightness, kind="stable")
    first, second = order[:-1], order[1:]
    differs = np.abs(rgb[first].astype(int) - rgb[second]).max(axis=-1) > 60
    twins = np.flatnonzero((lightness[first] == lightness[second]) & differs)[:900]
    assert len(twins) == 900
    one, other = (rgb[chosen[twins]].reshape(30, 30, 3) for chosen in (first, second))
    results = [colorizer.colorize(rgb, 1.0).astype(int) for rgb in (one, other)]
    assert np.abs(results[0] - results[1]).max() <= 1  # of rounding


def test_the_input_is_left_as_it_is(colorizer):
    rgb = picture(9, 12)
    before = rgb.copy()
    colorizer.colorize(rgb)
    np.testing.assert_array_equal(rgb, before)


# What cannot be coloured


@pytest.mark.parametrize(
    ("rgb", "what"),
    [
        (np.zeros([4, 5, 3], np.float32), r"float32 \(4, 5, 3\)"),
        (np.zeros([4, 5, 3], np.uint32), r"uint32 \(4, 5, 3\)"),
        (np.zeros([4, 5], np.uint8), r"uint8 \(4, 5\)"),
        (np.zeros([4, 5, 4], np.uint8), r"uint8 \(4, 5, 4\)"),
        (np.zeros([1, 4, 5, 3], np.uint8), r"uint8 \(1, 4, 5, 3\)"),
        (np.zeros([0, 5, 3], np.uint8), r"uint8 \(0, 5, 3\)"),
    ],
    ids=lambda value: f"{value.dtype}-{value.shape}" if isinstance(value, np.ndarray) else "",
)
def test_other_pictures_are_refused(colorizer, rgb, what):
    with pytest.raises(ValueError, match=rf"rgb must be uint8 or uint16 \[H, W, 3\].*got {what}"):
        colorizer.colorize(rgb)


@pytest.mark.parametrize("shape", [(4, 5, 1), (4,), (0, 5)], ids=str)
def test_other_lightness_is_refused(colorizer, shape):
    with pytest.raises(ValueError, match=r"lightness must be .*\[H, W\].*got .*\(" + str(shape)[1:-1]):
        colorizer.predict_ab(np.zeros(shape, np.float32))


def test_gray_levels_are_not_taken_for_lightness(colorizer):
    """Levels 0 ... 255 in place of L* are the most common mistake; their type gives them away."""
    with pytest.raises(ValueError, match="uint8"):
        colorizer.predict_ab(np.full([4, 5], 255, np.uint8))


@pytest.mark.parametrize("temperature", [-0.1, 1.1, float("nan")])
def test_temperatures_out_of_range_are_refused(colorizer, temperature):
    for use in (colorizer.colorize, lambda rgb, T: colorizer.predict_ab(rgb[..., 0].astype(np.float32), T)):
        with pytest.raises(ValueError, match=rf"`temperature` must be in \[0, 1\], got {temperature}"):
            use(picture(4, 5), temperature)


@pytest.mark.parametrize(
    ("name", "value"),
    [("strength", 1.5), ("strength", float("nan")), ("smoothing", -1), ("smoothing", 1.5), ("uniform_share", 2)],
)
def test_decoding_out_of_range_is_refused(colorizer, name, value):
    with pytest.raises(ValueError, match=f"`{name}` must be .*, got {value}"):
        colorizer.colorize(picture(4, 5), **{name: value})


@pytest.mark.parametrize("tile", [0, -16])
def test_tiles_without_pixels_are_refused(colorizer, tile):
    with pytest.raises(ValueError, match=f"tile must be at least 1 pixel, got {tile}"):
        colorizer.colorize(picture(4, 5), 0.38, tile)


# Loading


def test_a_model_directory_is_loaded_by_path_or_text(model_folder):
    rgb = picture(12, 10)
    results = [Colorizer.load(model).colorize(rgb) for model in (model_folder, str(model_folder))]
    np.testing.assert_array_equal(*results)
    assert np.ptp(results[0], axis=-1).max() > 10


def test_the_models_own_decoding_is_used_unless_another_is_given(model_folder):
    description = json.loads((model_folder / "model.json").read_text())
    own = {"temperature": 0.7, "smoothing": 2, "uniform_share": 0.3}
    (model_folder / "model.json").write_text(json.dumps(description | {"decoding": own}))
    rgb, colorizer = picture(14, 11), Colorizer.load(model_folder, "float32")
    np.testing.assert_array_equal(colorizer.colorize(rgb), colorizer.colorize(rgb, 0.7, smoothing=2, uniform_share=0.3))
    np.testing.assert_array_equal(next(colorizer.colorize_all([uncolored(rgb)])), colorizer.colorize(rgb))
    assert np.any(colorizer.colorize(rgb) != colorizer.colorize(rgb, 0.7, smoothing=0))
    assert np.any(colorizer.colorize(rgb) != colorizer.colorize(rgb, 0.2))


def test_another_lambda_exchanges_the_weights_of_training(colorizer):
    """As by Bayes: p w' / w, normalized; with the lambda of the training nothing changes."""
    lightness, bins = lightness_of(picture(30, 20)), colorizer.bins
    own = next(colorizer.tiles(lightness[None])).outputs[0]
    other = own + colorizer.objective.log_weights(0.2)
    weights = [1 / ((1 - share) * bins.prior + share / bins.num_bins) for share in (0.2, bins.uniform_share)]
    expected = tf.nn.softmax(own).numpy() * weights[0] / weights[1]
    np.testing.assert_allclose(tf.nn.softmax(other), expected / expected.sum(-1, keepdims=True), rtol=1e-4)
    same = colorizer.predict_ab(lightness, 1.0, uniform_share=bins.uniform_share)
    np.testing.assert_allclose(same, colorizer.predict_ab(lightness, 1.0), atol=1e-4)
    means = tf.constant(bins.means, tf.float32)
    ab = colorizer.predict_ab(lightness, 0.5, uniform_share=0.2)
    np.testing.assert_allclose(ab, annealed_mean(other, means, 0.5), atol=1e-3)


def test_one_pass_of_the_network_serves_many_decodings(far_sighted, monkeypatch):
    lightness, passes = lightness_of(picture(30, 20)), []
    ways = [Decoding(0.5), Decoding(1.0, smoothing=3, strength=0.4), Decoding(0.0, uniform_share=0.1)]
    expected = [
        far_sighted.predict_ab(
            lightness,
            w.temperature,
            **{k: getattr(w, k) for k in ("smoothing", "strength")},
            uniform_share=w.uniform_share,
        )
        for w in ways
    ]
    forward = far_sighted._forward
    monkeypatch.setattr(far_sighted, "_forward", lambda x: passes.append(1) or forward(x))
    for found, ab in zip(far_sighted.predict_many(lightness, ways), expected, strict=True):
        np.testing.assert_array_equal(found, ab)
    assert passes == [1]


def test_colours_have_one_meaning_of_the_defaults(model_folder):
    """`predict_ab` and `colorize` take the model's own T, lambda and smoothing alike."""
    description = json.loads((model_folder / "model.json").read_text())
    own = {"temperature": 0.7, "smoothing": 2, "uniform_share": 0.3}
    (model_folder / "model.json").write_text(json.dumps(description | {"decoding": own}))
    colorizer, lightness = Colorizer.load(model_folder, "float32"), lightness_of(picture(14, 11))
    expected = colorizer.predict_ab(lightness, 0.7, smoothing=2, uniform_share=0.3)
    np.testing.assert_array_equal(colorizer.predict_ab(lightness), expected)
    assert np.abs(colorizer.predict_ab(lightness, smoothing=0) - expected).max() > 1e-2


def test_colours_and_their_smoothing_do_not_depend_on_tiles(colorizer):
    lightness = lightness_of(picture(40, 50))
    whole = colorizer.predict_ab(lightness, 0.5, 64, smoothing=3)
    np.testing.assert_allclose(colorizer.predict_ab(lightness, 0.5, 16, smoothing=3), whole, atol=2e-3)
    assert np.abs(colorizer.predict_ab(lightness, 0.5) - whole).max() > 0.1


def test_a_missing_model_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"no model .*give a model directory or a shipped model"):
        Colorizer.load(tmp_path / "missing")
