"""Hints: colours that a person gives at places of a photograph."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from tfcolor.color.lab import levels_to_lab
from tfcolor.color.names import levels_of
from tfcolor.utils.errors import InputError

MOST_GROUPS = 256  # of neighbouring hints, which are spread together
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
        return cls.of_levels([hint[:2] for hint in hints], [levels_of(hint[2]) for hint in hints])

    @classmethod
    def of_levels(cls, points: np.ndarray, levels: np.ndarray) -> "Hints":
        """Make hints of pixels, int [N, 2], and sRGB levels, uint8 [N, 3]; raise InputError as `of` does."""
        rgb = tf.constant(np.asarray(levels, np.uint8).reshape(-1, 3))
        return cls(points, levels_to_lab(rgb)[:, 1:].numpy())

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
        """Group neighbouring hints: at most about `MOST_GROUPS` groups.

        Args:
            cell: side in pixels of the squares whose hints form a group; larger squares for more hints.

        Returns:
            For each group the indices of its hints.
        """
        while True:
            squares = (self.points / cell).astype(int)
            _, group, sizes = np.unique(squares, axis=0, return_inverse=True, return_counts=True)
            if len(sizes) <= MOST_GROUPS:
                return np.split(np.argsort(group.ravel(), kind="stable"), np.cumsum(sizes)[:-1])
            cell *= 2

    def means(self, groups: list[np.ndarray]) -> np.ndarray:
        """Return the mean colours of groups, float32 [K, 2], ab units."""
        return np.stack([self.ab[group].mean(axis=0) for group in groups])
