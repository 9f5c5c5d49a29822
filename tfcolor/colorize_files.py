"""Files to files: which photographs are coloured, what their results are called, and doing it.

TensorFlow loads only where it is needed, so that a script can check everything first.
"""

import glob
import sys
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tfcolor import console, datasets, photos
from tfcolor.errors import InputError

# Photograph -> its result, and where they are asked for a comparison.
Targets = dict[Path, tuple[Path, Path | None]]

_WRITES_AHEAD = 1  # results that may wait to be written while the next photograph is coloured


def plan(inputs: list[str], folder: Path, compare: bool, overwrite: bool) -> Targets:
    """Find photographs, and the names of their results.

    Args:
        inputs: files, folders and globs; none for the samples.
        folder: of the results.
        compare: whether comparisons are written as well.
        overwrite: whether results may exist already.

    Raises:
        InputError: where something is not there, or a result would replace what it must not.
    """
    paths = [path for text in inputs for path in _expand(text)] if inputs else datasets.sample_photographs()
    sources = {path.resolve() for path in paths}
    targets, taken = {}, {}
    for path in dict.fromkeys(paths):
        result = folder / photos.output_name(path)
        comparison = folder / f"{result.stem}-compare.png" if compare else None
        for target in filter(None, (result, comparison)):
            if target in taken:
                raise InputError(f"{path} and {taken[target]} would both be written to {target}; colour them apart")
            if target.resolve() in sources:
                raise InputError(f"{target} is an input, it cannot be a result as well; give another --output")
            if target.exists() and not overwrite:
                raise InputError(f"{target} exists; give --overwrite to replace it, or another --output")
            taken[target] = path
        targets[path] = (result, comparison)
    return targets


def _expand(text: str) -> list[Path]:
    """The photographs that an argument means: a file, a folder's images, or a glob's matches."""
    if not text:
        raise InputError("a file name is empty; leave it out to colour the samples")
    path = Path(text)
    if path.is_dir():
        found = sorted(p for p in path.iterdir() if p.suffix.lower() in datasets.SUFFIXES and p.is_file())
        if not found:
            raise InputError(f"no images in folder {text}")
        return found
    if path.exists():
        return [path]
    matches = glob.glob(text, recursive=True)  # noqa: PTH207  (Path.glob refuses absolute patterns)
    found = sorted(Path(match) for match in matches if Path(match).is_file())
    if not found:
        raise InputError(f"{text} matches no file")
    return found


def measure(targets: Targets) -> tuple[dict[Path, tuple[int, int]], int]:
    """Read the sizes of all photographs; those that are no images are said, and dropped from `targets`.

    Returns:
        Width and height by path, and how many were dropped.

    Raises:
        InputError: where none is left.
    """
    sizes, failures = {}, []
    for path in list(targets):
        try:
            sizes[path] = photos.read_size(path)
        except photos.UnreadableImage as error:
            failures.append(f"cannot read {path}: {error}")
            del targets[path]
    if not targets:
        more = f" (nor any of {len(failures) - 1} others)" if len(failures) > 1 else ""
        raise InputError(failures[0] + more)
    for failure in failures:
        print(failure, file=sys.stderr)
    return sizes, len(failures)


def colorize_files(
    colorizer: Any, targets: Targets, sizes: dict[Path, tuple[int, int]], temperature: float, tile: int
) -> list[Path]:
    """Colour and write photographs; those that cannot be decoded are said and left out.

    Reading and writing go on in other threads while the network works.

    Args:
        colorizer: a `colorizer.Colorizer`.
        targets: from `plan`.
        sizes: from `measure`.
        temperature: T.
        tile: side of the tiles.

    Returns:
        The photographs that were coloured.
    """
    from tfcolor.colorizer import count_tiles

    total = sum(count_tiles(height, width, tile) for width, height in sizes.values())
    colored, waiting, writing = [], deque(), deque()
    with console.Progress("colouring", total, "tiles") as progress, ThreadPoolExecutor(1) as writer:

        def pictures():
            for path, photo in photos.read_all(targets):
                if isinstance(photo, photos.UnreadableImage):
                    progress.log(f"cannot read {path}: {photo}")
                    width, height = sizes[path]
                    progress.total -= count_tiles(height, width, tile)
                else:
                    waiting.append((path, photo))
                    del photo
                    yield waiting[-1][1].rgb

        def show(done):
            progress.update(done, waiting[0][0].name)

        for rgb in colorizer.colorize_all(pictures(), temperature, tile, show):
            path, photo = waiting.popleft()
            writing.append(writer.submit(_write, targets[path], photo, rgb))
            colored.append(path)
            if len(writing) > _WRITES_AHEAD:
                writing.popleft().result()
            del photo, rgb  # else they stay in memory while the next one is read
        for write_job in writing:
            write_job.result()
        if 0 < len(colored) < len(targets):  # else the last tile has said it
            progress.update(progress.total)
    return colored


def _write(target, photo, rgb):
    """Write the result, and where it is asked for the comparison."""
    from tfcolor.color import grayed
    from tfcolor.sheets import sheet

    result, comparison = target
    photos.write(result, rgb, photo.alpha)
    if comparison:
        pictures = [("input", grayed(photo.rgb).numpy()), ("result", rgb)]
        pictures += [("truth", photo.rgb)] if photo.has_color else []
        photos.write(comparison, sheet([pictures]))
