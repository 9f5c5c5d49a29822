"""Photograph files of every kind in, pictures out whole or not at all; sheets; JSON and NumPy files."""

import io
import json
import time

import numpy as np
import pytest
from PIL import Image

from tfcolor.photographs import pixels
from tfcolor.photographs.pixels import UnreadableImage, read_photo, read_photos, read_size, write_png
from tfcolor.utils import files
from tfcolor.utils.errors import InputError
from tfcolor.utils.sheets import sheet

RNG = np.random.default_rng(0)
RGB = RNG.integers(0, 256, [6, 9, 3], np.uint8)
GRAY = RNG.integers(0, 256, [6, 9], np.uint8)
ALPHA = RNG.integers(0, 255, [6, 9], np.uint8)
ROWS, COLUMNS = np.indices([24, 32])
SMOOTH = np.stack([8 * COLUMNS, 255 - 10 * ROWS, 0 * ROWS + 90], axis=-1).astype(np.uint8)


def saved(path, image, **options):
    image.save(path, **options)
    return path


def of_gray(gray):
    return np.repeat(gray[..., None], 3, axis=-1)


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif", ".webp", ".ppm"])
def test_lossless_colour(tmp_path, suffix):
    options = {"lossless": True} if suffix == ".webp" else {}
    photo = read_photo(saved(tmp_path / f"a{suffix}", Image.fromarray(RGB), **options))
    np.testing.assert_array_equal(photo.rgb, RGB)
    assert (photo.rgb.dtype, photo.alpha) == (np.uint8, None)


def test_gray_is_a_photograph_too(tmp_path):
    photo = read_photo(saved(tmp_path / "a.png", Image.fromarray(GRAY)))
    np.testing.assert_array_equal(photo.rgb, of_gray(GRAY))


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_16_bit_gray_is_scaled_and_not_clipped(tmp_path, suffix):
    """Pillow's own conversion to 8 bits makes everything above 255 of 65535 white."""
    deep = np.array([[0, 128, 129, 257, 300], [32767, 32896, 65278, 65407, 65535]], np.uint16)
    photo = read_photo(saved(tmp_path / f"a{suffix}", Image.fromarray(deep)))
    np.testing.assert_array_equal(photo.rgb[..., 0], [[0, 0, 1, 1, 1], [127, 128, 254, 255, 255]])  # v / 257
    np.testing.assert_array_equal(photo.rgb, of_gray(photo.rgb[..., 0]))


def test_bilevel_and_palette(tmp_path):
    photo = read_photo(saved(tmp_path / "a.png", Image.fromarray(GRAY > 99)))
    np.testing.assert_array_equal(photo.rgb, of_gray(np.uint8(255 * (GRAY > 99))))
    palette = Image.frombytes("P", (9, 6), (GRAY % 4).tobytes())
    palette.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255, 9, 8, 7])
    colors = np.uint8([[255, 0, 0], [0, 255, 0], [0, 0, 255], [9, 8, 7]])
    photo = read_photo(saved(tmp_path / "b.png", palette))
    np.testing.assert_array_equal(photo.rgb, colors[GRAY % 4])
    assert photo.alpha is None
    photo = read_photo(saved(tmp_path / "c.png", palette, transparency=bytes([0, 100, 200, 255])))
    np.testing.assert_array_equal(photo.alpha, np.uint8([0, 100, 200, 255])[GRAY % 4])
    photo = read_photo(saved(tmp_path / "d.gif", palette, transparency=2))
    np.testing.assert_array_equal(photo.alpha == 0, GRAY % 4 == 2)


def test_alpha_is_kept_where_it_says_something(tmp_path):
    rgba = read_photo(saved(tmp_path / "a.png", Image.fromarray(np.dstack([RGB, ALPHA]))))
    np.testing.assert_array_equal(rgba.rgb, RGB)
    np.testing.assert_array_equal(rgba.alpha, ALPHA)
    gray_alpha = read_photo(saved(tmp_path / "b.png", Image.fromarray(np.dstack([GRAY, ALPHA]))))
    np.testing.assert_array_equal(gray_alpha.rgb, of_gray(GRAY))
    np.testing.assert_array_equal(gray_alpha.alpha, ALPHA)
    opaque = read_photo(saved(tmp_path / "c.png", Image.fromarray(np.dstack([RGB, 0 * ALPHA + 255]))))
    assert opaque.alpha is None


def test_cmyk_jpeg(tmp_path):
    path = saved(tmp_path / "a.jpg", Image.fromarray(SMOOTH).convert("CMYK"), quality=100, subsampling=0)
    with Image.open(path) as image:
        assert image.mode == "CMYK"
    assert np.abs(read_photo(path).rgb.astype(int) - SMOOTH).mean() < 3


