"""Steady colours for frames of any kind: of films, of animations, from Python."""

import contextlib
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tfcolor.color.decoding_options import Decoding
from tfcolor.color.guided_filter import border
from tfcolor.color.lightness import lightness_of_levels
from tfcolor.colorizer.colorizer import Colorizer, checked_rgb, smoothed
from tfcolor.colorizer.hints import Hints
from tfcolor.colorizer.opened import OpenedPhotograph
from tfcolor.colorizer.painting import painted
from tfcolor.colorizer.working_size import ReducedOutputs
from tfcolor.films.hints import NO_HINTS, FilmHints, Tracks
from tfcolor.films.options import WEIGHT, FilmOptions
from tfcolor.films.seeing import BATCH, decoded, outputs_of, seen, seen_sides, stride_of
from tfcolor.films.steady import State, Steady, steadied
from tfcolor.utils.ahead import ahead
from tfcolor.utils.errors import InputError

_FRAMES_AHEAD = 8  # predicted, while others are painted
# Mixed distributions are flatter, and their colours paler. T is multiplied by 1 - SHARPER * weight to make up for it.
# Colourfulness is then the same as without mixing, measured on made clips over validation photographs.
SHARPER = 0.36
NO_FRAME_HINTS = Hints(np.zeros([0, 2]), np.zeros([0, 2]))


class Followed(NamedTuple):
    """A frame whose colours are known.

    item: what the frame came as.
    steady: its outputs.
    hints: those that hold in it, in pixels of the frame.
    """

    item: Any
    steady: Steady
    hints: Hints


