"""Bins, their prior and their weights: numbers worked by hand, and an explicit 2-D Gaussian."""

import dataclasses

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from skimage.color import rgb2lab

from tfcolor.color.bins import Bins, cell_of, cells_per_axis, centre_of, check_window, count_bins
from tfcolor.color.prior import entropy_bits, rebalancing_weights, smoothed_prior
from tfcolor.color.zhang_bins import lattice_cells
from tfcolor.utils.errors import InputError

KEYS = {"window", "extent", "counts", "cells", "centres", "means", "prior", "weights", "lambda", "smoothing"}
KEYS |= {"min_count", "dataset", "split", "num_images", "num_pixels", "format_version"}
ORIGIN = {"dataset": "made", "split": "train", "num_images": 1, "num_pixels": 10}


@pytest.mark.parametrize(("window", "n"), [(10, 22), (5, 44), (11, 20), (20, 11), (220, 1), (1, 220)])
def test_windows_that_divide_the_plane(window, n):
    assert cells_per_axis(check_window(window)) == n


@pytest.mark.parametrize("window", [0, -5, 3, 7, 15, 221])
def test_other_windows_are_refused(window):
    with pytest.raises(InputError, match=f"`window` must divide 220 .*, got {window}$"):
        check_window(window)


def test_all_cells_are_equally_wide():
    """`int()` in place of `floor` would make the cells around zero twice as wide."""
    values = np.arange(-1100, 1100) / 10 + 0.05
    cells = cell_of(np.stack([values, values], axis=-1), 10)
    np.testing.assert_array_equal(np.bincount(cells[:, 0]), [100] * 22)
    np.testing.assert_array_equal(
        cell_of(np.array([[-0.1, 0.1], [0, -110], [109.9, 500]]), 10), [[10, 11], [11, 0], [21, 21]]
    )


def test_centres_are_no_edges():
    np.testing.assert_array_equal(centre_of(np.array([[11, 10], [0, 21]]), 10), [[5, -5], [-105, 105]])
    np.testing.assert_array_equal(centre_of(np.array([[22, 21]]), 5), [[2.5, -2.5]])


def example(**options) -> Bins:
    ab = np.array([[15.0, 1.0], [1.0, 1.0], [3.0, 5.0], [-1.0, -1.0]])
    return count_bins(ab, np.array([4, 1, 3, 2]), 10, **options, **ORIGIN)


def test_an_example_worked_by_hand():
    bins = example()
    assert bins.num_bins == 3
    np.testing.assert_array_equal(bins.cells, [[10, 10], [11, 11], [12, 11]])
    np.testing.assert_array_equal(bins.centres, [[-5, -5], [5, 5], [15, 5]])
    np.testing.assert_allclose(bins.means, [[-1, -1], [(1 + 3 * 3) / 4, (1 + 3 * 5) / 4], [15, 1]])
    assert bins.counts.sum() == 10
    np.testing.assert_array_equal(bins.counts[[10, 11, 12], [10, 11, 11]], [2, 4, 4])
    np.testing.assert_allclose(bins.prior, [0.2, 0.4, 0.4])
    # lambda = 0.5: 1 / (0.1 + 1/6) = 3.75 and 1 / (0.2 + 1/6) = 2.7273; sum(p w) = 2.9318.
    np.testing.assert_allclose(bins.weights, [1.27907, 0.93023, 0.93023], rtol=1e-5)


def test_min_count_drops_rare_cells():
    bins = example(min_count=3)
    np.testing.assert_array_equal(bins.cells, [[11, 11], [12, 11]])
    np.testing.assert_allclose(bins.prior, [0.5, 0.5])
    assert bins.counts.sum() == 10  # the grid still counts all pixels
    with pytest.raises(InputError, match="`min_count` 5 leaves no bin: the fullest cell has 4 pixels"):
        example(min_count=5)


def test_a_file_holds_every_key_without_pickles(tmp_path):
    bins = example(smoothing=5.0, uniform_share=0.25)
    bins.save(tmp_path / "bins.npz")
    with np.load(tmp_path / "bins.npz", allow_pickle=False) as file:
        content = dict(file)
    assert content.keys() == KEYS
    assert (content["window"], content["extent"], content["lambda"], content["split"]) == (
        10,
        110,
        0.25,
        "train",
    )
    loaded = Bins.load(tmp_path / "bins.npz")
    for field in dataclasses.fields(Bins):
        value, expected = getattr(loaded, field.name), getattr(bins, field.name)
        np.testing.assert_array_equal(value, expected)
        assert type(value) is type(expected)


