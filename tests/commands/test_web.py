"""The sessions behind the page in the browser, without a browser."""

import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from PIL import Image
from skimage import data
from skimage.color import rgb2lab

from tfcolor.color.decoding_options import Decoding
from tfcolor.commands import colorize
from tfcolor.commands.web import command, sessions
from tfcolor.commands.web.sessions import Models, Sessions, data_uri, safe_name
from tfcolor.photographs.pixels import UnreadableImage
from tfcolor.utils import console
from tfcolor.utils.errors import InputError

DECODING = Decoding(0.5, uniform_share=0.65)


@pytest.fixture(scope="module")
def models():
    return Models("float32")


@pytest.fixture
def visitors(models):
    found = Sessions(models, 10_000_000, most=3)
    yield found
    found.close()
    assert not found.root.exists()


@pytest.fixture
def upload(tmp_path):
    """Write a photograph, as Gradio does with an upload."""

    def write(name="cat.png", rgb=None, **options):
        path = tmp_path / "uploads" / name
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(data.chelsea()[:150, :200] if rgb is None else rgb).save(path, **options)
        return path

    return write


def test_a_photograph_is_shown_in_gray_and_in_colour(visitors, upload):
    session = visitors["a"]
    assert session.open(upload()) == "" and session.size == (200, 150)
    assert session.colored(DECODING).shape == (150, 200, 3)
    assert session.gray().startswith("data:image/jpeg;base64,")


@pytest.mark.parametrize("hints", [[], [(20, 30, "#806040"), (100, 100, "gray")]], ids=["none", "two"])
@pytest.mark.parametrize("name", ["cat.png", "cat.jpg"])
def test_the_file_is_the_one_that_its_command_line_makes(visitors, upload, tmp_path, monkeypatch, name, hints):
    """Byte for byte, with metadata."""
    path = upload(name, dpi=(300, 300))
    (tmp_path / name).write_bytes(path.read_bytes())
    session = visitors["a"]
    session.open(path)
    for hint in hints:
        session.add_hint(*hint)
    result = session.write(DECODING)
    words = session.command({"--T": 0.5, "--lambda": 0.65}).replace('"', "").split()
    assert words[:2] == ["python", "predict.py"]
    monkeypatch.chdir(tmp_path)
    assert console.run(lambda: colorize.main(words[2:])) == 0
    assert result.read_bytes() == (tmp_path / "colorized" / name).read_bytes()
    with Image.open(result) as image:
        assert round(image.info["dpi"][0]) == 300


def test_a_candidate_is_the_one_that_its_command_line_makes(visitors, upload, tmp_path, monkeypatch):
    path = upload()
    (tmp_path / "cat.png").write_bytes(path.read_bytes())
    session = visitors["a"]
    session.open(path)
    assert session.candidates(DECODING).shape == (4, 150, 200, 3)
    result = session.write(DECODING, candidate=2)
    words = session.command({"--T": 0.5, "--lambda": 0.65}, candidate=2).split()
    monkeypatch.chdir(tmp_path)
    assert console.run(lambda: colorize.main(words[2:])) == 0
    assert result.read_bytes() == (tmp_path / "colorized" / "cat.png-2.png").read_bytes()


def test_a_hint_changes_the_colour_at_its_place(visitors, upload):
    session = visitors["a"]
    session.open(upload())
    session.add_hint(60, 70, "#4060a0")
    wanted = rgb2lab(np.uint8([[[0x40, 0x60, 0xA0]]]))[0, 0, 1:]
    found = rgb2lab(session.colored(DECODING))[70, 60, 1:]
    assert np.linalg.norm(found - wanted) < 1.5
    session.add_hint(60, 70, "gray")
    assert session.hints == [(60, 70, "#808080")], "a second hint at a pixel replaces the first"
    suggestions = session.suggest(100, 100, DECODING)
    assert all(color.startswith("#") and 0 <= share <= 1 for color, share in suggestions)
    x, y = session.best_place(DECODING)
    assert 0 <= x < 200 and 0 <= y < 150
    assert session.explain(60, 70, DECODING).ndim == 3
    for wrong in ((200, 0, "red"), (0, 0, "reddish")):
        with pytest.raises(InputError):
            session.add_hint(*wrong)


def test_a_large_photograph_is_shown_reduced_and_written_whole(visitors, upload, monkeypatch):
    monkeypatch.setattr(sessions, "SHOWN_PIXELS", 2000)
    session = visitors["a"]
    session.open(upload())
    assert session.colored(DECODING).size < 3 * 2200 and session.size == (200, 150)
    session.add_hint(199, 149, "#806040")
    session.add_hint(198, 149, "#408060")  # the same pixel of the small picture
    session.colored(DECODING)
    with Image.open(session.write(DECODING)) as image:
        found = rgb2lab(np.asarray(image))[149, [199, 198], 1:]
    wanted = rgb2lab(np.uint8([[[0x80, 0x60, 0x40], [0x40, 0x80, 0x60]]]))[0, :, 1:]
    assert np.linalg.norm(found - wanted, axis=-1).max() < 2


