"""Bins that are points: counted by hand, encoded as a search over all points does, written and read."""

import numpy as np
import pytest
import tensorflow as tf

from tfcolor.color.bins import Bins, count_bins
from tfcolor.color.codebooks import check_units, count_units, fit_codebook, merged
from tfcolor.color.encoding import Encoder, bins_of, quantised
from tfcolor.color.kmeans import nearest
from tfcolor.color.som import fit_som
from tfcolor.models.directory import SHIPPED, shipped_models
from tfcolor.utils.errors import InputError

ORIGIN = {"dataset": "made", "split": "train", "num_images": 1, "num_pixels": 10}
RNG = np.random.default_rng(2)
AB = (RNG.normal(0, 1, [3000, 2]) * RNG.exponential([8.0, 16.0], [3000, 2])).clip(-86, 94).astype(np.float32)
PIXELS = RNG.integers(1, 100, len(AB))


@pytest.fixture(scope="module", params=[("som", 16), ("som", 100), ("kmeans", 10)], ids=lambda p: f"{p[0]}{p[1]}")
def bins(request) -> Bins:
    return fit_codebook(request.param[0], AB, PIXELS, request.param[1], **ORIGIN)


def example() -> Bins:
    """Points at 0 and 3 of the a axis, and (0, -40), which no colour is nearest to."""
    ab, centres = np.array([[0.0, 1.0], [1.0, 0.0], [2.0, 0.0]]), np.array([[0.0, 0.0], [3.0, 0.0], [0.0, -40.0]])
    return count_units("kmeans", centres, ab, np.array([1, 3, 4]), uniform_share=0.5, **ORIGIN)


def test_an_example_worked_by_hand():
    bins = example()
    np.testing.assert_allclose(bins.prior, [0.5, 0.5, 0])
    np.testing.assert_allclose(bins.means, [[0.75, 0.25], [2, 0], [0, -40]])  # without colours: the point itself
    np.testing.assert_array_equal(bins.cells, [[11, 11], [11, 11], [11, 7]])
    assert (bins.counts.sum(), bins.counts[11, 11]) == (8, 8)
    # 1 / (0.25 + 1/6) = 2.4 and 1 / (1/6) = 6; sum(p w) = 2.4.
    np.testing.assert_allclose(bins.weights, [1, 1, 2.5])
    assert bins.spacing == 3  # of the points that pixels have; (0, -40) is 40 away
    assert count_bins(AB, PIXELS, 20, **ORIGIN).spacing == 20


def test_encoding_equals_a_search_over_all_points(bins):
    ab = np.concatenate([AB, RNG.uniform(-100, 100, [2000, 2]).astype(np.float32)])
    distances = np.linalg.norm(ab[:, None].astype(np.float64) - bins.centres, axis=-1)
    order = np.argsort(distances, axis=1)[:, :5]
    sorted_distances = np.take_along_axis(distances, order, 1)
    clear = (np.diff(sorted_distances, axis=1) > 1e-4).all(axis=1)  # float32 may swap equal ones
    assert clear.mean() > 0.95
    indices, shares = (t.numpy() for t in Encoder(bins)(tf.constant(ab)))
    np.testing.assert_array_equal(indices[clear], order[clear])
    logs = -(sorted_distances**2) / (2 * (bins.spacing / 2) ** 2)
    expected = np.exp(logs - logs.max(axis=1, keepdims=True))
    np.testing.assert_allclose(shares[clear], (expected / expected.sum(axis=1, keepdims=True))[clear], atol=1e-3)
    hard, ones = (t.numpy() for t in Encoder(bins, neighbours=1)(tf.constant(ab)))
    np.testing.assert_array_equal(hard[clear, 0], order[clear, 0])
    np.testing.assert_array_equal(ones, 1)


def test_true_colours_become_those_of_the_nearest_point(bins):
    picture = AB[:600].reshape(20, 30, 2)
    expected = np.linalg.norm(picture[..., None, :].astype(np.float64) - bins.centres, axis=-1).argmin(axis=-1)
    np.testing.assert_array_equal(bins_of(picture, bins), expected)
    np.testing.assert_array_equal(quantised(picture, bins), bins.means[expected])


