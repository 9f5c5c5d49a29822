"""The decoder of Y'CbCr against Pillow's RGB."""

import io

import numpy as np
import pytest
from PIL import Image
from skimage import data

from tfcolor.photographs.jpeg import read_rgb, read_ycbcr, ycbcr_to_rgb
from tfcolor.photographs.pixels import UnreadableImage, read_photo

KINDS = {
    "full": {"subsampling": 0},
    "half": {"subsampling": 1},
    "quarter": {"subsampling": 2},
    "progressive": {"subsampling": 2, "progressive": True},
    "coarse": {"quality": 5},
    "restarts": {"restart_marker_blocks": 2},
}


@pytest.fixture
def memory():
    return np.empty(40_000, np.uint8)


def photograph():
    return Image.fromarray(data.astronaut()).resize((91, 70))


def jpeg(image, **options):
    target = io.BytesIO()
    image.save(target, "JPEG", **options)
    return target.getvalue()


def converted(path, memory):
    ycbcr = read_ycbcr(path, memory)
    return None if ycbcr is None else ycbcr_to_rgb(ycbcr.reshape(-1, 3)).reshape(ycbcr.shape)


@pytest.mark.parametrize("kind", KINDS)
def test_equals_pillow(tmp_path, memory, kind):
    path = tmp_path / "a.jpg"
    path.write_bytes(jpeg(photograph(), **KINDS[kind]))
    expected = np.asarray(Image.open(path))
    np.testing.assert_array_equal(converted(path, memory), expected)
    np.testing.assert_array_equal(read_rgb(path, 91 * 70), expected)
    assert read_rgb(path, 91 * 70 - 1) is None


def test_the_conversion_equals_pillows_for_colours_of_all_kinds(tmp_path):
    """Flat blocks of 8x8 pixels, most of which no RGB colour has."""
    blocks = np.random.default_rng(0).integers(0, 256, [40, 50, 3], np.uint8)
    ycbcr = Image.fromarray(blocks.repeat(8, axis=0).repeat(8, axis=1), "YCbCr")
    path = tmp_path / "a.jpg"
    path.write_bytes(jpeg(ycbcr, subsampling=0, quality=100))
    rgb = converted(path, np.empty(ycbcr.width * ycbcr.height * 3, np.uint8))
    np.testing.assert_array_equal(rgb, np.asarray(Image.open(path)))
    assert len(np.unique(rgb.reshape(-1, 3), axis=0)) > 1000


def test_other_files_are_left_to_pillow(tmp_path, memory):
    whole = jpeg(photograph())
    header = whole.index(b"\xff\xc0")
    huge = whole[: header + 5] + b"\xff\xff\xff\xff" + whole[header + 9 :]
    files = {
        "gray": jpeg(photograph().convert("L")),
        "cmyk": jpeg(photograph().convert("CMYK")),
        "rgb": jpeg(photograph(), keep_rgb=True),
        "large": jpeg(photograph().resize((200, 70))),
        "huge": huge,
        "flat": whole[: header + 5] + b"\0\0" + whole[header + 7 :],
        "cut": whole[:-300],
        "longer": whole + b"more",
        "empty": b"",
        "text": b"no picture",
        "start": whole[:3],
    }
    for name, contents in files.items():
        (tmp_path / name).write_bytes(contents)
        assert read_ycbcr(tmp_path / name, memory) is None, name
        if name not in ("rgb", "large"):
            assert read_rgb(tmp_path / name, 10_000) is None, name
    assert read_ycbcr(tmp_path / "missing", memory) is None and read_rgb(tmp_path / "missing", 10_000) is None


def test_turned_photographs_are_left_to_pillow(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn
    (tmp_path / "a.jpg").write_bytes(jpeg(photograph(), exif=exif))
    assert read_rgb(tmp_path / "a.jpg", 10_000) is None
    assert read_photo(tmp_path / "a.jpg").rgb.shape == (91, 70, 3)


def test_damaged_files_are_read_as_pillow_reads_them_or_left_to_it(tmp_path, memory):
    rng = np.random.default_rng(1)
    files = [jpeg(photograph(), **options) for options in KINDS.values()]
    path, read = tmp_path / "a.jpg", 0
    for number in range(300):
        contents = bytearray(files[number % len(files)])
        place = rng.integers(2, len(contents) - 2)
        if number % 2:
            contents[place] ^= 1 << rng.integers(8)
        else:
            del contents[place : place + rng.integers(1, 200)]
        path.write_bytes(contents)
        found = [converted(path, memory), read_rgb(path, 10_000)]
        for rgb in found:
            if rgb is not None:
                np.testing.assert_array_equal(rgb, np.asarray(Image.open(path).convert("RGB")))
                read += 1
    assert read > 300


def test_a_file_that_is_cut_is_no_photograph(tmp_path, memory):
    path = tmp_path / "a.jpg"
    path.write_bytes(jpeg(photograph())[:-300])
    assert read_ycbcr(path, memory) is None and read_rgb(path, 10_000) is None
    with pytest.raises(UnreadableImage):
        read_photo(path)