# EXIF 2.32, tag 0x0112: where the file's first row and column are in the upright picture.
UPRIGHT = {
    1: lambda x: x,
    2: lambda x: x[:, ::-1],
    3: lambda x: x[::-1, ::-1],
    4: lambda x: x[::-1],
    5: lambda x: x.swapaxes(0, 1),
    6: lambda x: np.rot90(x, -1),
    7: lambda x: x[::-1, ::-1].swapaxes(0, 1),
    8: lambda x: np.rot90(x, 1),
}


@pytest.mark.parametrize("orientation", UPRIGHT)
def test_exif_orientation(tmp_path, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    for name, array in (
        ("a.png", RGB),
        ("b.png", GRAY.astype(np.uint16) * 257),
        ("c.png", np.dstack([RGB, ALPHA])),
    ):
        photo = read_photo(saved(tmp_path / name, Image.fromarray(array), exif=exif))
        expected = of_gray(GRAY) if array.ndim == 2 else RGB
        np.testing.assert_array_equal(photo.rgb, UPRIGHT[orientation](expected))
    np.testing.assert_array_equal(photo.alpha, UPRIGHT[orientation](ALPHA))
    assert read_size(tmp_path / "a.png") == (9, 6)  # of the file


def jpeg() -> bytes:
    file = io.BytesIO()
    Image.fromarray(SMOOTH).save(file, "JPEG")
    return file.getvalue()


def png() -> bytes:
    file = io.BytesIO()
    Image.fromarray(SMOOTH).save(file, "PNG")
    return file.getvalue()


BROKEN = {
    "a truncated JPEG": jpeg()[:-200],
    "a truncated PNG": png()[:-60],
    "only a header": png()[:40],
    "an empty file": b"",
    "a text": b"not a picture, though it is called one\n" * 9,
    "a PNG with a flipped bit": png()[:60] + bytes([png()[60] ^ 64]) + png()[61:],
}


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN)
def test_broken_files_are_unreadable(tmp_path, content):
    path = tmp_path / "a.jpg"
    path.write_bytes(content)
    with pytest.raises(UnreadableImage) as refusal:
        read_photo(path)
    message = str(refusal.value)
    assert message
    assert "\n" not in message
    assert str(tmp_path) not in message


def test_folders_and_missing_files_are_unreadable(tmp_path):
    for path in (tmp_path, tmp_path / "none.png"):
        for read in (read_photo, read_size):
            with pytest.raises(UnreadableImage) as refusal:
                read(path)
            assert str(tmp_path) not in str(refusal.value)


def test_floats_without_a_range_and_bombs_are_unreadable(tmp_path, monkeypatch):
    path = saved(tmp_path / "a.tif", Image.fromarray(GRAY.astype(np.float32)))
    with pytest.raises(UnreadableImage, match="floating-point gray values, whose range is unknown"):
        read_photo(path)
    monkeypatch.setattr(pixels, "MAX_PIXELS", 50)
    path = saved(tmp_path / "b.png", Image.fromarray(RGB))
    for read in (read_photo, read_size):
        with pytest.raises(UnreadableImage, match="9x6 pixels, more than 50"):
            read(path)


@pytest.mark.parametrize(("limit", "most"), [(7, 1), (12, 3), (10**6, 4)])
def test_reading_ahead_is_bounded_by_pixels(tmp_path, monkeypatch, limit, most):
    paths = [tmp_path / f"{i}.png" for i in range(12)]
    for path in paths:
        Image.fromarray(np.zeros([2, 2, 3], np.uint8)).save(path)
    started, ahead, used = [], [], 0
    original = read_photo
    monkeypatch.setattr(pixels, "read_photo", lambda path: started.append(path) or original(path))
    monkeypatch.setattr(pixels, "_PIXELS_AHEAD", limit)
    for used, _ in enumerate(read_photos(paths), start=1):
        time.sleep(0.01)  # readers that may go on do
        ahead.append(len(started) - used + 1)
    assert used == len(paths) and max(ahead) == most


def test_reading_many_keeps_their_order_and_goes_on_after_errors(tmp_path):
    paths = [tmp_path / f"{i:02d}.png" for i in range(25)]
    for i, path in enumerate(paths):
        Image.fromarray(np.full([2, 2, 3], i, np.uint8)).save(path)
    paths[7].write_bytes(b"")
    results = list(read_photos(iter(paths)))
    assert [path for path, _ in results] == paths
    for i, (_, photo) in enumerate(results):
        assert isinstance(photo, UnreadableImage) if i == 7 else (photo.rgb == i).all()
    assert list(read_photos([])) == []


