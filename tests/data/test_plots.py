"""The plots, read back from their pixels: each cell where it belongs, in its own colour."""

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image
from skimage.color import lab2rgb

from tfcolor.color.bins import cell_of, cells_per_axis, centre_of, count_bins
from tfcolor.color.codebooks import count_units
from tfcolor.color.lab import bin_colors
from tfcolor.data.plots import plot_bins, plot_codebook, plot_density
from tfcolor.data.scan import Scan

# All exist in sRGB at L* = 50, and no two of them are mirror images on any axis.
COLORS = np.array([[55.0, 32.0], [-35.0, 5.0], [15.0, -45.0], [2.0, 3.0], [-15.0, 25.0]])
ORIGIN = {"dataset": "made", "split": "train", "num_images": 1, "num_pixels": 50}


def made_scan(ab, pixels):
    return Scan(ab, np.full(len(ab), 50.0), pixels, 1)


class Plane:
    """A plot's picture, with the place of each ab value in it."""

    def __init__(self, path):
        with Image.open(path) as image:
            self.rgb = np.asarray(image.convert("RGB")).astype(int)
        # The frame has the longest dark rows and columns.
        dark = (self.rgb < 100).all(axis=-1)
        rows = np.flatnonzero(dark.sum(axis=1) > 300)
        columns = np.flatnonzero(dark.sum(axis=0) > 300)
        self.top, self.bottom = rows.min(), rows.max()
        self.left = columns.min()
        self.right = self.left + self.bottom - self.top  # the plane is square; a colour bar may follow

    def at(self, ab: np.ndarray) -> np.ndarray:
        """The pixels int [N, 3] at ab float [N, 2]: a to the right, b upwards, -110 ... 110."""
        columns = self.left + (ab[:, 0] + 110) / 220 * (self.right - self.left)
        rows = self.bottom - (ab[:, 1] + 110) / 220 * (self.bottom - self.top)
        return self.rgb[rows.round().astype(int), columns.round().astype(int)]


@pytest.mark.parametrize("window", [10, 5])
def test_bins_are_painted_in_their_own_colours_and_others_stay_white(window, tmp_path):
    bins = count_bins(COLORS, np.full(5, 10), window, **ORIGIN)
    plot_bins(bins, "five bins", tmp_path / "bins.png")
    n = cells_per_axis(window)
    cells = np.argwhere(np.ones([n, n]))
    shown = Plane(tmp_path / "bins.png").at(centre_of(cells, window))
    occupied = {tuple(cell) for cell in cell_of(COLORS, window)}
    is_occupied = np.array([tuple(cell) in occupied for cell in cells])
    assert is_occupied.sum() == 5
    np.testing.assert_array_equal(shown[~is_occupied], 255)
    lab = np.concatenate([np.full([5, 1], 50.0), centre_of(cells[is_occupied], window)], axis=1)
    np.testing.assert_allclose(shown[is_occupied], 255 * lab2rgb(lab), atol=2)


def test_colours_beyond_srgb_keep_their_hue_and_do_not_clip():
    color = bin_colors(np.array([[0.0, -105.0], [100.0, 100.0], [0.0, 0.0]])).astype(int)
    assert color[0, 2] - color[0].min() > 50 and color[0].argmax() == 2  # blue
    assert color[1].argmax() == 0  # red
    np.testing.assert_array_equal(color[2], 119)  # L* = 50 is level 118.9, by Lindbloom's calculator


def test_the_density_lies_where_the_colours_are(tmp_path):
    blocks = COLORS[:3, None] + np.stack(np.meshgrid(range(-4, 5), range(-4, 5)), axis=-1).reshape(-1, 2) + 0.5
    pixels = np.repeat([1000, 32, 1], 81)
    plot_density(made_scan(blocks.reshape(-1, 2), pixels), "three blocks", tmp_path / "density.png")
    plane = Plane(tmp_path / "density.png")
    common, some, rare = plane.at(COLORS[:3] + 0.5)
    # Viridis goes from violet (68, 1, 84) through teal (33, 145, 140) to yellow (253, 231, 37); 32 is
    # halfway between 1 and 1000 on a logarithmic scale.
    np.testing.assert_allclose(common, [253, 231, 37], atol=3)
    np.testing.assert_allclose(some, [33, 145, 140], atol=3)
    np.testing.assert_allclose(rare, [68, 1, 84], atol=3)
    empty = np.array([[32.0, 55.0], [5.0, -35.0], [-45.0, 15.0], [-55.0, 32.0], [55.0, -32.0], [-80.0, -80.0]])
    np.testing.assert_array_equal(plane.at(empty), 255)


@pytest.mark.parametrize("num_colors", [1, 2])
def test_few_colours_are_plotted_as_well(num_colors, tmp_path):
    """Gray photographs have one: a logarithmic scale of a single value must not fail."""
    ab = np.zeros([num_colors, 2]) + np.arange(num_colors)[:, None]
    plot_density(made_scan(ab, np.full(num_colors, 7)), "few", tmp_path / "density.png")
    plane = Plane(tmp_path / "density.png")
    # A cell is three pixels wide, and Matplotlib's versions differ by one in where they put it.
    shown = np.stack([plane.at(ab + np.array([a, b])) for a in (0.2, 0.5, 0.8) for b in (0.2, 0.5, 0.8)])
    assert (np.ptp(shown, axis=-1).max(axis=0) > 50).all()


def test_a_plot_that_fails_leaves_the_old_one(tmp_path, monkeypatch):
    path = tmp_path / "bins.png"
    path.write_bytes(b"the old plot")

    def half(figure, file, **options):
        file.write(b"half a plot")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Figure, "savefig", half)
    with pytest.raises(OSError, match="No space left"):
        plot_bins(count_bins(COLORS, np.full(5, 10), 10, **ORIGIN), "five bins", path)
    with pytest.raises(OSError, match="No space left"):
        plot_density(made_scan(COLORS, np.full(5, 10)), "five colours", path)
    assert path.read_bytes() == b"the old plot"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("codebook", ["som", "kmeans"])
def test_units_are_painted_where_they_are(codebook, tmp_path):
    centres = COLORS[[0, 1, 2, 4]]
    bins = count_units(codebook, centres, centres, np.array([1, 2, 3, 4]), uniform_share=0.5, **ORIGIN)
    plot_codebook(bins, "four units", tmp_path / "bins.png")
    with Image.open(tmp_path / "bins.png") as image:
        rgb = np.asarray(image.convert("RGB")).astype(int)
    expected = 255 * lab2rgb(np.concatenate([np.full([4, 1], 60.0), centres], axis=1))
    places = [np.argwhere(np.abs(rgb - color).max(axis=-1) <= 2) for color in expected]
    if codebook == "som":  # the map on the left half, row by row
        places, on_map = ([p[(p[:, 1] > rgb.shape[1] / 2) == right] for p in places] for right in (True, False))
        rows, columns = (np.array([p[:, axis].mean() for p in on_map]) for axis in (0, 1))
        assert max(rows[:2]) < min(rows[2:]) and max(columns[::2]) < min(columns[1::2])
        assert all(len(p) > 10_000 for p in on_map)
    assert all(50 < len(p) < 10_000 for p in places)
    order = [np.argsort([p[:, axis].mean() for p in places]) for axis in (1, 0)]
    np.testing.assert_array_equal(order[0], centres[:, 0].argsort())  # a to the right
    np.testing.assert_array_equal(order[1], (-centres[:, 1]).argsort())  # b upwards
    assert len(places[3]) > len(places[0])  # more pixels
