"""Animations: GIF and WebP files of several frames, which become lossless animated WebP files."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageSequence

from tfcolor.photographs.formats import MAX_SIDES, Unsavable
from tfcolor.photographs.pixels import UnreadableImage, check_size, opened
from tfcolor.utils.files import WithoutDescriptor, replacing

SUFFIXES = (".gif", ".webp")
_MOST_BYTES = 2_000_000_000  # of all frames: all are in memory until the result is written
_MOST_LOOPS = 65535  # that WebP can count


class Animation(NamedTuple):
    """The frames of an animation, as they are shown.

    frames: uint8 [N, H, W, 4], sRGB and alpha.
    durations: of each frame in milliseconds.
    loops: how often it is shown; 0 for ever.
    """

    frames: np.ndarray
    durations: list[int]
    loops: int


def is_animation(path: Path) -> bool:
    """Tell whether a file is an animation of several frames; False if it cannot be read."""
    if path.suffix.lower() not in SUFFIXES or not path.is_file():
        return False
    try:
        with opened(path) as image:
            return getattr(image, "is_animated", False)
    except UnreadableImage:
        return False


def read_animation(path: Path, max_pixels: int) -> Animation:
    """Decode all frames.

    Args:
        path: the file.
        max_pixels: the largest number of pixels of a frame.

    Raises:
        UnreadableImage: it is broken, or too large.
    """
    with opened(path) as image:
        check_size(*image.size, max_pixels)
        check_size(image.width * image.n_frames, image.height, _MOST_BYTES // 4)
        if image.format == "GIF":
            _check_gif(path.read_bytes())
        frames, durations = [], []
        for frame in ImageSequence.Iterator(image):
            frames.append(np.asarray(frame.convert("RGBA")))
            durations.append(round(frame.info.get("duration", 0)))
        return Animation(np.stack(frames), durations, _loops(image))


def _loops(image):
    """How often an animation is shown. GIF counts repetitions, if at all, and WebP showings, as in gif2webp."""
    if image.format != "GIF":
        return image.info.get("loop", 0)
    repetitions = image.info.get("loop")
    return 1 if repetitions is None else repetitions and min(repetitions + 1, _MOST_LOOPS)


def _check_gif(data: bytes) -> None:
    """Raise UnreadableImage if a GIF ends inside a block: Pillow takes a frame's broken head for the end."""
    try:
        place, extended = 13 + _palette(data[10]), False
        while place < len(data) and data[place] != 0x3B:  # the end
            extended = data[place] == 0x21
            if data[place] == 0x2C:  # a frame
                place = _after_pieces(data, place + 11 + _palette(data[place + 9]))
            elif extended:  # by what belongs to a frame after it
                place = _after_pieces(data, place + 2)
            else:
                place += 1  # as Pillow does it
    except IndexError as error:
        raise UnreadableImage("it is cut off") from error
    if place >= len(data) and extended:
        raise UnreadableImage("it is cut off")


def _palette(flags):
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _after_pieces(data, place):
    """The place after a sequence of pieces, each with its size before it; the last has no bytes."""
    while size := data[place]:
        place += size + 1
    return place + 1


def check_savable(width: int, height: int) -> None:
    """Raise Unsavable if an animated WebP cannot have these sides."""
    if max(width, height) > MAX_SIDES["webp"]:
        raise Unsavable(f"{width}x{height} pixels, and WEBP has at most {MAX_SIDES['webp']:,} a side")


def write_animation(path: Path, animation: Animation) -> None:
    """Write a lossless animated WebP, whole or not at all.

    Raises:
        OSError: the file cannot be written.
        Unsavable: the encoder refuses the frames.
    """
    first, *others = (Image.fromarray(frame) for frame in animation.frames)
    with replacing(path) as file:
        options = {"lossless": True, "exact": True, "minimize_size": False}
        timing = {"duration": animation.durations, "loop": animation.loops}
        try:
            first.save(WithoutDescriptor(file), "WEBP", save_all=True, append_images=others, **timing, **options)
        except (RuntimeError, ValueError) as error:
            raise Unsavable(str(error)) from error
