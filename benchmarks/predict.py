"""Prediction: against the bare network, PyTorch and the blog's tiles; its memory; many files."""

import shutil
import time
from pathlib import Path

import numpy as np
import tensorflow as tf
from PIL import Image

from benchmarks import material
from benchmarks.measure import Row, alternate, python, ratios, row, run_process
from benchmarks.rivals import blog, torch_model
from tfcolor.color.lab import into_gamut, levels_to_lightness
from tfcolor.colorizer.colorizer import Colorizer
from tfcolor.colorizer.tiles import AUTO_TILE, split_tiles
from tfcolor.commands import colorize
from tfcolor.models.directory import save_model
from tfcolor.networks.valid8 import Valid8

MODEL = "forest"
T = 0.38
PRECISION = ("--precision", "bfloat16")  # of the processes whose memory counts
LARGE_MEMORY = "peak memory of predict.py, 100 megapixels"
LARGE_SECONDS = "predict.py, 100 megapixels, as a process"


def measure(folder: Path, quick: bool) -> list[Row]:
    """Measure with the shipped model."""
    colorizer = Colorizer.load(MODEL)
    forward = tf.function(colorizer.network, input_signature=[tf.TensorSpec([None, None, None, 1])], autograph=False)
    return [
        *whole_rows(colorizer, forward, quick),
        *finish_rows(colorizer, quick),
        *rival_rows(colorizer, quick),
        *file_rows(folder, colorizer, forward, quick),
        *memory_rows(folder, quick),
    ]


def whole_rows(colorizer: Colorizer, forward: tf.function, quick: bool) -> list[Row]:
    """A large photograph from array to array, against the network's forward pass on the same tiles."""
    megapixels = 0.26 if quick else 12
    rgb = material.photograph(megapixels)
    lightness = levels_to_lightness(rgb).numpy()

    def bare():
        for _, around in split_tiles(lightness, AUTO_TILE, colorizer.network.context):
            forward(around[None, ..., None]).shape.assert_is_fully_defined()

    forward(lightness[None, :64, :64, None])
    colorizer.colorize(rgb[:64, :64])  # both are traced now
    seconds = alternate({"colorize": lambda: colorizer.colorize(rgb, T), "forward": bare}, 2, warm_up=False)
    rates = {name: [rgb.size / 3e6 / s for s in runs] for name, runs in seconds.items()}
    note = f"{megapixels} megapixels, {tf.as_dtype(colorizer.network.compute_dtype).name}, tiles of {AUTO_TILE}"
    return [
        row("colorize", rates["colorize"], "megapixels/s", note=note),
        row("forward pass alone", rates["forward"], "megapixels/s"),
        row("colorize / forward pass", ratios(rates["colorize"], rates["forward"]), "x", ">= 0.75", note),
    ]


def finish_rows(colorizer: Colorizer, quick: bool) -> list[Row]:
    """What the way from colours to a picture costs, against all of it."""
    rgb = material.photograph(0.06 if quick else 0.26)
    lightness = levels_to_lightness(rgb).numpy()
    ab = colorizer.predict_ab(lightness, T)
    lab = tf.constant(np.concatenate([lightness[..., None], 4 * ab], axis=-1))  # so that many need it
    mapped = tf.function(into_gamut, input_signature=[tf.TensorSpec([None, None, 3])], autograph=False)
    beyond = float(tf.reduce_mean(tf.cast(tf.reduce_any(mapped(lab) != lab, axis=-1), tf.float32)))
    seconds = alternate(
        {
            "colorize": lambda: colorizer.colorize(rgb, T),
            "smooth": lambda: colorizer.colorize(rgb, T, smoothing=8),
            "gamut": lambda: mapped(lab),
        },
        2 if quick else 6,
    )
    note = f"{beyond:.1%} of the pixels lie beyond sRGB"
    return [
        row("gamut mapping / colorize", ratios(seconds["gamut"], seconds["colorize"]), "x", note=note),
        row("colorize with chroma smoothing, radius 8 / without", ratios(seconds["smooth"], seconds["colorize"]), "x"),
    ]


