"""Photographs of every format, coloured: other programs read lightness, depth, alpha and metadata of the results."""

import io
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import ExifTags, Image, ImageCms, PngImagePlugin
from skimage.color import rgb2lab

HEIGHT, WIDTH = 24, 32
RAMP = np.linspace(0.02, 0.98, HEIGHT * WIDTH).reshape(HEIGHT, WIDTH)
ROWS, COLUMNS = np.indices([HEIGHT, WIDTH])
ALPHA = (COLUMNS * 8).astype(np.uint8)
CHECKS = (ROWS // 6 + COLUMNS // 8) % 2


def rgb(highest: int = 255) -> np.ndarray:
    """A smooth picture in colours, uint8 or uint16 [H, W, 3]."""
    colors = np.stack([RAMP, RAMP[::-1] * 0.7 + 0.1, 0.5 + 0.4 * np.sin(COLUMNS / 9)], axis=-1)
    return np.round(colors * highest).astype(np.uint8 if highest == 255 else np.uint16)


def gray(highest: int = 255) -> np.ndarray:
    return np.round(RAMP * highest).astype(np.uint8 if highest <= 255 else np.uint16)


def lab_lightness(levels: np.ndarray, highest: int = 255) -> np.ndarray:
    """L* of gray [H, W] or RGB [H, W, 3] levels, by scikit-image."""
    scaled = levels / highest
    return rgb2lab(scaled if scaled.ndim == 3 else np.repeat(scaled[..., None], 3, axis=-1))[..., 0]


def png_of_bits(bits: int) -> tuple[bytes, np.ndarray]:
    """A gray PNG of 2 or 4 bits, made by the specification since Pillow writes none, and its samples."""
    samples = np.round(RAMP * (2**bits - 1)).astype(np.uint8)
    per_byte = 8 // bits
    shifts = np.arange(per_byte)[::-1] * bits
    packed = (samples.reshape(HEIGHT, -1, per_byte) << shifts).sum(axis=-1).astype(np.uint8)
    rows = b"".join(b"\0" + row.tobytes() for row in packed)

    def chunk(name, content):
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    header = struct.pack(">IIBBBBB", WIDTH, HEIGHT, bits, 0, 0, 0, 0)
    content = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + content, samples


@dataclass(frozen=True)
class Case:
    """A file, its lightness, and what its result should be; `result` is the result's name if it differs."""

    name: str
    write: Callable[[Path], object]
    lightness: np.ndarray
    result: str = ""
    depth: int = 8
    alpha: np.ndarray | None = None
    is_lossy: bool = False


def pillow(array: np.ndarray, mode: str | None = None, **options: object) -> Callable[[Path], object]:
    image = Image.fromarray(array)
    return lambda path: (image.convert(mode) if mode else image).save(path, **options)


def tiff(array: np.ndarray, **options: object) -> Callable[[Path], object]:
    return lambda path: tifffile.imwrite(path, array, **options)


def palette() -> tuple[Image.Image, np.ndarray]:
    """A picture of 16 colours and its RGB."""
    image = Image.fromarray(rgb()).quantize(16)
    return image, np.asarray(image.convert("RGB"))


def cmyk() -> tuple[np.ndarray, np.ndarray]:
    """CMYK with a fifth of black, and the lightness of the RGB that it means: each ink absorbs its share."""
    inks = np.dstack([255 - rgb(), np.full([HEIGHT, WIDTH], 51, np.uint8)])
    return inks, lab_lightness(rgb() * (1 - 51 / 255))


def deep_png(array: np.ndarray) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(imagecodecs.png_encode(array))


def deep_ppm(path: Path) -> None:
    path.write_bytes(b"P6\n# scanned\n%d %d\n65535\n" % (WIDTH, HEIGHT) + rgb(65535).astype(">u2").tobytes())


BITS2, SAMPLES2 = png_of_bits(2)
BITS4, SAMPLES4 = png_of_bits(4)
PALETTE, PALETTE_RGB = palette()
INKS, INKS_L = cmyk()
# In JPEG 255 means no ink: Adobe's convention, which all programs follow.
YCCK = imagecodecs.jpeg8_encode(255 - INKS, level=95, colorspace="CMYK", outcolorspace="YCCK")
DEEP_ALPHA = ALPHA.astype(np.uint16) * 257 + 3
L8, L16 = lab_lightness(rgb()), lab_lightness(rgb(65535), 65535)
G8, G16 = lab_lightness(gray()), lab_lightness(gray(65535), 65535)

CASES = [
    Case("gray.jpg", pillow(gray(), quality=95), G8, is_lossy=True),
    Case("color.jpg", pillow(rgb(), quality=95, subsampling=0), L8, is_lossy=True),
    Case("progressive.jpeg", pillow(rgb(), quality=95, subsampling=0, progressive=True), L8, is_lossy=True),
    Case("cmyk.jpg", lambda path: Image.fromarray(INKS, "CMYK").save(path, quality=95), INKS_L, is_lossy=True),
    Case("ycck.jpg", lambda path: path.write_bytes(YCCK), INKS_L, is_lossy=True),
    Case("gray1.png", pillow(CHECKS == 1), lab_lightness(CHECKS * 255)),
    Case("gray2.png", lambda path: path.write_bytes(BITS2), lab_lightness(SAMPLES2, 3)),
    Case("gray4.png", lambda path: path.write_bytes(BITS4), lab_lightness(SAMPLES4, 15)),
    Case("gray8.png", pillow(gray()), G8),
    Case("gray16.png", pillow(gray(65535)), G16, depth=16),
    Case("graya8.png", pillow(np.dstack([gray(), ALPHA])), G8, alpha=ALPHA),
    Case("graya16.png", deep_png(np.dstack([gray(65535), DEEP_ALPHA])), G16, depth=16, alpha=DEEP_ALPHA),
    Case("palette.png", lambda path: PALETTE.save(path), lab_lightness(PALETTE_RGB)),
    Case(
        "holes.png",
        lambda path: PALETTE.save(path, transparency=3),
        lab_lightness(PALETTE_RGB),
        alpha=np.where(np.asarray(PALETTE) == 3, 0, 255),
    ),
    Case(
        "graykey.png",
        pillow(gray(), transparency=int(gray()[5, 5])),
        G8,
        alpha=np.where(gray() == gray()[5, 5], 0, 255),
    ),
    Case("rgb8.png", pillow(rgb()), L8),
    Case("rgb16.png", deep_png(rgb(65535)), L16, depth=16),
    Case("rgba8.png", pillow(np.dstack([rgb(), ALPHA])), L8, alpha=ALPHA),
    Case("rgba16.png", deep_png(np.dstack([rgb(65535), DEEP_ALPHA])), L16, depth=16, alpha=DEEP_ALPHA),
    Case("gray8.tif", tiff(gray(), photometric="minisblack"), G8),
    Case("negative.tif", tiff(255 - gray(), photometric="miniswhite"), G8),
    Case("gray16.tiff", tiff(gray(65535), compression="zlib", predictor=True), G16, depth=16),
    Case("rgb8.tif", tiff(rgb(), photometric="rgb", compression="lzw"), L8),
    Case("rgb16.tif", tiff(rgb(65535), photometric="rgb", compression="lzw", predictor=True), L16, depth=16),
    Case("planar.tif", tiff(np.moveaxis(rgb(65535), -1, 0), photometric="rgb", planarconfig="separate"), L16, depth=16),
    Case(
        "rgba16.tif",
        tiff(np.dstack([rgb(65535), DEEP_ALPHA]), photometric="rgb", extrasamples=["unassalpha"]),
        L16,
        depth=16,
        alpha=DEEP_ALPHA,
    ),
    Case("fax.tif", pillow(CHECKS == 1, compression="group4"), lab_lightness(CHECKS * 255)),
    Case("palette.tif", lambda path: PALETTE.save(path), lab_lightness(PALETTE_RGB)),
    Case("cmyk.tif", tiff(INKS, photometric="separated"), INKS_L),
    Case("cmyk16.tif", tiff(INKS.astype(np.uint16) * 257, photometric="separated"), INKS_L, depth=16),
    Case("jpeg.tif", pillow(rgb(), compression="jpeg", quality=95), L8, is_lossy=True),
    Case("rgb.webp", pillow(rgb(), lossless=True), L8),
    Case("rgba.webp", pillow(np.dstack([rgb(), ALPHA]), lossless=True, exact=True), L8, alpha=ALPHA),
    Case("gray.bmp", pillow(gray()), G8),
    Case("rgb.bmp", pillow(rgb()), L8),
    Case("one.pbm", pillow(CHECKS == 1), lab_lightness(CHECKS * 255), result="one.pbm.ppm"),
    Case("gray8.pgm", pillow(gray()), G8, result="gray8.pgm.ppm"),
    Case("gray16.pgm", pillow(gray(65535)), G16, result="gray16.pgm.ppm", depth=16),
    Case("rgb8.ppm", pillow(rgb()), L8),
    Case("rgb16.ppm", deep_ppm, L16, depth=16),
    Case("first.gif", lambda path: PALETTE.save(path), lab_lightness(PALETTE_RGB), result="first.gif.png"),
]


def decoded(path: Path) -> np.ndarray:
    """A result's levels, uint8 or uint16 [H, W, 3 or 4], by a foreign decoder."""
    content = path.read_bytes()
    if path.suffix.startswith(".tif"):
        return tifffile.imread(path)
    if path.suffix == ".png":
        return imagecodecs.png_decode(content)
    if path.suffix == ".ppm":
        magic, width, height, highest = content.split(maxsplit=4)[:4]
        shape, dtype = (int(height), int(width), 3), np.dtype(">u2" if int(highest) > 255 else "u1")
        assert magic == b"P6"
        return np.frombuffer(content[-int(np.prod(shape)) * dtype.itemsize :], dtype).reshape(shape)
    with Image.open(path) as image:
        return np.asarray(image)


def test_lightness_depth_and_alpha_survive_in_every_format(predict, tmp_path, results):
    (tmp_path / "in").mkdir()
    for case in CASES:
        case.write(tmp_path / "in" / case.name)
    outcome = predict("in", "--T", "0.38")
    assert outcome.status == 0, outcome.err
    assert sorted(path.name for path in results.iterdir()) == sorted(case.result or case.name for case in CASES)
    for case in CASES:
        check(case, decoded(results / (case.result or case.name)))


def check(case, levels):
    assert levels.dtype.itemsize * 8 == case.depth, case.name
    assert levels.shape == (HEIGHT, WIDTH, 3 if case.alpha is None else 4), case.name
    if case.alpha is not None:
        np.testing.assert_array_equal(levels[..., 3], case.alpha, case.name)
    colors = levels[..., :3].astype(np.float64)
    highest = 2**case.depth - 1
    has_grays = ((case.lightness > 5) & (case.lightness < 95)).any()  # black and white get no colour
    assert not has_grays or np.ptp(colors, axis=-1).mean() / highest > 0.02, f"{case.name} has no colour"
    if case.is_lossy:  # at quality 95
        assert np.abs(lab_lightness(colors) - case.lightness).mean() < 1, case.name
        return
    # Before it was rounded, the result was within half a level of each channel.
    lowest = lab_lightness(np.clip(colors - 0.51, 0, highest), highest)
    above = lab_lightness(np.clip(colors + 0.51, 0, highest), highest)
    slack = 0.01 if case.depth == 8 else 0.003
    assert (case.lightness >= lowest - slack).all() and (case.lightness <= above + slack).all(), case.name
    if case.depth == 16:
        assert len(np.unique(lab_lightness(colors, highest).round(3))) > 256, case.name


@pytest.mark.parametrize(
    ("format", "name"),
    [
        ("jpeg", "a.bmp.jpg"),
        ("png", "a.bmp.png"),
        ("tiff", "a.bmp.tif"),
        ("webp", "a.bmp.webp"),
        ("bmp", "a.bmp"),
        ("ppm", "a.bmp.ppm"),
    ],
)
def test_a_format_can_be_chosen(predict, tmp_path, results, format, name):
    pillow(gray())(tmp_path / "a.bmp")
    assert predict("a.bmp", "--format", format).status == 0
    (path,) = results.iterdir()
    assert path.name == name
    with Image.open(path) as image:
        assert image.format == format.upper()
        rgb_ = np.asarray(image)
    assert np.abs(lab_lightness(rgb_) - G8).mean() < 1


def test_gray_128_stays_gray_128(predict, tmp_path, results):
    """Its lightness is 53.585 (Lindbloom's calculator), not 128 / 255 of 100 = 50.2."""
    pillow(np.full([HEIGHT, WIDTH], 128, np.uint8))(tmp_path / "a.png")
    assert predict("a.png", "--strength", "0").status == 0
    np.testing.assert_array_equal(decoded(results / "a.png"), np.full([HEIGHT, WIDTH, 3], 128))


# Metadata


def exif_block(orientation: int = 1) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112], exif[0x010F], exif[0x013B] = orientation, "Zeiss", "Ansel"
    exif.get_ifd(0x8769)[0x9003] = "1931:05:01 10:00:00"
    exif.get_ifd(0x8825)[0x0001] = "N"
    return exif


XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><dc:title xmlns:dc="dc">Half Dome</dc:title></x:xmpmeta>'
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
IPTC = b"Photoshop 3.0\x00" + b"8BIM\x04\x04\x00\x00\x00\x00\x00\x0f\x1c\x02\x78\x00\x0aHalf Dome.\x00"


def png_texts() -> PngImagePlugin.PngInfo:
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Title", "Half Dome")
    texts.add_itxt("Author", "Ånsel")
    texts.add_itxt("XML:com.adobe.xmp", XMP.decode())
    return texts


@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize("name", ["a.jpg", "a.png", "deep.png", "a.webp", "a.tif", "deep.tif"])
def test_metadata_survive(predict, tmp_path, results, name, orientation):
    path, exif = tmp_path / name, exif_block(orientation)
    options = {"exif": exif, "dpi": (300, 200), "icc_profile": SRGB}
    if name == "a.jpg":
        segment = b"\xff\xed" + struct.pack(">H", len(IPTC) + 2) + IPTC
        Image.fromarray(rgb()).save(path, quality=77, xmp=XMP, comment=b"found in the attic", extra=segment, **options)
    elif name.endswith(".webp"):
        Image.fromarray(rgb()).save(path, exif=exif, icc_profile=SRGB, xmp=XMP, lossless=True)
    elif name.endswith(".tif"):
        gray_ = gray() if name == "a.tif" else gray(65535)
        tags = [(700, 1, len(XMP), XMP, True), (315, 2, 6, "Ansel", True), (271, 2, 6, "Zeiss", True)]
        tags += [(274, 3, 1, orientation, True)]
        tifffile.imwrite(
            path, gray_, resolution=(300, 200), resolutionunit="inch", iccprofile=SRGB, extratags=tags, metadata=None
        )
    else:
        Image.fromarray(rgb() if name == "a.png" else gray(65535)).save(path, pnginfo=png_texts(), **options)
    assert predict(name).status == 0
    with Image.open(results / name) as image:
        image.load()
        found, info = image.getexif(), image.info
        assert image.size == ((WIDTH, HEIGHT) if orientation == 1 else (HEIGHT, WIDTH))
        assert found.get(0x0112, 1) == 1
        assert (found[0x010F], found[0x013B]) == ("Zeiss", "Ansel")
        if not name.endswith(".tif"):  # the TIFF above has no such blocks
            assert found.get_ifd(0x8769)[0x9003] == "1931:05:01 10:00:00"
            assert found.get_ifd(0x8825)[0x0001] == "N"
        assert info["icc_profile"] == SRGB
        assert XMP in (info.get("xmp") or image.tag_v2[700])
        if name != "a.webp":
            assert [round(float(side)) for side in info["dpi"]] == ([300, 200] if orientation == 1 else [200, 300])
        if name == "a.jpg":
            assert info["comment"] == b"found in the attic"
            assert dict(image.applist)["APP13"] == IPTC
        if name.endswith(".png"):
            assert (image.text["Title"], image.text["Author"]) == ("Half Dome", "Ånsel")


