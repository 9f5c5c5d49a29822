"""How colours are made from what a network predicts: the user's choices. No TensorFlow."""

from dataclasses import dataclass, replace

MOST_SMOOTHING = 256  # pixels; each doubles what is computed around a tile


@dataclass(frozen=True)
class Decoding:
    """How colours are made from what the network predicts.

    temperature: T in [0, 1], 0 for the most likely colour, 1 for the mean; 0.38 is that of Zhang et al. 2016.
    strength: in [0, 1], by which ab is multiplied: 0 leaves gray.
    smoothing: radius in pixels of the filter that smooths colours, see `smoothing.guided`; 0 for none.
    uniform_share: lambda in [0, 1], as if the network had been trained with it: 1 takes colours to be as
        frequent as they are, less makes rare ones likelier; None leaves what it was trained with.
    """

    temperature: float = 0.38
    strength: float = 1.0
    smoothing: int = 0
    uniform_share: float | None = None

    def __post_init__(self):
        """Raise ValueError for values out of range, NaN included."""
        if not 0 <= self.temperature <= 1:
            raise ValueError(f"temperature must be in [0, 1], got {self.temperature}")
        if not 0 <= self.strength <= 1:
            raise ValueError(f"strength must be in [0, 1], got {self.strength}")
        if not 0 <= self.smoothing <= MOST_SMOOTHING:
            raise ValueError(f"smoothing must be a radius of 0 ... {MOST_SMOOTHING} pixels, got {self.smoothing}")
        if self.uniform_share is not None and not 0 <= self.uniform_share <= 1:
            raise ValueError(f"lambda must be in [0, 1], got {self.uniform_share}")

    def but(self, **given: float | None) -> "Decoding":
        """The same with other values where any are given, by field; None leaves the own one."""
        return replace(self, **{name: value for name, value in given.items() if value is not None})
