"""Targets: the colours of the pixels that a network's outputs stand for, and what is made of them."""

import numpy as np
import pytest
import tensorflow as tf
from skimage.color import rgb2lab

from tfcolor.color.bins import cell_of, centre_of, count_bins
from tfcolor.networks.layers import Network
from tfcolor.objectives import targets
from tfcolor.objectives.classification import Classification
from tfcolor.objectives.targets import batch_maker

ORIGIN = {"dataset": "made", "split": "train", "num_images": 1, "num_pixels": 1}


def made_batch(bins, rgb, context=0, stride=1, **options):
    """What a step takes of windows, for a network with this geometry."""
    network = type("Made", (Network,), {"context": context, "stride": stride})
    return batch_maker(Classification(bins, **options), network)(tf.constant(rgb))


@pytest.mark.parametrize(("encoding", "neighbours"), [("soft", 5), ("hard", 1)])
def test_targets_belong_to_the_pixels_in_the_middle(encoding, neighbours):
    rng = np.random.default_rng(6)
    rgb = rng.integers(0, 256, [2, 12, 12, 3], np.uint8)
    lab = rgb2lab(rgb)
    inside = lab[:, 3:-3, 3:-3, 1:]
    bins = count_bins(lab[..., 1:].reshape(-1, 2), np.ones(2 * 144), 10, **ORIGIN)
    lightness, indices, shares, weights = made_batch(bins, rgb, context=3, encoding=encoding)
    np.testing.assert_allclose(lightness[..., 0], lab[..., 0], atol=1e-2)
    assert lightness.shape == [2, 12, 12, 1]
    assert indices.shape == shares.shape == [2, 6, 6, neighbours]
    own = indices.numpy()[..., 0]
    np.testing.assert_array_equal(bins.centres[own], centre_of(cell_of(inside, 10), 10))
    # v(Z) = w[argmax Z]: the weight of the pixel's own bin.
    np.testing.assert_allclose(weights, bins.weights[own], rtol=1e-6)
    assert np.ptp(weights) > 0


@pytest.mark.parametrize("stride", [1, 4])
def test_large_batches_that_xla_compiles_are_equal(monkeypatch, stride):
    rgb = np.random.default_rng(7).integers(0, 256, [2, 16, 16, 3], np.uint8)
    rgb[0, :8] = rgb[0, :8, :, :1]  # grays, which lie on the borders of quarters of cells
    bins = count_bins(rgb2lab(rgb)[..., 1:].reshape(-1, 2), np.ones(2 * 256), 10, **ORIGIN)
    expected = made_batch(bins, rgb, stride=stride)
    calls, function = [], tf.function

    def watched(make, **options):
        compiled = function(make, **options)
        return lambda *arguments: calls.append(options["jit_compile"]) or compiled(*arguments)

    monkeypatch.setattr(targets, "_LARGE", 1)
    monkeypatch.setattr(targets.tf, "function", watched)
    found = made_batch(bins, rgb, stride=stride)
    assert calls == [True]
    for kind, one, other in zip(("lightness", "indices", "shares", "weights"), found, expected, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4, err_msg=kind)


class TestTargetsOfANetworkThatGivesFewerPixels:
    """Blocks of 4x4 pixels, against scikit-image and arithmetic by hand."""

    @pytest.fixture
    def rgb(self):
        return np.random.default_rng(0).integers(0, 256, [2, 8, 12, 3], np.uint8)

    @pytest.fixture
    def bins(self, make_bins):
        return make_bins(30)

    @pytest.mark.parametrize("downsampling", ["average", "point"])
    def test_colours_are_averaged_or_those_of_one_pixel(self, bins, rgb, downsampling):
        ab = rgb2lab(rgb)[..., 1:]
        expected = np.empty([2, 2, 3, 2])
        for i, j in np.ndindex(2, 3):
            block = ab[:, 4 * i : 4 * i + 4, 4 * j : 4 * j + 4]
            expected[:, i, j] = block.mean(axis=(1, 2)) if downsampling == "average" else block[:, 0, 0]
        lightness, indices, shares, weights = made_batch(
            bins, rgb, stride=4, encoding="hard", downsampling=downsampling
        )
        assert lightness.shape == [2, 8, 12, 1]
        assert indices.shape == shares.shape == [2, 2, 3, 1]
        nearest = np.argmin(((expected[..., None, :] - bins.centres) ** 2).sum(-1), axis=-1)
        np.testing.assert_array_equal(indices[..., 0], nearest)
        np.testing.assert_allclose(weights, bins.weights[nearest], rtol=1e-5)

    def test_gray_windows_weigh_nothing_where_they_are_masked(self, bins, rgb):
        gray = np.broadcast_to(rgb[:1, :, :, :1], [1, 8, 12, 3])
        both = tf.constant(np.concatenate([rgb[:1], gray]))
        masked = made_batch(bins, both, stride=4, mask_gray=True)[3]
        plain = made_batch(bins, both, stride=4)[3]
        np.testing.assert_array_equal(masked[0], plain[0])
        assert not masked[1].numpy().any()
        assert plain[1].numpy().all()
