"""Hints: colours that a person gives at places of a photograph."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import tensorflow as tf
from PIL import ImageColor

from tfcolor.color.lab import levels_to_lab
from tfcolor.utils.errors import InputError

MOST_GROUPS = 256  # hints that are spread one by one; strokes of more are divided into larger pieces
Hint = tuple[int, int, str]  # x from the left, y from the top, and a colour such as '#2b4f81' or 'gray'


@dataclass(frozen=True, eq=False)
class Hints:
    """Colours at pixels, no two at the same pixel. Their order does not matter.

    points: int [N, 2], x from the left and y from the top, counted from 0.
    ab: float32 [N, 2], the wanted colours in ab units.
    """

    points: np.ndarray
    ab: np.ndarray

    def __post_init__(self):
        """Sort the hints, and leave out repetitions; raise InputError for two colours at one pixel."""
        points, ab = np.asarray(self.points, int).reshape(-1, 2), np.asarray(self.ab, np.float32).reshape(-1, 2)
        rows = np.unique(np.concatenate([points, ab], axis=1), axis=0)  # float64 holds both exactly
        points, ab = rows[:, :2].astype(int), rows[:, 2:].astype(np.float32)
        twice = (np.diff(points, axis=0) == 0).all(axis=1)
        if twice.any():
            x, y = points[np.argmax(twice)]
            raise InputError(f"two hints of different colours at {x},{y}; leave one out")
        object.__setattr__(self, "points", points)
        object.__setattr__(self, "ab", ab)

    @classmethod
    def of(cls, hints: "Iterable[Hint] | Hints") -> "Hints":
        """Make hints of places and colours.

        Args:
            hints: of each hint x, y and its colour, '#2b4f81' or a name of CSS such as 'gray'. Only hue and chroma
                count, since a photograph keeps its lightness.

        Raises:
            InputError: for an unknown colour, or two colours at one pixel.
        """
        if isinstance(hints, Hints):
            return hints
        hints = list(hints)
        return cls([hint[:2] for hint in hints], ab_of([hint[2] for hint in hints]))

    def __len__(self) -> int:
        """Return the number of pixels with a hint."""
        return len(self.points)

    def check_inside(self, height: int, width: int) -> None:
        """Raise InputError for a hint outside a picture."""
        outside = ((self.points < 0) | (self.points >= [width, height])).any(axis=1)
        if outside.any():
            x, y = self.points[np.argmax(outside)]
            raise InputError(f"{width}x{height} pixels, so there is no place for a hint at {x},{y}")

    def groups(self, cell: float) -> list[np.ndarray]:
        """Group neighbouring hints of the same colour, at most `MOST_GROUPS` unless their colours are more.

        Args:
            cell: side in pixels of the squares whose hints form a group.

        Returns:
            For each group the indices of its hints.
        """
        colors = np.unique(self.ab, axis=0, return_inverse=True)[1].reshape(-1, 1)
        while True:
            keys = np.concatenate([(self.points / cell).astype(int), colors], axis=1)
            _, group, sizes = np.unique(keys, axis=0, return_inverse=True, return_counts=True)
            if len(sizes) <= MOST_GROUPS or cell > 2 * self.points.max():
                return np.split(np.argsort(group.ravel(), kind="stable"), np.cumsum(sizes)[:-1])
            cell *= 2


def ab_of(colors: list[str]) -> np.ndarray:
    """Convert colours, '#2b4f81' or names of CSS, to ab: float32 [N, 2], ab units. Raises InputError if unknown."""
    levels = np.zeros([len(colors), 3], np.uint8)
    for row, text in zip(levels, colors, strict=True):
        try:
            row[:] = ImageColor.getrgb(text)[:3]
        except ValueError:
            raise InputError(f"unknown colour {text!r}; write it like #2b4f81, or gray") from None
    return levels_to_lab(tf.constant(levels))[:, 1:].numpy()
