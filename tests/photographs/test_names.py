"""How results are named, and which names are photographs'."""

import pytest

from tfcolor.photographs.formats import FORMATS, SUFFIXES, is_image_name, result_name


@pytest.mark.parametrize("suffix", [suffix for format in FORMATS.values() for suffix in format.suffixes])
def test_a_result_of_the_same_format_keeps_the_name(suffix):
    own = next(name for name, format in FORMATS.items() if suffix in format.suffixes)
    for name in (f"a{suffix}", f"a{suffix.upper()}", f"a.b{suffix}", f"a.gif{suffix}"):
        assert result_name(name) == result_name(name, own) == name


@pytest.mark.parametrize(
    ("name", "chosen", "result"),
    [
        ("photo.gif", None, "photo.gif.png"),
        ("PHOTO.GIF", None, "PHOTO.GIF.png"),
        ("x.pgm", None, "x.pgm.ppm"),
        ("x.PBM", None, "x.PBM.ppm"),
        ("photo", None, "photo.png"),
        ("photo.", None, "photo..png"),
        (".jpg", None, ".jpg.png"),  # a hidden file without a suffix
        ("photo.2019", None, "photo.2019.png"),
        ("a.png", "jpeg", "a.png.jpg"),
        ("a.jpg", "png", "a.jpg.png"),
        ("a.JPE", "tiff", "a.JPE.tif"),
        ("a.tiff", "webp", "a.tiff.webp"),
        ("a.pgm", "ppm", "a.pgm.ppm"),
        ("a.pnm", "bmp", "a.pnm.bmp"),
        ("photo", "jpeg", "photo.jpg"),
        ("photo.gif", "jpeg", "photo.gif.jpg"),
    ],
)
def test_another_format_appends_its_suffix(name, chosen, result):
    assert result_name(name, chosen) == result


@pytest.mark.parametrize("chosen", [None, *FORMATS])
def test_photographs_that_differ_in_their_suffix_have_results_of_their_own(chosen):
    names = ["a", *(f"a{suffix}" for suffix in SUFFIXES)]
    results = [result_name(name, chosen) for name in names]
    # The result of "a" has the name of another photograph.
    assert len(set(results[1:])) == len(names) - 1


def test_what_is_a_photograph_by_its_name():
    # The suffixes in the formats' specifications and registered media types, and what cameras and scanners write.
    known = [".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".tif", ".tiff", ".webp", ".bmp", ".gif"]
    known += [".ppm", ".pnm", ".pgm", ".pbm"]
    assert sorted(SUFFIXES) == sorted(known)
    assert all(is_image_name(f"a{suffix}") and is_image_name(f"A.b{suffix.upper()}") for suffix in known)
    assert not any(map(is_image_name, ("a", "jpg", ".jpg", "a.jpg.part", "a.txt", "a.", "a.jpg ", "")))
