"""Read photographs to colour: every page of a file at its own depth, with its metadata."""

from dataclasses import dataclass, field, replace
from pathlib import Path

import imagecodecs
import numpy as np
import tensorflow as tf
from PIL import Image

from tfcolor.color.lab import gray_levels_to_lightness, levels_to_lightness, linear_to_lightness
from tfcolor.photographs import icc, metadata, tiff
from tfcolor.photographs.metadata import Metadata
from tfcolor.photographs.pixels import UnreadableImage, check_file, check_range, check_size, opened, refusing
from tfcolor.photographs.raster import Raster
from tfcolor.utils import pixelwise
from tfcolor.utils.strips import by_rows

_STRIP_ROWS = 256
_FREED_PIXELS = 2**22  # whose memory is freed at once
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


@dataclass(frozen=True)
class Page:
    """A decoded page, upright.

    lightness: float32 [H, W], L* in [0, 100].
    alpha: [H, W] of type `dtype`, as in the file; None for an opaque page.
    dtype: type of the page's levels: uint8 or uint16.
    metadata: what the result keeps. The ICC profile in it is the result's: the page's own RGB profile, or sRGB's in
        place of a gray or CMYK profile.
    is_srgb: whether the result's colours are sRGB; otherwise they must be converted to the profile in `metadata`.
    truth: the page's own colours, sRGB, uint8 [H, W, 3]; None if they were not requested or are gray.
    note: what the user should know about the page; usually empty.
    """

    lightness: np.ndarray
    alpha: np.ndarray | None
    dtype: type
    metadata: Metadata
    is_srgb: bool = True
    truth: np.ndarray | None = field(default=None, repr=False)
    note: str = ""

    def without_lightness(self) -> "Page":
        """Return what writing needs."""
        return replace(self, lightness=np.empty([0, 0], np.float32))  # a slice would keep the whole


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


def read_page(header: Header, index: int = 0, with_truth: bool = False) -> Page:
    """Decode a page.

    Args:
        header: what `read_header` returned for the file.
        index: number of the page, from 0.
        with_truth: whether the page's own colours are needed, too.

    Raises:
        UnreadableImage: the page is broken or truncated, or of an unsupported kind.
    """
    with refusing():
        raster = tiff.read_page(header.path, index) if header.format == "tiff" else _read_raster(header.path)
        return _page(raster.upright(), with_truth)


def _read_raster(path: Path) -> Raster:
    """The pixels of a picture at full depth. Pillow's copy of them, 4 bytes a pixel, is freed at the end."""
    with opened(path) as image:
        return _raster(path, image)


def _raster(path, image):
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


def _page(raster: Raster, with_truth: bool) -> Page:
    """Compute the lightness, and choose the result's profile."""
    pixels, profile, note = raster.pixels, raster.metadata.icc, ""
    if profile and pixels.shape[-1] == 1 and not icc.is_usable(profile, 1) and icc.is_usable(profile, 3):
        pixels = np.repeat(pixels, 3, axis=-1)  # gray with an RGB profile, which some scanners write
    if profile and not icc.is_usable(profile, pixels.shape[-1]):
        note, profile = "its ICC profile cannot be used, so it is taken for sRGB", b""
    num_channels = pixels.shape[-1]
    # Some profiles of scanners and cameras convert only to linear light, not back; then the result is sRGB, too.
    is_own = bool(profile) and num_channels == 3 and icc.is_target(profile)
    is_plain = not profile or (is_own and icc.is_srgb(profile))
    if is_plain and num_channels == 4:
        pixels = by_rows(_without_ink, pixels)
    kept = profile if is_own else icc.srgb() if profile else b""
    return Page(
        lightness=_lightness(pixels, None if is_plain else profile, is_last=not with_truth),
        alpha=raster.alpha,
        dtype=raster.pixels.dtype.type,
        metadata=raster.metadata.with_icc(kept),
        is_srgb=is_plain or not is_own,
        truth=_truth(pixels, None if is_plain else profile) if with_truth else None,
        note=note,
    )


def _lightness(pixels, profile, is_last):
    """L* [H, W] of pixels [H, W, C]; `is_last` if nobody needs the pixels afterwards."""
    if profile:
        return by_rows(lambda strip: linear_to_lightness(tf.constant(icc.to_linear(strip, profile))).numpy(), pixels)
    if pixels.shape[2] == 1:
        return gray_levels_to_lightness(pixels[..., 0])
    if is_last and pixels.flags.owndata and pixelwise.is_large(pixels[..., 0].size):
        return _lightness_in_place_of(pixels)
    return pixelwise.apply(levels_to_lightness, pixels)


def _lightness_in_place_of(pixels):
    """L* of RGB, from the last rows on; the memory of those that are done is freed, since both are large."""
    height, width, _ = pixels.shape
    lightness, rows = np.empty([height, width], np.float32), max(1, _FREED_PIXELS // width)
    convert = pixelwise.compiled(levels_to_lightness, by_xla=True)
    for bottom in range(height, 0, -rows):
        top = max(0, bottom - rows)
        (part,) = convert(pixels[top:].reshape(-1, 3))
        lightness[top:bottom] = part.reshape(-1, width)
        pixels.resize([top, width, 3], refcheck=False)
    return lightness


def _without_ink(cmyk):
    """Convert CMYK without a profile to 16-bit RGB: each ink absorbs its share of the light that the others leave."""
    rest = 1 - cmyk.astype(np.float32) / np.iinfo(cmyk.dtype).max
    return np.round(rest[..., :3] * rest[..., 3:] * 65535).astype(np.uint16)


def _truth(pixels, profile):
    if profile:
        rgb = by_rows(lambda strip: icc.to_srgb(strip, profile), pixels)
    else:
        rgb = pixels if pixels.dtype == np.uint8 else np.round(pixels / 257).astype(np.uint8)
    return rgb if rgb.shape[-1] == 3 and (rgb != rgb[..., :1]).any() else None
