"""The command that colours: which photographs it colours, what it keeps of them, and what it never overwrites."""

import re
import weakref
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from PIL import Image
from skimage.color import rgb2lab

from tfcolor import DEFAULT_MODEL
from tfcolor.color.lab import grayed
from tfcolor.commands import colorize_files
from tfcolor.data.datasets import SAMPLES
from tfcolor.models.directory import SHIPPED
from tfcolor.photographs import writing


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def pixels(path: Path, mode: str = "RGB") -> np.ndarray:
    with Image.open(path) as image:
        assert image.mode == mode
        return np.asarray(image)


def colors(height: int = 30, width: int = 20) -> np.ndarray:
    """uint8 [H, W, 3], bright above and dark below."""
    ramp = np.linspace(220, 30, height)[:, None, None]
    noise = np.random.default_rng(0).normal(0, 20, [height, width, 3])
    return np.clip(ramp + noise, 0, 255).astype(np.uint8)


def save(path: Path, picture: np.ndarray | None = None, **options: object) -> Path:
    path.parent.mkdir(exist_ok=True)
    Image.fromarray(colors() if picture is None else picture).save(path, **options)
    return path


def is_coloured_version(result: np.ndarray, rgb: np.ndarray) -> bool:
    """Whether a result has the lightness of `rgb`, except for 8-bit rounding and JPEG, and has colour."""
    same = np.abs(rgb2lab(result)[..., 0] - rgb2lab(rgb)[..., 0]).mean() < 2
    return result.shape == rgb.shape and same and np.ptp(result, axis=-1).mean() > 10


def broken_jpeg(path: Path) -> Path:
    """Write the first half of a JPEG: its size can be read, its pixels cannot."""
    save(path, colors(400, 500), quality=95)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return path


# What is coloured


def test_files_folders_and_globs(predict, tmp_path, photo_folder, results):
    first = save(tmp_path / "first.png")
    for name in ("a.png", "b.png", "notes.txt"):
        save(tmp_path / "more" / name, format="PNG")
    outcome = predict(first, first, "more", photo_folder / "photo[0-2].*")
    assert outcome.status == 0
    assert names(results) == ["a.png", "b.png", "first.png", "photo0.png", "photo1.png", "photo2.png"]
    assert is_coloured_version(pixels(results / "photo1.png"), pixels(photo_folder / "photo1.png"))
    assert "6 photographs" in outcome.out and "colorized" in outcome.out


def test_a_name_with_brackets_is_a_file_before_it_is_a_glob(predict, tmp_path, results):
    save(tmp_path / "photo[1].png")
    save(tmp_path / "photo1.png")
    assert predict("photo[1].png").status == 0
    assert names(results) == ["photo[1].png"]


def test_without_files_the_samples_are_coloured(predict, results):
    assert predict().status == 0
    assert {*SAMPLES} <= {*names(results)}
    assert pixels(results / "chelsea.png").shape == (300, 451, 3)


@pytest.mark.skipif(not (SHIPPED / DEFAULT_MODEL / "model.json").exists(), reason="no model is shipped yet")
def test_the_shipped_model_is_the_default(predict, tmp_path, results):
    save(tmp_path / "photo.png")
    assert predict("photo.png", model=None).status == 0
    assert is_coloured_version(pixels(results / "photo.png"), colors())


def test_the_tiles_do_not_show(predict, photo_folder):
    for folder, tile in (("whole", "auto"), ("tiles", 16)):
        assert predict(photo_folder / "photo0.png", "--output", folder, "--tile", tile).status == 0
    whole, tiles = (pixels(Path(folder) / "photo0.png").astype(int) for folder in ("whole", "tiles"))
    assert np.abs(whole - tiles).max() <= 1


def test_the_temperature_is_used(predict, photo_folder):
    for T in (0, 1):
        assert predict(photo_folder / "photo0.png", "--T", T, "--output", f"T{T}").status == 0
    vivid, dull = (rgb2lab(pixels(Path(folder) / "photo0.png"))[..., 1:] for folder in ("T0", "T1"))
    assert np.linalg.norm(vivid, axis=-1).mean() > np.linalg.norm(dull, axis=-1).mean() + 5


# What is kept


