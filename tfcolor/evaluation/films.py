"""Measures colours of films: how steady they are, and how true.

Steadiness has two measures. The warp error follows the motion, and sees only colours. CDC compares histograms of whole
frames; it knows no motion, sees lightness as well, and is best for gray. So truth and gray are measured beside a model.

Memory does not grow with the length of a film.
"""

import itertools
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from tfcolor.color.decoding_options import Decoding
from tfcolor.color.lightness import lightness_of_levels
from tfcolor.colorizer.colorizer import Colorizer
from tfcolor.colorizer.painting import painter
from tfcolor.evaluation.measuring import Truth, lab_of, psnr
from tfcolor.evaluation.metrics import MAX_DISTANCE, colourfulness
from tfcolor.films.coloring import NO_FRAME_HINTS, FilmColorizer, Followed
from tfcolor.films.flow import load_cv, visible, warped
from tfcolor.films.seeing import BATCH, seen
from tfcolor.films.steady import steadied

WAYS = ("gray", "truth", "frame by frame", "steady")
METRICS = ("warp_error", "warp_ratio", "cdc", "psnr", "raw_auc", "colourfulness", "dcf")
DISTANCES = (1, 2, 4)  # frames, of CDC; they weigh equally
# Motion boundaries: Ruder et al. 2016, eq. 6.
_BOUNDARY_RELATIVE, _BOUNDARY_ABSOLUTE = 0.01, 0.002


class TrueFrame(NamedTuple):
    """A frame of a colour film.

    rgb: uint8 [H, W, 3], sRGB.
    flow: float32 [H, W, 2], x and y, to the frame before in pixels; None if it must be estimated.
    """

    rgb: np.ndarray
    flow: np.ndarray | None = None


class Correspondence(NamedTuple):
    """Where a frame's pixels lie in the frame before.

    flow: float32 [H, W, 2], x and y, to the frame before in pixels.
    valid: bool [H, W], where the flow can be trusted.
    """

    flow: np.ndarray
    valid: np.ndarray


def correspondence(lightness: np.ndarray, before: np.ndarray) -> Correspondence:
    """Estimate the motion between two frames, from lightness alone. Not for several threads at once.

    Valid are pixels from which the flow there and back comes back, which do not lie on a motion boundary (Ruder et al.
    2016, eq. 5 and 6).

    Args:
        lightness: L* of a frame, float32 [H, W], in [0, 100].
        before: the same of the frame before.
    """
    frame, other = (np.rint(x * 2.55).astype(np.uint8) for x in (lightness, before))
    flow, back = _dis().calc(frame, other, None), _dis().calc(other, frame, None)
    return Correspondence(flow, visible(flow, back) & ~motion_boundaries(flow))


@cache
def _dis() -> Any:
    """The judge of motion: at full size and more exact than what frames are mixed by, so that it finds its errors."""
    cv2 = load_cv()
    return cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)


def known_correspondence(flow: np.ndarray) -> Correspondence:
    """Return the motion for known flow without occlusions: valid is what lies inside the frame before."""
    height, width = flow.shape[:2]
    x, y = flow[..., 0] + np.arange(width), flow[..., 1] + np.arange(height)[:, None]
    return Correspondence(flow, (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1))


def motion_boundaries(flow: np.ndarray) -> np.ndarray:
    """Mark where flow changes abruptly: float32 [H, W, 2] -> bool [H, W] (Ruder et al. 2016, eq. 6)."""
    changes = sum((gradient**2).sum(axis=-1) for gradient in np.gradient(flow, axis=(0, 1)))
    return changes > _BOUNDARY_RELATIVE * (flow**2).sum(axis=-1) + _BOUNDARY_ABSOLUTE


def warp_error(ab: np.ndarray, before: np.ndarray, motion: Correspondence) -> float | None:
    """Measure how much colours change along the motion (Lai et al. 2018, eq. 10, of ab instead of RGB).

    Args:
        ab: float32 [H, W, 2], ab units.
        before: the same of the frame before.
        motion: of the true frames.

    Returns:
        The mean squared distance of the colours in square ab units; None without valid pixels.
    """
    if not motion.valid.any():
        return None
    squares = ((ab - warped(before, motion.flow)) ** 2).sum(axis=-1)
    return float(squares[motion.valid].mean(dtype=np.float64))


