"""Prediction: a local network compared with its forward pass, PyTorch and the blog's tiles; and whole files."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import tensorflow as tf

from benchmarks import material
from benchmarks.measure import AMX, Row, Scale, alternate, ratios, row
from benchmarks.predict_files import file_rows, large_rows
from benchmarks.rivals import blog, has_torch
from tfcolor.color.decoding_options import Decoding
from tfcolor.color.lab import into_gamut, levels_to_lightness
from tfcolor.colorizer.colorizer import Colorizer
from tfcolor.colorizer.tiles import AUTO_TILE, cut_with_context, tile_places

MODEL = "forest"
T = 0.38


def measure(folder: Path, scale: Scale) -> list[Row]:
    """Measure with a shipped model."""
    colorizer = load()
    forward = tf.function(colorizer.network, input_signature=[tf.TensorSpec([None, None, None, 1])], autograph=False)
    return [
        *whole_rows(colorizer, forward, scale),
        *finish_rows(colorizer, scale),
        *rival_rows(colorizer, scale),
        *file_rows(folder, scale),
        *large_rows(folder, scale),
    ]


def load(compute: str = "auto") -> Colorizer:
    """Load the model so that it decodes as the rivals do: at T, with the lambda of its training, not smoothed."""
    loaded = Colorizer.load(MODEL, compute)
    return Colorizer(loaded.network, loaded.objective, decoding=Decoding(T))


def whole_rows(colorizer: Colorizer, forward: Callable[[np.ndarray], tf.Tensor], scale: Scale) -> list[Row]:
    """Time a large photograph from array to array, and the network's forward pass on the same tiles."""
    megapixels = scale.of(full=12, quick=0.26, tiny=0.005)
    rgb = material.photograph(megapixels)
    lightness = levels_to_lightness(rgb).numpy()

    def bare():
        for place in tile_places(*lightness.shape, AUTO_TILE):
            around = cut_with_context(lightness[None], place, colorizer.network.context)
            forward(around[..., None]).shape.assert_is_fully_defined()

    forward(lightness[None, :64, :64, None])
    colorizer.colorize(rgb[:64, :64])  # both are traced now
    seconds = alternate({"colorize": lambda: colorizer.colorize(rgb), "forward": bare}, 2, warm_up=False)
    rates = {name: [rgb.size / 3e6 / s for s in runs] for name, runs in seconds.items()}
    note = f"{megapixels} megapixels, {tf.as_dtype(colorizer.network.compute_dtype).name}, tiles of {AUTO_TILE}"
    return [
        row("colorize", rates["colorize"], "megapixels/s", note=note),
        row("forward pass alone", rates["forward"], "megapixels/s"),
        row("colorize / forward pass", ratios(rates["colorize"], rates["forward"]), "x", ">= 0.75", note),
    ]


def finish_rows(colorizer: Colorizer, scale: Scale) -> list[Row]:
    """Time converting colours to a picture, and compare it with all of the work."""
    rgb = material.photograph(scale.of(full=0.26, quick=0.06, tiny=0.002))
    lightness = levels_to_lightness(rgb).numpy()
    lab = np.concatenate([lightness[..., None], 4 * colorizer.predict_ab(lightness)], axis=-1)
    lab = tf.constant(lab)  # colours so strong that many lie beyond sRGB
    mapped = tf.function(into_gamut, input_signature=[tf.TensorSpec([None, None, 3])], autograph=False)
    beyond = float(tf.reduce_mean(tf.cast(tf.reduce_any(mapped(lab) != lab, axis=-1), tf.float32)))
    seconds = alternate(
        {
            "colorize": lambda: colorizer.colorize(rgb),
            "smooth": lambda: colorizer.colorize(rgb, smoothing=8),
            "gamut": lambda: mapped(lab),
        },
        scale.of(full=6, quick=2, tiny=1),
    )
    note = f"{beyond:.1%} of the pixels lie beyond sRGB"
    return [
        row("gamut mapping / colorize", ratios(seconds["gamut"], seconds["colorize"]), "x", note=note),
        row("colorize with chroma smoothing, radius 8 / without", ratios(seconds["smooth"], seconds["colorize"]), "x"),
    ]


def rival_rows(colorizer: Colorizer, scale: Scale) -> list[Row]:
    """Time one picture for all; the blog gets a corner of it."""
    lightness = levels_to_lightness(material.photograph(scale.of(full=0.26, quick=0.04, tiny=0.005))).numpy()
    side = scale.of(full=64, quick=64, tiny=16)
    corner = lightness[:side, :side]
    exact = load("float32")
    contestants = {
        "ours": lambda: colorizer.predict_ab(lightness),
        "blog": lambda: blog.predict_ab(exact.network, exact.bins, corner, T),
    }
    if has_torch():
        contestants |= _torch_predictions(exact, lightness)
    seconds = alternate(contestants, scale.of(full=4, quick=2, tiny=1))
    ours = seconds["ours"]
    blog_seconds = [s * lightness.size / corner.size for s in seconds["blog"]]
    note = f"{side}x{side} pixels there"
    rows = [row("predict_ab / the blog's tiles", ratios(blog_seconds, ours), "x", ">= 100", note, AMX)]
    for name in [name for name in seconds if name.startswith("PyTorch")]:
        rows.append(row(f"predict_ab / {name}", ratios(seconds[name], ours), "x", ">= 1"))
    if has_torch():
        worst = np.abs(exact.predict_ab(lightness) - contestants["PyTorch float32"]()).max()
        rows.append(row("largest difference to PyTorch float32", [worst], "ab units", "< 0.01", "ours in float32, too"))
    return rows


def _torch_predictions(colorizer: Colorizer, lightness: np.ndarray) -> dict[str, Callable[[], np.ndarray]]:
    """By name, the predictions of two copies of the model in PyTorch."""
    from benchmarks.rivals import torch_model

    network, bins = colorizer.network, colorizer.bins
    plain = torch_model.Valid8(network).for_prediction()
    best = torch_model.Valid8(network, channels_last=True, bfloat16=True).for_prediction()
    return {
        "PyTorch float32": lambda: torch_model.predict_ab(plain, bins, lightness, T),
        "PyTorch bfloat16 channels_last": lambda: torch_model.predict_ab(best, bins, lightness, T),
    }
