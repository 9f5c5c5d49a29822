"""Hints on the command line, as strokes and in a CSV; and suggestions."""

import re

import numpy as np
import pytest
from PIL import Image
from skimage.color import rgb2lab

from tests.made import write_model
from tfcolor.evaluation import hinting

COLOR = (135, 118, 80)


@pytest.fixture
def photo(tmp_path):
    """A gray gradient of 40x30 pixels around the lightness of `COLOR`."""
    levels = np.tile(np.linspace(100, 140, 40).astype(np.uint8), (30, 1))
    Image.fromarray(levels).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


def ab(path, x, y):
    with Image.open(path) as image:
        return rgb2lab(np.asarray(image.convert("RGB")))[y, x, 1:]


def is_kept(path, x, y):
    return np.linalg.norm(ab(path, x, y) - rgb2lab(np.uint8([[COLOR]]))[0, 0, 1:]) < 1.2


def test_a_hint_on_the_command_line(predict, photo, results):
    assert predict(photo.name, "--hint", "12,20,#877650", "--hint", "3,4,gray").status == 0
    assert is_kept(results / "photo.png", 12, 20) and np.abs(ab(results / "photo.png", 3, 4)).max() < 1


def test_strokes_are_the_opaque_pixels_of_a_picture(predict, photo, tmp_path, results):
    strokes = np.zeros([30, 40, 4], np.uint8)
    strokes[10, 5:25] = *COLOR, 255
    strokes[11, 5:25] = 255, 0, 0, 128  # the soft border of a brush
    Image.fromarray(strokes).save(tmp_path / "strokes.png")
    assert predict(photo.name, "--hints", "strokes.png").status == 0
    assert all(is_kept(results / "photo.png", x, 10) for x in range(5, 25))
    Image.fromarray(strokes[:20]).save(tmp_path / "small.png")
    outcome = predict(photo.name, "--hints", "small.png", "--overwrite")
    assert outcome.status == 1 and "40x30 pixels, but the picture of hints has 40x20" in outcome.err


def test_a_csv_for_many_photographs(predict, photo, tmp_path, results):
    (tmp_path / "old").mkdir()
    for name in ("a.png", "b.png", "c.png"):
        (tmp_path / "old" / name).write_bytes(photo.read_bytes())
    (tmp_path / "hints.csv").write_text(
        "FILE,X,Y,COLOUR\nold/a.png,12,20,#877650\nb.png, 5, 6, rgb(135, 118, 80)\nb.png,7,7,gray\na.png,90,0,red\n"
    )
    outcome = predict("old", "--hints", "hints.csv")
    assert outcome.status == 1 and "a.png: 40x30 pixels, so there is no place for a hint at 90,0" in outcome.err
    assert not (results / "a.png").exists(), "one bad hint stops only its own photograph"
    assert is_kept(results / "b.png", 5, 6) and np.abs(ab(results / "b.png", 7, 7)).max() < 1
    assert (results / "c.png").exists()
    # The photographs that are done, or in another share, are still known.
    (tmp_path / "hints.csv").write_text("b.png,5,6,#877650\na.png,12,20,#877650\n")
    assert predict("old", "--hints", "hints.csv", "--resume").status == 0
    assert is_kept(results / "a.png", 12, 20)
    assert predict("old", "--hints", "hints.csv", "--shard", "1/3", "--overwrite").status == 0


