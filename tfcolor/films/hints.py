"""Hints in films: they hold from a moment on until the next cut, and follow the motion."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import scipy.sparse as sp
import tensorflow as tf

from tfcolor.color.decoding import moments
from tfcolor.colorizer.colorizer import Colorizer
from tfcolor.colorizer.hints import Hints
from tfcolor.colorizer.spreading import Spreading
from tfcolor.films.seeing import outputs_of
from tfcolor.films.steady import Cells, Steady

_SEEN = 0.5  # share of a cell that must be visible in the next frame
_LIKE = 0.5  # correlation with the hint's cell from which another cell may stand for it
_EARLY = 1e-3  # seconds: times are given with few decimals


@dataclass(frozen=True, eq=False)
class FilmHints:
    """Colours that a person gives at moments and places of a film.

    times: float64 [N], seconds from the start.
    points: float64 [N, 2], x from the left and y from the top, in pixels of the upright frames.
    ab: float32 [N, 2], the wanted colours in ab units.
    """

    times: np.ndarray
    points: np.ndarray
    ab: np.ndarray

    def check_inside(self, height: int, width: int) -> None:
        """Raise InputError for a hint outside the frames."""
        for point, ab in zip(self.points, self.ab, strict=True):
            Hints(point[None], ab[None]).check_inside(height, width)


NO_HINTS = FilmHints(np.zeros(0), np.zeros([0, 2]), np.zeros([0, 2], np.float32))


@dataclass
class Tracks:
    """Where the hints are, from frame to frame.

    given: all hints.
    colorizer: the model.
    sides: height and width of the frames in pixels.
    scale: pixels of the frames in a pixel of what the network saw, down and across.
    started: bool [N], the hints that were met so far.
    points: float64 [N, 2], where they are now; NaN before their start and after their end.
    last: the frame before, as the network saw it.
    """

    given: FilmHints
    colorizer: Colorizer
    sides: tuple[int, int]
    scale: tuple[float, float]
    started: np.ndarray = field(init=False)
    points: np.ndarray = field(init=False)
    last: Cells | None = None

    def __post_init__(self):
        """Start before the first frame."""
        self.started = np.zeros(len(self.given.times), bool)
        self.points = np.full([len(self.given.times), 2], np.nan)

    def at(self, frame: Steady, seconds: float) -> Hints:
        """Move on to the next frame; return the hints that hold there.

        Args:
            frame: the frame.
            seconds: its time from the start of the film.
        """
        if frame.step is None:
            self.points[:] = np.nan
        else:
            self._follow(frame.step)
        new = ~self.started & (self.given.times <= seconds + _EARLY)
        self.points[new], self.started = self.given.points[new], self.started | new
        self.last = frame.cells
        held = np.flatnonzero(np.isfinite(self.points[:, 0]))
        pixels = np.floor(self.points[held]).astype(int)
        _, latest = np.unique(pixels[::-1], axis=0, return_index=True)  # of two at one pixel, that given last
        latest = len(held) - 1 - latest
        return Hints(pixels[latest], self.given.ab[held[latest]])

    def _follow(self, step):
        height, width = step.back.flow.shape[:2]
        for number in np.flatnonzero(np.isfinite(self.points[:, 0])):
            x, y = self.points[number] / self.scale[::-1]
            cell = self._cell(x, y)
            if step.back.visible[cell] < _SEEN:
                cell = self._stand_in(cell, step.back.visible)
                if cell is None:
                    self.points[number] = np.nan
                    continue
                y, x = ((k + 0.5) * self.last.stride for k in divmod(cell, self.last.lightness.shape[1]))
            flow = step.back.flow[min(int(y), height - 1), min(int(x), width - 1)]
            moved = (np.array([x, y]) + flow) * self.scale[::-1]
            self.points[number] = np.clip(moved, 0, np.array(self.sides[::-1]) - 1e-6)

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Return all that changes from frame to frame."""
        last = {} if self.last is None else {f"last_{name}": x for name, x in self.last._asdict().items()}
        return {"started": self.started.copy(), "points": self.points.copy(), **last}

    def restore(self, arrays: dict[str, np.ndarray]) -> None:
        """Go on from what `to_arrays` returned."""
        self.started, self.points = arrays["started"], arrays["points"]
        self.last = Cells(*(arrays[f"last_{name}"] for name in Cells._fields)) if "last_gray" in arrays else None

    def _cell(self, x, y):
        height, width = self.last.lightness.shape
        row, column = min(int(y / self.last.stride), height - 1), min(int(x / self.last.stride), width - 1)
        return row * width + column

    def _stand_in(self, cell, visible):
        """The cell that is most like one that goes out of sight, and stays in sight; None if there is none."""
        outputs = outputs_of(self.colorizer, [self.last])[0]
        mean, variance = moments(outputs, tf.constant(self.colorizer.bins.means, tf.float32))
        spreading = Spreading(self.last.lightness, *(x.numpy() for x in (tf.nn.softmax(outputs), mean, variance)))
        members = sp.csr_matrix(([1.0], ([0], [cell])), (1, self.last.lightness.size))
        likeness = spreading.correlation(members)[:, 0] * (visible >= _SEEN)
        best = int(np.argmax(likeness))
        return best if likeness[best] >= _LIKE else None


def film_hints(times: Iterable[float], points: np.ndarray, levels: np.ndarray) -> FilmHints:
    """Make hints of times in seconds, pixels int [N, 2] and sRGB levels uint8 [N, 3]."""
    found = [Hints.of_levels(point[None], level[None]).ab[0] for point, level in zip(points, levels, strict=True)]
    return FilmHints(np.asarray(list(times), float), np.asarray(points) + 0.5, np.stack(found))