def test_exif_and_gps_of_a_tiff_survive(predict, tmp_path, results):
    Image.fromarray(gray()).save(tmp_path / "a.tif", exif=exif_block().tobytes())
    assert predict("a.tif").status == 0
    with Image.open(results / "a.tif") as image:
        assert image.getexif().get_ifd(0x8769)[0x9003] == "1931:05:01 10:00:00"
        assert image.getexif().get_ifd(0x8825)[0x0001] == "N"
        image.load()


def test_metadata_go_along_into_other_formats(predict, tmp_path, results):
    Image.fromarray(rgb()).save(tmp_path / "a.jpg", exif=exif_block(), dpi=(300, 300), xmp=XMP)
    for format in ("png", "tiff", "webp"):
        assert predict("a.jpg", "--format", format).status == 0
    for path in results.iterdir():
        with Image.open(path) as image:
            image.load()
            assert image.getexif()[0x010F] == "Zeiss"
            assert image.getexif().get_ifd(0x8769)[0x9003] == "1931:05:01 10:00:00"
            assert XMP in (image.info.get("xmp") or image.tag_v2[700])


def test_the_small_gray_picture_in_exif_goes(predict, tmp_path, results):
    """File managers would show it instead of the coloured one."""
    small = io.BytesIO()
    Image.fromarray(gray()).save(small, "JPEG")
    exif = exif_block()
    block = exif.tobytes()
    assert len(block) % 2 == 0
    # A second directory (EXIF 2.32, 4.5.5): compression 6, and where the picture lies.
    order = {b"II": "<", b"MM": ">"}[block[6:8]]
    first = struct.unpack(f"{order}I", block[10:14])[0]
    num = struct.unpack(f"{order}H", block[6 + first : 8 + first])[0]
    link, start = 6 + first + 2 + 12 * num, len(block) - 6
    entries = [(0x0103, 4, 1, 6), (0x0201, 4, 1, start + 2 + 36 + 4), (0x0202, 4, 1, len(small.getvalue()))]
    second = struct.pack(f"{order}H", 3) + b"".join(struct.pack(f"{order}HHII", *entry) for entry in entries)
    second += struct.pack(f"{order}I", 0)
    block = block[:link] + struct.pack(f"{order}I", start) + block[link + 4 :] + second + small.getvalue()
    Image.fromarray(gray()).save(tmp_path / "a.jpg", exif=block)
    with Image.open(tmp_path / "a.jpg") as image:
        assert image.getexif().get_ifd(ExifTags.IFD.IFD1)
    assert predict("a.jpg").status == 0
    with Image.open(results / "a.jpg") as image:
        assert not image.getexif().get_ifd(ExifTags.IFD.IFD1)
        assert image.getexif()[0x010F] == "Zeiss"