class FilmColorizer:
    """Colours the frames of one film, which all have the same size, in order."""

    def __init__(
        self,
        colorizer: Colorizer,
        sides: tuple[int, int],
        decoding: Decoding | None = None,
        weight: float = WEIGHT,
        hints: FilmHints = NO_HINTS,
    ):
        """Prepare.

        Args:
            colorizer: the model.
            sides: height and width of the frames as players show them, in pixels.
            decoding: how colours are decoded; None for the model's own.
            weight: how much of a neighbouring frame's colours a frame takes on, in [0, 1); 0 for none.
            hints: colours that a person gives.

        Raises:
            InputError: for a weight out of range, a hint outside the frames, or hints if no distribution is predicted.
        """
        if len(hints.times) and not colorizer.objective.predicts_distribution:
            raise InputError("hints are for models that predict distributions; this one predicts colours")
        hints.check_inside(*sides)
        self._colorizer, self._sides, self._weight = colorizer, sides, weight
        decoding = decoding or colorizer.decoding
        FilmOptions(decoding, weight)  # raises InputError for a weight out of range
        self._decoding = decoding.replace(temperature=decoding.temperature * (1 - SHARPER * weight))
        self._reduced = seen_sides(colorizer, sides)
        scale = tuple(side / reduced for side, reduced in zip(sides, self._reduced, strict=True))
        self._tracks = Tracks(hints, colorizer, sides, scale)
        self._has_hints = bool(len(hints.times))

    def followed(
        self,
        frames: Iterable[Any],
        lightness_of: Callable[[Any], np.ndarray],
        seconds_of: Callable[[Any], float] = lambda frame: 0.0,
        state: dict[str, np.ndarray] | None = None,
    ) -> Iterator[Followed]:
        """Follow frames, and predict their colours.

        Args:
            frames: in order.
            lightness_of: returns the L* of a frame in [0, 100], float32 [H, W], upright.
            seconds_of: returns its time from the start.
            state: what `state_after` returned for the frame before; None at the start.
        """
        if state:
            self._tracks.restore(state)
        before = State(state["mixture"], state["gray"]) if state else None
        cells = ahead(seen(self._colorizer, frames, lightness_of), _FRAMES_AHEAD)
        mixed = ahead(steadied(cells, before, self._weight, self._has_hints), _FRAMES_AHEAD)
        with contextlib.closing(mixed):  # its threads end with it
            for steady in mixed:
                hints = self._tracks.at(steady, seconds_of(steady.item)) if self._has_hints else NO_FRAME_HINTS
                yield Followed(steady.item, steady, hints)

    def state_after(self, frame: Followed) -> dict[str, np.ndarray]:
        """Return what `followed` needs to go on after a frame, which must be the last one that it yielded."""
        return frame.steady.state._asdict() | self._tracks.to_arrays()

    def hints_to_come(self) -> list[float]:
        """Return the times in seconds of the hints that no frame had yet."""
        return self._tracks.given.times[~self._tracks.started].tolist()

    def ab(self, frames: Sequence[Followed], lightness: np.ndarray) -> np.ndarray:
        """Decode the colours of frames.

        Args:
            frames: from `followed`.
            lightness: their L*, float32 [B, h, w], of any size; the colours follow it.

        Returns:
            float32 [B, h, w, 2], ab units.
        """
        if any(len(frame.hints) for frame in frames):
            return np.stack([self._hinted(*each) for each in zip(frames, lightness, strict=True)])
        decoding, cells = self._decoding, [frame.steady.cells for frame in frames]
        colors = decoded(self._colorizer, cells, decoding)
        source, margin = self._source(colors, cells, lightness.shape[1:]), border(decoding.smoothing)
        found = np.empty([*lightness.shape, 2], np.float32)
        for part in self._colorizer.tiles(lightness, max(lightness.shape), margin, source):
            ab = source.colors("", tf.identity, part.lightness, part.place, margin, part.which)
            found[part.which] = decoding.strength * smoothed(ab, part, decoding.smoothing)
        return found

    def _source(self, outputs, cells, sides):
        guide = tf.constant(np.stack([each.lightness for each in cells])[..., None])
        return ReducedOutputs(outputs, guide, stride_of(self._colorizer), self._reduced, sides)

    def _hinted(self, frame, lightness):
        cells = [frame.steady.cells]
        source = self._source(outputs_of(self._colorizer, cells), cells, lightness.shape)
        opened = OpenedPhotograph(self._colorizer, lightness, np.uint16, max(lightness.shape), source)
        return opened.predict_ab(self._scaled(frame.hints, lightness.shape), self._decoding)

    def _scaled(self, hints, sides):
        """Hints at the same places of a frame of another size; the first one where two meet."""
        scale = np.array(sides[::-1]) / self._sides[::-1]
        points = np.minimum((hints.points + 0.5) * scale, np.array(sides[::-1]) - 1).astype(int)
        _, first = np.unique(points, axis=0, return_index=True)
        return Hints(points[first], hints.ab[first])


def colorize_frames(
    colorizer: Colorizer,
    frames: Iterable[np.ndarray],
    decoding: Decoding | None = None,
    steadiness: float = WEIGHT,
) -> Iterator[np.ndarray]:
    """Colour frames steadily, keeping their lightness.

    Args:
        colorizer: the model.
        frames: uint8 or uint16 [H, W, 3], sRGB, all of one size, in order; their own colours are ignored.
        decoding: how colours are decoded; None for the model's own.
        steadiness: how much of a neighbouring frame's colours a frame takes on, in [0, 1); 0 for none.

    Yields:
        sRGB of the shape and type of the frames. The first one comes after some frames more were read.

    Raises:
        ValueError: for other shapes or types.
        InputError: for a steadiness out of range.
    """
    remaining = iter(frames)
    first = next(remaining, None)
    if first is None:
        return
    film = FilmColorizer(colorizer, checked_rgb(first).shape[:2], decoding, steadiness)

    def lightness(frame):
        if frame.shape != first.shape:
            raise ValueError(f"frames must have one size, got {first.shape} and {frame.shape}")
        return lightness_of_levels(checked_rgb(frame))

    with contextlib.closing(film.followed(itertools.chain([first], remaining), lightness)) as followed:
        while batch := list(itertools.islice(followed, BATCH)):
            kept = np.stack([lightness(each.item) for each in batch])
            for pair in zip(kept, film.ab(batch, kept), strict=True):
                yield painted(*pair, first.dtype.type)
