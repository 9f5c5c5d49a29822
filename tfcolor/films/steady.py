"""Steady colours: each frame's distributions are mixed with those of the frames around it, along the motion.

Log-probabilities are mixed, not colours: the mean of two colours is brown, the product of two distributions keeps what
both hold likely. They are a linear function of the features before the network's last layer; these are mixed in their
place, since they have fewer channels.

First each frame is mixed with those before it, then with those after it, by exponential smoothing where a place can be
seen in both frames. Scenes share nothing.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np

from tfcolor.films.flow import Motion, motions
from tfcolor.films.options import WEIGHT

CHUNK, LOOK_AHEAD = 16, 8  # frames that are finished at a time, and frames after them that are known by then
_HISTOGRAM_CUT = 0.35  # share of the histogram of lightness that changes at a cut
_MOTION_CUT = 0.2  # share of the picture that can be followed; less is a cut
_BINS = 32  # of that histogram


class Cells(NamedTuple):
    """A frame as the network saw it.

    features: float32 [h, w, C]. The network's outputs are a linear function of them, see `Colorizer.features`.
    lightness: float32 [h, w], the mean L* of the cells.
    gray: uint8 [H, W], what the network saw, for the motion; multiples of the sides of `features`.
    """

    features: np.ndarray
    lightness: np.ndarray
    gray: np.ndarray

    @property
    def stride(self) -> int:
        """Side of a cell in pixels of `gray`."""
        return self.gray.shape[0] // self.features.shape[0]


class State(NamedTuple):
    """What the frames so far leave to the next one.

    mixture: float32 [h, w, C], the last frame's features, mixed with the past.
    gray: uint8 [H, W], the last frame.
    """

    mixture: np.ndarray
    gray: np.ndarray


class Step(NamedTuple):
    """The motion from one frame to the next of the same scene: how each follows from the other."""

    forward: Motion
    back: Motion


class Steady(NamedTuple):
    """A frame with mixed features.

    item: what came with the frame.
    cells: with the mixed features.
    step: the motion from the frame before; None at the start of a scene.
    state: what is left to the next frame.
    """

    item: Any
    cells: Cells
    step: Step | None
    state: State


def steadied(
    frames: Iterable[tuple[Any, Cells]], state: State | None = None, weight: float = WEIGHT, follow: bool = True
) -> Iterator[Steady]:
    """Mix the features of frames with those of the frames around them.

    Args:
        frames: in order, each with an object that comes out again.
        state: of the frame before the first one; None at the start of a film.
        weight: of the neighbour, in [0, 1); 0 leaves all frames as they are.
        follow: whether the motion is found even if the weight is 0.
    """
    waiting: deque[Steady] = deque()
    for item, cells, step in _with_steps(frames, state, follow or weight > 0):
        before = waiting[-1].state.mixture if waiting else state and state.mixture
        mixture = _mixed(cells.features, before, step.forward, weight) if step and weight else cells.features
        waiting.append(Steady(item, cells._replace(features=mixture), step, State(mixture, cells.gray)))
        if len(waiting) == CHUNK + LOOK_AHEAD:
            yield from _finished(waiting, CHUNK, weight)
    yield from _finished(waiting, len(waiting), weight)


def _with_steps(frames, state, follow):
    """The frames with the motion from the one before. It is found in another thread, one frame ahead."""
    if not follow:
        yield from ((item, cells, None) for item, cells in frames)
        return
    before = state and state.gray
    with ThreadPoolExecutor(1) as pool:
        late = None
        for item, cells in frames:
            future = pool.submit(step_between, before, cells.gray, cells.stride) if before is not None else None
            if late:
                yield _resolved(*late)
            late, before = (item, cells, future), cells.gray
        if late:
            yield _resolved(*late)


def _resolved(item, cells, future):
    return item, cells, future.result() if future else None


def step_between(before: np.ndarray, after: np.ndarray, stride: int) -> Step | None:
    """Find the motion between two frames.

    Args:
        before, after: gray uint8 [H, W].
        stride: side of the cells in pixels.

    Returns:
        The motion; None if a new scene begins: the histograms differ, or hardly anything can be followed.
    """
    first, second = (_histogram(x[::2, ::2]) for x in (before, after))
    if np.abs(first - second).sum() / 2 > _HISTOGRAM_CUT:
        return None
    step = Step(*motions(after, before, stride))
    return step if step.forward.visible.mean() + step.back.visible.mean() > 2 * _MOTION_CUT else None


def _histogram(gray):
    """The shares of gray uint8 levels in bins."""
    return np.bincount(gray.ravel() // (256 // _BINS), minlength=_BINS) / gray.size


def _mixed(features, others, motion, weight):
    """Features mixed with those of another frame, [h, w, C]."""
    own = features.reshape(motion.visible.size, -1)
    found = motion.sources @ others.reshape(own.shape)
    found -= own  # in place, since new arrays of this size take longer than the arithmetic
    found *= weight * motion.visible[:, None]
    found += own
    return found.reshape(features.shape)


def _finished(waiting, count, weight):
    """Go back from the last frame to the first; yield the first `count` frames, and remove them."""
    later, mixtures = None, []
    for number in reversed(range(len(waiting))):
        frame, after = waiting[number], waiting[number + 1] if number + 1 < len(waiting) else None
        if after is None or after.step is None or not weight:
            later = frame.cells.features
        else:
            later = _mixed(frame.cells.features, later, after.step.back, weight)
        if number < count:
            mixtures.append(later)
    while mixtures:
        frame = waiting.popleft()
        yield frame._replace(cells=frame.cells._replace(features=mixtures.pop()))