def spoiled(path, **changes) -> None:
    """Write the example with keys replaced, or left out where None."""
    example().save(path)
    with np.load(path) as file:
        content = dict(file) | changes
    np.savez(path, **{key: value for key, value in content.items() if value is not None})


BROKEN = {
    "a missing key": {"weights": None},
    "an extra key": {"more": np.zeros(3)},
    "another version": {"format_version": np.array(2)},
    "a version that is a list": {"format_version": np.array([1, 1])},
    "weights of another length": {"weights": np.ones(4)},
    "centres of another shape": {"centres": np.zeros([3, 3])},
    "counts of another window": {"counts": np.zeros([44, 44], np.int64)},
    "a window of 0": {"window": np.array(0)},
    "a window that is a word": {"window": np.array("ten")},
    "a window that is a list": {"window": np.array([10, 10])},
    "a window that does not divide": {"window": np.array(15), "counts": np.zeros([14, 14], np.int64)},
    "cells that are a number": {"cells": np.array(3)},
    "cells that are none of the plane's": {"cells": np.array([[10, 10], [11, 11], [12, 22]])},
    "no bins at all": dict.fromkeys(["prior", "weights"], np.zeros(0))
    | dict.fromkeys(["cells", "centres", "means"], np.zeros([0, 2])),
    "a weight that is no number": {"weights": np.array([1, np.nan, 1])},
    "a lambda that is no number": {"lambda": np.array(np.nan)},
    "a lambda above 1": {"lambda": np.array(1.5)},
    "a smoothing that is no number": {"smoothing": np.array(np.nan)},
    "a prior below 0": {"prior": np.array([1.5, -1.0, 0.5])},
    "a prior that does not sum to 1": {"prior": np.array([0.5, 0.5, 0.5])},
    "a pickle": {"dataset": np.array([{"a": 1}], dtype=object)},
}


@pytest.mark.parametrize("changes", BROKEN.values(), ids=BROKEN)
def test_a_file_that_does_not_fit_is_refused_in_one_line(changes, tmp_path):
    path = tmp_path / "bins.npz"
    spoiled(path, **changes)
    with pytest.raises(InputError) as refusal:
        Bins.load(path)
    assert str(path) in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_weights_for_another_lambda():
    again = example().reweighted(1.0)
    assert again.uniform_share == 1.0
    np.testing.assert_allclose(again.weights, 1.0)
    np.testing.assert_array_equal(again.prior, example().prior)


@pytest.mark.parametrize("uniform_share", [0, 0.1, 0.5, 0.9, 1])
def test_weights_follow_equation_4(uniform_share):
    prior = np.random.default_rng(0).dirichlet(np.full(50, 0.3))
    weights = rebalancing_weights(prior, uniform_share)
    assert (prior * weights).sum() == pytest.approx(1, abs=1e-9)
    expected = 1 / ((1 - uniform_share) * prior + uniform_share / 50)
    np.testing.assert_allclose(weights / weights[0], expected / expected[0], rtol=1e-9)
    if uniform_share == 1:
        np.testing.assert_allclose(weights, 1)
    if uniform_share == 0:
        np.testing.assert_allclose(prior * weights, 1 / 50)


def test_counts_are_normalised_so_that_lambda_matters():
    """With raw counts, lambda / Q would be negligible beside (1 - lambda) * count."""
    counts = np.random.default_rng(1).integers(1, 10**6, [22, 22])
    cells = np.argwhere(counts > 0)
    for sigma in (0, 5):
        prior = smoothed_prior(counts, cells, 10, sigma)
        assert prior.sum() == pytest.approx(1, abs=1e-9)
        np.testing.assert_allclose(smoothed_prior(1000 * counts, cells, 10, sigma), prior)
    weights = [rebalancing_weights(prior, share) for share in (0.1, 0.5, 0.9)]
    assert np.ptp(weights[0]) > 2 * np.ptp(weights[1]) > 4 * np.ptp(weights[2])