# Quality of JPEG


@pytest.mark.parametrize("quality", [50, 75, 92])
def test_the_quality_of_a_jpeg_is_kept_or_chosen(predict, tmp_path, results, quality):
    Image.fromarray(gray()).save(tmp_path / "a.jpg", quality=quality)
    tables = []
    for options in ((), ("--quality", 30, "--overwrite")):
        assert predict("a.jpg", *options).status == 0
        with Image.open(results / "a.jpg") as image:
            tables.append(image.quantization[0])
    with Image.open(tmp_path / "a.jpg") as image:
        assert tables[0] == image.quantization[0]
    assert sum(tables[1]) > sum(tables[0])


def test_a_progressive_jpeg_stays_one(predict, tmp_path, results):
    Image.fromarray(gray()).save(tmp_path / "a.jpg", progressive=True)
    assert predict("a.jpg").status == 0
    with Image.open(results / "a.jpg") as image:
        assert image.info.get("progressive")


# Profiles: what a level means


def linear(levels: np.ndarray, gamma: float) -> np.ndarray:
    return (levels / 255) ** gamma


def lightness_of_light(y: np.ndarray) -> np.ndarray:
    """L* of relative luminance (CIE 15)."""
    return np.where(y > 216 / 24389, 116 * np.cbrt(y) - 16, y * 24389 / 27)


