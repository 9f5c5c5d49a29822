"""Large pictures: that saving memory changes nothing, against the same work with memory to spare."""

import io

import numpy as np
import pytest
from PIL import Image
from skimage.color import rgb2lab

from tfcolor.colorizer.tiles import Uncolored
from tfcolor.photographs import reading, writing
from tfcolor.photographs.decoding import read_header
from tfcolor.photographs.metadata import Metadata
from tfcolor.photographs.reading import read_page
from tfcolor.utils import pixelwise

HEIGHT, WIDTH = 75, 50


@pytest.fixture()
def rgb(monkeypatch):
    """A picture that counts as large, and is converted in several parts."""
    monkeypatch.setattr(pixelwise, "_LARGE", 1000)
    monkeypatch.setattr(reading, "_FREED_PIXELS", 1000)
    return np.random.default_rng(0).integers(0, 256, [HEIGHT, WIDTH, 3], np.uint8)


def test_lightness_takes_the_place_of_the_pixels(rgb, tmp_path, monkeypatch):
    Image.fromarray(rgb).save(tmp_path / "a.png")
    taken = []
    convert = reading._lightness_in_place_of
    monkeypatch.setattr(reading, "_lightness_in_place_of", lambda x: taken.append(x) or convert(x))
    header = read_header(tmp_path / "a.png", rgb.size)
    page, with_truth = read_page(header), read_page(header, with_truth=True)
    assert [each.size for each in taken] == [0]  # all of it was freed, and only where nobody needs it
    np.testing.assert_array_equal(with_truth.truth, rgb)
    for lightness in (page.lightness, with_truth.lightness):
        np.testing.assert_allclose(lightness, rgb2lab(rgb)[..., 0], atol=2e-3)


def with_spare_bytes(rgb: np.ndarray) -> np.ndarray:
    found = Uncolored(np.full(rgb.shape[:2], 77, np.float32)).in_place()
    found[:] = rgb
    return found


def test_pixels_with_spare_bytes_are_written_as_others_without_a_copy(rgb):
    spare = with_spare_bytes(rgb)
    assert not spare.flags.c_contiguous
    files = []
    for pixels in (rgb, spare):
        files.append(io.BytesIO())
        writing._save_jpeg(files[-1], pixels, Metadata(), 90)
    assert files[0].getvalue() == files[1].getvalue()
    image = writing._image(spare)
    spare[0, 0] = 1, 2, 3
    assert image.mode == "RGBX" and image.getpixel((0, 0))[:3] == (1, 2, 3)


def test_the_spare_byte_may_not_come_first(rgb):
    whole = np.zeros([HEIGHT, WIDTH, 4], np.uint8)
    whole[..., 1:] = rgb
    np.testing.assert_array_equal(np.asarray(writing._image(whole[..., 1:])), rgb)


@pytest.mark.parametrize("part", [np.s_[:, :9], np.s_[:9], np.s_[::-1], np.s_[..., ::-1]], ids=str)
def test_parts_of_pixels_with_spare_bytes_are_copied(rgb, part):
    image = writing._image(with_spare_bytes(rgb)[part])
    assert image.mode == "RGB"
    np.testing.assert_array_equal(np.asarray(image), rgb[part])
