"""The scan against scikit-image and NumPy's histogram, and on the forest photographs."""

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from scipy.spatial import cKDTree
from skimage.color import rgb2lab

from tfcolor.color.lab import levels_to_lab
from tfcolor.data import datasets
from tfcolor.data import scan as scanning
from tfcolor.data.scan import Scan, ScanTally, quantisation_errors, scan
from tfcolor.photographs.formats import FORMATS


@pytest.fixture
def pictures(tmp_path):
    """Images of colours that, by scikit-image, are 0.02 or more from any border of a cell: rounding moves none."""
    rng = np.random.default_rng(0)
    rgb = rng.integers(0, 256, [80_000, 3], np.uint8)
    rgb[:40_000] = rgb[:40_000] // 8 + 100  # half of them near gray, as photographs are
    ab = rgb2lab(rgb)[:, 1:]
    sure = rgb[(np.abs((ab + 2.5) % 5 - 2.5) > 0.02).all(axis=1)]
    paths, start = [], 0
    for i, (height, width) in enumerate([(100, 120), (100, 120), (64, 32), (1, 1), (200, 150)]):
        picture = sure[start : start + height * width].reshape(height, width, 3)
        start += height * width if i else 0  # the first two are equal
        paths.append(tmp_path / f"{i}.png")
        Image.fromarray(picture).save(paths[-1])
    return paths


def lab_pixels(paths):
    return np.concatenate([rgb2lab(np.asarray(Image.open(path)))[..., 1:].reshape(-1, 2) for path in paths])


@pytest.mark.parametrize("window", [5, 10, 20])
def test_equals_scikit_image_and_a_histogram(pictures, window):
    done = []
    found = scan(pictures, done.append)
    assert done == [1, 2, 3, 4, 5]
    bins = found.bins(window, "made", "train")
    ab = lab_pixels(pictures)
    edges = np.arange(-110, 111, window)
    expected, _, _ = np.histogram2d(ab[:, 0], ab[:, 1], bins=[edges, edges])
    np.testing.assert_array_equal(bins.counts, expected)
    np.testing.assert_array_equal(bins.cells, np.argwhere(expected))
    np.testing.assert_allclose(bins.prior, expected[expected > 0] / len(ab))
    assert (bins.num_images, bins.num_pixels, bins.dataset, bins.split) == (5, len(ab), "made", "train")
    for axis in (0, 1):
        sums, _, _ = np.histogram2d(ab[:, 0], ab[:, 1], bins=[edges, edges], weights=ab[:, axis])
        np.testing.assert_allclose(bins.means[:, axis], (sums / np.maximum(expected, 1))[expected > 0], atol=1e-2)


def test_quantisation_errors_are_mean_distances(pictures):
    found = scan(pictures)
    bins = found.bins(10, "made", "train")
    ab = lab_pixels(pictures)
    cell = np.floor((ab + 110) / 10)
    to_centre = np.linalg.norm(ab - ((cell + 0.5) * 10 - 110), axis=1).mean()
    _, own = np.unique(cell, axis=0, return_inverse=True)
    means = np.stack([np.bincount(own, weights=ab[:, i]) / np.bincount(own) for i in (0, 1)], axis=1)
    to_mean = np.linalg.norm(ab - means[own], axis=1).mean()
    assert quantisation_errors(found, bins) == pytest.approx((to_centre, to_mean), abs=1e-3)


def test_a_uniform_cell_has_the_known_error():
    """The mean distance from the centre of a square of side w is 0.3826 w (by integration)."""
    rng = np.random.default_rng(1)
    ab = rng.uniform(20, 30, [200_000, 2]).astype(np.float32)
    found = Scan(ab, np.zeros(len(ab)), np.ones(len(ab), np.int64), 1)
    bins = found.bins(10, "made", "train")
    assert quantisation_errors(found, bins) == pytest.approx((3.826, 3.826), abs=0.01)


def test_unreadable_files_are_named_and_skipped(pictures, tmp_path):
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"no image")
    found = scan([pictures[0], broken, tmp_path / "missing.png", *pictures[1:]])
    assert [path for path, _ in found.unreadable] == [broken, tmp_path / "missing.png"]
    assert all(reason for _, reason in found.unreadable)
    assert found.num_images == 5
    np.testing.assert_array_equal(found.pixels, scan(pictures).pixels)


