"""What each visitor of the page has open: one photograph and its hints, in a folder of its own. No Gradio.

A session ends when its page is closed, when it was not used for long, or when there are too many. Then its memory is
free and its folder is gone.
"""

import base64
import io
import shutil
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path, PurePath

import numpy as np
from PIL import Image

from tfcolor import DEFAULT_MODEL
from tfcolor.color.decoding_options import Decoding
from tfcolor.color.names import levels_of
from tfcolor.colorizer.candidates import candidates
from tfcolor.colorizer.colorizer import Colorizer
from tfcolor.colorizer.explain import plot
from tfcolor.colorizer.hints import Hints
from tfcolor.colorizer.opened import OpenedPhotograph
from tfcolor.colorizer.painting import painted
from tfcolor.colorizer.tiles import AUTO_TILE
from tfcolor.colorizer.working_size import reduced
from tfcolor.commands.colorize_files import colorize_files
from tfcolor.commands.hint_files import GivenHints
from tfcolor.commands.looks import look_at_files
from tfcolor.commands.worklist import Job, Outputs
from tfcolor.photographs.decoding import read_header
from tfcolor.photographs.pixels import UnreadableImage
from tfcolor.photographs.reading import read_page
from tfcolor.utils.errors import InputError, WorkError

SHOWN_PIXELS = 1_500_000  # of the picture on the page; a larger photograph is shown reduced
NUM_CANDIDATES = 4
_QUALITY = 90  # of the pictures on the page
_WORKERS = 2  # threads that read and write files
_MOST_SESSIONS, _IDLE_SECONDS = 16, 3600.0

Hint = tuple[int, int, str]


class Models:
    """The models that were chosen, each loaded once."""

    def __init__(self, precision: str = "auto"):
        """Load nothing yet. `precision` means the same as in `Colorizer.load`."""
        self._precision, self._loaded, self._lock = precision, {}, threading.Lock()

    def __getitem__(self, name: str) -> Colorizer:
        """Return a model by name."""
        with self._lock:
            if name not in self._loaded:
                self._loaded[name] = Colorizer.load(name, self._precision)
            return self._loaded[name]


