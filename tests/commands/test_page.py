"""The page in a real browser: Chromium, driven by Playwright. Skipped where one of them, or Gradio, is missing."""

import contextlib
import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data
from skimage.color import rgb2lab

from benchmarks.clips import pan_and_zoom, write_clip
from tfcolor.commands import colorize
from tfcolor.utils import console

pytest.importorskip("gradio", reason="Gradio is not installed: pip install -r requirements-web.txt")
playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
CHROMIUM = Path("/usr/bin/chromium")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"no browser: {CHROMIUM} is missing (apt install chromium)"),
]
CAT = data.chelsea()[:200, :280]
PATIENCE = 60_000  # milliseconds
PORT, ROOT = 7899, Path(__file__).parents[2]


@contextlib.contextmanager
def served(port, *options, temporary):
    """Run the page in a process of its own."""
    command = [sys.executable, "-m", "tfcolor", "web", "--port", str(port), *options]
    environment = os.environ | {"TMPDIR": str(temporary)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment) as process:
        try:
            line = process.stdout.readline()
            assert line.startswith("the page is at http://"), line
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(30)


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """A running page; after it nothing is left on the disk."""
    temporary = tmp_path_factory.mktemp("served")
    with served(PORT, "--max-megapixels", "1", temporary=temporary) as found:
        yield found
    assert not list(temporary.glob("tfcolor-*"))


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as running:
        chromium = running.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser, address):
    """A new visitor; afterwards every request must have gone to the page itself."""
    hosts = set()
    context = browser.new_context(viewport={"width": 1280, "height": 900}, accept_downloads=True)
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    page.on("request", lambda request: hosts.add(request.url.split("/")[2] if "//" in request.url else ""))
    page.goto(address)
    page.get_by_role("heading", name="Colour photographs").wait_for()
    yield page
    context.close()
    assert hosts <= {address.split("/")[2], ""}, "nothing comes from outside"


@pytest.fixture
def photo(tmp_path):
    Image.fromarray(CAT).save(tmp_path / "cat.png")
    return tmp_path / "cat.png"


def status_of(address):
    try:
        with urllib.request.urlopen(address) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


def choose(page, path):
    page.locator("input[type=file]").first.set_input_files(path)
    page.locator(".viewer img.colored").wait_for()


def upload(page, field, *paths):
    """Choose files, and wait until the server has them: only then can they be fetched from it."""
    field.set_input_files(paths)
    for path in paths:
        page.locator(f"a[download='{path.name}']").wait_for()


def shown(page):
    return page.locator(".viewer img.colored").get_attribute("src")


def changed(page, before):
    """Wait until another picture is shown."""
    page.wait_for_function("before => document.querySelector('.viewer img.colored').src !== before", arg=before)
    return shown(page)


def click(page, x, y):
    surface = page.locator(".surface")
    box = surface.bounding_box()
    # Waits until the surface has come to rest: a click meant for it must not hit a slider.
    surface.click(position={"x": box["width"] * (x + 0.5) / 280, "y": box["height"] * (y + 0.5) / 200})
    page.locator(".swatches button").first.wait_for()


def download(page, button, folder):
    page.get_by_role("button", name=button).click()
    label = {"Make the file": "The result, in", "Colour the film": "The result, with"}.get(button, "The results")
    link = page.locator(".block", has_text=label).locator("a[download]:visible").last
    link.wait_for()
    with page.expect_download() as waiting:
        link.click()
    folder.mkdir(exist_ok=True)
    path = folder / waiting.value.suggested_filename
    waiting.value.save_as(path)
    return path


def test_upload_hint_and_download(page, photo, tmp_path, monkeypatch):
    """The download is the file of predict.py, byte for byte, and has the hint's colour at its place."""
    choose(page, photo)
    before = shown(page)
    click(page, 140, 100)
    page.wait_for_timeout(500)
    page.locator(".swatches button").nth(1).click()
    changed(page, before)
    assert page.locator(".viewer .dot").count() >= 1
    page.wait_for_function("document.querySelector('#command textarea').value.includes('--hint')")
    command = page.locator("#command textarea").input_value()
    place, color = re.search(r'--hint "(\d+,\d+),(#\w+)"', command).groups()
    result = download(page, "Make the file", tmp_path / "downloaded")
    monkeypatch.chdir(tmp_path)
    words = command.replace('"', "").split()[2:]
    assert console.run(lambda: colorize.main(words)) == 0
    assert result.name == "cat.png" and result.read_bytes() != photo.read_bytes()
    assert (tmp_path / "colorized" / "cat.png").read_bytes() == result.read_bytes()
    x, y = map(int, place.split(","))
    with Image.open(result) as image:
        found = rgb2lab(np.asarray(image.convert("RGB")))[y, x, 1:]
    wanted = rgb2lab(np.uint8([[[int(color[k : k + 2], 16) for k in (1, 3, 5)]]]))[0, 0, 1:]
    assert np.linalg.norm(found - wanted) < 1.5


def test_sliders_undo_and_the_line_between_gray_and_colour(page, photo):
    choose(page, photo)
    first = shown(page)
    strength = page.get_by_label(re.compile("number input for Strength"))
    strength.fill("0.3")
    strength.press("Enter")
    second = changed(page, first)
    line = page.locator(".compare")
    line.focus()
    line.press("End")
    assert "--split: 100%" in page.locator(".viewer").get_attribute("style")
    click(page, 60, 60)
    page.wait_for_timeout(500)
    page.locator(".swatches button").nth(2).click()
    third = changed(page, second)
    page.get_by_role("button", name="Undo").click()
    assert changed(page, third) == second
    assert page.get_by_text("No hints yet.").is_visible()


