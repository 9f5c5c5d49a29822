"""Metrics on cases worked by hand or against scikit-image, and what they are measured of."""

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from skimage.color import deltaE_ciede2000, rgb2lab
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from tfcolor.color.bins import cell_of, count_bins
from tfcolor.color.encoding import nearest_bins, quantised
from tfcolor.evaluation.measuring import (
    CONFIDENCE_BINS,
    PixelWeights,
    Truth,
    distribution_sums,
    lab_of,
    measure_colors,
    psnr,
)
from tfcolor.evaluation.metrics import absolute_colourfulness, calibration_error, colourfulness
from tfcolor.evaluation.predictors import FilesPredictor

RNG = np.random.default_rng(0)


# Formulas


def test_colourfulness_of_gray_is_0():
    gray = np.repeat(RNG.integers(0, 256, [9, 8, 1], np.uint8), 3, axis=-1)
    assert colourfulness(gray) == absolute_colourfulness(gray) == 0


def test_colourfulness_worked_by_hand():
    """Half red, half green: rg is 255 and -255, yb is 127.5 everywhere.

    As published: the means are 0 and 127.5, the deviations 255 and 0. Of absolute opponents: 255 and 127.5, and none.
    """
    rgb = np.zeros([2, 2, 3], np.uint8)
    rgb[0, :, 0] = rgb[1, :, 1] = 255
    assert colourfulness(rgb) == pytest.approx(255 + 0.3 * 127.5)
    assert absolute_colourfulness(rgb) == pytest.approx(0.3 * np.hypot(255, 127.5))


def test_calibration_error_worked_by_hand():
    """Ten predictions of 0.9 of which 7 are right, and ten of 0.5 of which 6 are: (10 * 0.2 + 10 * 0.1) / 20."""
    assert calibration_error(np.array([10, 10]), np.array([9.0, 5.0]), np.array([7, 6])) == pytest.approx(0.15)


def test_psnr_and_its_cap():
    one, other = (RNG.integers(0, 256, [12, 9, 3], np.uint8) for _ in range(2))
    assert psnr(one, other) == pytest.approx(peak_signal_noise_ratio(one, other))
    assert psnr(one, one) == 100


def test_psnr_does_not_wrap():
    """2 and 1 differ by 1, and so do 1 and 2; as uint8 1 - 2 is 255: 20 log10(255 / 1) is 48.13 dB."""
    one, two = (np.full([4, 4, 3], level, np.uint8) for level in (1, 2))
    assert psnr(one, two) == psnr(two, one) == pytest.approx(48.1308, abs=1e-4)


def test_distributions_worked_by_hand():
    """Two pixels over three bins: 0.7 for the true bin, and 0.2 where 0.5 goes to another.

    The network was trained with a weight of 3 for the last of them, so that it gives that three times its share.
    """
    shares, weights = np.array([[[0.7, 0.2, 0.1], [0.5, 0.3, 0.2]]], np.float32), np.float32([1, 1, 3, 1, 1, 1, 1])
    wide = np.concatenate([np.log(shares * weights[:3]), np.full([1, 2, 4], -30.0)], axis=-1).astype(np.float32)
    given = tf.constant(wide), tf.constant([[0, 2]], tf.int32), tf.constant(weights)
    sums = distribution_sums(*given, 1.0)
    assert (float(sums["top_1"]), float(sums["top_5"])) == (1, 2)
    assert float(sums["cross_entropy"]) == pytest.approx(-np.log(0.7) - np.log(0.2), rel=1e-5)
    assert float(sums["weighted_cross_entropy"]) == pytest.approx(-np.log(0.7 / 1.2) - 3 * np.log(0.6 / 1.4), rel=1e-5)
    sharper = distribution_sums(*given, 0.5)["cross_entropy"]  # squares of the shares
    assert float(sharper) == pytest.approx(-np.log(0.49 / 0.54) - np.log(0.04 / 0.38), rel=1e-5)
    counts, confidences, hits = (sums[name].numpy() for name in ("counts", "confidences", "hits"))
    assert counts[int(0.7 * CONFIDENCE_BINS)] == counts[int(0.5 * CONFIDENCE_BINS)] == 1 and counts.sum() == 2
    assert confidences.sum() == pytest.approx(1.2) and hits[int(0.7 * CONFIDENCE_BINS)] == hits.sum() == 1


