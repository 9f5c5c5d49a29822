"""Write coloured pages to a file, whole or not at all, with the metadata of the original."""

import contextlib
import io
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import imagecodecs
import numpy as np
from PIL import Image, PngImagePlugin

from tfcolor.photographs import icc, tiff
from tfcolor.photographs.formats import FORMATS, MAX_SIDES, Unsavable
from tfcolor.photographs.metadata import Metadata
from tfcolor.photographs.reading import Page
from tfcolor.utils.files import WithoutDescriptor, replacing
from tfcolor.utils.strips import by_rows

DEFAULT_QUALITY = 95  # of a JPEG made from another format
_PNG_HEADER = 33  # bytes: the signature and the first chunk, IHDR (PNG specification, 5.2 and 11.2.2)


def levels_of(page: Page, format: str) -> type:
    """Return the type that a page's colours should have when they are handed to `saving`: uint8 or uint16.

    Colours that will be converted to another profile than sRGB have 16 bits, so that they are rounded only once.

    Args:
        page: the page.
        format: format of the result: a name in `formats.FORMATS`.
    """
    return _depth(page, format) if page.is_srgb else np.uint16


def takes_spare_bytes(format: str) -> bool:
    """Tell whether `saving` takes uint8 colours with a byte after each pixel without copying them."""
    return format == "jpeg"


def _depth(page, format):
    return page.dtype if FORMATS[format].has_16_bits else np.uint8


@contextlib.contextmanager
def saving(
    path: Path, format: str, num_bytes: int, quality: int | None = None
) -> Iterator[Callable[[np.ndarray, Page], None]]:
    """Open a result. It gets its name at the end of the block, unless the block raises.

    Args:
        path: path of the result, in a folder that exists.
        format: a name in `formats.FORMATS`; each except TIFF takes one page.
        num_bytes: the approximate size of the uncompressed result.
        quality: quality of JPEG and WebP, 1 ... 100; None for the quality of the original, and for a lossless WebP.

    Yields:
        A function that adds a page. Its arguments are the colours, [H, W, 3] of the type `levels_of` returns, and the
        page.

    Raises:
        Unsavable: the format cannot hold a page. The function raises it, too.
        OSError: the file cannot be written. The function raises it, too.
    """
    with _encoding(), replacing(path) as file:
        if format == "tiff":
            with tiff.Writer(file, num_bytes) as writer:
                yield lambda rgb, page: writer.add(_pixels(rgb, page, format), page.metadata)
        else:
            save, plain = _SAVERS[format], WithoutDescriptor(file)
            yield lambda rgb, page: save(plain, _pixels(rgb, page, format), page.metadata, quality)


@contextlib.contextmanager
def _encoding() -> Iterator[None]:
    """Turn what encoders raise for pages that they cannot write, such as broken metadata, into Unsavable."""
    try:
        yield
    except (Unsavable, OSError):
        raise
    except (ValueError, RuntimeError, TypeError, LookupError, ArithmeticError, struct.error) as error:
        raise Unsavable(" ".join(str(error).split()) or type(error).__name__) from error


def _pixels(rgb: np.ndarray, page: Page, format: str) -> np.ndarray:
    """Colours in the result's profile, and alpha, at the format's depth: [H, W, 3 or 4]."""
    longest = MAX_SIDES.get(format)
    if longest and max(rgb.shape[:2]) > longest:
        raise Unsavable(f"{format.upper()} has at most {longest:,} pixels a side; choose another `format`")
    dtype = _depth(page, format)
    if not page.is_srgb:
        rgb = by_rows(lambda strip: icc.from_srgb(strip, page.metadata.icc, dtype), rgb)
    rgb = rounded(rgb, dtype)
    if page.alpha is None:
        return rgb
    alpha = rounded(page.alpha, dtype)
    if FORMATS[format].has_alpha:
        return np.dstack([rgb, alpha])
    if (alpha == np.iinfo(dtype).max).all():
        return rgb
    raise Unsavable(f"{format.upper()} cannot hold its transparency; choose another `format`, such as png")