def test_candidates_and_an_explanation_are_shown(page, photo):
    choose(page, photo)
    before = shown(page)
    page.get_by_text("Other colourings").click()
    page.get_by_role("button", name="candidates").click()
    page.locator("#candidates img").first.wait_for()
    alternatives = page.locator("#candidates img").evaluate_all("images => images.map(image => image.alt)")
    assert len(alternatives) == len({*alternatives}) >= 2
    page.get_by_label("candidate 2", exact=True).check()
    other = changed(page, before)
    page.get_by_label("with hints", exact=True).check()
    assert changed(page, other) == before
    click(page, 100, 80)
    page.get_by_text("Why these colours?").click()
    page.get_by_role("button", name="Explain the chosen place").click()
    page.get_by_role("img", name="What the network predicts at 100,80").wait_for()


def test_hints_and_sliders_need_no_mouse(page, photo):
    choose(page, photo)
    before = shown(page)
    for label, value in (("X", "140"), ("Y", "100")):
        page.get_by_label(label, exact=True).focus()
        page.keyboard.press("Control+A")
        page.keyboard.type(value)
    page.get_by_role("button", name="Add the hint").focus()
    page.keyboard.press("Enter")
    page.get_by_text(" at 140,100").wait_for()
    gray = changed(page, before)
    page.get_by_label(re.compile("range slider for Strength")).focus()
    page.keyboard.press("ArrowLeft")
    assert changed(page, gray) != before


def test_mistakes_are_messages(page, photo, tmp_path):
    (tmp_path / "text.png").write_text("no picture")
    page.locator("input[type=file]").first.set_input_files(tmp_path / "text.png")
    page.locator(".toast-body, [data-testid=toast-body]").first.wait_for()
    assert "Traceback" not in page.content()
    assert page.locator(".viewer").count() == 0


def test_two_visitors_see_their_own_photographs(browser, address, page, photo, tmp_path):
    Image.fromarray(data.coffee()[:120, :120]).save(tmp_path / "cup.png")
    choose(page, photo)
    context = browser.new_context()
    other = context.new_page()
    other.set_default_timeout(PATIENCE)
    other.goto(address)
    choose(other, tmp_path / "cup.png")
    assert "cat.png" in page.locator("#command textarea").input_value()
    assert "cup.png" in other.locator("#command textarea").input_value()
    assert shown(page) != shown(other)
    context.close()


def test_many_photographs_come_back_as_a_zip(page, photo, tmp_path):
    Image.fromarray(data.coffee()[:120, :120]).save(tmp_path / "cup.jpg")
    page.get_by_role("tab", name="Many photographs").click()
    upload(page, page.locator("input[type=file][multiple]"), photo, tmp_path / "cup.jpg")
    result = download(page, "Colour them all", tmp_path)
    with zipfile.ZipFile(result) as archive:
        assert sorted(archive.namelist()) == ["cat.png", "cup.jpg"]


def test_a_short_film_comes_back_in_colour_and_plays(page, tmp_path):
    av = pytest.importorskip("av", reason="PyAV is not installed: pip install -r requirements-video.txt")
    write_clip(tmp_path / "clip.mp4", (frame for frame, _ in pan_and_zoom(CAT, (96, 128), 12)))
    page.get_by_role("tab", name="A short film").click()
    upload(page, page.locator("#film input[type=file]"), tmp_path / "clip.mp4")
    result = download(page, "Colour the film", tmp_path)
    with av.open(str(result)) as film, av.open(str(tmp_path / "clip.mp4")) as source:
        frames = [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)]
        assert len(frames) == sum(1 for _ in source.decode(video=0))
    assert np.ptp(frames[5].astype(int), axis=-1).mean() > 5
    page.wait_for_function("document.querySelector('video')?.readyState >= 2")


def test_a_photograph_is_no_film(page, photo):
    page.get_by_role("tab", name="A short film").click()
    upload(page, page.locator("#film input[type=file]"), photo)
    page.get_by_role("button", name="Colour the film").click()
    page.get_by_text("that is no film").first.wait_for()


@pytest.mark.parametrize("path", ["/etc/passwd", "README.md", "tfcolor/__init__.py"])
def test_no_path_of_the_server_is_readable(address, path):
    for prefix in ("/gradio_api/file=", "/file="):
        assert status_of(f"{address}{prefix}{path}") in (403, 404)


@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_fits_its_width(browser, address, photo, width):
    context = browser.new_context(viewport={"width": width, "height": 800})
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    page.goto(address)
    choose(page, photo)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert all(image.get_attribute("alt") for image in page.locator("img").all())
    context.close()


def test_others_need_the_password_and_a_taken_port_is_named(address, tmp_path):
    with served(PORT + 1, "--host", "0.0.0.0", "--password", "secret", temporary=tmp_path) as other:
        assert status_of(f"{other}/config") == 401
    command = [sys.executable, "-m", "tfcolor", "web", "--port", str(PORT)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=120)
    assert done.returncode == 1 and f"error: port {PORT} is taken" in done.stderr and "Traceback" not in done.stderr


def test_a_closed_page_leaves_no_photograph(browser, tmp_path, photo):
    temporary = tmp_path / "served"
    temporary.mkdir()
    with served(PORT + 2, temporary=temporary) as found:
        context = browser.new_context()
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        page.goto(found)
        choose(page, photo)
        assert list(temporary.rglob("cat.png"))
        context.close()
        for _ in range(100):
            if not list(temporary.rglob("cat.png")):
                return
            time.sleep(0.3)
        pytest.fail("the photograph is still there")