def test_formats_stay_what_they_are(predict, tmp_path, results):
    inputs = ["a.png", "b.jpg", "c.JPEG", "d.tif", "e.bmp", "f.webp", "g.PNG", "h.ppm", "i.pgm", "j.gif"]
    for name in inputs:
        save(
            tmp_path / "in" / name,
            np.kron(colors(), np.ones([2, 2, 1], np.uint8))[..., : 1 if name[0] in "ij" else 3].squeeze(),
        )
    assert predict("in").status == 0
    expected = [*inputs[:8], "i.pgm.ppm", "j.gif.png"]
    assert names(results) == sorted(expected)
    for source, name in zip(inputs, expected, strict=True):
        with Image.open(tmp_path / "in" / source) as image:
            rgb, format = np.asarray(image.convert("RGB")), image.format
        with Image.open(results / name) as image:
            assert image.format == ("PNG" if name == "j.gif.png" else format)
            if image.format == "JPEG":
                # Component, horizontal and vertical sampling: the same for luma and chroma is 4:4:4.
                assert [layer[1:3] for layer in image.layer] == [(1, 1)] * 3
        assert is_coloured_version(pixels(results / name), rgb)


def test_alpha_survives(predict, tmp_path, results):
    alpha = np.arange(600, dtype=np.uint16).reshape(30, 20, 1).astype(np.uint8)
    save(tmp_path / "glass.png", np.concatenate([colors(), alpha], axis=-1))
    save(tmp_path / "solid.png", np.concatenate([colors(), np.full_like(alpha, 255)], axis=-1))
    assert predict("glass.png", "solid.png").status == 0
    result = pixels(results / "glass.png", "RGBA")
    np.testing.assert_array_equal(result[..., 3:], alpha)
    solid = pixels(results / "solid.png", "RGBA")
    assert (solid[..., 3] == 255).all()
    np.testing.assert_array_equal(result[..., :3], solid[..., :3])


def test_a_rotated_photograph_comes_out_upright(predict, tmp_path, results):
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held upright: turn by 90 degrees to the right
    save(tmp_path / "photo.jpg", quality=95, exif=exif)
    assert predict("photo.jpg").status == 0
    with Image.open(results / "photo.jpg") as image:
        assert image.getexif().get(0x0112, 1) == 1  # no viewer turns it again
    assert is_coloured_version(pixels(results / "photo.jpg"), np.rot90(colors(), -1))


def test_gray_photographs_are_coloured(predict, tmp_path, results):
    save(tmp_path / "gray.png", colors()[..., 0])
    assert predict("gray.png").status == 0
    assert is_coloured_version(pixels(results / "gray.png"), np.repeat(colors()[..., :1], 3, axis=-1))


def test_16_bits_stay_16_bits(predict, tmp_path, results):
    levels = np.linspace(0, 65535, 600).round().astype(np.uint16).reshape(20, 30)
    save(tmp_path / "deep.png", levels)
    assert predict("deep.png").status == 0
    deep = imagecodecs.png_decode((results / "deep.png").read_bytes())
    assert deep.dtype == np.uint16 and deep.shape == (20, 30, 3)
    assert len(np.unique(rgb2lab(deep / 65535)[..., 0].round(3))) > 500


def contains(sheet: np.ndarray, picture: np.ndarray) -> bool:
    windows = np.lib.stride_tricks.sliding_window_view(sheet, picture.shape)
    return bool((windows == picture).all(axis=(-3, -2, -1)).any())


def test_compare_shows_input_result_and_truth(predict, tmp_path, results):
    save(tmp_path / "photo.png")
    save(tmp_path / "gray.png", colors()[..., 0])
    assert predict("photo.png", "gray.png", "--compare").status == 0
    assert names(results) == ["gray.png", "gray.png-compare.png", "photo.png", "photo.png-compare.png"]
    sheet = pixels(results / "photo.png-compare.png")
    assert contains(sheet, colors()) and contains(sheet, pixels(results / "photo.png"))
    assert contains(sheet, grayed(colors()).numpy())
    gray_sheet = pixels(results / "gray.png-compare.png")  # a gray photograph has no truth to show
    assert contains(gray_sheet, pixels(results / "gray.png")) and gray_sheet.shape[1] < sheet.shape[1] - 20


def test_a_comparison_is_not_left_without_its_result(predict, tmp_path, results):
    save(tmp_path / "a.png", np.concatenate([colors(), colors()[..., :1]], axis=-1))
    assert predict("a.png", "--format", "jpeg", "--compare").status == 1
    assert names(results) == []


