"""Make the pictures of the documentation again, from photographs that scikit-image carries.

python -m benchmarks.pictures

It writes docs/colored.jpg, limits.jpg, hints.jpg, temperature.jpg, candidates.jpg, explain.jpg and steady.jpg with the
default model, and docs/pictures.json, which says what its weights were. It needs what films need.
"""

import argparse
import sys
import tempfile
import zlib
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from tfcolor import DEFAULT_MODEL
from tfcolor.utils import console
from tfcolor.utils.files import make_folder, replacing, write_json

SIDE, EXPLAIN_SIDE = 300, 1100  # pixels: the longest side of a picture, and of the plot
GOOD, BAD = ("chelsea", "coffee", "astronaut", "camera"), ("rocket", "brick")
LARGE = "camera"  # the photograph of the other sheets
TEMPERATURES, SHARES = (1.0, 0.7, 0.38, 0.1), (1.0, 0.8, 0.65, 0.5)
POINT = (300, 400)  # whose distribution is explained: on the lawn
HINTED = "astronaut"
HINTS = ((150, 300, "#d07030"), (100, 350, "#d07030"), (30, 200, "gray"))  # the suit, twice, and a stripe of the flag
FILMED, FILM_SIDES, FILM_FRAMES = "coffee", (240, 426), 40  # a pan over a photograph
ROW_HEIGHT = 6  # pixels of the picture for each frame
DOT = 9  # pixels: the radius of the dots that show hints


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = console.Parser(__doc__)
    parser.prog = "python -m benchmarks.pictures"
    parser.add_argument("--output", type=Path, default=Path("docs"), help="folder for the pictures (default: docs)")
    return parser.parse_args(arguments)


def fingerprint() -> dict[str, str]:
    """The default model's name, and a checksum of its weights and description."""
    from tfcolor.models.directory import SHIPPED

    folder = SHIPPED / DEFAULT_MODEL
    content = b"".join((folder / name).read_bytes() for name in ("weights.npz", "bins.npz"))
    return {"model": DEFAULT_MODEL, "checksum": f"{zlib.crc32(content):08x}"}


def main(arguments: list[str] | None = None) -> None:
    """Make all pictures."""
    args = parse(arguments)
    make_folder(args.output)
    console.load_tensorflow()
    from tfcolor.colorizer.candidates import candidates
    from tfcolor.colorizer.colorizer import Colorizer
    from tfcolor.colorizer.explain import plot
    from tfcolor.colorizer.painting import painted
    from tfcolor.colorizer.tiles import AUTO_TILE
    from tfcolor.utils.sheets import reduced

    colorizer, lightness = Colorizer.load(DEFAULT_MODEL, "float32"), lightness_of(LARGE)
    for name, photographs in (("colored", GOOD), ("limits", BAD)):
        save(args.output / f"{name}.jpg", before_and_after(colorizer, photographs))
    save(args.output / "hints.jpg", [with_and_without_hints(colorizer)])
    own = colorizer.decoding
    ways = [
        [(f"T = {T:g}", own.replace(temperature=T)) for T in TEMPERATURES],
        [(f"lambda = {share:g}", own.replace(uniform_share=share)) for share in SHARES],
    ]
    found = [colorizer.predict_many(lightness, [decoding for _, decoding in row]) for row in ways]
    rows = [
        [(caption, painted(lightness, ab)) for (caption, _), ab in zip(row, colors, strict=True)]
        for row, colors in zip(ways, found, strict=True)
    ]
    save(args.output / "temperature.jpg", rows)
    each = enumerate(candidates(colorizer, lightness, 4, own), start=1)
    save(args.output / "candidates.jpg", [[(f"candidate {k}", painted(lightness, ab)) for k, ab in each]])
    with tempfile.TemporaryDirectory() as folder:
        drawn = Path(folder) / "explain.png"
        plot(colorizer, lightness, POINT, own, drawn, AUTO_TILE)
        write_jpeg(args.output / "explain.jpg", reduced(np.asarray(Image.open(drawn).convert("RGB")), EXPLAIN_SIDE))
    save(args.output / "steady.jpg", [rows_over_time(colorizer)])
    write_json(args.output / "pictures.json", fingerprint())
    print(f"written to {args.output}")


