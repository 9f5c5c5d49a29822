"""The data options of a training run. No TensorFlow."""

from dataclasses import dataclass

from tfcolor.color.bins import ZHANG313, check_kind, check_window
from tfcolor.utils.options import check_all, option


@dataclass(frozen=True)
class DataOptions:
    """Which photographs, which colour bins, and how windows are cut.

    Raises InputError for invalid values.
    """

    dataset: str = option(
        "scenes", "scenes, one of its categories, samples, or a folder of photographs; several separated by commas"
    )
    window: int = option(10, "side of a colour bin in ab units; divides 220")
    bins: str | None = option(
        None, f"bins.npz to use, or {ZHANG313} (default: the bins that occur in the training split)", kind=str
    )
    min_count: int = option(
        1,
        "pixels a colour needs to become a bin; fewer bins make a smaller, faster network",
        holds=lambda x: x >= 1,
        rule="at least 1",
    )
    patch: int | None = option(
        None,
        "side of the training windows in pixels (default: set by the network); valid8 colours 16 pixels less",
        kind=int,
    )
    zoom: float = option(
        1.0,
        "cut windows up to this many times smaller or larger, and resize them; for example 1.5",
        holds=lambda x: 1 <= x <= 4,
        rule="in [1, 4]",
    )

    degrade: float = option(
        0.0,
        "share of windows that the network sees like old photographs: faded, blurred, grainy, compressed",
        holds=lambda x: 0 <= x <= 1,
        rule="in [0, 1]",
    )

    def __post_init__(self):
        """Check the values."""
        check_all(self)
        check_window(self.window)
        check_kind(self.bins or "occupied", self.window, self.min_count)
