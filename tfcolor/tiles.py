"""Tiles of a picture: where they are, and their pixels with those around them. No TensorFlow."""

from collections.abc import Iterator

import numpy as np


def count_tiles(height: int, width: int, tile: int) -> int:
    """How many tiles a picture has."""
    return -(-height // tile) * -(-width // tile)


def split_tiles(picture: np.ndarray, tile: int, context: int) -> Iterator[tuple[tuple[slice, slice], np.ndarray]]:
    """Yield each tile's place in a picture [H, W, ...], and its pixels with `context` more on all sides."""
    for place in tile_places(*picture.shape[:2], tile):
        yield place, cut_with_context(picture, place, context)


def tile_places(height: int, width: int, tile: int) -> Iterator[tuple[slice, slice]]:
    """Yield where the tiles of a picture are, row by row: as few as can be, of sizes as even as can be."""
    rows, columns = (_divided(length, tile) for length in (height, width))
    for row in rows:
        for column in columns:
            yield row, column


def _divided(length: int, longest: int) -> list[slice]:
    """Divide a length evenly into as few parts as are needed, none longer than `longest`."""
    count = -(-length // longest)
    return [slice(length * k // count, length * (k + 1) // count) for k in range(count)]


def cut_with_context(picture: np.ndarray, inside: tuple[slice, slice], context: int) -> np.ndarray:
    """Cut a tile with its surroundings, which reflect the picture (again and again) beyond its borders.

    A tile at a border is cut with all the pixels that are reflected there, so that only it is copied.
    """
    places, missing = [], []
    for place, length in zip(inside, picture.shape, strict=False):
        start, stop = place.start - context, place.stop + context
        places.append(slice(max(start, 0), min(stop, length)))
        missing.append((max(-start, 0), max(stop - length, 0)))
    cut = picture[tuple(places)]
    if not np.any(missing):
        return cut
    return np.pad(cut, missing + [(0, 0)] * (picture.ndim - 2), mode="reflect")
