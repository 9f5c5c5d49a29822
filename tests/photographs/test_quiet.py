"""Settings of Pillow and tifffile are changed only while photographs are read, and no warning comes through."""

import importlib.util
import io
import logging
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from tfcolor import photographs
from tfcolor.photographs import pixels, quiet, tiff
from tfcolor.photographs.decoding import read_header
from tfcolor.photographs.metadata import Metadata
from tfcolor.photographs.pixels import UnreadableImage, opened, read_photo, read_photos, read_size
from tfcolor.photographs.reading import read_page

RGB = np.random.default_rng(0).integers(0, 256, [6, 9, 3], np.uint8)
LOG = logging.getLogger("tifffile")


@pytest.fixture(autouse=True, params=[20, 30], ids=["refused", "warned"])
def settings(request, monkeypatch):
    """Settings as another part of the program may have made them; no test may change them.

    Pillow warns of more pixels than its limit, and refuses more than twice as many: the pictures here have 54.
    """
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", request.param)
    before = LOG.level
    LOG.setLevel(logging.INFO)
    yield
    assert (Image.MAX_IMAGE_PIXELS, LOG.level) == (request.param, logging.INFO)
    LOG.setLevel(before)


def saved(path: Path, **options: object) -> Path:
    Image.fromarray(RGB).save(path, **options)
    return path


@pytest.mark.parametrize("path", sorted(Path(photographs.__path__[0]).glob("*.py")), ids=lambda path: path.stem)
def test_an_import_changes_no_setting(path):
    """Each module is run again under another name; the fixture looks at the settings afterwards."""
    spec = importlib.util.spec_from_file_location(f"again_{path.stem}", path)
    spec.loader.exec_module(importlib.util.module_from_spec(spec))


def test_pillow_itself_refuses_such_a_picture_or_warns(tmp_path):
    """Otherwise the tests below would show nothing."""
    with pytest.raises((Image.DecompressionBombError, Image.DecompressionBombWarning)):
        Image.open(saved(tmp_path / "a.png"))


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.tif", "a.webp", "a.gif", "a.ppm", "a.bmp"])
def test_pictures_beyond_pillows_limit_are_read_without_a_warning(tmp_path, name):
    path = saved(tmp_path / name)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert read_photo(path).rgb.shape == RGB.shape and read_size(path) == (9, 6)
        assert read_page(read_header(path, 54), with_truth=True).truth.shape == RGB.shape
    assert caught == []


def test_a_tiffs_exif_is_read_beyond_pillows_limit(tmp_path):
    exif = Image.Exif()
    exif[0x010F] = "Zeiss"
    page = read_page(read_header(saved(tmp_path / "a.tif", exif=exif), 54))
    assert b"Zeiss" in page.metadata.exif


def test_our_limit_applies(tmp_path, monkeypatch):
    path = saved(tmp_path / "a.png")
    monkeypatch.setattr(pixels, "MAX_PIXELS", 53)
    for read in (read_photo, read_size, lambda path: read_header(path, 53)):
        with pytest.raises(UnreadableImage, match=r"^9x6 pixels, more than 53$"):
            read(path)


def test_many_threads_read_large_pictures(tmp_path):
    paths = [saved(tmp_path / f"{i}.{suffix}") for i, suffix in enumerate(["png", "jpg", "tif", "gif"] * 10)]

    def read(path):
        return read_page(read_header(path, 54)).lightness.shape

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with ThreadPoolExecutor(8) as pool:
            assert set(pool.map(read, paths)) == {(6, 9)}
        assert all(photo.rgb.shape == RGB.shape for _, photo in read_photos(paths))
    assert caught == []


@pytest.mark.parametrize("change", [quiet.no_pillow_limit, quiet.no_tifffile_log], ids=["limit", "log"])
def test_the_setting_comes_back_with_the_last_reader(change):
    def is_changed():
        return Image.MAX_IMAGE_PIXELS is None if change is quiet.no_pillow_limit else LOG.level == logging.CRITICAL

    inside, leave = threading.Event(), threading.Event()

    def reader():
        with change:
            inside.set()
            leave.wait(10)

    thread = threading.Thread(target=reader)
    with change:
        thread.start()
        assert inside.wait(10) and is_changed()
        with change:
            assert is_changed()
        assert is_changed()
    assert is_changed()  # the thread is still inside
    leave.set()
    thread.join()
    assert not is_changed()


def test_the_setting_comes_back_after_an_error(tmp_path):
    with pytest.raises(UnreadableImage), opened(saved(tmp_path / "a.png")):
        raise ValueError("broken")
    (tmp_path / "b.png").write_bytes(b"no picture")
    with pytest.raises(UnreadableImage, match="not an image that can be read"):
        read_photo(tmp_path / "b.png")


@pytest.mark.filterwarnings("ignore:Truncated File Read")  # Pillow reads EXIF from the file
def test_tifffile_logs_nothing_while_a_photograph_is_read(tmp_path, caplog):
    file = io.BytesIO()
    tifffile.imwrite(file, RGB, photometric="rgb", metadata=None)
    content = bytearray(file.getvalue())
    with tifffile.TiffFile(io.BytesIO(content)) as whole:
        place = whole.pages[0].tags["XResolution"].offset
    content[place + 8 : place + 12] = b"\xff\xff\xff\x7f"  # the tag's value lies behind the end of the file
    path = tmp_path / "a.tif"
    path.write_bytes(content)
    with tifffile.TiffFile(path) as odd:
        assert odd.pages[0].shape == RGB.shape
    assert caplog.records  # by tifffile itself
    caplog.clear()
    page = read_page(read_header(path, 54))
    with (tmp_path / "b.tif").open("w+b") as result, tiff.Writer(result, RGB.nbytes) as writer:
        writer.add(RGB, Metadata(dpi=(300, 300)))
    assert page.lightness.shape == (6, 9) and caplog.records == []