class ColorDistribution:
    """CDC, the colour distribution consistency of a film (Liu et al. 2021, TCVC; NTIRE 2023).

    It is the Jensen-Shannon divergence (natural logarithm) between the histograms of frames, of 8-bit red, green and
    blue in 256 bins: the mean over all frames and channels, then over frames at distances of 1, 2 and 4.
    """

    def __init__(self):
        """Start without frames."""
        self._last: deque[np.ndarray] = deque(maxlen=max(DISTANCES))
        self._sums = {distance: [0.0, 0] for distance in DISTANCES}

    def add(self, rgb: np.ndarray) -> None:
        """Add the next frame, uint8 [H, W, 3]."""
        histograms = np.stack([np.bincount(channel.ravel(), minlength=256) for channel in np.moveaxis(rgb, -1, 0)])
        shares = histograms / (rgb.shape[0] * rgb.shape[1])
        for distance in DISTANCES:
            if distance <= len(self._last):
                self._sums[distance][0] += divergence(shares, self._last[-distance]).mean()
                self._sums[distance][1] += 1
        self._last.append(shares)

    @property
    def value(self) -> float | None:
        """CDC, from 0 for equal histograms to ln 2; None for a single frame. Too short films lack distances."""
        means = [total / count for total, count in self._sums.values() if count]
        return float(np.mean(means)) if means else None


