"""The options of a training run that concern its data. No TensorFlow."""

from dataclasses import dataclass

from tfcolor.color.bins import ZHANG313, check_kind, check_window
from tfcolor.utils.options import check_all, option


@dataclass(frozen=True)
class DataOptions:
    """Which photographs, which colour bins, and how windows are cut.

    Raises InputError for values out of their rules.
    """

    dataset: str = option(
        "scenes", "scenes, one of its categories, samples, or a folder of photographs; several with commas between"
    )
    window: int = option(10, "side of a colour bin in ab units; divides 220")
    bins: str | None = option(
        None, f"bins.npz to use, or {ZHANG313}; else those that occur in the training split", kind=str
    )
    min_count: int = option(
        1,
        "pixels that make a colour bin occupied; fewer bins make a smaller, faster network",
        holds=lambda x: x >= 1,
        rule="at least 1",
    )
    patch: int | None = option(
        None, "side of the windows in pixels (default by network); valid8 colours 16 less", kind=int
    )
    zoom: float = option(
        1.0,
        "windows are cut up to so many times larger or smaller, and resized; such as 1.5",
        holds=lambda x: 1 <= x <= 4,
        rule="in [1, 4]",
    )

    def __post_init__(self):
        """Check the values."""
        check_all(self)
        check_window(self.window)
        check_kind(self.bins or "occupied", self.window, self.min_count)