GAMMA_18 = imagecodecs.cms_profile("gray", whitepoint=[0.3127, 0.3290, 1.0], gamma=1.8)
WIDE = imagecodecs.cms_profile(
    "rgb",
    whitepoint=[0.3127, 0.3290, 1.0],
    primaries=[0.64, 0.33, 1.0, 0.21, 0.71, 1.0, 0.15, 0.06, 1.0],  # Adobe RGB (1998)
    gamma=2.19921875,
)
WIDE_LUMINANCE = [0.2973769, 0.6273491, 0.0752741]  # Adobe RGB (1998) to XYZ, row Y (Lindbloom)


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.tif"])
def test_a_gray_profile_is_used_and_replaced_by_srgb(predict, tmp_path, results, name):
    options = {"quality": 97} if name == "a.jpg" else {}
    Image.fromarray(gray()).save(tmp_path / name, icc_profile=GAMMA_18, **options)
    assert predict(name).status == 0
    with Image.open(results / name) as image:
        assert "sRGB" in ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(image.info["icc_profile"])))
        lightness = lab_lightness(np.asarray(image))
    assert np.abs(lightness - lightness_of_light(linear(gray(), 1.8))).mean() < (1 if name == "a.jpg" else 0.3)


@pytest.mark.parametrize("depth", [8, 16])
def test_a_wide_profile_is_used_and_kept(predict, tmp_path, results, depth):
    highest = 2**depth - 1
    levels = rgb(highest)
    tifffile.imwrite(tmp_path / "a.tif", levels, photometric="rgb", iccprofile=WIDE)
    assert predict("a.tif").status == 0
    with tifffile.TiffFile(results / "a.tif") as file:
        assert file.pages[0].iccprofile == WIDE
        colored = file.pages[0].asarray()
    assert colored.dtype == levels.dtype
    before, after = (((x / highest) ** 2.19921875) @ WIDE_LUMINANCE for x in (levels, colored))
    worst = np.abs(lightness_of_light(before) - lightness_of_light(after)).max()
    assert worst < (0.5 if depth == 8 else 0.05)


def test_sepia_is_measured_in_light(predict, tmp_path, results):
    """The mean of the channels, or of their squares, would be off by units of L*."""
    sepia = np.stack([gray(), gray() * 0.8, gray() * 0.55], axis=-1).astype(np.uint8)
    Image.fromarray(sepia).save(tmp_path / "a.png")
    assert predict("a.png").status == 0
    difference = lab_lightness(decoded(results / "a.png")) - lab_lightness(sepia)
    assert np.abs(difference).max() < 0.5


