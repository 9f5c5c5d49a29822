"""Read photographs to colour: their lightness, and what their results keep. No TensorFlow."""

from dataclasses import dataclass, field, replace

import numpy as np

from tfcolor.color.lightness import lightness_of_gray, lightness_of_levels, lightness_of_linear
from tfcolor.photographs import icc
from tfcolor.photographs.decoding import Header, decode
from tfcolor.photographs.metadata import Metadata
from tfcolor.photographs.pixels import refusing
from tfcolor.photographs.raster import Raster
from tfcolor.utils.strips import by_rows

_FREED_PIXELS = 2**20  # whose memory is freed at once


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


def read_page(header: Header, index: int = 0, with_truth: bool = False, raster: Raster | None = None) -> Page:
    """Read a page.

    Args:
        header: what `decoding.read_header` returned for the file.
        index: number of the page, from 0.
        with_truth: whether the page's own colours are needed, too.
        raster: the page, if `decoding.decode` has decoded it already. It must not be used afterwards.

    Raises:
        UnreadableImage: the page is broken or truncated, or of an unsupported kind.
    """
    raster = raster or decode(header, index)
    with refusing():
        return _page(raster, with_truth)


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
        return by_rows(lambda strip: lightness_of_linear(icc.to_linear(strip, profile)), pixels)
    if pixels.shape[2] == 1:
        return lightness_of_gray(pixels[..., 0])
    if is_last and pixels.flags.owndata:
        return _lightness_in_place_of(pixels)
    return lightness_of_levels(pixels)


def _lightness_in_place_of(pixels):
    """L* of RGB, from the last rows on; the memory of those that are done is freed, since both are large."""
    height, width, _ = pixels.shape
    lightness, rows = np.empty([height, width], np.float32), max(1, _FREED_PIXELS // width)
    for bottom in range(height, 0, -rows):
        top = max(0, bottom - rows)
        lightness[top:bottom] = lightness_of_levels(pixels[top:])
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