def rounded(levels: np.ndarray, dtype: type) -> np.ndarray:
    """Round levels to fewer bits.

    Args:
        levels: uint8 or uint16, of any shape.
        dtype: dtype of the result: uint8, or the type of `levels`.
    """
    if levels.dtype == dtype:
        return levels
    return by_rows(lambda strip: np.round(strip / np.float32(257)).astype(dtype), levels)  # 65535 = 257 * 255


def _save_jpeg(file: IO[bytes], pixels: np.ndarray, kept: Metadata, quality: int | None) -> None:
    """Write a JPEG with full chroma resolution, whatever the original has: colour is what was added."""
    options = _blocks(kept)
    if kept.dpi:
        options["dpi"] = tuple(round(side) for side in kept.dpi)
    options["extra"] = b"".join(
        b"\xff\xed" + (len(segment) + 2).to_bytes(2, "big") + segment for segment in kept.photoshop if segment
    )
    _image(pixels).save(
        file,
        "JPEG",
        quality=quality or kept.quality or DEFAULT_QUALITY,
        subsampling=0,
        progressive=kept.progressive,
        comment=kept.comment,
        **options,
    )


def _image(pixels: np.ndarray) -> Image.Image:
    """A picture that shares its memory with `pixels`, if these have a spare byte after each, as Pillow's own have."""
    (height, width, _), whole = pixels.shape, pixels.base
    is_all = whole is not None and whole.nbytes == 4 * height * width and whole.ctypes.data == pixels.ctypes.data
    if is_all and pixels.strides == (4 * width, 4, 1):
        return Image.frombuffer("RGBX", (width, height), whole, "raw", "RGBX", 0, 1)
    return Image.fromarray(pixels)


def _save_png(file: IO[bytes], pixels: np.ndarray, kept: Metadata, quality: int | None) -> None:
    texts = PngImagePlugin.PngInfo()
    comment = {"Comment": kept.comment.decode(errors="replace")} if kept.comment else {}
    for key, text in ({**comment, **kept.texts}).items():
        texts.add_itxt(key, text) if not text.isascii() else texts.add_text(key, text)
    if kept.xmp:
        texts.add_itxt("XML:com.adobe.xmp", kept.xmp.decode(errors="replace"))
    options = {"exif": kept.exif or None, "icc_profile": kept.icc or None, "dpi": kept.dpi, "pnginfo": texts}
    options = {name: option for name, option in options.items() if option}
    if pixels.dtype == np.uint8:
        Image.fromarray(pixels).save(file, "PNG", **options)
        return
    # Pillow has no 16-bit colours, so it writes the chunks with metadata, and imagecodecs the others.
    stub = io.BytesIO()
    Image.new("RGB", (1, 1)).save(stub, "PNG", **options)
    chunks = stub.getvalue()[_PNG_HEADER:].partition(b"IDAT")[0][:-4]  # the last 4 bytes are IDAT's length
    deep = memoryview(imagecodecs.png_encode(pixels))
    for part in (deep[:_PNG_HEADER], chunks, deep[_PNG_HEADER:]):
        file.write(part)


def _save_webp(file: IO[bytes], pixels: np.ndarray, kept: Metadata, quality: int | None) -> None:
    lossy = {"quality": quality, "lossless": False} if quality else {"lossless": True, "exact": True}
    Image.fromarray(pixels).save(file, "WEBP", **lossy, **_blocks(kept))


def _save_bmp(file: IO[bytes], pixels: np.ndarray, kept: Metadata, quality: int | None) -> None:
    Image.fromarray(pixels).save(file, "BMP", **({"dpi": kept.dpi} if kept.dpi else {}))


def _save_ppm(file: IO[bytes], pixels: np.ndarray, kept: Metadata, quality: int | None) -> None:
    height, width, _ = pixels.shape
    file.write(f"P6\n{width} {height}\n{np.iinfo(pixels.dtype).max}\n".encode())
    file.write(pixels.astype(pixels.dtype.newbyteorder(">"), copy=False).tobytes())


def _blocks(kept):
    """Pillow's options for the blocks that are not empty."""
    blocks = {"exif": kept.exif, "xmp": kept.xmp, "icc_profile": kept.icc}
    return {name: block for name, block in blocks.items() if block}


_SAVERS = {"jpeg": _save_jpeg, "png": _save_png, "webp": _save_webp, "bmp": _save_bmp, "ppm": _save_ppm}