@pytest.mark.parametrize("before", [None, b"the previous picture"])
def test_a_failed_write_leaves_what_was_there(tmp_path, monkeypatch, before):
    def fails(self, file, **options):
        file.write(b"half a pic")
        raise OSError(28, "No space left on device")

    path = tmp_path / "a.png"
    if before:
        path.write_bytes(before)
    monkeypatch.setattr(Image.Image, "save", fails)
    with pytest.raises(OSError, match="No space left"):
        write_png(path, RGB)
    assert (path.read_bytes() if path.exists() else None) == before
    assert list(tmp_path.iterdir()) == ([path] if before else [])


def test_a_write_leaves_nothing_else_behind(tmp_path):
    (tmp_path / "a.png").write_bytes(b"the previous picture")
    write_png(tmp_path / "a.png", RGB)
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]
    np.testing.assert_array_equal(read_photo(tmp_path / "a.png").rgb, RGB)


def test_sheet_shows_every_picture_unchanged():
    small = np.full([4, 5, 3], 7, np.uint8)
    result = sheet([[("one", RGB), ("two", small)], [("a long caption", SMOOTH)]])
    assert result.dtype == np.uint8
    assert (result[:6] == 255).all()  # white around
    for picture in (RGB, small, SMOOTH):
        windows = np.lib.stride_tricks.sliding_window_view(result, picture.shape)[:, :, 0]
        assert (windows == picture).all(axis=(-3, -2, -1)).sum() == 1


def test_json_there_and_back(tmp_path):
    content = {"a": [1, 2.5, None], "ü": {"b": "c"}}
    files.write_json(tmp_path / "a.json", content)
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8")) == content
    assert files.read_json(tmp_path / "a.json") == content


@pytest.mark.parametrize("content", [None, b"", b"{", b"[1]", b"\xff\xfe{}", b"{} {}", b"[" * 10**5])
def test_broken_json_is_refused_in_one_line(tmp_path, content):
    path = tmp_path / "a.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError) as refusal:
        files.read_json(path)
    assert str(path) in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_arrays_there_and_back_by_their_names(tmp_path):
    arrays = {"layer/filter": RGB, "number": 3, "word": "forest"}
    files.write_npz(tmp_path / "a.npz", arrays)
    for keys in (None, set(arrays)):
        result = files.read_npz(tmp_path / "a.npz", keys)
        assert result.keys() == arrays.keys()
        np.testing.assert_array_equal(result["layer/filter"], RGB)
        assert (result["number"].item(), result["word"].item()) == (3, "forest")
    with pytest.raises(InputError, match=r"missing \['more'\], unknown \['word'\]"):
        files.read_npz(tmp_path / "a.npz", {"layer/filter", "number", "more"})


def test_broken_archives_are_refused_in_one_line(tmp_path):
    """Every byte of a small archive inverted in turn: the file loads nevertheless, or is refused."""
    path = tmp_path / "a.npz"
    files.write_npz(path, {"a": np.arange(3), "b": "word"})
    whole = path.read_bytes()
    refused = 0
    broken = [whole[:i] + bytes([whole[i] ^ 255]) + whole[i + 1 :] for i in range(len(whole))]
    for content in [b"", b"text", whole[:-1], whole[: len(whole) // 2], *broken]:
        path.write_bytes(content)
        try:
            files.read_npz(path, {"a", "b"})
        except InputError as error:
            refused += 1
            assert str(path) in str(error)
            assert "\n" not in str(error)
    assert refused > len(whole) / 2


def test_bare_arrays_pickles_and_tables_are_refused(tmp_path):
    np.save(tmp_path / "a.npy", np.arange(3))
    np.savez(tmp_path / "b.npz", a=np.array([{}], dtype=object))
    np.savez(tmp_path / "c.npz", a=np.zeros(1, [(f"field{i}", "f4") for i in range(900)]))  # NumPy's error has 3 lines
    for path in (tmp_path / "a.npy", tmp_path / "b.npz", tmp_path / "c.npz", tmp_path):
        with pytest.raises(InputError, match=str(path)) as refusal:
            files.read_npz(path)
        assert "\n" not in str(refusal.value)


def test_make_folder(tmp_path):
    files.make_folder(tmp_path / "a" / "b")
    files.make_folder(tmp_path / "a" / "b")
    assert list((tmp_path / "a" / "b").iterdir()) == []
    (tmp_path / "file").write_bytes(b"")
    for path in (tmp_path / "file", tmp_path / "file" / "a"):
        with pytest.raises(InputError, match=f"cannot write to folder {path}: "):
            files.make_folder(path)
