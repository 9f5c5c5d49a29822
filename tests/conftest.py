"""Fixtures that several test files share: real photographs, made ones, bins and a tiny model."""

import functools
import os
import threading
from collections import namedtuple
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import tests.start  # noqa: F401 (before other imports of TensorFlow)
from tests.made import made_bins, write_model
from tfcolor.color.bins import Bins
from tfcolor.data.scenes import SCENES_FOLDER
from tfcolor.utils import console

Outcome = namedtuple("Outcome", "status out err")
REPOSITORY = Path(__file__).parents[1]


@pytest.fixture(scope="session", autouse=True)
def steady_precision():
    """Where nothing else is asked for all compute in float32: what is measured to be faster may change under load."""
    from tfcolor.utils import precision

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(precision, "bfloat16_gain", lambda training: 1.0)
        yield


@pytest.fixture
def fine_borders(monkeypatch):
    """The bisection of colours outside sRGB takes more steps, so that rounding alone remains."""
    from tfcolor.color import lab
    from tfcolor.utils import pixelwise

    monkeypatch.setattr(lab, "_GAMUT_STEPS", 20)
    pixelwise.compiled.cache_clear()
    yield
    pixelwise.compiled.cache_clear()


@pytest.fixture(scope="session")
def data_root() -> Path:
    """The folder with the photographs of the scenes; skips where they are not there."""
    root = Path(os.environ.get("TFCOLOR_DATA") or REPOSITORY.parent / "shared" / "data")
    if not any((root / SCENES_FOLDER).glob("*.jpg")):
        pytest.skip(f"no photographs in {root / SCENES_FOLDER}; set TFCOLOR_DATA to the folder that holds it")
    return root


@pytest.fixture(scope="session")
def scenes_folder(data_root: Path) -> Path:
    """The folder of the scenes' photographs themselves."""
    return data_root / SCENES_FOLDER


@pytest.fixture(scope="session")
def make_bins() -> Callable[..., Bins]:
    """Make bins of chosen number and window: random cells of the plane, with random counts."""

    return made_bins


@pytest.fixture
def photo_folder(tmp_path: Path) -> Path:
    """Six small PNG photographs of different sizes, smooth with some noise."""
    folder = tmp_path / "photographs"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for i in range(6):
        rows, columns = np.ogrid[0 : 1 : (40 + i) * 1j, 0 : 1 : (48 - i) * 1j]
        smooth = np.stack([rows + 0 * columns, 0 * rows + columns, (rows + columns + i) % 1], axis=-1)
        rgb = 255 * smooth * rng.uniform(0.3, 1, 3) + rng.normal(0, 4, smooth.shape)
        Image.fromarray(np.clip(rgb, 0, 255).astype(np.uint8)).save(folder / f"photo{i}.png")
    return folder


@pytest.fixture
def model_folder(tmp_path: Path) -> Path:
    """A model directory of 16 bins with random weights."""
    return write_model(tmp_path / "model")


@pytest.fixture(scope="session")
def small_model(tmp_path_factory) -> Path:
    """A model directory like `model_folder`, which all tests share: none may change it."""
    return write_model(tmp_path_factory.mktemp("shared") / "model")


@pytest.fixture(scope="session")
def load_once(small_model: Path) -> Callable:
    """Loads models as `Colorizer.load` does, the small one once: tracing its functions takes most of a run's time."""
    from tfcolor.colorizer import Colorizer

    load = Colorizer.load
    load_small = functools.cache(functools.partial(load, small_model))
    return lambda model, *options: load_small(*options) if model == small_model else load(model, *options)


@pytest.fixture
def predict(tmp_path, monkeypatch, capsys, small_model, load_once) -> Callable[..., Outcome]:
    """Run the script in an empty folder; returns its exit status and what it printed."""
    from tfcolor.colorizer import Colorizer
    from tfcolor.commands import colorize

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Colorizer, "load", load_once)

    def run(*arguments: object, model: Path | str | None = small_model) -> Outcome:
        given = [str(argument) for argument in arguments] + (["--model", str(model)] if model else [])
        return Outcome(console.run(lambda: colorize.main(given)), *capsys.readouterr())

    return run


@pytest.fixture
def results(tmp_path) -> Path:
    """Where the script puts its results."""
    return tmp_path / "colorized"


@pytest.fixture
def serve(monkeypatch) -> Callable[..., str]:
    """Serve one answer at every path of a loopback port: `serve(body, status, promised length)` returns the address."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    answer = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(answer["status"])
            if answer["length"] is not None:
                self.send_header("Content-Length", str(answer["length"]))
            self.end_headers()
            self.wfile.write(answer["body"])

        def log_message(self, *args):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()

    def start(body: bytes, status: int = 200, length: int | str | None = -1) -> str:
        answer.update(body=body, status=status, length=len(body) if length == -1 else length)
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    server.shutdown()
    thread.join()
    server.server_close()
