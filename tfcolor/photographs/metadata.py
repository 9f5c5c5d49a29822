"""What a picture file holds besides its pixels; results keep it."""

import functools
import io
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from PIL import ExifTags, Image, ImageOps, JpegImagePlugin

from tfcolor.photographs.quiet import no_pillow_limit

_XMP_KEYS = ("xmp", "XML:com.adobe.xmp")  # Pillow's keys, which depend on the format
_RAW_EXIF = "Raw profile type exif"  # the text chunk in which ImageMagick kept EXIF before PNG had a chunk for it
_MAX_DPI = 65_535  # JPEG has 16 bits for it
_PHOTOSHOP = "APP13"  # the JPEG segment that holds IPTC captions and keywords
# Tags of TIFF 6.0 and Adobe's supplements that describe how pixels lie in the file. Whoever writes a file sets its own.
LAYOUT_TAGS = {
    *range(254, 260), 262, 263, 264, 265, 266, 273, 274, *range(277, 285), *range(288, 293), 296, 297, 301,
    *range(317, 326), 330, 332, 334, 336, 338, 339, 340, 341, 347, *range(512, 522), *range(529, 533),
}  # fmt: skip
# Tags that hold XMP (700), ICC (34675), or the place of a block of EXIF: their contents are kept separately.
_BLOCK_TAGS = {700, 34675, ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo, ExifTags.IFD.Interop}


@dataclass(frozen=True)
class Metadata:
    """What is kept of a file; fields that the file does not have are empty.

    exif: an EXIF block as in JPEG, with 'Exif' in front, without an orientation.
    xmp: an XMP packet.
    icc: the ICC profile.
    dpi: dots per inch, horizontal and vertical, of the upright picture.
    texts: the text chunks of a PNG.
    comment: the comment of a JPEG or GIF.
    photoshop: the APP13 segments of a JPEG, which hold IPTC captions.
    tags: the tags of a TIFF except `LAYOUT_TAGS`: (code, type, count, value).
    quality: quality of a JPEG, 1 ... 100; None for other formats.
    progressive: whether it is a progressive JPEG.
    compression: compression of a TIFF, as tifffile names it.
    """

    exif: bytes = b""
    xmp: bytes = b""
    icc: bytes = b""
    dpi: tuple[float, float] | None = None
    texts: Mapping[str, str] = field(default_factory=dict)
    comment: bytes = b""
    photoshop: tuple[bytes, ...] = ()
    tags: tuple[tuple[int, int, int, Any], ...] = ()
    quality: int | None = None
    progressive: bool = False
    compression: str | None = None

    def with_icc(self, icc: bytes) -> "Metadata":
        """Return the same metadata with another ICC profile, or with none (b"")."""
        return replace(self, icc=icc)


def of_image(image: Image.Image) -> tuple[Metadata, int]:
    """Return the metadata of a picture that Pillow has loaded, and its EXIF orientation, 1 ... 8.

    The metadata describe the upright picture: the caller turns the pixels.
    """
    info = dict(image.info)
    orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
    orientation = orientation if orientation in range(1, 9) else 1
    exif, xmp = _upright_blocks(info, orientation)
    is_jpeg = isinstance(image, JpegImagePlugin.JpegImageFile)
    metadata = Metadata(
        exif=exif,
        xmp=xmp,
        icc=info.get("icc_profile") or b"",
        dpi=_checked_dpi(info.get("dpi"), orientation),
        texts={k: v for k, v in getattr(image, "text", {}).items() if k not in (*_XMP_KEYS, _RAW_EXIF)},
        comment=info.get("comment") or b"",
        photoshop=tuple(segment for name, segment in image.applist if name == _PHOTOSHOP) if is_jpeg else (),
        quality=_quality(image.quantization) if is_jpeg else None,
        progressive=bool(info.get("progressive")),
    )
    return metadata, orientation


def _upright_blocks(info, orientation):
    """The EXIF and XMP of the upright picture, without the EXIF thumbnail, which would show the gray picture."""
    stub = Image.new("L", (1, 1))
    stub.info.update(info)
    ImageOps.exif_transpose(stub, in_place=True)
    exif = stub.getexif()
    data = stub.info.get("exif") or b""
    if (not data and len(exif)) or orientation != 1 or _has_thumbnail(data):
        exif.pop(ExifTags.Base.Orientation, None)
        if orientation >= 5:
            _swap(exif, ExifTags.Base.XResolution, ExifTags.Base.YResolution)
            _swap(exif.get_ifd(ExifTags.IFD.Exif), ExifTags.Base.ExifImageWidth, ExifTags.Base.ExifImageHeight)
        data = exif.tobytes() if len(exif) else b""
    xmp = next((stub.info[key] for key in _XMP_KEYS if stub.info.get(key)), b"")
    return data, xmp.encode() if isinstance(xmp, str) else xmp