@pytest.mark.parametrize("suffix", FORMATS["jpeg"].suffixes)
def test_jpegs_of_any_suffix_are_decoded_outside_of_pythons_lock(tmp_path, monkeypatch, suffix):
    left = []
    monkeypatch.setattr(scanning, "read_photos", lambda paths: left.extend(paths) or iter(()))
    Image.linear_gradient("L").convert("RGB").resize((9, 7)).save(tmp_path / f"a{suffix.upper()}", "JPEG")
    assert scan([tmp_path / f"a{suffix.upper()}"]).num_images == 1 and left == []


def test_jpegs_count_as_pillow_decodes_them(tmp_path):
    """Colour with and without subsampling, gray, CMYK, progressive, a PNG with a wrong name, a truncated one."""
    rng = np.random.default_rng(0)
    smooth = np.asarray(Image.fromarray(rng.integers(0, 256, [6, 7, 3], np.uint8)).resize((70, 61)))
    rgb = Image.fromarray(smooth)
    rgb.save(tmp_path / "full.jpg", subsampling=0)
    rgb.save(tmp_path / "half.JPEG", subsampling=2, progressive=True)
    rgb.convert("L").save(tmp_path / "gray.jpg")
    rgb.convert("CMYK").save(tmp_path / "cmyk.jpg")
    rgb.save(tmp_path / "png.jpg", format="PNG")
    rgb.save(tmp_path / "näme with space.jpg")
    paths = sorted(tmp_path.iterdir())
    decoded = np.concatenate([np.asarray(Image.open(path).convert("RGB")).reshape(-1, 3) for path in paths])
    (tmp_path / "cut.jpg").write_bytes((tmp_path / "full.jpg").read_bytes()[:-700])
    done = []
    found = scan([tmp_path / "cut.jpg", *paths], done.append)
    assert done == list(range(1, 8)) and [path.name for path, _ in found.unreadable] == ["cut.jpg"]
    colors, pixels = np.unique(decoded, axis=0, return_counts=True)
    assert (found.num_images, found.pixels.sum()) == (6, len(decoded))
    # A colour may be there twice, from Y'CbCr and from RGB.
    lab = levels_to_lab(tf.constant(colors)).numpy()
    distances, nearest = cKDTree(lab).query(np.column_stack([found.lightness, found.ab]))
    assert distances.max() < 1e-3
    np.testing.assert_array_equal(np.bincount(nearest, weights=found.pixels), pixels)


def test_tallies_add_up(pictures, tmp_path):
    for number, path in enumerate(pictures[2:4]):  # a JPEG beside PNGs
        Image.open(path).save(tmp_path / f"{number}.jpg")
    paths = [*pictures, tmp_path / "0.jpg", tmp_path / "1.jpg", tmp_path / "missing.jpg"]
    parts = [ScanTally() for _ in range(2)]
    parts[0].count(paths[::2])
    parts[1].count(paths[1::2])
    total = ScanTally()
    for part in parts:
        part.save(tmp_path / "part.npz")
        total.add(tmp_path / "part.npz")
    found, expected = total.scan(), scan(paths)
    assert (found.num_images, found.unreadable) == (7, expected.unreadable)
    for name in ("ab", "lightness", "pixels"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))


def test_nothing_readable_gives_no_colours(tmp_path):
    found = scan([tmp_path / "missing.png"])
    assert (found.num_images, len(found.ab), len(found.pixels)) == (0, 0, 0)


@pytest.mark.realdata
def test_the_forest_photographs(data_root):
    """Counted once before with scikit-image and NumPy, on all 328 photographs."""
    found = scan(datasets.find("forest", str(data_root), download=False).paths)
    assert (found.num_images, found.pixels.sum()) == (328, 328 * 256 * 256)
    bins = found.bins(10, "forest", "all")
    assert bins.num_bins == pytest.approx(165, abs=1)
    assert found.bins(5, "forest", "all").num_bins == pytest.approx(586, abs=1)
    assert quantisation_errors(found, bins) == pytest.approx((3.94, 3.61), abs=0.02)
    # RGB in 0 ... 255 taken for floats in [0, 1] would put the mode on the gamut's edge.
    assert np.abs(bins.centres[bins.prior.argmax()]).max() <= 5