@pytest.mark.parametrize(("window", "sigma"), [(10, 5), (5, 5), (10, 10)])
def test_smoothing_is_a_gaussian_in_the_plane(window, sigma):
    n = 220 // window
    counts = np.zeros([n, n], np.int64)
    counts[n // 2, n // 2 - 1] = 7
    cells = np.argwhere(np.ones([n, n]))
    # sigma is in ab units: a neighbouring cell is `window` of them away.
    squares = (((cells - [n // 2, n // 2 - 1]) * window) ** 2).sum(axis=1)
    expected = np.exp(-squares / (2 * sigma**2))
    np.testing.assert_allclose(smoothed_prior(counts, cells, window, sigma), expected / expected.sum(), atol=2e-5)


def test_smoothing_does_not_follow_the_list_of_bins():
    counts = np.zeros([22, 22], np.int64)
    cells = np.array([[2, 3], [10, 10], [11, 10], [18, 15]])  # the first two are neighbours in the list only
    counts[tuple(cells.T)] = [0, 100, 0, 0]
    prior = smoothed_prior(counts, cells, 10, 5)
    # exp(-10^2 / (2 * 5^2)) = 0.1353 of the peak one cell away.
    np.testing.assert_allclose(prior[2] / prior[1], 0.1353, rtol=1e-3)
    np.testing.assert_array_equal(prior[[0, 3]], 0)


def test_entropy():
    assert entropy_bits(np.full(8, 1 / 8)) == pytest.approx(3)
    assert entropy_bits(np.array([0.5, 0.25, 0.25, 0])) == pytest.approx(1.5)


# The 313 bins of Zhang et al.


def test_there_are_313_in_the_published_ranges():
    """Zhang, Isola and Efros 2016, section 2.1, and their released list: a -90 ... 100, b -110 ... 100."""
    cells = lattice_cells()
    centres = centre_of(cells, 10, 115)
    assert len(cells) == len(np.unique(cells, axis=0)) == 313
    assert (centres % 10 == 0).all() and (centres == [0, 0]).all(axis=1).any()
    assert centres.min(axis=0).tolist() == [-90, -110] and centres.max(axis=0).tolist() == [100, 100]
    assert cells.tolist() == sorted(cells.tolist())


def test_every_colour_of_srgb_has_one_of_the_313():
    rgb = np.random.default_rng(0).integers(0, 256, [200_000, 3], np.uint8)
    cells = cell_of(rgb2lab(rgb / 255.0)[:, 1:], 10, 115)
    assert {*map(tuple, cells)} <= {*map(tuple, lattice_cells())}


def test_colours_are_counted_in_the_cells_around_multiples_of_10():
    ab = np.array([[4.9, -4.9], [5.1, 0], [-5.0, 14.99], [80, 67]])
    bins = count_bins(ab, np.array([3, 1, 2, 4]), 10, kind="zhang313", smoothing=0, uniform_share=0.5, **ORIGIN)
    assert bins.num_bins == 313 and bins.extent == 115 and bins.counts.sum() == 10
    at = {tuple(centre): q for q, centre in enumerate(bins.centres.astype(int).tolist())}
    shares = {centre: bins.prior[q] for centre, q in at.items() if bins.prior[q]}
    assert shares == pytest.approx({(0, 0): 0.3, (10, 0): 0.1, (0, 10): 0.2, (80, 70): 0.4})
    np.testing.assert_allclose(bins.means[at[0, 0]], [4.9, -4.9])
    np.testing.assert_array_equal(bins.means[at[50, 50]], [50, 50])  # it has no pixels
    assert np.isfinite(bins.weights).all() and bins.prior @ bins.weights == pytest.approx(1)


def test_the_313_are_smoothed_as_in_the_paper_and_written_and_read(tmp_path):
    ab = np.random.default_rng(1).normal(0, 20, [1000, 2])
    bins = count_bins(ab, np.ones(1000, int), 10, kind="zhang313", **ORIGIN)
    assert bins.smoothing == 5
    density = gaussian_filter(bins.counts / 1000, 0.5, mode="constant")[tuple(bins.cells.T)]
    np.testing.assert_allclose(bins.prior, density / density.sum())
    bins.save(tmp_path / "bins.npz")
    loaded = Bins.load(tmp_path / "bins.npz")
    assert loaded.extent == 115
    np.testing.assert_array_equal(loaded.cells, bins.cells)


@pytest.mark.parametrize("options", [{"window": 5}, {"window": 10, "min_count": 2}])
def test_the_313_have_their_own_window_and_all_count(options):
    with pytest.raises(InputError, match="zhang313 are 313 cells of 10 units; leave out `window` and `min_count`"):
        count_bins(np.zeros([1, 2]), np.ones(1, int), kind="zhang313", **options, **ORIGIN)


def test_lambda_0_needs_every_bin():
    with pytest.raises(InputError, match="`uniform_share` 0 needs pixels in every bin, and 312 of 313 have none"):
        count_bins(np.zeros([1, 2]), np.ones(1, int), 10, kind="zhang313", smoothing=0, uniform_share=0, **ORIGIN)
    bins = count_bins(np.zeros([1, 2]), np.ones(1, int), 10, kind="zhang313", smoothing=0, **ORIGIN)
    with pytest.raises(InputError, match="`uniform_share` 0 needs pixels in every bin"):
        bins.reweighted(0)
