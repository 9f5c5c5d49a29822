"""Small files of many kinds, whole and mutated."""

import functools
import io
import random
from collections.abc import Callable

import imagecodecs
import numpy as np
import tifffile
from PIL import Image

HEIGHT, WIDTH = 24, 32


def gray(highest: int = 255, height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    """Noise: what is cut off cannot be guessed from the rest."""
    levels = np.random.default_rng(1).integers(0, highest + 1, [height, width])
    return levels.astype(np.uint8 if highest == 255 else np.uint16)


def rgb(highest: int = 255, height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    levels = np.random.default_rng(2).integers(0, highest + 1, [height, width, 3])
    return levels.astype(np.uint8 if highest == 255 else np.uint16)


# Good files, as bytes


def by_pillow(picture: np.ndarray, format: str, **options: object) -> bytes:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, format, **options)
    return file.getvalue()


def by_tifffile(*pages: np.ndarray, bigtiff: bool = False, **options: object) -> bytes:
    file = io.BytesIO()
    with tifffile.TiffWriter(file, bigtiff=bigtiff) as writer:
        for page in pages:
            kind = "rgb" if page.shape[-1] == 3 else "minisblack"
            writer.write(page, **({"photometric": kind, "metadata": None} | options))
    return file.getvalue()


def frames(format: str, **options: object) -> bytes:
    """Three pictures in one file."""
    first, *others = [Image.fromarray(np.roll(gray(), 5 * k, axis=0)) for k in range(3)]
    file = io.BytesIO()
    first.save(file, format, save_all=True, append_images=others, **options)
    return file.getvalue()


def netpbm(kind: str, highest: int, samples: np.ndarray) -> bytes:
    return f"{kind}\n{WIDTH} {HEIGHT}\n{highest}\n".encode() + samples.tobytes()


@functools.cache
def whole_files() -> dict[str, bytes]:
    """A good file of each kind by its name."""
    pages = [gray(), rgb(), gray(65535)]
    return {
        "gray.jpg": by_pillow(gray(), "JPEG"),
        "rgb.jpg": by_pillow(rgb(), "JPEG", quality=95),
        "progressive.jpg": by_pillow(rgb(), "JPEG", progressive=True),
        "gray8.png": by_pillow(gray(), "PNG"),
        "rgb8.png": by_pillow(rgb(), "PNG"),
        "gray16.png": by_pillow(gray(65535), "PNG"),
        "rgb16.png": imagecodecs.png_encode(rgb(65535)),
        "in-fact-a-png.jpg": by_pillow(gray(), "PNG"),
        "plain.tif": by_tifffile(rgb()),
        "lzw.tif": by_tifffile(rgb(65535), compression="lzw"),
        "deflate.tif": by_tifffile(gray(65535), compression="zlib", predictor=True, rowsperstrip=4),
        "tiled.tif": by_tifffile(rgb(), tile=(16, 16)),
        "jpeg.tif": by_pillow(rgb(), "TIFF", compression="jpeg"),
        "big.tif": by_tifffile(gray(), bigtiff=True),
        "pages.tif": by_tifffile(*pages),
        "pages-deflate.tif": by_tifffile(*pages, compression="zlib"),
        "pages-lzw.tif": frames("TIFF", compression="tiff_lzw"),  # each page's tags come after its pixels
        "lossy.webp": by_pillow(rgb(), "WEBP"),
        "lossless.webp": by_pillow(rgb(), "WEBP", lossless=True),
        "frames.webp": frames("WEBP"),
        "rgb.bmp": by_pillow(rgb(), "BMP"),
        "gray.bmp": by_pillow(gray(), "BMP"),
        "still.gif": by_pillow(gray(), "GIF"),
        "frames.gif": frames("GIF"),
        "rgb.ppm": netpbm("P6", 255, rgb()),
        "deep.ppm": netpbm("P6", 65535, rgb(65535).astype(">u2")),
        "gray.pgm": netpbm("P5", 255, gray()),
        "in-text.ppm": f"P3\n{WIDTH} {HEIGHT}\n255\n".encode() + " ".join(map(str, rgb().ravel())).encode() + b"\n",
    }


# Mutations: each takes a file and a source of random numbers, and returns another file.


def flip_bits(content: bytes, rng: random.Random) -> bytes:
    """Flip 1 to 20 bits anywhere."""
    changed = bytearray(content)
    for _ in range(rng.randint(1, 20)):
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def truncate(content: bytes, rng: random.Random) -> bytes:
    """Cut the end off."""
    return content[: rng.randrange(len(content))]


def change_length(content: bytes, rng: random.Random) -> bytes:
    """Put an extreme number where a length or an offset may be: 2 or 4 bytes in the first 200, in either byte order."""
    size = rng.choice((2, 4))
    place = rng.randrange(min(200, len(content) - size))
    number = rng.choice((0, 1, 2 ** (8 * size - 1) - 1, 2 ** (8 * size - 1), 2 ** (8 * size) - 1, len(content)))
    field = (number % 2 ** (8 * size)).to_bytes(size, rng.choice(("little", "big")))
    return content[:place] + field + content[place + size :]


def splice(content: bytes, rng: random.Random) -> bytes:
    """Move, repeat or remove a chunk, or insert one of another kind of file."""
    start, end = sorted(rng.randrange(len(content)) for _ in range(2))
    other = rng.choice(list(whole_files().values()))
    inserted = rng.choice((b"", content[start:end] * 2, other[: rng.randrange(len(other))], bytes(end - start)))
    return content[:start] + inserted + content[end:]


MUTATIONS: tuple[Callable[[bytes, random.Random], bytes], ...] = (flip_bits, truncate, change_length, splice)