def test_statistics_are_those_of_all_colours(bins):
    which = nearest(AB, bins.centres)[1]
    for q in (0, bins.num_bins - 1):
        own = which == q
        assert bins.prior[q] == pytest.approx(PIXELS[own].sum() / PIXELS.sum())
        if own.any():
            np.testing.assert_allclose(bins.means[q], np.average(AB[own], axis=0, weights=PIXELS[own]), rtol=1e-6)
    assert bins.prior @ bins.weights == pytest.approx(1)
    assert bins.counts.sum() == PIXELS.sum()


def test_fitting_small_squares_instead_of_colours_changes_next_to_nothing():
    points, weights = merged(AB, PIXELS)
    assert len(points) < len(AB) and weights.sum() == PIXELS.sum()
    np.testing.assert_allclose(weights @ points, PIXELS @ AB.astype(np.float64))
    together, exact = (fit_som(*colors, 4) for colors in ((points, weights), (AB, PIXELS)))
    errors = [np.average(nearest(AB, units)[0], weights=PIXELS) for units in (together, exact)]
    assert errors[0] == pytest.approx(errors[1], rel=0.01)


def test_a_file_holds_the_codebook_and_cells_leave_it_out(bins, tmp_path):
    bins.save(tmp_path / "bins.npz")
    loaded = Bins.load(tmp_path / "bins.npz")
    assert (loaded.codebook, loaded.num_bins, loaded.spacing) == (bins.codebook, bins.num_bins, bins.spacing)
    np.testing.assert_array_equal(loaded.centres, bins.centres)
    count_bins(AB, PIXELS, 10, **ORIGIN).save(tmp_path / "cells.npz")
    with np.load(tmp_path / "cells.npz") as file:
        assert "codebook" not in file
    assert Bins.load(tmp_path / "cells.npz").codebook == "cells"


@pytest.mark.parametrize("model", shipped_models())
def test_shipped_models_have_cells(model):
    bins = Bins.load(SHIPPED / model / "bins.npz")
    assert (bins.codebook, bins.spacing) == ("cells", bins.window)


@pytest.mark.parametrize(
    ("codebook", "message"),
    [("lbg", "codebook must be one of cells, som, kmeans, got 'lbg'"), ("som", "a square number of units, got 3")],
)
def test_a_file_with_another_codebook_is_refused(codebook, message, tmp_path):
    example().save(tmp_path / "bins.npz")
    with np.load(tmp_path / "bins.npz") as file:
        content = dict(file) | {"codebook": np.array(codebook)}
    np.savez(tmp_path / "bins.npz", **content)
    with pytest.raises(InputError, match=message):
        Bins.load(tmp_path / "bins.npz")


@pytest.mark.parametrize(
    ("codebook", "units", "message"),
    [
        ("som", 5, r"must be a square number \(4, 9, 16, 25 ...\), got 5"),
        ("som", 1, "must be a square number .*, got 1"),
        ("som", 441, r"`units` must be in \[2, 400\], got 441"),
        ("kmeans", 1, r"`units` must be in \[2, 400\], got 1"),
    ],
)
def test_numbers_of_units_that_do_not_fit(codebook, units, message):
    with pytest.raises(InputError, match=message):
        check_units(codebook, units)


@pytest.mark.parametrize("codebook", ["som", "kmeans"])
def test_there_must_be_as_many_colours_as_units(codebook):
    with pytest.raises(InputError, match="`units` 4 are more than the 3 different colours of the photographs"):
        fit_codebook(codebook, np.array([[0.0, 0], [0.1, 0.1], [9, 9], [20, 5]]), np.ones(4, int), 4, **ORIGIN)
    found = fit_codebook(codebook, np.array([[0.0, 0], [9, 9], [20, 5], [-9, 30]]), np.ones(4, int), 4, **ORIGIN)
    assert np.isfinite(found.means).all() and found.spacing > 0


def test_only_the_seed_decides_about_k_means():
    first, again, other = (fit_codebook("kmeans", AB, PIXELS, 40, seed=seed, **ORIGIN) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.centres, again.centres)
    assert (first.centres != other.centres).any()
