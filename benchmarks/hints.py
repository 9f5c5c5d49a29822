"""Hints and the page: how soon a photograph whose prediction is there shows new hints, or another T."""

import itertools
from pathlib import Path

import numpy as np

from benchmarks import material
from benchmarks.measure import Row, Scale, alternate, row
from tfcolor import DEFAULT_MODEL
from tfcolor.colorizer.colorizer import Colorizer
from tfcolor.commands.web.sessions import data_uri

NUM_HINTS = 10


def measure(folder: Path, scale: Scale) -> list[Row]:
    """Decode a large photograph again and again, with other hints or another T."""
    megapixels = scale.of(full=12, quick=1, tiny=0.005)
    rgb = material.photograph(megapixels)
    colorizer = Colorizer.load(DEFAULT_MODEL)
    opened, decoding = colorizer.open(rgb), colorizer.decoding
    seeds, temperatures = itertools.count(), itertools.cycle((0.2, 0.4, 0.6, 0.8))
    few = hints(rgb.shape, 0)
    runs = {
        "hints": lambda: opened.predict_ab(hints(rgb.shape, next(seeds)), decoding),
        "T": lambda: opened.predict_ab(few, decoding.replace(temperature=next(temperatures))),
        "painted": lambda: opened.decoded(few, decoding),
    }
    seconds = alternate(runs, scale.of(full=7, quick=3, tiny=1))
    small = colorizer.open(material.photograph(scale.of(full=1, quick=1, tiny=0.005)))
    page = {"page": lambda: data_uri(small.decoded((), decoding.replace(temperature=next(temperatures))))}
    seconds |= alternate(page, scale.of(full=15, quick=3, tiny=1))
    note = f"{DEFAULT_MODEL}, {megapixels} megapixels"
    return [
        row(f"{NUM_HINTS} other hints, before painting", seconds["hints"], "s", "< 1", note),
        row(f"another T with {NUM_HINTS} hints, before painting", seconds["T"], "s", note=note),
        row(f"the same {NUM_HINTS} hints, painted", seconds["painted"], "s", note=note),
        row("another T on the page", seconds["page"], "s", "< 0.3", "1 megapixel, to the address that the page shows"),
    ]


def hints(shape: tuple[int, ...], seed: int) -> list[tuple[int, int, str]]:
    """Random hints, always other ones."""
    rng = np.random.default_rng(seed)
    points = rng.integers(0, [shape[1], shape[0]], [NUM_HINTS, 2]).tolist()
    return [(x, y, f"#{color:06x}") for (x, y), color in zip(points, rng.integers(0, 2**24, NUM_HINTS), strict=True)]
