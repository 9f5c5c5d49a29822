"""Make docs/page.jpg: the page of `python -m tfcolor web` with a photograph that scikit-image carries, and hints.

python -m benchmarks.screenshot

It needs Chromium, and `pip install -r requirements-web.txt -r requirements-dev.txt`.
"""

import argparse
import io
import subprocess
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from tfcolor.data import datasets
from tfcolor.utils import console
from tfcolor.utils.errors import InputError
from tfcolor.utils.files import replacing

CHROMIUM = Path("/usr/bin/chromium")
PORT, WIDTH, SHOWN = 7877, 1180, 900  # pixels: of the window, and of the picture
SIDE = 512  # of the photograph
POINTS = ((150, 300), (100, 350), (30, 200))  # where the likeliest colour is taken as a hint


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = console.Parser(__doc__)
    parser.prog = "python -m benchmarks.screenshot"
    parser.add_argument(
        "--output", type=Path, default=Path("docs/page.jpg"), help="the picture (default: docs/page.jpg)"
    )
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> None:
    """Start the page, use it, and write the picture."""
    args = parse(arguments)
    if not CHROMIUM.exists():
        raise InputError(f"{CHROMIUM} is missing: apt install chromium")
    command = [sys.executable, "-m", "tfcolor", "web", "--port", str(PORT)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process, sync_playwright() as playwright:
        try:
            process.stdout.readline()
            browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
            page = browser.new_page(viewport={"width": WIDTH, "height": 900})
            page.goto(f"http://127.0.0.1:{PORT}")
            give_hints(page)
            picture = Image.open(io.BytesIO(page.screenshot(full_page=True))).convert("RGB")
            browser.close()
        finally:
            process.terminate()
    picture = picture.resize((SHOWN, round(SHOWN * picture.height / picture.width)), Image.Resampling.LANCZOS)
    with replacing(args.output) as file:
        picture.save(file, "JPEG", quality=80)


def give_hints(page: Page) -> None:
    """Open the photograph, and take the first suggestion at each place."""
    (photograph,) = datasets.find("samples").folder.glob("astronaut.*")
    page.locator("input[type=file]").first.set_input_files(photograph)
    page.locator(".viewer img.colored").wait_for()
    for number, (x, y) in enumerate(POINTS, start=1):
        box = page.locator(".surface").bounding_box()
        page.mouse.click(box["x"] + box["width"] * x / SIDE, box["y"] + box["height"] * y / SIDE)
        page.wait_for_timeout(2500)
        page.locator(".swatches button").first.click()
        page.wait_for_function(f"document.querySelector('#command textarea').value.split('--hint').length > {number}")
    page.wait_for_timeout(1000)


if __name__ == "__main__":
    sys.exit(console.run(main))
