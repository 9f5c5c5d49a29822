"""Read and write TIFF files of scanners and archives: tifffile handles the container, imagecodecs the compressions."""

import io
import math
import struct
from pathlib import Path
from typing import IO

import numpy as np
import tifffile
from PIL import ExifTags, Image, TiffImagePlugin
from tifffile import EXTRASAMPLE, PHOTOMETRIC, PLANARCONFIG

from tfcolor.photographs import metadata
from tfcolor.photographs.metadata import Metadata
from tfcolor.photographs.pixels import UnreadableImage, check_size
from tfcolor.photographs.quiet import no_tifffile_log
from tfcolor.photographs.raster import Raster
from tfcolor.utils.files import WithoutDescriptor

_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")  # little and big endian, TIFF and BigTIFF
# How many channels of colour each kind of pixels has; other kinds are refused.
_CHANNELS = {
    PHOTOMETRIC.MINISWHITE: 1,
    PHOTOMETRIC.MINISBLACK: 1,
    PHOTOMETRIC.RGB: 3,
    PHOTOMETRIC.PALETTE: 1,
    PHOTOMETRIC.SEPARATED: 4,
    PHOTOMETRIC.YCBCR: 3,  # only in JPEG, whose decoder returns RGB
}
_JPEG = (6, 7)  # compressions: the old and the new JPEG
# Compressions that results keep. Others, such as JPEG, which loses something, and fax, become Deflate.
_KEPT_COMPRESSIONS = {"none": None, "lzw": "lzw", "packbits": "packbits", "zstd": "zstd"}
_PREDICTED = ("lzw", "zlib", "zstd")  # compressions that compress differences of neighbours better
_BIG = 2**32 - 2**25  # bytes above which a file must be a BigTIFF; tifffile's own limit
_POINTERS = (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo)
_NOT_COPIED = {*_POINTERS, *metadata.LAYOUT_TAGS}


def is_tiff(path: Path) -> bool:
    """Tell whether a file begins like a TIFF."""
    with path.open("rb") as file:
        return file.read(4) in _MAGIC


def measure(path: Path, max_pixels: int) -> tuple[int, int]:
    """Return the number of pages, and the number of pixels of the largest page.

    Args:
        path: the file.
        max_pixels: the largest number of pixels of a page.

    Raises:
        UnreadableImage: a page is too large, or there is no page.
    """
    sizes = {}  # by the offset of the page's directory
    with no_tifffile_log, tifffile.TiffFile(path) as tiff:
        for page in tiff.pages:
            if page.offset in sizes:
                raise UnreadableImage("a TIFF whose pages form a circle")
            check_size(page.imagewidth, page.imagelength, max_pixels)
            sizes[page.offset] = page.imagewidth * page.imagelength
        if not sizes:
            raise UnreadableImage("a TIFF without a page")
        _check_end(tiff, page.offset)
    return len(sizes), max(sizes.values())


def _check_end(tiff, offset):
    """Refuse a file whose last directory, at `offset`, points to another, which is cut off: tifffile ignores that."""
    file, layout = tiff.filehandle, tiff.tiff
    file.seek(offset)
    (num_tags,) = struct.unpack(layout.tagnoformat, file.read(layout.tagnosize))
    file.seek(num_tags * layout.tagsize, io.SEEK_CUR)
    if file.read(layout.offsetsize) != bytes(layout.offsetsize):
        raise UnreadableImage("truncated: a page is missing")


def read_page(path: Path, index: int) -> Raster:
    """Decode a page as it lies in the file.

    Args:
        path: the file.
        index: number of the page, from 0.

    Raises:
        UnreadableImage: pixels are missing, or their kind is not supported.
    """
    with no_tifffile_log, tifffile.TiffFile(path) as tiff:
        page = tiff.pages[index]
        _check_kind(page)
        planes = page.asarray().reshape(page.shaped)  # [S, 1, H, W, C]; S or C is 1
        kept, orientation = metadata.of_tiff_page(page, path, index)
        pixels = np.moveaxis(planes, 0, -2).reshape(page.imagelength, page.imagewidth, -1)
        return Raster(*_colors_and_alpha(page, pixels), kept, orientation)


def _check_kind(page):
    def refuse(what):
        raise UnreadableImage(f"a TIFF with {what}, which is not supported")

    if page.sampleformat != 1:
        refuse("floating-point or signed numbers without a known range")
    if page.photometric not in _CHANNELS or (page.photometric == PHOTOMETRIC.YCBCR and page.compression not in _JPEG):
        refuse(f"pixels of kind {getattr(page.photometric, 'name', page.photometric)}")
    if page.planarconfig not in (None, PLANARCONFIG.CONTIG, PLANARCONFIG.SEPARATE):
        refuse(f"an arrangement {page.planarconfig} of channels")
    if not isinstance(page.bitspersample, int) or page.bitspersample > 16 or page.imagedepth != 1:
        refuse(f"{page.bitspersample} bits a sample")
    if not 0 <= page.samplesperpixel - _CHANNELS[page.photometric] <= 1:
        refuse(f"{page.samplesperpixel} channels")
    num_parts = min(len(page.dataoffsets), len(page.databytecounts))  # strips or tiles
    if 0 in page.dataoffsets or 0 in page.databytecounts or num_parts < math.prod(page.chunked):
        raise UnreadableImage("a TIFF in which pixels are missing")  # tifffile would return them black
    ends = [offset + count for offset, count in zip(page.dataoffsets, page.databytecounts, strict=False)]
    if max(ends) > page.parent.filehandle.size:
        raise UnreadableImage("truncated")