def test_grays_of_an_rgb_profile(predict, tmp_path, results):
    Image.fromarray(gray()).save(tmp_path / "a.png", icc_profile=WIDE)
    assert predict("a.png").status == 0
    with Image.open(results / "a.png") as image:
        assert image.info["icc_profile"] == WIDE
        y = linear(np.asarray(image), 2.19921875) @ WIDE_LUMINANCE
    assert np.abs(lightness_of_light(y) - lightness_of_light(linear(gray(), 2.19921875))).max() < 0.5


def scanner_profile() -> bytes:
    """A profile that converts RGB to Lab and not back (ICC.1:2001-04, an input profile with only A2B0).

    By its table a level is the square root of light, in all channels alike.
    """

    def s15(*numbers):
        return b"".join(struct.pack(">i", round(number * 65536)) for number in numbers)

    axis = np.linspace(0, 1, 17)
    rgb_ = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1)
    gray_axis = lightness_of_light(rgb_.mean(axis=-1) ** 2)
    lab = np.stack([gray_axis * 2.55, np.full_like(gray_axis, 128), np.full_like(gray_axis, 128)], axis=-1)
    identity = bytes(range(256)) * 3
    table = b"mft1\0\0\0\0" + bytes([3, 3, 17, 0]) + s15(1, 0, 0, 0, 1, 0, 0, 0, 1) + identity
    table += np.round(lab).astype(np.uint8).tobytes() + identity
    tags = {
        b"desc": b"desc\0\0\0\0" + struct.pack(">I", 8) + b"scanner\0" + bytes(79),
        b"cprt": b"text\0\0\0\0none\0",
        b"wtpt": b"XYZ \0\0\0\0" + s15(0.9642, 1, 0.8249),
        b"A2B0": table,
    }
    start, index, content = 128 + 4 + 12 * len(tags), struct.pack(">I", len(tags)), b""
    for name, tag in tags.items():
        index += name + struct.pack(">II", start + len(content), len(tag))
        content += tag + bytes(-len(tag) % 4)
    head = struct.pack(">I", start + len(content)) + bytes(4) + b"\x02\x40\0\0scnrRGB Lab "
    head += struct.pack(">6H", 2001, 1, 1, 0, 0, 0) + b"acsp" + bytes(28) + s15(0.9642, 1, 0.8249) + bytes(48)
    return head + index + content


@pytest.mark.parametrize("is_gray", [True, False])
def test_a_scanners_profile_that_only_leads_to_light(predict, tmp_path, results, is_gray):
    levels = gray() if is_gray else np.repeat(gray()[..., None], 3, axis=-1)
    Image.fromarray(levels).save(tmp_path / "a.tif", icc_profile=scanner_profile())
    assert predict("a.tif").status == 0
    with Image.open(results / "a.tif") as image:
        assert "sRGB" in ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(image.info["icc_profile"])))
        lightness = lab_lightness(np.asarray(image))
    assert np.abs(lightness - lightness_of_light(linear(gray(), 2))).mean() < 1  # the profile has 8 bits


def test_a_broken_profile_is_reported_and_left_out(predict, tmp_path, results):
    Image.fromarray(gray()).save(tmp_path / "a.jpg", icc_profile=b"no profile " * 40)
    outcome = predict("a.jpg")
    assert outcome.status == 0
    assert "note: a.jpg: its ICC profile cannot be used" in outcome.err
    with Image.open(results / "a.jpg") as image:
        assert "icc_profile" not in image.info


# Pages


def test_a_tiff_of_several_pages_comes_back_page_by_page(predict, tmp_path, results):
    pages = [gray(), rgb(65535), gray(65535)[:10, :12]]
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        for number, page in enumerate(pages):
            tags = [(285, 2, 0, f"page {number}", True)]
            writer.write(page, photometric="rgb" if page.ndim == 3 else "minisblack", extratags=tags, metadata=None)
    outcome = predict("a.tif")
    assert outcome.status == 0
    assert outcome.out.startswith("1 photograph, ")
    with tifffile.TiffFile(results / "a.tif") as file:
        assert [page.tags[285].value for page in file.pages] == ["page 0", "page 1", "page 2"]
        results_ = [page.asarray() for page in file.pages]
    for page, result in zip(pages, results_, strict=True):
        highest = np.iinfo(page.dtype).max
        assert result.dtype == page.dtype and result.shape == (*page.shape[:2], 3)
        assert np.abs(lab_lightness(result, highest) - lab_lightness(page, highest)).max() < 0.5