def picture(height=20, width=24, seed=0):
    rng = np.random.default_rng(seed)
    ramp = np.linspace(40, 200, height * width).reshape(height, width, 1)
    return np.clip(ramp + rng.normal(0, 25, [height, width, 3]), 0, 255).astype(np.uint8)


def truth_of(rgb):
    lab = lab_of(rgb)
    return Truth(rgb, lab[..., 0], lab[..., 1:])


def test_colours_against_scikit_image():
    truth, predicted = truth_of(picture()), picture(seed=1)
    ab = lab_of(predicted)[..., 1:]
    weights = PixelWeights.of(truth.ab.reshape(-1, 2), np.ones(truth.lightness.size, int))
    pairs = measure_colors(truth, ab, predicted, weights)
    distances = np.linalg.norm(ab - truth.ab, axis=-1)
    ratios = {name: np.divide(*pair) for name, pair in pairs.items()}
    assert ratios["raw_error"] == pytest.approx(np.minimum(distances, 150).mean(), rel=1e-6)
    lab = rgb2lab(truth.rgb)
    mixed = np.concatenate([lab[..., :1], rgb2lab(predicted)[..., 1:]], axis=-1)
    assert ratios["ciede2000"] == pytest.approx(deltaE_ciede2000(lab, mixed).mean(), rel=1e-3)
    assert ratios["ssim"] == pytest.approx(structural_similarity(truth.rgb, predicted, channel_axis=-1))
    for t in (0, 5, 20, 150):
        assert pairs["within"][0][t] == (distances <= t).sum()
    # The share within t, integrated over t, is the AuC of the closed form, except for steps of one unit.
    swept = 100 * np.trapezoid(ratios["within"], dx=1) / 150
    assert swept == pytest.approx(100 * (1 - ratios["raw_error"] / 150), abs=0.4)


def test_rebalancing_makes_every_bin_count_alike():
    """Three pixels of one bin with error 10, one of another with error 50: the mean over bins is 30."""
    ab = np.array([[[5.0, 5], [5, 5], [5, 5], [55, 5]]], np.float32)
    truth = Truth(np.zeros([1, 4, 3], np.uint8), np.full([1, 4], 50, np.float32), ab)
    weights = PixelWeights.of(ab.reshape(-1, 2), np.ones(4, int))
    predicted = ab + np.array([[[10, 0], [10, 0], [10, 0], [0, 50]]])
    pairs = measure_colors(truth, predicted, truth.rgb, weights)
    assert np.divide(*pairs["rebalanced_error"]) == pytest.approx(30)
    assert np.divide(*pairs["raw_error"]) == pytest.approx(20)
    unseen = PixelWeights.of(np.array([[5.0, 5]]), np.ones(1, int))  # training never had the other bin
    assert np.divide(*measure_colors(truth, predicted, truth.rgb, unseen)["rebalanced_error"]) == pytest.approx(10)


