"""Sheets of captioned pictures, for looking at results side by side."""

import numpy as np
from PIL import Image, ImageDraw, ImageFont

_GAP = 6  # pixels between pictures
_CAPTION = 20  # height of the strip above a picture


def reduced(rgb: np.ndarray, side: int = 256) -> np.ndarray:
    """Shrink a picture, uint8 [H, W, 3], until no side is longer than `side` pixels."""
    image = Image.fromarray(rgb)
    image.thumbnail((side, side))
    return np.asarray(image)


def sheet(rows: list[list[tuple[str, np.ndarray]]]) -> np.ndarray:
    """Lay out pictures in rows, each under its caption, on white.

    Args:
        rows: each a list of (caption, picture uint8 [H, W, 3]); sizes may differ. A row whose captions are all empty
            lies close under the one above.

    Returns:
        uint8 [H', W', 3].
    """
    captions = [_CAPTION * any(caption for caption, _ in row) for row in rows]
    heights = [strip + max(picture.shape[0] for _, picture in row) for strip, row in zip(captions, rows, strict=True)]
    width = max(sum(picture.shape[1] + _GAP for _, picture in row) for row in rows) + _GAP
    canvas = Image.new("RGB", (width, sum(heights) + _GAP * (len(rows) + 1)), "white")
    draw = ImageDraw.Draw(canvas)
    font = ImageFont.load_default(size=13)
    top = _GAP
    for row, strip, height in zip(rows, captions, heights, strict=True):
        left = _GAP
        for caption, picture in row:
            draw.text((left, top), caption, fill="black", font=font)
            canvas.paste(Image.fromarray(picture), (left, top + strip))
            left += picture.shape[1] + _GAP
        top += height + _GAP
    return np.asarray(canvas)
