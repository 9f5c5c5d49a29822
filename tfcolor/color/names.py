"""Colours as people write them. No TensorFlow."""

from PIL import ImageColor

from tfcolor.utils.errors import InputError


def levels_of(text: str) -> tuple[int, int, int]:
    """Read a colour: '#2b4f81', 'rgb(43, 79, 129)' or a name of CSS such as 'gray' -> sRGB levels in [0, 255].

    Raises:
        InputError: the colour is unknown.
    """
    try:
        return ImageColor.getrgb(text.strip())[:3]
    except ValueError:
        raise InputError(f"unknown colour {text!r}; write it like #2b4f81, or a name such as navy or gray") from None
