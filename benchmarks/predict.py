"""Prediction: compared with the bare network, PyTorch and the blog's tiles; its memory; many files."""

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tensorflow as tf
from PIL import Image

from benchmarks import material
from benchmarks.measure import Row, Scale, alternate, python, ratios, row, run_process
from benchmarks.rivals import blog, has_torch
from tfcolor import DEFAULT_MODEL
from tfcolor.color.decoding_options import Decoding
from tfcolor.color.lab import into_gamut, levels_to_lightness
from tfcolor.colorizer.colorizer import Colorizer
from tfcolor.colorizer.tiles import AUTO_TILE, cut_with_context, tile_places
from tfcolor.commands import colorize
from tfcolor.models.directory import save_model
from tfcolor.networks.registry import NetworkChoice
from tfcolor.objectives.registry import ObjectiveChoice
from tfcolor.utils.errors import WorkError

MODEL = "forest"
T = 0.38
PRECISION = ("--precision", "bfloat16")  # of the processes whose memory counts
MEMORY = "peak memory of predict.py, {} megapixels"
SECONDS = "predict.py, {} megapixels, as a process"


def measure(folder: Path, scale: Scale) -> list[Row]:
    """Measure with a shipped model."""
    colorizer = load()
    forward = tf.function(colorizer.network, input_signature=[tf.TensorSpec([None, None, None, 1])], autograph=False)
    return [
        *whole_rows(colorizer, forward, scale),
        *finish_rows(colorizer, scale),
        *rival_rows(colorizer, scale),
        *file_rows(folder, colorizer, forward, scale),
        *memory_rows(folder, scale),
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
    rows = [row("predict_ab / the blog's tiles", ratios(blog_seconds, ours), "x", ">= 100", note)]
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


def file_rows(
    folder: Path, colorizer: Colorizer, forward: Callable[[np.ndarray], tf.Tensor], scale: Scale
) -> list[Row]:
    """Time `predict.py` as a whole with TensorFlow loaded, and the forward pass of such pictures."""
    side = scale.of(full=256, quick=256, tiny=32)
    paths = material.squares(folder, scale.of(full=500, quick=10, tiny=2), side)
    around = side + 2 * colorizer.network.context
    lightness = tf.random.stateless_uniform([1, around, around, 1], [0, 0], 0, 100)
    passes = scale.of(full=50, quick=5, tiny=1)
    plain = ["--T", str(T), "--lambda", str(colorizer.bins.uniform_share), "--chroma-smoothing", "0"]

    def bare():
        for _ in range(passes):
            forward(lightness).shape.assert_is_fully_defined()

    def files():
        arguments = [*map(str, paths), "--model", MODEL, "--output", str(folder / "colored"), "--overwrite", *plain]
        if colorize.main(arguments):
            raise WorkError("predict.py could not colour all files")

    before = alternate({"bare": bare}, 1)["bare"]
    started = time.perf_counter()
    files()
    rate = len(paths) / (time.perf_counter() - started)
    after = alternate({"bare": bare}, 1)["bare"]
    forwards = passes * 2 / (before[0] + after[0])
    return [
        row(f"predict.py, {len(paths)} files of {side}x{side}", [rate], "files/s"),
        row("predict.py / forward passes", [rate / forwards], "x", ">= 0.6"),
    ]


def memory_rows(folder: Path, scale: Scale) -> list[Row]:
    """Measure time and memory for photographs of 24 and 100 megapixels, file to file, in bfloat16."""
    model, note = DEFAULT_MODEL, f"the model {DEFAULT_MODEL}, a process with its start"
    if scale is not Scale.FULL:
        model, note = folder / "thin", "a model of 8 bins, which takes less memory than the shipped ones"
        write_thin_model(model)
    found = {}
    for megapixels in (24, 100) if scale is Scale.FULL else (100,):
        photo = folder / f"{megapixels}.jpg"
        size = scale.of(full=megapixels, quick=megapixels, tiny=0.005)
        Image.fromarray(material.photograph(size)).save(photo, quality=95, subsampling=0)
        output = folder / f"colored-{megapixels}"
        found[megapixels] = run_process(python("predict.py", photo, "--model", model, *PRECISION, "--output", output))
        shutil.rmtree(output)
    rows = [row(SECONDS.format(size), [seconds], "s", note=note) for size, (seconds, _) in found.items()]
    return rows + [
        row(MEMORY.format(size), [megabytes], "MB", "< 1500" if size == 100 else None, note)
        for size, (_, megabytes) in found.items()
    ]


def write_thin_model(folder: Path) -> None:
    """Write a model of 8 bins with random weights, the fastest that there is."""
    folder.mkdir()
    network, objective = NetworkChoice("valid8"), ObjectiveChoice("classification")
    save_model(folder, network.make(8), material.bins(8), network, objective, {})
