"""How films are coloured and encoded. No slow imports."""

from dataclasses import dataclass

from tfcolor.color.decoding_options import Decoding
from tfcolor.utils.errors import InputError

WEIGHT = 0.7  # of the neighbouring frame's mixture, where it can be seen
CRF = 18  # of x264's scale: differences are hard to see (its own guide)
_MOST_CRF = 51


@dataclass(frozen=True)
class FilmOptions:
    """How films are coloured and encoded.

    decoding: how colours are decoded.
    steadiness: how much of a neighbouring frame's colours a frame takes on, in [0, 1).
    crf: quality from 0 (best) to 51.
    lossless: whether every level of luma is kept.
    """

    decoding: Decoding
    steadiness: float = WEIGHT
    crf: int = CRF
    lossless: bool = False

    def __post_init__(self):
        """Raise InputError for a number out of range."""
        if not 0 <= self.crf <= _MOST_CRF:
            raise InputError(f"`crf` must be in [0, {_MOST_CRF}], got {self.crf}")
        if not 0 <= self.steadiness < 1:
            raise InputError(f"`steadiness` must be at least 0 and below 1, got {self.steadiness:g}")