def lightness_of(name: str) -> np.ndarray:
    """The lightness of a photograph of scikit-image, float32 [H, W]."""
    from tfcolor.color.lab import levels_to_lightness
    from tfcolor.data import datasets
    from tfcolor.photographs.pixels import read_photo

    (path,) = datasets.find("samples").folder.glob(f"{name}.*")
    return levels_to_lightness(read_photo(path).rgb).numpy()


def before_and_after(colorizer, names: tuple[str, ...]) -> list[list[tuple[str, np.ndarray]]]:
    """Two rows of a sheet: the gray photographs, and the coloured ones, the middle square of each."""
    from tfcolor.colorizer.painting import painted

    pictures = [middle_square(lightness_of(name)) for name in names]
    gray = [("gray", painted(lightness)) for lightness in pictures]
    return [gray, [("coloured", painted(lightness, colorizer.predict_ab(lightness))) for lightness in pictures]]


def rows_over_time(colorizer) -> list[tuple[str, np.ndarray]]:
    """A row of a sheet: the middle row of a clip over time, downwards, coloured frame by frame and steadily."""
    from benchmarks.clips import pan_and_zoom
    from tfcolor.data import datasets
    from tfcolor.films.coloring import colorize_frames
    from tfcolor.films.options import WEIGHT
    from tfcolor.photographs.pixels import read_photo

    (path,) = datasets.find("samples").folder.glob(f"{FILMED}.*")
    frames = [frame for frame, _ in pan_and_zoom(read_photo(path).rgb, FILM_SIDES, FILM_FRAMES)]
    pictures = []
    for name, weight in (("frame by frame", 0.0), ("steady", WEIGHT)):
        rows = [rgb[FILM_SIDES[0] // 2] for rgb in colorize_frames(colorizer, frames, None, weight)]
        pictures.append((name, np.repeat(np.stack(rows), ROW_HEIGHT, axis=0)))
    return pictures


def middle_square(picture: np.ndarray) -> np.ndarray:
    """Cut the longer side, so that pictures stand side by side without gaps."""
    side = min(picture.shape[:2])
    top, left = ((length - side) // 2 for length in picture.shape[:2])
    return picture[top : top + side, left : left + side]


def with_and_without_hints(colorizer) -> list[tuple[str, np.ndarray]]:
    """A row of a sheet: gray with dots where the hints are, coloured without them, and with them."""
    from tfcolor.colorizer.opened import OpenedPhotograph
    from tfcolor.colorizer.painting import painted
    from tfcolor.colorizer.tiles import AUTO_TILE

    lightness = lightness_of(HINTED)
    opened = OpenedPhotograph(colorizer, lightness, np.uint8, AUTO_TILE)
    dotted = Image.fromarray(painted(lightness))
    draw = ImageDraw.Draw(dotted)
    for x, y, color in HINTS:
        draw.circle((x, y), DOT, color, "white", 2)
    pictures = {
        "three hints": np.asarray(dotted),
        "without them": opened.colorize(),
        "with them": opened.colorize(HINTS),
    }
    return list(pictures.items())


def save(path: Path, rows: list[list[tuple[str, np.ndarray]]]) -> None:
    """Write a sheet of pictures, each reduced."""
    from tfcolor.utils.sheets import reduced, sheet

    write_jpeg(path, sheet([[(caption, reduced(rgb, SIDE)) for caption, rgb in row] for row in rows]))


def write_jpeg(path: Path, rgb: np.ndarray, width: int | None = None, quality: int = 80) -> None:
    """Write a picture as a JPEG, whole or not at all, reduced to a width if it is wider."""
    image = Image.fromarray(rgb)
    if width and width < image.width:
        image = image.resize((width, round(image.height * width / image.width)), Image.Resampling.LANCZOS)
    with replacing(path) as file:
        image.save(file, "JPEG", quality=quality)


if __name__ == "__main__":
    sys.exit(console.run(main))
