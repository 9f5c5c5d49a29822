"""Plots of a dataset's colours. Matplotlib, without a display."""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from tfcolor.color.bins import EXTENT, SOM, Bins, cells_per_axis
from tfcolor.color.lab import bin_colors
from tfcolor.data.scan import Scan
from tfcolor.utils.figures import save_figure

_UNIT_LIGHTNESS = 60.0  # L*: nearer to the lightness of photographs than the 50 of cells
_PLANE = (-EXTENT, EXTENT, -EXTENT, EXTENT)


def plot_density(found: Scan, title: str, path: Path) -> None:
    """Plot the density of ab values on a logarithmic scale, per square of one ab unit.

    Args:
        found: the colours of a dataset.
        title: title of the plot.
        path: the .png to write.
    """
    edges = np.arange(-EXTENT, EXTENT + 1)
    counts, _, _ = np.histogram2d(*found.ab.T, bins=(edges, edges), weights=found.pixels)
    share = np.where(counts > 0, counts / counts.sum(), np.nan)
    figure, axes = _plane(title)
    image = axes.imshow(share.T, origin="lower", extent=_PLANE, norm=LogNorm(), interpolation="nearest")
    figure.colorbar(image, label="share of all pixels per square ab unit", shrink=0.8)
    save_figure(figure, path)


def plot_bins(bins: Bins, title: str, path: Path) -> None:
    """Paint the bins in their own colours at L* = 50; cells that are no bins stay empty.

    Args:
        bins: the bins.
        title: title of the plot.
        path: the .png to write.
    """
    n, extent = cells_per_axis(bins.window, bins.extent), bins.extent
    picture = np.zeros([n, n, 4], np.uint8)  # transparent
    picture[bins.cells[:, 1], bins.cells[:, 0], :3] = bin_colors(bins.centres)  # b upwards, a to the right
    picture[bins.cells[:, 1], bins.cells[:, 0], 3] = 255
    figure, axes = _plane(title)
    axes.imshow(picture, origin="lower", extent=(-extent, extent, -extent, extent), interpolation="nearest")
    lines = np.arange(-extent, extent + 1, bins.window)
    axes.vlines(lines, -extent, extent, color="0.85", linewidth=0.3)
    axes.hlines(lines, -extent, extent, color="0.85", linewidth=0.3)
    axes.set(xlim=(-extent, extent), ylim=(-extent, extent))
    save_figure(figure, path)


def plot_codebook(bins: Bins, title: str, path: Path) -> None:
    """Paint the units of a codebook at L* = 60: on the ab plane, and those of a map also on its grid.

    On the plane their areas grow with their shares of the pixels. Lines join the units of a map that are neighbours on
    its grid: where it is orderly, they hardly cross.

    Args:
        bins: bins that are no cells.
        title: title of the plot.
        path: the .png to write.
    """
    colors, has_grid = bin_colors(bins.centres, _UNIT_LIGHTNESS) / 255, bins.codebook == SOM
    figure = Figure(figsize=(13 if has_grid else 7, 7.4), layout="compressed")
    figure.suptitle(title)
    axes = figure.add_subplot(1, 1 + has_grid, 1 + has_grid, aspect="equal")
    if has_grid:
        side = round(bins.num_bins**0.5)
        _plot_grid(figure.add_subplot(1, 2, 1, title="the map"), colors.reshape(side, side, 3))
        nodes = bins.centres.reshape(side, side, 2)
        for line in (*nodes, *nodes.swapaxes(0, 1)):
            axes.plot(*line.T, color="0.6", linewidth=0.8, zorder=1)
    area = 30 + 1200 * bins.prior  # square points, so that rare units can be seen
    axes.scatter(*bins.centres.T, s=area, c=colors, edgecolors="0.2", linewidths=0.6, zorder=2)
    span = max(30.0, np.abs(bins.centres).max() + 10)
    axes.set(xlim=(-span, span), ylim=(-span, span), title="the ab plane; larger: more pixels")
    axes.set(xlabel="a*  (green to red)", ylabel="b*  (blue to yellow)")
    axes.axhline(0, color="0.85", linewidth=0.6, zorder=0)
    axes.axvline(0, color="0.85", linewidth=0.6, zorder=0)
    save_figure(figure, path)


def _plot_grid(axes: Axes, colors: np.ndarray) -> None:
    """Paint the squares of a map, colours float [s, s, 3] in [0, 1]; the first row at the top."""
    side = len(colors)
    axes.imshow(colors, interpolation="nearest", extent=(0, side, side, 0))
    axes.hlines(range(1, side), 0, side, color="white", linewidth=1)
    axes.vlines(range(1, side), 0, side, color="white", linewidth=1)
    axes.set(xticks=[], yticks=[])


def _plane(title: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(7, 6), layout="constrained")
    axes = figure.add_subplot(title=title, xlabel="a*  (green to red)", ylabel="b*  (blue to yellow)")
    axes.set(xlim=(-EXTENT, EXTENT), ylim=(-EXTENT, EXTENT), aspect="equal")
    axes.axhline(0, color="0.7", linewidth=0.6, zorder=0)
    axes.axvline(0, color="0.7", linewidth=0.6, zorder=0)
    return figure, axes