def rival_rows(colorizer: Colorizer, quick: bool) -> list[Row]:
    """The same picture for all but the blog, which gets a corner of it."""
    rgb = material.photograph(0.04 if quick else 0.26)
    lightness = levels_to_lightness(rgb).numpy()
    corner = lightness[:64, :64]
    network, bins = Colorizer.load(MODEL, "float32").network, colorizer.bins
    plain = torch_model.Valid8(network)
    best = torch_model.Valid8(network, channels_last=True, bfloat16=True)
    seconds = alternate(
        {
            "ours": lambda: colorizer.predict_ab(lightness, T),
            "blog": lambda: blog.predict_ab(network, bins, corner, T),
            "PyTorch": lambda: torch_model.predict_ab(plain, bins, lightness, T),
            "PyTorch best": lambda: torch_model.predict_ab(best, bins, lightness, T),
        },
        2 if quick else 4,
    )
    larger = lightness.size / corner.size
    ours = seconds["ours"]
    blog_seconds = [s * larger for s in seconds["blog"]]
    worst = np.abs(colorizer.predict_ab(lightness, T) - torch_model.predict_ab(plain, bins, lightness, T)).max()
    return [
        row("predict_ab / the blog's tiles", ratios(blog_seconds, ours), "x", ">= 100", "64x64 pixels there"),
        row("predict_ab / PyTorch float32", ratios(seconds["PyTorch"], ours), "x", ">= 1"),
        row("predict_ab / PyTorch bfloat16 channels_last", ratios(seconds["PyTorch best"], ours), "x", ">= 1"),
        row("largest difference to PyTorch float32", [float(worst)], "ab units"),
    ]


def file_rows(folder: Path, colorizer: Colorizer, forward: tf.function, quick: bool) -> list[Row]:
    """`predict.py` as a whole, TensorFlow being loaded, against the forward pass of such a picture."""
    paths = material.squares(folder, 10 if quick else 500)
    size = 256 + 2 * colorizer.network.context
    lightness = tf.random.stateless_uniform([1, size, size, 1], [0, 0], 0, 100)
    passes = 5 if quick else 50

    def bare():
        for _ in range(passes):
            forward(lightness).shape.assert_is_fully_defined()

    def files():
        colorize.main([*map(str, paths), "--output", str(folder / "colored"), "--overwrite", "--T", str(T)])

    before = alternate({"bare": bare}, 1)["bare"]
    started = time.perf_counter()
    files()
    rate = len(paths) / (time.perf_counter() - started)
    after = alternate({"bare": bare}, 1)["bare"]
    forwards = passes * 2 / (before[0] + after[0])
    return [
        row(f"predict.py, {len(paths)} files of 256x256", [rate], "files/s"),
        row("predict.py / forward passes", [rate / forwards], "x", ">= 0.6"),
    ]


def memory_rows(folder: Path, quick: bool) -> list[Row]:
    """A photograph of 100 megapixels, file to file, in bfloat16."""
    photo, model = folder / "large.jpg", MODEL
    Image.fromarray(material.photograph(100)).save(photo, quality=85)
    note = "the shipped model"
    if quick:
        model, note = folder / "thin", "8 bins instead of 157, which saves about 100 MB"
        model.mkdir()
        network = {"name": "valid8", "num_bins": 8, "activation": "relu"}
        save_model(model, Valid8(8), material.bins(8), {"network": network})
    seconds, megabytes = run_process(
        python("predict.py", photo, "--model", model, *PRECISION, "--output", folder / "colored-large")
    )
    shutil.rmtree(folder / "colored-large")
    return [
        row(LARGE_MEMORY, [megabytes], "MB", "< 2500", note),
        row(LARGE_SECONDS, [seconds], "s", note=note),
    ]
