"""How colours are made from what a network predicts: the user's choices. No TensorFlow."""

from dataclasses import dataclass, replace

from tfcolor.utils.errors import InputError

MOST_SMOOTHING = 256  # pixels; each doubles what is computed around a tile


@dataclass(frozen=True)
class Decoding:
    """How colours are made from what the network predicts.

    Raises InputError for values out of range, NaN included.

    temperature: T in [0, 1], 0 for the most likely colour, 1 for the mean; Zhang et al. 2016 use 0.38.
    strength: factor of ab in [0, 1]; 0 leaves gray.
    smoothing: radius in pixels of the filter that smooths colours, see `guided_filter.guided`; 0 for none.
    uniform_share: lambda in [0, 1], as if the network had been trained with it: 1 for colours as frequent as in
        the training photographs, less for more rare colours; None for the lambda of its training.
    """

    temperature: float = 0.38
    strength: float = 1.0
    smoothing: int = 0
    uniform_share: float | None = None

    def __post_init__(self):
        """Check the values."""
        for name, most in (("temperature", 1), ("strength", 1), ("smoothing", MOST_SMOOTHING), ("uniform_share", 1)):
            value = getattr(self, name)
            if name == "smoothing" and not isinstance(value, int):
                raise InputError(f"`smoothing` must be a whole number of pixels, got {value}")
            if not (name == "uniform_share" and value is None) and not 0 <= value <= most:
                raise InputError(f"`{name}` must be in [0, {most}], got {value:g}")

    def replace(self, **given: float | None) -> "Decoding":
        """Return a copy with other values; None keeps a value."""
        return replace(self, **{name: value for name, value in given.items() if value is not None})
