"""Decode photographs to colour: every page of a file at its own depth, with its metadata. No TensorFlow."""

from dataclasses import dataclass
from pathlib import Path

import imagecodecs
import numpy as np
from PIL import Image

from tfcolor.photographs import jpeg, metadata, tiff
from tfcolor.photographs.pixels import UnreadableImage, check_file, check_range, check_size, opened, refusing
from tfcolor.photographs.raster import Raster

_STRIP_ROWS = 256
# Pillow's names of formats -> names in `formats.FORMATS`. Results of other formats become PNG.
_FORMATS = {"JPEG": "jpeg", "MPO": "jpeg", "PNG": "png", "WEBP": "webp", "BMP": "bmp", "PPM": "ppm"}


@dataclass(frozen=True)
class Header:
    """What is known of a file before its pixels are decoded.

    path: the file.
    format: a name in `formats.FORMATS`, or None for other formats.
    num_pages: number of pages of a TIFF; 1 for other formats.
    num_pixels: number of pixels of the largest page.
    pillow_format: Pillow's name of the format.
    note: what the user should know about how the file is read; usually empty.
    """

    path: Path
    format: str | None
    num_pages: int
    num_pixels: int
    pillow_format: str = "TIFF"
    note: str = ""


def read_header(path: Path, max_pixels: int) -> Header:
    """Read what a file says about its pictures, without decoding pixels.

    Args:
        path: the file.
        max_pixels: the largest number of pixels of a page.

    Raises:
        UnreadableImage: the file is not a picture, or a page is too large.
    """
    with refusing():
        check_file(path)
        if tiff.is_tiff(path):
            num_pages, num_pixels = tiff.measure(path, max_pixels)
            return Header(path, "tiff", num_pages, num_pixels)
        with opened(path) as image:
            check_size(*image.size, max_pixels)
            if image.format == "EPS":  # Pillow would start Ghostscript to decode it
                raise UnreadableImage("an EPS drawing, not a photograph")
            format, num_pixels = _FORMATS.get(image.format), image.width * image.height
            return Header(path, format, 1, num_pixels, image.format, _frames_note(image))


def _frames_note(image: Image.Image) -> str:
    frames = getattr(image, "n_frames", 1)
    if frames == 1 or image.format == "MPO":  # a phone's second picture is a depth map or a small preview
        return ""
    return f"only the first of its {frames} frames is coloured"


def decode(header: Header, index: int = 0) -> Raster:
    """Decode a page, and turn it upright.

    Args:
        header: what `read_header` returned for the file.
        index: number of the page, from 0.

    Raises:
        UnreadableImage: the page is broken or truncated, or of an unsupported kind.
    """
    with refusing():
        raster = tiff.read_page(header.path, index) if header.format == "tiff" else _read_raster(header.path)
        return raster.upright()


def _read_raster(path: Path) -> Raster:
    """The pixels of a picture at full depth. Pillow's copy of them, 4 bytes a pixel, is freed at the end."""
    with opened(path) as image:
        return _raster(path, image)


def _raster(path, image):
    colors = _colors_of_jpeg(path, image)
    if colors is not None:
        return Raster(colors, None, *metadata.of_image(image))
    rawmode = _rawmode(image)
    is_scaled = image.format == "PNG" and rawmode in ("L;2", "L;4") and "transparency" in image.info
    # Pillow scales samples of 2 and 4 bits, and does not scale the transparent level.
    is_deep = rawmode.endswith(";16B") or is_scaled
    pixels, alpha = _deep(path, image, rawmode) if is_deep else _shallow(image)
    image.load()  # some formats hold metadata after the pixels
    return Raster(pixels, alpha, *metadata.of_image(image))


def _rawmode(image: Image.Image) -> str:
    """How Pillow unpacks pixels: '...;16B' for 16-bit PNG and PPM, which it reduces to 8 bits."""
    if not image.tile:
        return ""
    args = image.tile[0].args
    if image.format == "PPM" and isinstance(args, tuple) and args[0] == "RGB" and args[1] > 255:
        return "PPM;16B"
    return args if isinstance(args, str) else ""


def _deep(path, image, rawmode):
    if image.format == "PNG":
        pixels = imagecodecs.png_decode(path.read_bytes())  # tRNS becomes alpha
        return _split_alpha(pixels if pixels.ndim == 3 else pixels[..., None])
    if rawmode == "PPM;16B":
        return _deep_ppm(path, image), None
    return _shallow(image)  # 16-bit PGM, which Pillow reads at full depth


def _deep_ppm(path, image):
    """RGB of more than 8 bits: big-endian numbers after the header, which Pillow has read."""
    tile = image.tile[0]
    if tile.codec_name != "ppm":
        raise UnreadableImage("a PPM of more than 8 bits in plain text; convert it to a binary one")
    shape, highest = (image.height, image.width, 3), tile.args[1]
    values = np.fromfile(path, ">u2", count=np.prod(shape), offset=tile.offset)
    if values.size < np.prod(shape):
        raise UnreadableImage("truncated")
    return np.round(values.reshape(shape).astype(np.float32) * (65535 / highest)).clip(0, 65535).astype(np.uint16)


def _shallow(image):
    if image.mode.startswith("I") or image.mode == "F":
        gray = np.asarray(image)
        check_range(image.mode, gray)
        return gray.astype(np.uint16)[..., None], None
    if image.has_transparency_data:
        is_gray = image.mode in ("LA", "L", "1")
        pixels, alpha = _split_alpha(np.asarray(image.convert("RGBA")))
        return (pixels[..., :1] if is_gray else pixels), alpha
    if image.mode in ("1", "L"):
        return np.asarray(image.convert("L"))[..., None], None
    return _array(image if image.mode in ("RGB", "CMYK") else image.convert("RGB")), None


def _colors_of_jpeg(path, image):
    """The pixels of a JPEG file in colour, without Pillow's copy of 4 bytes a pixel; None for what Pillow must read."""
    is_plain = image.format in ("JPEG", "MPO") and image.mode == "RGB"
    return jpeg.read_rgb(path, image.width * image.height, with_exif=True) if is_plain else None


def _array(image):
    """The pixels of a picture, without the second copy that `np.asarray` makes on the way."""
    pixels = np.empty([image.height, image.width, len(image.getbands())], np.uint8)
    for top in range(0, image.height, _STRIP_ROWS):
        bottom = min(top + _STRIP_ROWS, image.height)
        pixels[top:bottom] = image.crop((0, top, image.width, bottom))
    return pixels


def _split_alpha(pixels):
    if pixels.shape[-1] % 2:
        return pixels, None
    return pixels[..., :-1], np.ascontiguousarray(pixels[..., -1])