def test_a_photograph_named_twice_is_coloured_once(predict, tmp_path, results):
    save(tmp_path / "a.png")
    outcome = predict("a.png", tmp_path / "a.png")
    assert outcome.status == 0 and outcome.out.startswith("1 photograph, ")


# What cannot be read


@pytest.mark.parametrize("broken", ["text.jpg", "empty.png", "truncated.jpg"])
def test_what_cannot_be_read_gets_a_line_and_the_others_are_coloured(predict, tmp_path, results, broken):
    (tmp_path / "text.jpg").write_text("no photograph")
    (tmp_path / "empty.png").touch()
    broken_jpeg(tmp_path / "truncated.jpg")
    for name in ("a.png", "z.png"):
        save(tmp_path / name)
    outcome = predict("a.png", broken, "z.png")
    assert outcome.status == 1
    said = [line for line in outcome.err.splitlines() if not line.startswith("colouring: ")]
    assert len(said) == 1 and re.match(f"cannot colour {broken}: \\w+", said[0])
    assert names(results) == ["a.png", "z.png"]
    # Only what was coloured is counted: twice 30x20 pixels are 0.0012 megapixels.
    assert outcome.out.startswith("2 photographs, 0.0 megapixels")
    assert outcome.out.endswith("; 1 failed\n")


@pytest.mark.parametrize("argument", ["missing.png", "*.tif", "hollow"])
def test_nothing_to_colour_is_an_error(predict, tmp_path, results, argument):
    (tmp_path / "hollow").mkdir()
    outcome = predict(argument)
    assert (outcome.status, outcome.out) == (2, "")
    assert re.match("error: .+", outcome.err.splitlines()[-1])
    assert not results.exists()


# What is refused, in one line and before anything is written


def refused(outcome: tuple, message: str) -> bool:
    return outcome[:2] == (2, "") and re.fullmatch(f"error: .*{message}.*\n", outcome.err) is not None


def test_results_are_replaced_only_when_asked(predict, tmp_path, results):
    for name in ("a.png", "b.png"):
        save(tmp_path / name)
    save(results / "b.png")
    before = (results / "b.png").read_bytes()
    assert refused(predict("a.png", "b.png"), "colorized/b.png exists; give --overwrite")
    assert names(results) == ["b.png"] and (results / "b.png").read_bytes() == before
    assert predict("a.png", "b.png", "--overwrite").status == 0
    assert names(results) == ["a.png", "b.png"] and (results / "b.png").read_bytes() != before
    (results / "a.png-compare.png").write_text("mine")
    (results / "a.png").unlink()
    assert refused(predict("a.png", "--compare"), "a.png-compare.png exists")


def test_photographs_that_differ_in_their_suffix_are_all_coloured(predict, tmp_path, results):
    inputs = ["a.png", "a.gif", "a.ppm", "a.pgm", "a.jpg", "a-compare.png"]
    for name in inputs:
        save(tmp_path / name, colors()[..., 0] if name == "a.pgm" else None)
    assert predict(*inputs, "--compare").status == 0
    expected = ["a.png", "a.gif.png", "a.ppm", "a.pgm.ppm", "a.jpg", "a-compare.png"]
    assert names(results) == sorted(expected + [f"{name}-compare.png" for name in inputs])


@pytest.mark.parametrize(
    "inputs", [["a.png", "more/a.png"], ["a.jpg", "more/a.jpg-compare.png", "--compare"]], ids=" ".join
)
def test_two_photographs_of_one_result_are_left_out(predict, tmp_path, results, inputs):
    for name in [*inputs[:2], "b.png"]:
        save(tmp_path / name)
    outcome = predict("b.png", *inputs, "--overwrite")
    assert outcome.status == 1
    for name, other in (inputs[:2], inputs[1::-1]):
        reason = f"colorized/{Path(inputs[1]).name} would also be a result of {other}"
        reason += "; write one of them to another --output"
        assert f"cannot colour {name}: {reason}\n" in outcome.err
    assert [name for name in names(results) if not name.startswith("b")] == []