def test_bounded_weights_are_those_of_their_definition():
    """1 / (p~/2 + 1/(2Q)): counts smoothed with sigma 5, half a cell, by a sum over all cells written out."""
    rng = np.random.default_rng(0)
    ab, pixels = rng.uniform(-60, 60, [40, 2]), rng.integers(1, 1000, 40)
    weights = PixelWeights.of(ab, pixels)
    counts = np.zeros([22, 22])
    for color, count in zip(ab, pixels, strict=True):
        i, j = np.floor((color + 110) / 10).astype(int)
        counts[i, j] += count
    kernel = np.exp(-(np.arange(-2, 3) ** 2) / (2 * 0.5**2))  # of a Gaussian cut at four sigma, 2 cells
    kernel /= kernel.sum()
    padded, smoothed = np.pad(counts / counts.sum(), 2), np.zeros([22, 22])
    for di, dj in np.ndindex(5, 5):
        smoothed += kernel[di] * kernel[dj] * padded[di : di + 22, dj : dj + 22]
    occupied = np.count_nonzero(counts)
    expected = 1 / (smoothed / smoothed.sum() / 2 + 1 / (2 * occupied))
    np.testing.assert_allclose(weights.bounded, expected, rtol=1e-9)
    assert weights.bounded.max() == pytest.approx(2 * occupied)  # a cell without p~
    np.testing.assert_allclose(weights.inverse[counts > 0], counts.sum() / counts[counts > 0])
    assert not weights.inverse[counts == 0].any()


def test_an_unseen_colour_counts_in_the_bounded_auc_and_cannot_decide_it_alone():
    """A pixel of a cell that training lacks weighs 2 Q, here 2; those of the only cell that it has a little over 1."""
    ab = np.full([1, 100, 2], 5.0, np.float32)
    ab[0, 0] = 85
    truth = Truth(np.zeros([1, 100, 3], np.uint8), np.full([1, 100], 50, np.float32), ab)
    weights = PixelWeights.of(np.array([[5.0, 5.0]]), np.array([1000]))
    predicted = ab.copy()
    predicted[0, 0] += [0, 30]
    error, weight = measure_colors(truth, predicted, truth.rgb, weights)["bounded_error"]
    share = weights.bounded[11, 11]
    assert (error, weight) == (pytest.approx(2 * 30), pytest.approx(2 + 99 * share)) and 1 < share < 1.5


# Predictors


def some_bins():
    ab = np.array([[5.0, 5], [4, 6], [-35, 15]])
    return count_bins(ab, np.array([1, 3, 1]), 10, dataset="made", split="train", num_images=1, num_pixels=5)


def test_quantised_truth_is_the_bins_mean():
    bins = some_bins()
    ab = np.array([[[1.0, 9], [-33, 12], [-40, 40]]])
    expected = [[4.25, 5.75], [-35, 15], [-35, 15]]  # means of the cells; the last has no bin of its own
    np.testing.assert_allclose(quantised(ab, bins)[0], expected)
    assert nearest_bins(bins)[tuple(cell_of(np.array([5.0, 5]), 10))] == 1


def test_predictions_from_files(tmp_path):
    (tmp_path / "sub").mkdir()
    rgb = picture()
    Image.fromarray(rgb).save(tmp_path / "sub" / "a[1].png")
    files = FilesPredictor("theirs", tmp_path)
    np.testing.assert_allclose(files.ab("sub/a[1].jpg", (20, 24)), rgb2lab(rgb)[..., 1:], atol=1e-2)
    for file, shape, message in (("b.jpg", (20, 24), "no predictions for b.jpg"), ("sub/a[1].jpg", (3, 4), "pixels")):
        with pytest.raises(ValueError, match=message):
            files.ab(file, shape)


def test_predictions_are_found_under_the_names_that_results_have(tmp_path):
    """Those of p.png and p.gif lie side by side, as does a comparison."""
    names = {"p.png": 10, "p.gif.png": 90, "p.png-compare.png": 200, "q.PNG": 50, "two.png": 60, "two.jpg": 120}
    for name, gray in names.items():
        Image.new("RGB", (8, 8), (gray, 0, 0)).save(tmp_path / name)
    files = FilesPredictor("results", tmp_path)
    for file, name in (("p.png", "p.png"), ("p.gif", "p.gif.png"), ("q.jpg", "q.PNG"), ("two.jpg", "two.jpg")):
        expected = rgb2lab(np.uint8([[[names[name], 0, 0]]]))[0, 0, 1:]
        np.testing.assert_allclose(files.ab(file, (8, 8))[0, 0], expected, atol=2)
    with pytest.raises(ValueError, match="2 predictions for two"):
        files.ab("two.gif", (8, 8))