def _has_thumbnail(data):
    """Whether an EXIF block holds one. Pillow 12 cannot write an `Exif` that was asked for it, so another one is."""
    exif = Image.Exif()
    exif.load(data)
    return bool(exif.get_ifd(ExifTags.IFD.IFD1))


def _swap(tags, one, other):
    """Exchange the values of two tags."""
    values = {one: tags.pop(other, None), other: tags.pop(one, None)}
    tags.update({tag: value for tag, value in values.items() if value is not None})


def _checked_dpi(dpi, orientation):
    """The resolutions of the upright picture, as numbers that every format can hold; None if invalid."""
    try:
        sides = tuple(float(side) for side in dpi)
    except (TypeError, ValueError, ArithmeticError):
        return None
    if len(sides) != 2 or not all(0 < side <= _MAX_DPI for side in sides):
        return None
    return sides[::-1] if orientation >= 5 else sides


@functools.cache
def _luma_tables() -> list[list[int]]:
    """The luma quantization tables that libjpeg makes for the JPEG qualities 1 to 100."""
    tables = []
    for quality in range(1, 101):
        file = io.BytesIO()
        Image.new("L", (8, 8)).save(file, "JPEG", quality=quality)
        with Image.open(file) as image:
            tables.append(list(image.quantization[0]))
    return tables


def _quality(quantization: Mapping[int, list[int]]) -> int:
    """The quality whose luma table is nearest to that in a JPEG."""
    own = np.array(quantization[min(quantization)])
    return 1 + int(np.argmin(np.abs(np.array(_luma_tables()) - own).sum(axis=1)))


def of_tiff_page(page: tifffile.TiffPage, path: Path, index: int) -> tuple[Metadata, int]:
    """Return the metadata of a page of a TIFF, and its orientation, 1 ... 8.

    Args:
        page: the page, in a file that is open.
        path: path of the file; Pillow reads EXIF from it.
        index: number of the page, from 0.
    """
    tags = tuple(
        (tag.code, int(tag.dtype), tag.count, tag.value)
        for tag in page.tags
        if tag.code not in LAYOUT_TAGS | _BLOCK_TAGS
        and isinstance(tag.value, (int, float, str, bytes, tuple))
        and not _describes_layout(tag)
    )
    orientation = int(page.tags.valueof("Orientation", default=1))
    orientation = orientation if orientation in range(1, 9) else 1
    xmp = page.tags.valueof("XMP", default=b"")
    metadata = Metadata(
        exif=_exif_of_tiff(path, index),
        xmp=bytes(xmp) if isinstance(xmp, (bytes, tuple)) else str(xmp).encode(),
        icc=page.iccprofile or b"",
        dpi=_tiff_dpi(page, orientation),
        tags=tags,
        compression=page.compression.name.lower() if isinstance(page.compression, tifffile.COMPRESSION) else None,
    )
    return metadata, orientation


def _describes_layout(tag):
    """Whether a tag is a description that a program made of channels and frames, which the result does not have."""
    return tag.code == 270 and str(tag.value).lstrip().startswith(('{"shape"', "ImageJ=", "<?xml", "<OME"))


def _tiff_dpi(page, orientation):
    per_inch = {2: 1.0, 3: 2.54}.get(int(page.tags.valueof("ResolutionUnit", default=2)))  # TIFF 6.0: inch, cm
    if not per_inch:
        return None
    try:
        dpi = [_number(page.tags.valueof(name)) * per_inch for name in ("XResolution", "YResolution")]
    except (TypeError, ValueError, ArithmeticError):
        return None
    return _checked_dpi(dpi, orientation)


def _number(value):
    """The value of a rational as tifffile returns it, or of a plain number, which some files hold instead."""
    numerator, *denominator = value if isinstance(value, tuple) else (value,)
    return numerator / denominator[0] if denominator else float(numerator)


def _exif_of_tiff(path, index):
    """The EXIF block of a page: its tags without `LAYOUT_TAGS`, and the EXIF and GPS blocks that they point to."""
    try:
        with no_pillow_limit, Image.open(path) as image:
            image.seek(index)
            exif = image.getexif()
            for tag in (LAYOUT_TAGS | _BLOCK_TAGS) - {ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo}:
                exif.pop(tag, None)
            exif.bigtiff = False  # an EXIF block never is, whatever the file is
            return exif.tobytes() if len(exif) else b""
    except (OSError, ValueError, SyntaxError, EOFError):
        return b""  # Pillow cannot open the file
