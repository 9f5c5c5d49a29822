"""Films: how fast they are coloured, beside the network alone; the memory they take; and the flow of two libraries."""

import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np
from skimage import data
from skimage.registration import optical_flow_ilk, optical_flow_tvl1

from benchmarks.clips import pan_and_zoom, write_clip
from benchmarks.measure import Row, Scale, alternate, python, ratios, row, run_process
from tfcolor import DEFAULT_MODEL
from tfcolor.colorizer.colorizer import Colorizer
from tfcolor.colorizer.working_size import reduced_pictures
from tfcolor.films.conversion import convert
from tfcolor.films.flow import flow
from tfcolor.films.options import FilmOptions
from tfcolor.films.reading import frames, read_film
from tfcolor.films.seeing import BATCH, seen_sides

SIDES = (360, 640)
# What the flow of libraries is measured on: frames as the default network sees those of SIDES.
_SEEN = (256, 455)


def measure(folder: Path, scale: Scale) -> list[Row]:
    """Colour made clips."""
    return [*speed_rows(folder, scale), *memory_rows(folder, scale), *flow_rows(scale)]


def clip(path: Path, sides: tuple[int, int], count: int) -> Path:
    """Write a clip that pans over a photograph, again and again."""
    moving = [frame for frame, _ in pan_and_zoom(data.coffee(), sides, min(count, 240))]
    there_and_back = itertools.cycle([*moving, *moving[::-1]])
    write_clip(path, itertools.islice(there_and_back, count))
    return path


def speed_rows(folder: Path, scale: Scale) -> list[Row]:
    """The whole film from file to file, and the network alone on as many frames."""
    sides = scale.of(full=SIDES, quick=SIDES, tiny=(48, 64))
    film = read_film(clip(folder / "clip.mp4", sides, scale.of(full=240, quick=96, tiny=6)))
    colorizer = Colorizer.load(DEFAULT_MODEL)
    lightness = np.stack([film.coding.lightness(frame.luma) for frame in itertools.islice(frames(film), BATCH)])
    small = reduced_pictures(lightness, seen_sides(colorizer, sides), colorizer.network.multiple)
    count, options = film.num_frames, FilmOptions(colorizer.decoding)
    results = itertools.count()

    def network():
        for _ in range(-(-count // BATCH)):
            np.asarray(colorizer.outputs_of(colorizer.features(small)))

    runs: dict[str, Callable[[], object]] = {
        "network": network,
        "film": lambda: convert(colorizer, film, folder / f"{next(results)}.mp4", options),
    }
    seconds = alternate(runs, scale.of(full=7, quick=3, tiny=1))
    note = f"{DEFAULT_MODEL}, {sides[1]}x{sides[0]}, {count} frames, {colorizer.network.compute_dtype.name}"
    return [
        row("film, from file to file", [count / s for s in seconds["film"]], "frames/s", note=note),
        row("network alone", [count / s for s in seconds["network"]], "frames/s", note=f"in batches of {BATCH}"),
        row("film / network", ratios(seconds["network"], seconds["film"]), "x", ">= 0.4", note),
    ]


def memory_rows(folder: Path, scale: Scale) -> list[Row]:
    """The peak memory of predict.py for a short and a long film."""
    sides = scale.of(full=(180, 320), quick=(90, 160), tiny=(48, 64))
    short, long = scale.of(full=(500, 10_000), quick=(200, 1000), tiny=(4, 8))
    peaks = {}
    for count in (short, long):
        path = clip(folder / f"{count}.mp4", sides, count)
        output = folder / f"coloured-{count}"
        _, peaks[count] = run_process(python("predict.py", path, "--output", output))
    note = f"{sides[1]}x{sides[0]}, {long:,} frames"
    return [
        row(f"memory for {long:,} frames", [peaks[long]], "MB", note=DEFAULT_MODEL),
        row("memory, long / short film", [peaks[long] / peaks[short]], "x", "< 1.1", f"{note}; short: {short}"),
    ]


def flow_rows(scale: Scale) -> list[Row]:
    """Dense optical flow between two frames of known motion: time and mean error."""
    sides = scale.of(full=_SEEN, quick=_SEEN, tiny=(40, 64))
    (first, _), (second, truth) = itertools.islice(pan_and_zoom(data.astronaut(), sides, 40, pan=0.5, zoom=1.6), 2)
    frame, other = (each[..., 1] for each in (second, first))
    floats = [np.float32(each) / 255 for each in (frame, other)]
    ways: dict[str, Callable[[], np.ndarray]] = {
        "OpenCV's DIS": lambda: flow(frame, other),
        "scikit-image's ILK": lambda: np.moveaxis(optical_flow_ilk(*floats), 0, -1)[..., ::-1],
        "scikit-image's TV-L1": lambda: np.moveaxis(optical_flow_tvl1(*floats), 0, -1)[..., ::-1],
    }
    seconds = alternate(ways, scale.of(full=5, quick=1, tiny=1))
    inside = (slice(8, -8), slice(8, -8))
    rows = []
    for name, way in ways.items():
        error = np.linalg.norm(way() - truth, axis=-1)[inside].mean()
        rows.append(row(f"flow by {name}", [1000 * s for s in seconds[name]], "ms", note=f"{sides[1]}x{sides[0]}"))
        rows.append(row(f"error of {name}", [error], "pixels", note="mean, known motion"))
    return rows