def test_an_input_is_never_a_result(predict, tmp_path):
    save(tmp_path / "in" / "a.png")
    (tmp_path / "link").symlink_to("in")
    before = (tmp_path / "in" / "a.png").read_bytes()
    for source, output in (("in", "in"), ("in/a.png", "in"), ("in", "link"), ("link", "in/../in")):
        assert refused(predict(source, "--output", output, "--overwrite"), "is an input")
    assert names(tmp_path / "in") == ["a.png"] and (tmp_path / "in" / "a.png").read_bytes() == before


@pytest.mark.parametrize(
    ("option", "value"),
    [
        *[("T", "-1"), ("T", "2"), ("T", "nan"), ("tile", "0"), ("tile", "-5"), ("tile", "1.5"), ("tile", "²")],
        *[("strength", "1.5"), ("quality", "0"), ("quality", "101"), ("workers", "0"), ("max-megapixels", "0")],
        *[("shard", "0/4"), ("shard", "5/4"), ("shard", "2"), ("candidates", "1"), ("candidates", "9")],
        *[("chroma-smoothing", "-1"), ("strength", "nan")],
    ],
)
def test_values_out_of_range_are_refused(predict, tmp_path, results, option, value):
    save(tmp_path / "a.png")
    assert refused(predict("a.png", f"--{option}", value), f"--{option} must be .*, got {value}")
    assert not results.exists()


@pytest.mark.parametrize("output", ["file", "file/deeper"])
def test_a_file_in_the_way_of_the_results(predict, tmp_path, output):
    save(tmp_path / "a.png")
    (tmp_path / "file").write_text("in the way")
    assert refused(predict("a.png", "--output", output), f"cannot write to folder {output}")
    assert (tmp_path / "file").read_text() == "in the way"


@pytest.mark.parametrize(
    ("name", "keep", "message"),
    [
        ("model.json", None, "model.json is missing"),
        ("bins.npz", None, "bins.npz is missing"),
        ("weights.npz", None, "weights.npz is missing"),
        ("bins.npz", 1000, "bins.npz cannot be read"),
        ("weights.npz", 1000, "weights.npz cannot be read"),
    ],
)
def test_a_model_that_is_not_whole(predict, tmp_path, results, model_folder, name, keep, message):
    """Truncated files still begin like good ones."""
    save(tmp_path / "a.png")
    content = (model_folder / name).read_bytes()
    (model_folder / name).unlink()
    if keep:
        (model_folder / name).write_bytes(content[:keep])
    assert refused(predict("a.png", model=model_folder), message)
    assert not results.exists() or not names(results)


def test_a_model_that_is_unknown_or_foreign(predict, tmp_path, model_folder):
    save(tmp_path / "a.png")
    assert refused(predict("a.png", model="nonsense"), "no model 'nonsense': give a model directory or a shipped")
    assert refused(predict("a.png", model=tmp_path), "model.json is missing")
    description = (model_folder / "model.json").read_text()
    (model_folder / "model.json").write_text(description.replace("valid8", "vgg16"))
    assert refused(predict("a.png", model=model_folder), "unknown network 'vgg16' .*valid8")


def test_the_shipped_models_are_listed(predict, results):
    outcome = predict("--list-models")
    assert outcome.status == 0 and not results.exists()
    assert [line.partition(":")[0] for line in outcome.out.splitlines()] == sorted(
        path.parent.name for path in SHIPPED.glob("*/model.json")
    )


def test_lightness_is_not_kept_while_results_are_written(predict, tmp_path, results, monkeypatch):
    pages, alive = [], []
    read_page, save_png = colorize_files.read_page, writing._SAVERS["png"]

    def reading(*arguments):
        page = read_page(*arguments)
        pages.append(weakref.ref(page.lightness))
        return page

    def saving(*arguments):
        alive.append(pages[0]() is not None)
        save_png(*arguments)

    monkeypatch.setattr("tfcolor.commands.first_page.read_page", reading)
    monkeypatch.setattr(colorize_files, "read_page", reading)
    # As for a picture so large that it is a batch of its own, and its writing is awaited.
    monkeypatch.setattr("tfcolor.colorizer.colorizer._BATCH_PIXELS", 1)
    monkeypatch.setattr(colorize_files, "_PIXELS_BEHIND", 0)
    monkeypatch.setitem(writing._SAVERS, "png", saving)
    assert predict(save(tmp_path / "a.png")).status == 0
    assert names(results) == ["a.png"] and alive == [False] and len(pages) == 1
