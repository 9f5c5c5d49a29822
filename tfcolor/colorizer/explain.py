"""A figure of what the network predicts at one pixel, and how sure it is at all pixels."""

from pathlib import Path

import numpy as np
import tensorflow as tf
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from tfcolor.color.decoding_options import Decoding
from tfcolor.color.guided_filter import border
from tfcolor.color.lab import bin_colors
from tfcolor.colorizer.colorizer import Colorizer
from tfcolor.colorizer.painting import inside, painted
from tfcolor.utils.figures import save_figure

_TEMPERATURES = (1.0, 0.38, 0.1)  # shown beside the chosen T
_SHOWN_SHARE = 1e-3  # the smallest share of a bin that is drawn


def plot(
    colorizer: Colorizer, lightness: np.ndarray, point: tuple[int, int], decoding: Decoding, path: Path, tile: int
) -> None:
    """Plot the prediction at one pixel, and the entropy at all pixels.

    Args:
        colorizer: the model.
        lightness: float32 [H, W], L* in [0, 100].
        point: x (from the left) and y (from the top) of the pixel, inside the picture.
        decoding: how the picture is decoded; its T is among the temperatures shown.
        path: the .png file to write.
        tile: side of the tiles in pixels.
    """
    (x, y), temperature = point, decoding.temperature
    ab, entropy = np.empty([*lightness.shape, 2], np.float32), np.empty(lightness.shape, np.float32)
    log_weights, logits_there = colorizer.objective.log_weights(decoding.uniform_share), None
    for part in colorizer.tiles(lightness[None], tile, border(decoding.smoothing)):
        ab[part.place] = colorizer.colors(part, decoding)[0]
        logits = inside(part.outputs, part.margin)[0] + log_weights
        logs = tf.nn.log_softmax(logits)
        entropy[part.place] = -tf.reduce_sum(tf.exp(logs) * logs, axis=-1).numpy()
        rows, columns = part.place
        if rows.start <= y < rows.stop and columns.start <= x < columns.stop:
            logits_there = logits[y - rows.start, x - columns.start]
    temperatures = sorted({*_TEMPERATURES, temperature}, reverse=True)
    figure = Figure(figsize=(4 * len(temperatures), 10), layout="constrained")
    above, below = figure.subfigures(2, 1, height_ratios=[4, 5])
    rgb = painted(lightness, ab)
    _plot_picture(above, rgb, entropy, point, temperature, colorizer.bins.num_bins)
    span = _span(colorizer.bins.centres, logits_there)
    for axes, T in zip(below.subplots(1, len(temperatures)), temperatures, strict=True):
        _plot_distribution(axes, colorizer, logits_there, T, span)
    below.suptitle(f"the prediction at {x},{y}, where L* = {lightness[y, x]:.0f}; + marks the resulting colour")
    save_figure(figure, path)


def _plot_picture(figure, rgb, entropy, point, temperature, num_bins):
    left, right = figure.subplots(1, 2)
    left.imshow(rgb)
    left.set_title(f"coloured at T = {temperature:g}")
    image = right.imshow(entropy, cmap="magma", vmin=0, vmax=np.log(num_bins))
    right.set_title("entropy of the prediction: dark is sure")
    figure.colorbar(image, ax=right, label=f"nats (ln {num_bins} = {np.log(num_bins):.1f} knows nothing)")
    for axes in (left, right):
        axes.plot(*point, marker="o", markersize=12, markerfacecolor="none", markeredgecolor="white", markeredgewidth=3)
        axes.plot(*point, marker="o", markersize=12, markerfacecolor="none", markeredgecolor="black", markeredgewidth=1)
        axes.set(xticks=[], yticks=[])


def _span(centres: np.ndarray, logits: tf.Tensor) -> float:
    """Half the side of the square of the ab plane to show: it holds all drawn bins, and is at least 40 ab units."""
    likely = centres[tf.nn.softmax(logits).numpy() >= _SHOWN_SHARE]
    return float(max(40.0, np.abs(likely).max() + 15)) if len(likely) else 110.0


def _plot_distribution(axes: Axes, colorizer: Colorizer, logits: tf.Tensor, temperature: float, span: float) -> None:
    """Draw the bins in their colours, with areas proportional to their shares at T; the largest fills its cell."""
    bins = colorizer.bins
    if temperature:
        shares = tf.nn.softmax(logits / temperature).numpy()
    else:
        shares = np.eye(bins.num_bins)[int(tf.argmax(logits))]
    for centre, share, rgb in zip(bins.centres, shares, bin_colors(bins.centres), strict=True):
        axes.add_patch(Rectangle(centre - bins.spacing / 2, bins.spacing, bins.spacing, fill=False, edgecolor="0.9"))
        if share >= _SHOWN_SHARE:
            side = bins.spacing * np.sqrt(share / shares.max())
            axes.add_patch(
                Rectangle(centre - side / 2, side, side, facecolor=rgb / 255, edgecolor="0.3", linewidth=0.5)
            )
    chosen = colorizer.objective.to_ab(logits[None], temperature).numpy()[0]
    axes.plot(*chosen, marker="+", markersize=16, color="black", markeredgewidth=2)
    likely = int((np.cumsum(np.sort(shares)[::-1]) < 0.9).sum()) + 1
    title = f"T = {temperature:g}: ab = ({chosen[0]:.0f}, {chosen[1]:.0f})\n"
    title += f"{likely} {'bin holds' if likely == 1 else 'bins hold'} 90 %, the first {shares.max():.0%}"
    axes.set(title=title, xlim=(-span, span), ylim=(-span, span), aspect="equal")
    axes.set(xlabel="a*  (green to red)", ylabel="b*  (blue to yellow)")
    axes.axhline(0, color="0.7", linewidth=0.6, zorder=0)
    axes.axvline(0, color="0.7", linewidth=0.6, zorder=0)
