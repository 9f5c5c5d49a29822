"""When films end by what their files say, so that one that was cut off is noticed. No TensorFlow."""

import re
from fractions import Fraction
from typing import Any


def is_avi(container: Any) -> bool:
    """Tell whether an open film is an AVI file, which has no time stamps but places at an even rate."""
    return container.format.name == "avi"


def end_of(container: Any, stream: Any, rate: Fraction) -> Fraction | None:
    """When a stream ends, in units of its time base; None if the file does not say.

    A cut Matroska file ends without an error. FFmpeg and mkvmerge write how long each stream is.
    """
    if is_avi(container) and stream.frames:  # its length is guessed if its index is cut off
        return stream.frames / (rate * stream.time_base)
    if stream.duration:
        return Fraction((stream.start_time or 0) + stream.duration)
    said = (value for name, value in stream.metadata.items() if name.upper().startswith("DURATION"))
    return _seconds(next(said, "")) / stream.time_base or None


def _seconds(text):
    """Seconds of such as '00:01:02.040000000'; 0 if it is another text."""
    found = re.fullmatch(r"(\d+):(\d+):(\d+(?:\.\d+)?)", text.strip())
    hours, minutes, seconds = (Fraction(part) for part in found.groups()) if found else (Fraction(0),) * 3
    return 3600 * hours + 60 * minutes + seconds