def test_a_bad_file_leaves_the_photograph_before(visitors, upload, tmp_path):
    session = visitors["a"]
    session.open(upload())
    before = session.colored(DECODING)
    text = tmp_path / "cat.png"
    text.write_text("no picture")
    with pytest.raises(UnreadableImage):
        session.open(text)
    np.testing.assert_array_equal(session.colored(DECODING), before)
    assert session.source.exists()
    session.max_pixels = 100
    with pytest.raises(UnreadableImage, match="pixels"):
        session.open(upload("large.png"))
    assert len([path for path in session.folder.rglob("*") if path.is_file()]) == 1


def test_sessions_share_nothing_and_leave_nothing(visitors, upload):
    first, second = visitors["a"], visitors["b"]
    first.open(upload("first.png"))
    second.open(upload("second.png", data.coffee()[:100, :100]))
    first.add_hint(3, 3, "red")
    assert second.hints == [] and first.size != second.size and first.folder != second.folder
    results = {}

    def work(name, session):
        results[name] = session.colored(DECODING)

    threads = [threading.Thread(target=work, args=each) for each in (("first", first), ("second", second))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    np.testing.assert_array_equal(results["first"], first.colored(DECODING))
    np.testing.assert_array_equal(results["second"], second.colored(DECODING))
    visitors.end("a")
    assert not first.folder.exists() and second.folder.exists() and visitors["b"] is second


def test_sessions_that_are_too_many_or_idle_end(models, monkeypatch):
    visitors = Sessions(models, 10_000, most=2)
    try:
        found = [visitors[name] for name in "abc"]
        assert len(visitors) == 2 and not found[0].folder.exists()
        assert visitors["b"] is found[1]
        later = time.monotonic() + 4000
        monkeypatch.setattr(time, "monotonic", lambda: later)
        assert visitors["d"].folder.exists() and len(visitors) == 1 and not found[1].folder.exists()
    finally:
        visitors.close()


SLIDERS = """
from tfcolor import DEFAULT_MODEL
from tfcolor.commands.web.page import Page
from tfcolor.commands.web.sessions import Models, Sessions
page = Page(Sessions(Models("float32"), 1000, most=3), {DEFAULT_MODEL: "photographs of all kinds"})
sliders = (page.temperature, page.share, page.strength, page.smoothing)
print([slider.value for slider in sliders] == page._own(DEFAULT_MODEL))
"""


@pytest.mark.slow
def test_the_sliders_begin_with_the_values_of_the_default_model():
    """Or else the first picture changes, on a slow machine, once they get them. Gradio leaves its sockets open."""
    pytest.importorskip("gradio", reason="pip install -r requirements-web.txt")
    assert subprocess.run([sys.executable, "-c", SLIDERS], capture_output=True, text=True).stdout == "True\n"


def test_names_are_made_safe():
    assert safe_name("../../etc/passwd") == "passwd"
    assert safe_name("C:\\photos\\a.jpg") == "a.jpg"
    assert safe_name(".hidden") == "hidden" and safe_name("...") == "photograph"
    assert len(safe_name("a" * 400 + ".jpg")) <= 50 and safe_name("a" * 400 + ".jpg").endswith(".jpg")


def test_pictures_are_addresses():
    assert data_uri(np.zeros([4, 4, 3], np.uint8)).startswith("data:image/jpeg;base64,/9j/")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--host", "0.0.0.0"], "--host lets other machines in, so it needs --password"),
        (["--host", "0.0.0.0", "--password", ""], "--host lets other machines in"),
        (["--password", ""], "--password is empty"),
        (["--port", "0"], "--port must be in"),
        (["--max-megapixels", "0"], "--max-megapixels must be above 0"),
        (["--max-megabytes", "0"], "--max-megabytes must be at least 1"),
    ],
    ids=str,
)
def test_mistakes_are_usage_errors(arguments, message, capsys):
    assert console.run(lambda: command.main(arguments)) == 2
    assert message in capsys.readouterr().err


def test_gradio_that_is_missing_is_named(monkeypatch, capsys):
    monkeypatch.setattr(command.importlib.util, "find_spec", lambda name: None)
    assert console.run(lambda: command.main([])) == 2
    assert "pip install -r requirements-web.txt" in capsys.readouterr().err
