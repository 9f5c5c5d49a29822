"""The user's choices of how a network's prediction becomes colours. No TensorFlow."""

from dataclasses import dataclass, replace

MOST_SMOOTHING = 256  # pixels; a tile is computed with a border of twice as many


@dataclass(frozen=True)
class Decoding:
    """How the network's prediction becomes colours.

    temperature: T in [0, 1]: 0 gives the most likely colour, 1 the mean; Zhang et al. 2016 use 0.38.
    strength: factor of ab, in [0, 1]; 0 leaves gray.
    smoothing: radius in pixels of the filter that smooths colours, see `guided_filter.guided`; 0 for none.
    uniform_share: lambda in [0, 1], as if the network had been trained with it. 1 leaves colours as frequent
        as they are, less makes rare ones likelier. None keeps the value of the training.
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
            raise ValueError(f"uniform_share must be in [0, 1], got {self.uniform_share}")

    def but(self, **given: float | None) -> "Decoding":
        """Return a copy with other values of some fields; None keeps a field's own value."""
        return replace(self, **{name: value for name, value in given.items() if value is not None})