def divergence(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """Return the Jensen-Shannon divergence of distributions, float64 [..., N] each -> [...], in [0, ln 2]."""
    middle = (p + q) / 2
    relative = lambda x: np.log(np.divide(x, middle, out=np.ones_like(x), where=x > 0))  # noqa: E731
    return (p * relative(p) + q * relative(q)).sum(axis=-1) / 2


class FilmErrors:
    """What is measured of one film that is coloured in one way, over frames added one by one."""

    def __init__(self):
        """Start without frames."""
        self._before: np.ndarray | None = None
        self._distribution = ColorDistribution()
        self._warp_errors = [0.0, 0]
        self._sums, self._count = {"psnr": 0.0, "raw_error": 0.0, "colourfulness": 0.0}, 0

    def add(self, truth: Truth, ab: np.ndarray, rgb: np.ndarray, motion: Correspondence | None) -> None:
        """Add the next frame.

        Args:
            truth: the true frame.
            ab: float32 [H, W, 2], its colours in ab units.
            rgb: uint8 [H, W, 3], these colours with the true lightness.
            motion: of the true frames; None at the start of a scene.
        """
        error = warp_error(ab, self._before, motion) if motion is not None else None
        if error is not None:
            self._warp_errors[0] += error
            self._warp_errors[1] += 1
        self._before = ab
        self._distribution.add(rgb)
        self._sums["psnr"] += psnr(truth.rgb, rgb)
        self._sums["raw_error"] += np.minimum(np.linalg.norm(ab - truth.ab, axis=-1), MAX_DISTANCE).mean(dtype=float)
        self._sums["colourfulness"] += colourfulness(rgb)
        self._count += 1

    def to_json(self) -> dict[str, float | None]:
        """Return the metrics by name: those of `METRICS` without what compares two ways."""
        total, count = self._warp_errors
        means = {name: float(value / self._count) for name, value in self._sums.items()}
        return {
            "warp_error": total / count if count else None,
            "cdc": self._distribution.value,
            "psnr": means["psnr"],
            "raw_auc": 100 * (1 - means["raw_error"] / MAX_DISTANCE),
            "colourfulness": means["colourfulness"],
        }


class _Colored(NamedTuple):
    """A true frame, whether it follows from the one before, and two predictions of its colours."""

    frame: TrueFrame
    follows: bool
    truth: Truth
    alone: np.ndarray
    steady: np.ndarray


def measure_film(
    colorizer: Colorizer,
    frames: Iterable[TrueFrame],
    decoding: Decoding,
    weight: float,
    on_frame: Callable[[int], Any] = lambda done: None,
) -> tuple[int, dict[str, dict[str, float | None]]]:
    """Colour a film frame by frame and steadily, and measure both beside gray and the truth.

    Args:
        colorizer: the model.
        frames: in order, all of one size, each side at least 16 pixels.
        decoding: how colours are decoded.
        weight: how much of a neighbouring frame's colours a frame takes on if they are steady, in [0, 1).
        on_frame: called with the number of frames done so far.

    Returns:
        The number of frames; and for each of `WAYS` the metrics of `METRICS`. None for what there is not: the
        steadiness of a single frame.

    Raises:
        ValueError: there are no frames.
    """
    found = {way: FilmErrors() for way in WAYS}
    paint = painter(2**62, np.uint8)  # XLA: there are many frames
    count, before = 0, None
    for frame, follows, truth, alone, steady in _colored(colorizer, frames, decoding, weight):
        motion = None
        if before is not None and frame.flow is not None:
            motion = known_correspondence(frame.flow)
        elif before is not None and follows:
            motion = correspondence(truth.lightness, before)
        before = truth.lightness
        for way, ab in zip(WAYS, (np.zeros_like(truth.ab), truth.ab, alone, steady), strict=True):
            rgb = truth.rgb if way == "truth" else paint(truth.lightness[..., None], ab)
            found[way].add(truth, ab, rgb, motion)
        count += 1
        on_frame(count)
    if not count:
        raise ValueError("`frames` must hold at least one frame")
    return count, _compared({way: errors.to_json() for way, errors in found.items()})


def _compared(results):
    """Add what compares ways: the ratio of warp errors to that of frame by frame, and dCF."""
    whole, true = results["frame by frame"]["warp_error"], results["truth"]["colourfulness"]
    for metrics in results.values():
        metrics["warp_ratio"] = metrics["warp_error"] / whole if whole else None
        metrics["dcf"] = abs(metrics["colourfulness"] - true)
    return {way: {name: metrics[name] for name in METRICS} for way, metrics in results.items()}


def _colored(colorizer, frames, decoding, weight) -> Iterator[_Colored]:
    """Colour frames in both ways. The network runs once for both, and only one of them looks for motion."""
    remaining = iter(frames)
    first = next(remaining, None)
    if first is None:
        return
    films = [FilmColorizer(colorizer, first.rgb.shape[:2], decoding, each) for each in (0, weight)]
    lightness_of = lambda frame: lightness_of_levels(frame.rgb)  # noqa: E731
    cells = itertools.tee(seen(colorizer, itertools.chain([first], remaining), lightness_of))
    # Both finish as many frames at a time, so that little waits in between.
    both = zip(steadied(cells[0], weight=0, follow=False), steadied(cells[1], weight=weight), strict=True)
    while batch := list(itertools.islice(both, BATCH)):
        items = [each.item for each, _ in batch]
        labs = [lab_of(item.rgb) for item in items]
        lightness = np.stack([lab[..., 0] for lab in labs])
        ways = [
            film.ab([Followed(each.item, each, NO_FRAME_HINTS) for each in way], lightness)
            for film, way in zip(films, zip(*batch, strict=True), strict=True)
        ]
        for number, (item, lab) in enumerate(zip(items, labs, strict=True)):
            truth = Truth(item.rgb, lab[..., 0], lab[..., 1:])
            follows = batch[number][1].step is not None
            yield _Colored(item, follows, truth, *(ab[number] for ab in ways))


def means_of(films: Iterable[dict[str, dict[str, float | None]]]) -> dict[str, dict[str, float | None]]:
    """Return the mean of each metric over films. All films count the same; those without a metric are left out of it.

    The ratio of warp errors is computed from the mean errors. dCF is the mean of the films' own: a pale film does not
    make up for a vivid one.
    """
    films = list(films)

    def mean(way, name):
        values = [found[way][name] for found in films if found[way][name] is not None]
        return float(np.mean(values)) if values else None

    means = _compared({way: {name: mean(way, name) for name in METRICS} for way in WAYS})
    return {way: found | {"dcf": mean(way, "dcf")} for way, found in means.items()}
