"""A photograph that stays open: the network runs once, and its prediction is decoded as often as wanted, with hints.

Hints change the predicted distributions, see `spreading`. Then colours are decoded and enlarged as always. What is
still missing at the pixels of the hints is added to them and to the similar pixels close by, so that they get their
colours exactly.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import scipy.sparse as sp
import tensorflow as tf

from tfcolor.color.decoding import conditioned, moments
from tfcolor.color.decoding_options import Decoding
from tfcolor.color.guided_filter import border
from tfcolor.colorizer.blocks import enlarged, mean_shares
from tfcolor.colorizer.hints import Hint, Hints
from tfcolor.colorizer.modes import find_modes
from tfcolor.colorizer.painting import inside, painter
from tfcolor.colorizer.spreading import EDGE, HintField, Spreading
from tfcolor.colorizer.working_size import ReducedOutputs, reduced
from tfcolor.utils.errors import InputError

if TYPE_CHECKING:
    from tfcolor.colorizer.colorizer import Colorizer, Tile

_CELLS = 64  # along the shorter side, for networks without cells of their own
_MOST_KEPT = 2**27  # outputs that are kept for networks without a working size: 512 MB; for more it runs again
_TOUCH = 1.5  # cells: the distance over which the correction of the colours around a hint falls to 1/e
_LIKE = 10.0  # ab units: colours that are nearer to a suggested one are like it
_CANDIDATES = 24  # places along each side among which the best for a hint is sought


class Suggestion(NamedTuple):
    """A colour that the network expects at a place.

    ab: float32 [2], ab units.
    probability: of this colour and those like it, in [0, 1].
    """

    ab: np.ndarray
    probability: float


@dataclass(frozen=True, eq=False)
class _Cells:
    """The cells on which hints are spread.

    lightness: float32 [h, w], L* in [0, 100].
    logits: float32 [h, w, Q].
    sides: height and width of a cell in pixels.
    """

    lightness: np.ndarray
    logits: tf.Tensor
    sides: tuple[float, float]

    def of(self, points: np.ndarray) -> np.ndarray:
        """The numbers of the cells of pixels, int [N, 2], x and y."""
        row, column = (points[:, axis] / side for axis, side in zip((1, 0), self.sides, strict=True))
        return row.astype(int) * self.lightness.shape[1] + column.astype(int)


class OpenedPhotograph:
    """A photograph whose colours the network has predicted.

    It may be used by one thread at a time.
    """

    def __init__(
        self,
        colorizer: "Colorizer",
        lightness: np.ndarray,
        dtype: type,
        tile: int,
        source: ReducedOutputs | None = None,
    ):
        """Run the network.

        Args:
            colorizer: the model.
            lightness: float32 [H, W], L* in [0, 100].
            dtype: type of the results, uint8 or uint16.
            tile: largest side of the tiles in pixels.
            source: outputs that are there already, so that the network need not run.
        """
        self.lightness, self._given = lightness, source
        self._colorizer, self._dtype, self._tile = colorizer, dtype, tile
        self._tiles: tuple[int, list[Tile]] | None = None  # a margin, and the tiles with it
        self._fields: tuple[Any, HintField | None] = (None, None)  # what hints and lambda the last field was for
        self._spreading: dict[float | None, tuple[_Cells, Spreading]] = {}
        self._parts(border(colorizer.decoding.smoothing))

    def colorize(
        self,
        hints: Iterable[Hint] | Hints = (),
        temperature: float | None = None,
        *,
        uniform_share: float | None = None,
        smoothing: int | None = None,
        strength: float | None = None,
    ) -> np.ndarray:
        """Colour the photograph. Without hints, `Colorizer.colorize` gives the same result.

        Args:
            hints: places and their colours, see `Hints.of`; the pixels there get exactly the hue and chroma of the
                hint, as far as sRGB has them at their lightness.
            temperature, uniform_share, smoothing, strength: as in `Colorizer.colorize`.

        Returns:
            sRGB of the shape and type of the photograph.

        Raises:
            InputError: for a hint outside the photograph, an unknown colour, two colours at one pixel, or a model that
                predicts no distributions.
        """
        given = {"temperature": temperature, "uniform_share": uniform_share}
        return self.decoded(hints, self._colorizer.decoding.replace(**given, smoothing=smoothing, strength=strength))

    def decoded(self, hints: Iterable[Hint] | Hints, decoding: Decoding) -> np.ndarray:
        """Colour the photograph as `colorize` does, with all options of the decoding at once."""
        ab = self.predict_ab(hints, decoding)
        result = np.empty([*ab.shape[:2], 3], self._dtype)
        paint = painter(self.lightness.size, self._dtype)
        for part in self._parts(border(decoding.smoothing)):
            result[part.place] = paint(inside(part.lightness, part.margin), ab[part.place][None])[0]
        return result

    def predict_ab(self, hints: Iterable[Hint] | Hints, decoding: Decoding) -> np.ndarray:
        """Predict ab, including colours that sRGB cannot show: float32 [H, W, 2], ab units; see `decoded`."""
        hints = self._checked(hints)
        known = self._field(hints, decoding.uniform_share)
        ab = np.empty([*self.lightness.shape, 2], np.float32)
        for part in self._parts(border(decoding.smoothing)):
            ab[part.place] = self._colorizer.colors(self._with(part, known), decoding)[0]
        if len(hints):
            self._touch(ab, hints)
        return ab

    def suggest(
        self,
        x: int,
        y: int,
        hints: Iterable[Hint] | Hints = (),
        num: int = 5,
        uniform_share: float | None = None,
    ) -> list[Suggestion]:
        """Suggest colours for a place: the modes of its predicted distribution, the most likely one first.

        Args:
            x, y: the pixel, from the left and from the top.
            hints: the hints so far.
            num: most suggestions.
            uniform_share: lambda, as in `Colorizer.colorize`.

        Raises:
            InputError: for a place outside the photograph, and as `colorize` does.
        """
        place = Hints(np.array([[x, y]]), np.zeros([1, 2]))
        place.check_inside(*self.lightness.shape)
        share = self._share(uniform_share)
        known = self._field(self._checked(hints), share)
        cells, _ = self._spread(share)
        logits = tf.reshape(self._known_logits(cells, known), [-1, self._colorizer.bins.num_bins])
        return _suggestions(tf.nn.softmax(logits[cells.of(place.points)[0]]).numpy(), self._colorizer.bins.means, num)

    def best_place(self, hints: Iterable[Hint] | Hints = (), uniform_share: float | None = None) -> tuple[int, int]:
        """Return the pixel, x and y, where a hint would help most: its entropy times the cells that would follow it."""
        share = self._share(uniform_share)
        known = self._field(self._checked(hints), share)
        cells, spreading = self._spread(share)
        logs = tf.nn.log_softmax(self._known_logits(cells, known))
        entropy = -tf.reduce_sum(tf.exp(logs) * logs, axis=-1).numpy()
        height, width = (
            min(count, int(np.ceil(length / side)))  # cells beyond them are mirror images
            for count, length, side in zip(entropy.shape, self.lightness.shape, cells.sides, strict=True)
        )
        rows, columns = (np.unique(np.linspace(0, n - 1, _CANDIDATES).astype(int)) for n in (height, width))
        numbers = (rows[:, None] * entropy.shape[1] + columns).ravel()
        free = 1 - known.certainty.ravel()[:, None] if known else 1.0
        reach = (spreading.correlation(_members(numbers[:, None], entropy.size)) * free).sum(axis=0)
        best = numbers[np.argmax(entropy.ravel()[numbers] * reach)]
        row, column = divmod(int(best), entropy.shape[1])
        x, y = ((k + 0.5) * side for k, side in zip((column, row), cells.sides[::-1], strict=True))
        return min(int(x), self.lightness.shape[1] - 1), min(int(y), self.lightness.shape[0] - 1)

    def _share(self, uniform_share):
        return self._colorizer.decoding.uniform_share if uniform_share is None else uniform_share

    def _checked(self, hints):
        hints = Hints.of(hints)
        if len(hints) and not self._colorizer.objective.predicts_distribution:
            raise InputError("hints are for models that predict distributions; this one predicts colours")
        hints.check_inside(*self.lightness.shape)
        return hints

    def _parts(self, margin):
        """The tiles with at least this margin; kept if they are not too large."""
        if self._tiles and self._tiles[0] == margin:
            return self._tiles[1]
        parts = self._colorizer.tiles(self.lightness[None], self._tile, margin, self._given)
        is_reduced = self._given or self._colorizer.working_size
        if is_reduced or self.lightness.size * self._colorizer.objective.num_outputs <= _MOST_KEPT:
            parts = list(parts)
            self._tiles = margin, parts
        return parts

    def _field(self, hints, uniform_share):
        """What the hints say about the cells; None without hints."""
        if not len(hints):
            return None
        key = (hints.points.tobytes(), hints.ab.tobytes(), uniform_share)
        if self._fields[0] != key:
            cells, spreading = self._spread(uniform_share)
            groups = hints.groups(max(cells.sides))
            members = _members([cells.of(hints.points[group]) for group in groups], cells.lightness.size)
            self._fields = key, spreading.field(members, hints.means(groups))
        return self._fields[1]

    def _spread(self, uniform_share) -> tuple[_Cells, Spreading]:
        if uniform_share not in self._spreading:
            cells = self._cells(uniform_share)
            mean, variance = moments(cells.logits, tf.constant(self._colorizer.bins.means, tf.float32))
            shares = tf.nn.softmax(cells.logits)
            spreading = Spreading(cells.lightness, *(x.numpy() for x in (shares, mean, variance)))
            self._spreading = {uniform_share: (cells, spreading)}
        return self._spreading[uniform_share]

    def _cells(self, uniform_share) -> _Cells:
        log_weights = self._colorizer.objective.log_weights(uniform_share)
        source = self._source
        if source:
            return _Cells(source.guide[0, ..., 0].numpy(), source.outputs[0] + log_weights, source.cell)
        shape, block = self.lightness.shape, self._block
        shares = mean_shares(self._colorizer, self.lightness, block, log_weights, self._tile)
        sides = [block * count for count in shares.shape[:2]]
        padded = np.pad(self.lightness, [(0, side - length) for side, length in zip(sides, shape, strict=True)], "edge")
        return _Cells(reduced(padded, shares.shape[:2]), tf.math.log(shares + 1e-12), (block, block))

    @cached_property
    def _source(self) -> ReducedOutputs | None:
        """The outputs at the working size, of networks that have one."""
        source = self._tiles[1][0].source if self._tiles else None
        return source if isinstance(source, ReducedOutputs) else None

    @property
    def _block(self) -> int:
        return max(1, round(min(self.lightness.shape) / _CELLS))

    def _with(self, part, known):
        """The tile with what hints say about it."""
        if not known or self._source:
            return replace(part, known=known)
        values = np.concatenate([known.shift, known.certainty[..., None]], axis=-1)
        values = enlarged(values, part.place, part.margin, self.lightness.shape, self._block)
        return replace(part, known=HintField(values[..., :2], values[..., 2]))

    def _known_logits(self, cells, known):
        if not known:
            return cells.logits
        colors = tf.constant(self._colorizer.bins.means, tf.float32)
        return conditioned(cells.logits, colors, known.shift, known.certainty)[0]

    def _touch(self, ab: np.ndarray, hints: Hints) -> None:
        """Correct ab [H, W, 2] at the hints, and smoothly at the similar pixels around them."""
        side = max(1.0, min(self.lightness.shape) / _CELLS)
        groups = hints.groups(side)
        points = np.stack([_middle(hints.points[group]) for group in groups])
        at = (points[:, 1], points[:, 0])
        lightness = self.lightness[at]
        between = _near(points[:, None] - points, lightness[:, None] - lightness, _TOUCH * side)
        factors = np.linalg.solve(between + 1e-6 * np.eye(len(points)), hints.means(groups) - ab[at])
        around = int(4 * _TOUCH * side) + 1
        for (x, y), level, factor in zip(points, lightness, factors, strict=True):
            rows, columns = (slice(max(0, k - around), k + around + 1) for k in (y, x))
            window = self.lightness[rows, columns]
            height, width = window.shape
            across, down = np.meshgrid(np.arange(width) + columns.start - x, np.arange(height) + rows.start - y)
            near = _near(np.stack([across, down], axis=-1), window - level, _TOUCH * side)
            ab[rows, columns] += near[..., None] * factor
        ab[hints.points[:, 1], hints.points[:, 0]] = hints.ab


def _near(offsets, differences, reach):
    """How much pixels follow another one: offsets [..., 2] in pixels, differences of L* [...] -> [...].

    A Gaussian in place of the exponential would let colours between contradictory hints swing far beyond them.
    """
    distance = np.sqrt((offsets**2).sum(axis=-1)) / reach
    return np.exp(-distance, dtype=np.float32) * np.maximum(0, 1 - abs(differences) / EDGE)


def _members(groups, count):
    """Groups of cells as shares [groups, cells], whose rows sum to 1."""
    sizes = [len(group) for group in groups]
    rows = np.repeat(np.arange(len(groups)), sizes)
    return sp.csr_matrix((1 / np.repeat(sizes, sizes), (rows, np.concatenate(groups))), (len(groups), count))


def _middle(points):
    """The point that is nearest to the mean of some points [N, 2]."""
    return points[np.argmin(((points - points.mean(axis=0)) ** 2).sum(axis=1))]


def _suggestions(shares: np.ndarray, colors: np.ndarray, num: int) -> list[Suggestion]:
    """Suggest the modes of a distribution [Q]; each bin counts for the nearest mode."""
    distances = np.linalg.norm(colors[:, None] - colors, axis=-1)  # [Q, Q]
    modes = find_modes(distances, (distances < _LIKE) @ shares, num)
    nearest = np.argmin(distances[:, modes], axis=1)
    found = []
    for k in range(len(modes)):
        mine = np.where(nearest == k, shares, 0)
        near = np.where(distances[modes[k]] < _LIKE, shares, 0)
        found.append(Suggestion(np.float32(near @ colors / max(near.sum(), 1e-12)), float(mine.sum())))
    return sorted(found, key=lambda suggestion: -suggestion.probability)
