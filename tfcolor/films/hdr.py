"""What films say about the display that they were made on. No TensorFlow.

Mastering display colour volume (SMPTE ST 2086) and content light level (CTA-861.3), as FFmpeg gives them beside frames,
and as encoders take them.
"""

from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

_DISPLAY, _LIGHT = "MASTERING_DISPLAY_METADATA", "CONTENT_LIGHT_LEVEL"
_CHANGING = {"DYNAMIC_HDR_PLUS": "HDR10+", "DOVI_METADATA": "Dolby Vision", "DOVI_RPU_BUFFER": "Dolby Vision"}
_BYTES = 88  # of AVMasteringDisplayMetadata: 10 fractions of two int32, and two int32 that tell what is known


class Display(NamedTuple):
    """A display, and how light the film is.

    points: x and y of red, green, blue and white (CIE 1931), or None.
    luminance: the least and the most in cd/m^2, or None.
    light: the most of a pixel and of a frame's mean in cd/m^2, or None.
    """

    points: tuple[Fraction, ...] | None
    luminance: tuple[Fraction, Fraction] | None
    light: tuple[int, int] | None

    def x265(self) -> str:
        """Say it as x265-params: in units of 0.00002 and of 0.0001 cd/m^2."""
        values = [round(value * 50_000) for value in self.points or ()]
        values += [round(value * 10_000) for value in reversed(self.luminance or ())]
        display = f"master-display={_sentence(values)}" if self.points and self.luminance else ""
        light = "max-cll={},{}".format(*self.light) if self.light else ""
        return ":".join(filter(None, (display, light)))

    def svtav1(self) -> str:
        """Say it as svtav1-params."""
        values = [f"{float(value):.5f}" for value in (*(self.points or ()), *reversed(self.luminance or ()))]
        display = f"mastering-display={_sentence(values)}" if self.points and self.luminance else ""
        light = "content-light={},{}".format(*self.light) if self.light else ""
        return ":".join(filter(None, (display, light)))


def _sentence(values):
    """Both encoders' order: green, blue, red, white, luminance from the most to the least."""
    return "G({2},{3})B({4},{5})R({0},{1})WP({6},{7})L({8},{9})".format(*values)


def display_of(frame: Any) -> Display | None:
    """What a decoded frame says about its display; None if nothing."""
    found = {data.type.name: bytes(data) for data in frame.side_data if data.type.name in (_DISPLAY, _LIGHT)}
    points = luminance = light = None
    if len(found.get(_DISPLAY, b"")) == _BYTES:
        *numbers, has_points, has_luminance = np.frombuffer(found[_DISPLAY], np.int32).tolist()
        pairs = zip(numbers[::2], numbers[1::2], strict=True)
        values = [Fraction(above, below) if below else Fraction(0) for above, below in pairs]
        points, luminance = tuple(values[:8]) if has_points else None, tuple(values[8:]) if has_luminance else None
    if len(found.get(_LIGHT, b"")) >= 8:  # two uint32
        light = tuple(np.frombuffer(found[_LIGHT][:8], np.uint32).tolist())
    return Display(points, luminance, light) if found else None


def changing_notes(frame: Any) -> tuple[str, ...]:
    """What no encoder here keeps: descriptions that change from frame to frame."""
    names = dict.fromkeys(_CHANGING[data.type.name] for data in frame.side_data if data.type.name in _CHANGING)
    return tuple(f"its description for {name} displays is not kept" for name in names)