def test_a_file_of_several_pages_takes_no_hints(predict, tmp_path, results):
    pages = [Image.fromarray(np.full([20, 20], level, np.uint8)) for level in (90, 120)]
    pages[0].save(tmp_path / "scan.tif", save_all=True, append_images=pages[1:])
    outcome = predict("scan.tif", "--hint", "1,1,red")
    assert outcome.status == 1 and "scan.tif: 2 pages, and hints are for files of one page" in outcome.err
    assert not list(results.glob("*"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--hint", "12,20"], "--hint takes X,Y,COLOUR, .*got 12,20"),
        (["--hint", "99999999999999999999,2,red"], "--hint takes X,Y,COLOUR, .*got 99999999999999999999,2,red"),
        (["--hint", "12,-2,red"], "--hint takes X,Y,COLOUR, .*got 12,-2,red"),
        (["--hint", "12,2,reddish"], "unknown colour 'reddish'"),
        (["--hint", "1,2,red", "--hints", "x.csv"], "give --hint or --hints, not both"),
        (["other.png", "--hint", "1,2,red"], "--hint is for one photograph, and there are 2"),
        (["--hints", "nowhere.png"], "hints in nowhere.png cannot be read: No such file"),
        (["--hints", "nowhere.csv"], "hints in nowhere.csv cannot be read: No such file"),
        (["--hints", "photo.png"], "photo.png has no transparent pixels"),
        (["--hints", "clear.png"], "clear.png has no opaque pixels"),
        (["--hints", "text.png"], "hints in text.png cannot be read"),
        (["--hints", "short.csv"], "short.csv, line 2 must be FILE,X,Y,COLOUR, got photo.png,1"),
        (["--hints", "unknown.csv"], "unknown.csv, line 1: no photograph of the inputs is 'x.png'"),
        (["--hints", "color.csv"], "color.csv, line 1: unknown colour 'reddish'"),
        (["--hints", "empty.csv"], "empty.csv holds no hints"),
        (["--hint", "1,2,red", "--sweep", "1,0.5"], "hints go with results"),
        (["--suggest", "1"], "--suggest takes a pixel X,Y"),
    ],
    ids=str,
)
def test_mistakes_in_hints_are_usage_errors(predict, photo, tmp_path, results, arguments, message):
    (tmp_path / "other.png").write_bytes(photo.read_bytes())
    Image.fromarray(np.zeros([30, 40, 4], np.uint8)).save(tmp_path / "clear.png")
    (tmp_path / "text.png").write_text("no picture")
    (tmp_path / "short.csv").write_text("photo.png,1,2,red\nphoto.png,1\n")
    (tmp_path / "unknown.csv").write_text("x.png,1,2,red\n")
    (tmp_path / "color.csv").write_text("photo.png,1,2,reddish\n")
    (tmp_path / "empty.csv").write_text("file,x,y,colour\n")
    outcome = predict(photo.name, *arguments)
    assert outcome.status == 2 and re.match(f"error: {message}", outcome.err), outcome.err
    assert outcome.err.count("\n") == 1 and not results.exists()


def test_suggestions_are_printed_and_nothing_is_written(predict, photo, tmp_path, results):
    (tmp_path / "text.png").write_text("no picture")
    outcome = predict(photo.name, "text.png", "--suggest", "12,20")
    assert outcome.status == 1 and "no suggestions for text.png" in outcome.err
    lines = outcome.out.splitlines()
    assert lines[0] == "photo.png at 12,20:"
    assert all(re.fullmatch(r"  #[0-9a-f]{6}  [ \d]{3}%", line) for line in lines[1:-1]) and len(lines) > 3
    assert re.fullmatch(r"  a hint would help most at \d+,\d+", lines[-1])
    assert not results.exists()
    assert predict(photo.name, "--suggest", "40,0").status == 1


def test_models_without_a_distribution_refuse_hints(predict, photo, tmp_path):
    model = write_model(tmp_path / "model", "zhang", objective="regression", width=1 / 16)
    for option in (["--hint", "1,1,red"], ["--suggest", "1,1"]):
        outcome = predict(photo.name, *option, model=model)
        assert outcome.status == 2 and "predicts one colour for each pixel" in outcome.err


# evaluate --hints


def test_places_of_simulated_hints_are_those_of_the_paper():
    """Normal around the centre, with a quarter of the free room as standard deviation, and inside the picture."""
    colors = np.zeros([256, 256, 2], np.float32)
    corners = np.concatenate([hinting.simulated(colors, seed)[0] for seed in range(50)])
    assert corners.min() >= 0 and corners.max() <= 250
    inner = corners[((corners > 0) & (corners < 250)).all(axis=1)]
    assert np.abs(inner.mean(axis=0) - 125).max() < 3
    assert np.abs(corners.std(axis=0) - 62).max() < 4
    same, other = hinting.simulated(colors, 3)[0], hinting.simulated(colors, 4)[0]
    np.testing.assert_array_equal(same, hinting.simulated(colors, 3)[0])
    assert (same != other).any()


def test_rivals_of_hints():
    """The nearest hint in a picture of two halves; and Levin's, which does not cross the edge."""
    lightness = np.full([256, 256], 30, np.float32)
    lightness[:, 128:] = 80
    corners, colors = np.array([[100, 20], [100, 115]]), np.float32([[30, 0], [-40, 20]])
    near = hinting.nearest(lightness.shape, corners, colors)
    np.testing.assert_array_equal(near[100, [10, 100, 250]], colors[[0, 1, 1]])
    corners[1, 1] = 200
    spread = hinting.levin(lightness, corners, colors)
    np.testing.assert_allclose(spread[:, :120], np.broadcast_to(colors[0], [256, 120, 2]), atol=1)
    np.testing.assert_allclose(spread[:, 136:], np.broadcast_to(colors[1], [256, 120, 2]), atol=1)
