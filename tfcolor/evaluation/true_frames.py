"""The frames of colour films, as truth for evaluations."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tfcolor.films.reading import Damaged, Film, load_av, read_film, stream_of
from tfcolor.photographs.pixels import MAX_PIXELS, UnreadableImage, check_size

LEAST_SIDE = 16  # pixels: smaller frames are too small for optical flow
_MATRICES = {0.2126: 1, 0.299: 5}  # numbers of the matrices (ITU-T H.273, table 4) that are guessed, by K_R
_UNSPECIFIED = 2
_WHITE_IS_NOT_SRGB = ("pq", "hlg")


def read_true_film(path: Path) -> Film:
    """Open a film whose colours can be a truth.

    Raises:
        UnreadableImage: it cannot be read, its frames are too small or too large, or its colours are not those of sRGB.
    """
    film = read_film(path)
    check_size(film.width, film.height, MAX_PIXELS)
    if min(film.upright) < LEAST_SIDE:
        raise UnreadableImage(f"its frames have {film.width}x{film.height} pixels; the least side is {LEAST_SIDE}")
    if film.coding.wide or film.coding.transfer in _WHITE_IS_NOT_SRGB:
        raise UnreadableImage("it has HDR or the primaries of BT.2020, and is measured only in sRGB")
    return film


def true_frames(film: Film) -> Iterator[np.ndarray]:
    """Decode the frames of a film in colour.

    A film that does not name its matrix is decoded as players guess it; FFmpeg would always take that of BT.601.

    Yields:
        uint8 [H, W, 3], sRGB, upright.

    Raises:
        Damaged: after the last frame that can be read.
    """
    av = load_av()
    try:
        with av.open(str(film.path)) as container:
            stream = stream_of(container)
            stream.thread_type = "AUTO"
            for number, frame in enumerate(container.decode(stream)):
                if (frame.width, frame.height) != (film.width, film.height):
                    raise Damaged(f"its frames have another size after {number}")
                if int(frame.colorspace) == _UNSPECIFIED:
                    frame.colorspace = _MATRICES[film.coding.red]
                rgb = frame.to_ndarray(format="rgb24")
                yield np.ascontiguousarray(np.rot90(rgb, film.rotation // 90 % 4))
    except (av.FFmpegError, OSError) as error:
        raise Damaged(f"it cannot be read to its end: {getattr(error, 'strerror', None) or error}") from error