def _colors_and_alpha(page, pixels):
    """Convert samples to levels of 8 or 16 bits, without inversion, palette or premultiplied alpha."""
    bits = 1 if pixels.dtype == bool else page.bitspersample
    num_colors = _CHANNELS[page.photometric]
    colors, rest = pixels[..., :num_colors], pixels[..., num_colors:]
    if page.photometric == PHOTOMETRIC.PALETTE:
        palette = (page.colormap.T >> 8).astype(np.uint8)  # 16 bits, of which some programs set only the upper 8
        return palette[colors[..., 0]], _levels(rest[..., 0], bits) if rest.size else None
    colors = _levels(colors, bits)
    if page.photometric == PHOTOMETRIC.MINISWHITE:
        colors = np.iinfo(colors.dtype).max - colors
    if not rest.size:
        return colors, None
    alpha = _levels(rest[..., 0], bits)
    if page.extrasamples and page.extrasamples[0] == EXTRASAMPLE.ASSOCALPHA:
        colors = _unpremultiplied(colors, alpha)
    return colors, np.ascontiguousarray(alpha)


def _levels(samples, bits):
    """Scale samples of 1 to 16 bits to the full range of uint8 or uint16."""
    if bits in (8, 16):
        return samples
    dtype = np.uint8 if bits < 8 else np.uint16
    return np.round(samples * (np.iinfo(dtype).max / (2**bits - 1))).astype(dtype)


def _unpremultiplied(colors, alpha):
    """Divide premultiplied colours by their alpha."""
    highest = np.iinfo(colors.dtype).max
    share = np.maximum(alpha, 1)[..., None].astype(np.float64)
    return np.round(np.minimum(colors * (highest / share), highest)).astype(colors.dtype)


class Writer:
    """Writes pages to an open file. Use it as a context manager."""

    def __init__(self, file: IO[bytes], num_bytes: int):
        """Begin a TIFF.

        Args:
            file: a file that is open for reading and writing.
            num_bytes: its approximate size before compression.
        """
        self._file = file
        self._tiff = tifffile.TiffWriter(WithoutDescriptor(file), byteorder="<", bigtiff=num_bytes > _BIG)
        self._exif: list[Image.Exif] = []

    def __enter__(self) -> "Writer":
        return self

    def __exit__(self, kind: type | None, *exception: object) -> None:
        with no_tifffile_log:
            self._tiff.close()
            if kind is None and any(map(len, self._exif)):
                self._append_exif()

    def add(self, pixels: np.ndarray, kept: Metadata) -> None:
        """Write a page.

        Args:
            pixels: RGB or RGBA, uint8 or uint16 [H, W, 3 or 4].
            kept: the page's metadata.
        """
        exif = Image.Exif()
        exif.load(kept.exif)
        compression = _KEPT_COMPRESSIONS.get(kept.compression, "zlib")
        with no_tifffile_log:
            self._tiff.write(
                pixels,
                photometric="rgb",
                extrasamples=["unassalpha"] if pixels.shape[-1] == 4 else None,
                compression=compression,
                predictor=compression in _PREDICTED or None,
                iccprofile=kept.icc or None,
                resolution=kept.dpi,
                resolutionunit="inch" if kept.dpi else None,
                software=False,
                metadata=None,
                extratags=_extra_tags(kept, exif),
            )
        self._exif.append(exif)

    def _append_exif(self):
        """Write the EXIF and GPS blocks after the pages, and their offsets into the pages' tags."""
        for index, exif in enumerate(self._exif):
            for pointer in _POINTERS:
                values = exif.get_ifd(pointer)
                if values:
                    self._append(index, pointer, values)

    def _append(self, index, pointer, values):
        block = TiffImagePlugin.ImageFileDirectory_v2()
        for tag, value in values.items():
            block[tag] = value
        offset = self._file.seek(0, io.SEEK_END)
        offset += self._file.write(b"\0" * (offset % 2))  # blocks begin at even offsets
        self._file.write(block.tobytes(offset))
        self._file.seek(0)
        with tifffile.TiffFile(self._file, mode="r+", name="result") as tiff:
            tiff.pages[index].tags[pointer].overwrite(offset)


def _extra_tags(kept, exif):
    """The tags besides those of the pixels' layout, for tifffile: (code, type, count, value, once)."""
    tags = list(kept.tags) or [_tag(code, value) for code, value in exif.items() if code not in _NOT_COPIED]
    if kept.xmp:
        tags.append((700, 1, len(kept.xmp), kept.xmp))
    # The offsets of these directories are filled in at the end; until then they point to the first page. tifffile
    # takes these tags only by name.
    tags += [(tifffile.TIFF.TAGS[pointer], 4, 1, 8) for pointer in _POINTERS if exif.get_ifd(pointer)]
    return [(code, kind, count, _bytes(value), True) for code, kind, count, value in tags]


def _tag(code, value):
    """An EXIF tag, its type chosen by its value: ASCII, bytes, LONG for non-negative integers, DOUBLE for others."""
    if isinstance(value, str):
        return code, 2, len(value.encode()) + 1, value
    if isinstance(value, bytes):
        return code, 7, len(value), value
    values = value if isinstance(value, tuple) else (value,)
    if all(isinstance(v, int) and 0 <= v < 2**32 for v in values):
        return code, 4, len(values), values
    return code, 12, len(values), tuple(float(v) for v in values)


def _bytes(value):
    return value.encode() + b"\0" if isinstance(value, str) else value