@dataclass
class Session:
    """One visitor's photograph. Its methods are called by one thread at a time, see `Sessions`.

    models: the models.
    max_pixels: the largest number of pixels of a photograph.
    folder: holds the photograph and results; it vanishes with the session.
    model: name of the model.
    hints: places in pixels of the photograph, and their colours, in the order in which they were given.
    """

    models: Models
    max_pixels: int
    folder: Path
    model: str = DEFAULT_MODEL
    hints: list[Hint] = field(default_factory=list)
    source: Path | None = None
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _shown: OpenedPhotograph | None = field(default=None, repr=False)
    _size: tuple[int, int] = (0, 0)  # width and height of the photograph
    _gray: str = ""

    @property
    def colorizer(self) -> Colorizer:
        """The chosen model."""
        return self.models[self.model]

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the photograph in pixels."""
        return self._size

    def open(self, upload: Path) -> str:
        """Take a photograph, in place of the one before.

        Args:
            upload: the file; it is moved into the folder of the session.

        Returns:
            What the user should know about it; usually empty.

        Raises:
            UnreadableImage: it is no photograph, or too large. The one before stays.
        """
        folder = Path(tempfile.mkdtemp(dir=self.folder))  # a bad file of the same name replaces nothing
        arrived = Path(shutil.move(upload, folder / safe_name(upload.name)))
        try:
            header = read_header(arrived, self.max_pixels)
            page = read_page(header)
        except UnreadableImage:
            shutil.rmtree(folder)
            raise
        if self.source:
            shutil.rmtree(self.source.parent)
        self.source, self.hints = arrived, []
        self._size = page.lightness.shape[::-1]
        self._show(page.lightness)
        notes = [header.note, page.note, f"{header.num_pages} pages; the first is shown" * (header.num_pages > 1)]
        return "; ".join(note for note in notes if note)

    def choose_model(self, name: str) -> None:
        """Take another model."""
        self.model = name
        if self._shown:
            self._show(self._shown.lightness)

    def _show(self, lightness: np.ndarray) -> None:
        scale = min(1.0, (SHOWN_PIXELS / lightness.size) ** 0.5)
        sides = tuple(max(1, round(scale * side)) for side in lightness.shape)
        self._shown = OpenedPhotograph(self.colorizer, reduced(lightness, sides), np.uint8, self.colorizer.auto_tile)
        self._gray = data_uri(painted(self._shown.lightness))

    def gray(self) -> str:
        """The address of the photograph without colour, as it is shown."""
        return self._gray

    def colored(self, decoding: Decoding) -> np.ndarray:
        """The photograph in colour, as it is shown."""
        return self._shown.decoded(self._shown_hints(), decoding)

    def _shown_hints(self) -> Hints:
        """The hints at the shown size; of two at one pixel the later one counts."""
        height, width = self._shown.lightness.shape
        found = {self._place(x, y, width, height): color for x, y, color in self.hints}
        return Hints.of((*place, color) for place, color in found.items())

    def _place(self, x, y, width, height):
        """A pixel of the photograph -> the pixel that shows it."""
        return x * width // self._size[0], y * height // self._size[1]

    def candidates(self, decoding: Decoding) -> np.ndarray:
        """Different colourings, as they are shown: uint8 [K, H, W, 3]."""
        lightness = self._shown.lightness
        found = candidates(self.colorizer, lightness, NUM_CANDIDATES, decoding, AUTO_TILE)
        return np.stack([painted(lightness, ab) for ab in found])

    def suggest(self, x: int, y: int, decoding: Decoding) -> list[tuple[str, float]]:
        """Colours for a place, '#2b4f81', with their probabilities."""
        height, width = self._shown.lightness.shape
        column, row = self._place(x, y, width, height)
        found = self._shown.suggest(column, row, self._shown_hints(), uniform_share=decoding.uniform_share)
        lightness = np.full([1, len(found)], self._shown.lightness[row, column])
        levels = painted(lightness, np.stack([each.ab for each in found])[None])[0]
        return [
            (f"#{red:02x}{green:02x}{blue:02x}", each.probability)
            for (red, green, blue), each in zip(levels.tolist(), found, strict=True)
        ]

    def best_place(self, decoding: Decoding) -> tuple[int, int]:
        """The pixel of the photograph where a hint would help most."""
        height, width = self._shown.lightness.shape
        x, y = self._shown.best_place(self._shown_hints(), decoding.uniform_share)
        return x * self._size[0] // width, y * self._size[1] // height

    def add_hint(self, x: int, y: int, color: str) -> None:
        """Give a hint; one at the same pixel is replaced. Raises InputError for a wrong place or colour."""
        if not (0 <= x < self._size[0] and 0 <= y < self._size[1]):
            raise InputError(f"the photograph has {self._size[0]}x{self._size[1]} pixels, and none at {x},{y}")
        color = "#%02x%02x%02x" % levels_of(color)  # noqa: UP031
        self.hints = [hint for hint in self.hints if hint[:2] != (x, y)] + [(x, y, color)]

    def explain(self, x: int, y: int, decoding: Decoding) -> np.ndarray:
        """A figure of the prediction at a place, without hints: uint8 [H, W, 3]."""
        height, width = self._shown.lightness.shape
        path = self.folder / "explain.png"
        plot(self.colorizer, self._shown.lightness, self._place(x, y, width, height), decoding, path, AUTO_TILE)
        with Image.open(path) as image:
            found = np.asarray(image.convert("RGB"))
        path.unlink()
        return found

    def write(self, decoding: Decoding, candidate: int = 0) -> Path:
        """Write the result as predict.py does, with the format and metadata of the photograph.

        Args:
            decoding: how colours are decoded.
            candidate: number of the candidate, from 1; 0 for the colouring with the hints.

        Raises:
            WorkError: it cannot be written.
        """
        if candidate:
            return self._write_candidate(decoding, candidate)
        hints = {self.source: self._given_hints()} if self.hints else {}
        return write_all(self.colorizer, [self.source], self.folder / "out", decoding, self.max_pixels, hints)[0]

    def _given_hints(self):
        points, levels = zip(*(((x, y), levels_of(color)) for x, y, color in self.hints), strict=True)
        return GivenHints(np.array(points), np.array(levels, np.uint8))

    def _write_candidate(self, decoding, candidate):
        outputs = Outputs(candidates=NUM_CANDIDATES)
        targets = tuple(self.folder / "out" / name for name in outputs.names(self.source.name))
        targets[0].parent.mkdir(exist_ok=True)
        job = Job(str(self.source), tuple(map(str, targets)))
        report = look_at_files(
            self.colorizer,
            [job],
            decoding,
            outputs,
            AUTO_TILE,
            self.max_pixels,
        )
        if report.failed:
            raise WorkError(report.failed[self.source])
        return targets[candidate - 1]

    def command(self, given: dict[str, float | None], candidate: int = 0) -> str:
        """The command line of predict.py that makes the same file.

        Args:
            given: the values of --T, --lambda, --chroma-smoothing and --strength.
            candidate: as in `write`.
        """
        precision = self.colorizer.network.compute_dtype.name  # the automatic choice may differ another time
        words = ["python predict.py", _quoted(self.source.name), f"--model {self.model}", f"--precision {precision}"]
        words += [f"{option} {value:g}" for option, value in given.items() if value is not None]
        if candidate:
            words.append(f"--candidates {NUM_CANDIDATES}")
        else:
            words += [f'--hint "{x},{y},{color}"' for x, y, color in self.hints]
        return " ".join(words)


def _quoted(name):
    return name if name.replace(".", "").replace("-", "").replace("_", "").isalnum() else '"' + name + '"'


def safe_name(name: str) -> str:
    """A file name without folders, as short as file systems want it, that is not hidden."""
    name = PurePath(name.replace("\\", "/")).name.lstrip(".") or "photograph"
    return name if len(name.encode()) < 200 else name[-50:]


def write_all(
    colorizer: Colorizer,
    sources: list[Path],
    folder: Path,
    decoding: Decoding,
    max_pixels: int,
    hints: dict[Path, GivenHints] | None = None,
) -> list[Path]:
    """Write results as predict.py does, replacing those that exist.

    Returns:
        The results. Photographs that cannot be coloured have none.

    Raises:
        WorkError: there is no result at all; the message says why.
    """
    folder.mkdir(exist_ok=True)
    outputs = Outputs()
    jobs = [Job(str(source), (str(folder / outputs.names(source.name)[0]),)) for source in sources]
    task = (colorizer, jobs, decoding, outputs, colorizer.auto_tile, max_pixels)
    report = colorize_files(*task, _WORKERS, hints)
    found = [job.targets[0] for job in jobs if job.source_path in report.colored]
    if not found:
        raise WorkError("; ".join(f"{source.name}: {reason}" for source, reason in report.failed.items()))
    return found


class Sessions:
    """All sessions, by the browser page that they belong to."""

    def __init__(self, models: Models, max_pixels: int, most: int = _MOST_SESSIONS, idle: float = _IDLE_SECONDS):
        """Start without any.

        Args:
            models: the models.
            max_pixels: the largest number of pixels of a photograph.
            most: the number of sessions above which the one that was used least recently ends.
            idle: seconds after which a session that is not used ends.
        """
        self.models, self._max_pixels, self._most, self._idle = models, max_pixels, most, idle
        self._found: dict[str, tuple[Session, float]] = {}
        self._lock = threading.Lock()
        self.root = Path(tempfile.mkdtemp(prefix="tfcolor-"))

    def __getitem__(self, key: str) -> Session:
        """Return the session of a page; a new one for a new page."""
        with self._lock:
            now = time.monotonic()
            session = self._found.pop(key, (None, 0.0))[0]
            if session is None:
                session = Session(self.models, self._max_pixels, Path(tempfile.mkdtemp(dir=self.root)))
            self._found[key] = session, now  # the last in the dict is the last used
            for other, (_, used) in list(self._found.items()):
                if len(self._found) > self._most or now - used > self._idle:
                    self._remove(other)
            return session

    def __len__(self) -> int:
        """Return the number of sessions."""
        return len(self._found)

    def end(self, key: str) -> None:
        """End the session of a page, if there is one."""
        with self._lock:
            if key in self._found:
                self._remove(key)

    def close(self) -> None:
        """End all sessions, and remove their folders."""
        with self._lock:
            for key in list(self._found):
                self._remove(key)
        shutil.rmtree(self.root, ignore_errors=True)

    def _remove(self, key):
        session, _ = self._found.pop(key)
        shutil.rmtree(session.folder, ignore_errors=True)


def data_uri(rgb: np.ndarray, format: str = "JPEG") -> str:
    """A picture, uint8 [H, W, 3], as an address that holds it, so that the page needs no file."""
    buffer = io.BytesIO()
    Image.fromarray(rgb).save(buffer, format, quality=_QUALITY)
    return f"data:image/{format.lower()};base64,{base64.b64encode(buffer.getvalue()).decode()}"