def test_a_page_that_cannot_be_read_leaves_no_result(predict, tmp_path, results):
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        for page in (gray(), gray().astype(np.float32)):
            writer.write(page, metadata=None)
    Image.fromarray(gray()).save(tmp_path / "b.png")
    outcome = predict("a.tif", "b.png")
    assert outcome.status == 1
    assert "cannot colour a.tif: page 2: a TIFF with floating-point" in outcome.err
    assert [path.name for path in results.iterdir()] == ["b.png"]


def test_of_an_animation_other_formats_get_the_first_frame_and_that_is_noted(predict, tmp_path, results):
    frames = [Image.fromarray(np.roll(gray(), 40 * k, axis=1)) for k in range(3)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    outcome = predict("a.gif", "--format", "png")
    assert outcome.status == 0
    assert "note: a.gif: only the first of its 3 frames is coloured" in outcome.err
    with Image.open(tmp_path / "a.gif") as image:
        first = np.asarray(image.convert("RGB"))
    assert np.abs(lab_lightness(decoded(results / "a.gif.png")) - lab_lightness(first)).max() < 0.5


# Odd metadata may be lost; the photograph is coloured nevertheless


@pytest.mark.parametrize("resolution", [(2**32 - 1, 1), (0, 1)], ids=str)
@pytest.mark.parametrize("format", ["png", "bmp", "jpeg", "tiff"])
def test_odd_resolutions(predict, tmp_path, results, resolution, format):
    tifffile.imwrite(tmp_path / "a.tif", gray(), resolution=(resolution,) * 2, resolutionunit="inch", metadata=None)
    assert predict("a.tif", "--format", format).status == 0


def test_a_resolution_that_is_no_rational(predict, tmp_path, results):
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        writer.write(gray(), metadata=None, software=False, resolution=(1, 1), resolutionunit="inch")
    content = bytearray((tmp_path / "a.tif").read_bytes())
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        places = [file.pages[0].tags[code].offset for code in (282, 283)]
    for place in places:
        content[place + 2 : place + 12] = struct.pack("<HII", 3, 1, 300)  # SHORT
    (tmp_path / "a.tif").write_bytes(content)
    assert predict("a.tif").status == 0
    with Image.open(results / "a.tif") as image:
        assert float(image.info["dpi"][0]) == 300


def test_all_segments_of_photoshop_survive(predict, tmp_path, results):
    second = b"Photoshop 3.0\x00" + b"8BIM\x04\x0c" + bytes(8)
    segments = b"".join(b"\xff\xed" + struct.pack(">H", len(part) + 2) + part for part in (IPTC, second))
    Image.fromarray(gray()).save(tmp_path / "a.jpg", extra=segments)
    assert predict("a.jpg").status == 0
    with Image.open(results / "a.jpg") as image:
        assert [part for name, part in image.applist if name == "APP13"] == [IPTC, second]


def test_exif_numbers_of_every_kind_go_into_a_tiff(predict, tmp_path, results):
    exif = exif_block()
    exif[33550], exif[51000], exif[51001] = (1.5, 2.5, 0.0), -3, 7
    Image.fromarray(gray()).save(tmp_path / "a.jpg", exif=exif)
    assert predict("a.jpg", "--format", "tiff").status == 0
    with tifffile.TiffFile(results / "a.jpg.tif") as file:
        tags = file.pages[0].tags
        assert tags[33550].value == (1.5, 2.5, 0.0) and (tags[51000].value, tags[51001].value) == (-3, 7)
        assert tags["Make"].value == "Zeiss"


def test_sides_change_places_in_exif(predict, tmp_path, results):
    exif = exif_block(6)
    exif[282], exif[283] = 300, 150
    exif.get_ifd(0x8769).update({0xA002: WIDTH, 0xA003: HEIGHT})
    Image.fromarray(gray()).save(tmp_path / "a.jpg", exif=exif)
    assert predict("a.jpg").status == 0
    with Image.open(results / "a.jpg") as image:
        found = image.getexif()
        assert (found[282], found[283]) == (150, 300)
        assert (found.get_ifd(0x8769)[0xA002], found.get_ifd(0x8769)[0xA003]) == (HEIGHT, WIDTH) == image.size


def test_exif_and_texts_written_by_imagemagick(predict, tmp_path, results):
    block, texts = exif_block().tobytes(), PngImagePlugin.PngInfo()
    texts.add_text("Raw profile type exif", f"\nexif\n{len(block):8}\n{block.hex()}\n", zip=True)
    texts.add_text("RawTherapee", "5.9")
    Image.fromarray(gray()).save(tmp_path / "a.png", pnginfo=texts)
    assert predict("a.png").status == 0
    with Image.open(results / "a.png") as image:
        assert image.text == {"RawTherapee": "5.9"}
        assert image.getexif()[0x010F] == "Zeiss"


def test_a_description_of_the_old_layout_is_not_kept(predict, tmp_path, results):
    tifffile.imwrite(tmp_path / "a.tif", gray())  # tifffile describes the shape
    tifffile.imwrite(tmp_path / "b.tif", gray(), description="Half Dome", metadata=None)
    assert predict("a.tif", "b.tif").status == 0
    for name, description in (("a.tif", None), ("b.tif", "Half Dome")):
        with tifffile.TiffFile(results / name) as file:
            assert file.pages[0].tags.valueof(270) == description


@pytest.mark.parametrize(("bits", "content", "samples"), [(2, BITS2, SAMPLES2), (4, BITS4, SAMPLES4)])
def test_a_transparent_level_of_few_bits(predict, tmp_path, results, bits, content, samples):
    key = int(samples[5, 5])
    chunk = b"tRNS" + struct.pack(">H", key)
    chunk = struct.pack(">I", 2) + chunk + struct.pack(">I", zlib.crc32(chunk))
    (tmp_path / "a.png").write_bytes(content[:33] + chunk + content[33:])
    assert predict("a.png").status == 0
    levels = decoded(results / "a.png")
    np.testing.assert_array_equal(levels[..., 3], np.where(samples == key, 0, 255))
    difference = lab_lightness(levels[..., :3]) - lab_lightness(samples, 2**bits - 1)
    assert np.abs(difference).max() < 0.5


def test_a_bug_is_not_taken_for_a_bad_file(predict, tmp_path, monkeypatch):
    """Only errors of encoders become a line; others keep their traceback."""
    from tfcolor.commands import looks

    Image.fromarray(gray()).save(tmp_path / "a.png")
    monkeypatch.setattr(looks, "sweep", lambda *arguments: {}["missing"])
    with pytest.raises(KeyError):
        predict("a.png", "--sweep", "1")


# What a format cannot hold


def test_pages_are_not_lost_silently(predict, tmp_path, results):
    tifffile.imwrite(tmp_path / "a.tif", np.stack([gray(), gray()]), photometric="minisblack", metadata=None)
    for format in ("jpeg", "png", "webp", "bmp", "ppm"):
        outcome = predict("a.tif", "--format", format)
        assert outcome.status == 1
        reason = f"2 pages, and {format.upper()} holds only one; take --format tiff"
        assert f"cannot colour a.tif: {reason}\n" in outcome.err
    assert not list(results.iterdir())


def test_transparency_is_not_lost_silently(predict, tmp_path, results):
    Image.fromarray(np.dstack([rgb(), ALPHA])).save(tmp_path / "a.png")
    Image.fromarray(np.dstack([rgb(), 0 * ALPHA + 255])).save(tmp_path / "solid.png")
    outcome = predict("a.png", "solid.png", "--format", "jpeg")
    assert outcome.status == 1
    reason = "JPEG cannot hold its transparency; choose another --format, such as png"
    assert f"cannot colour a.png: {reason}\n" in outcome.err
    assert [path.name for path in results.iterdir()] == ["solid.png.jpg"]


@pytest.mark.parametrize(("format", "longest"), [("jpeg", 65_500), ("webp", 16_383)])
@pytest.mark.parametrize("axis", [0, 1])
def test_a_side_too_long_for_the_format(tmp_path, format, longest, axis):
    from tfcolor.photographs.metadata import Metadata
    from tfcolor.photographs.reading import Page
    from tfcolor.photographs.writing import Unsavable, saving

    page = Page(lightness=np.zeros([1, 1], np.float32), alpha=None, dtype=np.uint8, metadata=Metadata())
    fits, too_long = (
        np.zeros([side, 1, 3] if axis == 0 else [1, side, 3], np.uint8) for side in (longest, longest + 1)
    )
    with saving(tmp_path / "fits", format, fits.nbytes) as add_page:
        add_page(fits, page)
    message = f"{format.upper()} has at most {longest:,} pixels a side; choose another `format`"
    with pytest.raises(Unsavable, match=message), saving(tmp_path / "a", format, too_long.nbytes) as add_page:
        add_page(too_long, page)
    assert [path.name for path in tmp_path.iterdir()] == ["fits"]


def test_a_name_may_lie_about_the_format(predict, tmp_path, results):
    Image.fromarray(gray()).save(tmp_path / "a.jpg", "PNG")
    outcome = predict("a.jpg")
    assert outcome.status == 0
    assert "note: a.jpg: it is in fact a PNG file" in outcome.err
    with Image.open(results / "a.jpg") as image:
        assert image.format == "PNG"
