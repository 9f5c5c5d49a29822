"""The lightness of pixels by NumPy, so that photographs are read while TensorFlow is loaded.

`lab` computes the same, and colours, as tensor functions.
"""

import functools

import numpy as np

# Linear sRGB -> XYZ (Lindbloom, "RGB/XYZ Matrices", sRGB, D65). Each row is divided by the white point, so that
# white is (1, 1, 1) and R = G = B is neutral by construction.
_XYZ_FROM_RGB = np.array(
    [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
)
WHITE_FROM_RGB = _XYZ_FROM_RGB / _XYZ_FROM_RGB.sum(axis=1, keepdims=True)
EPSILON = 216 / 24389  # CIE 15: below it a line replaces the cube root
KAPPA = 24389 / 27
_BLOCK = 2**20  # pixels at once; smaller blocks are no faster, and wait more often for Python's lock


def lightness_of_levels(rgb: np.ndarray) -> np.ndarray:
    """Compute the lightness of sRGB (IEC 61966-2-1, then CIE 15).

    Args:
        rgb: uint8 or uint16 [..., 3], sRGB.

    Returns:
        L*, float32 [...], in [0, 100].
    """
    red, green, blue = _luminance_of_levels(rgb.dtype.type)

    def luminance(part):
        y = red.take(part[:, 0])  # in half the time of red[part[:, 0]]
        y += green.take(part[:, 1])
        y += blue.take(part[:, 2])
        return y

    return _by_blocks(luminance, rgb)


def lightness_of_linear(linear: np.ndarray) -> np.ndarray:
    """Compute the lightness of linear sRGB.

    Args:
        linear: float32 [..., 3]; 1 is white. Colours outside sRGB have values outside [0, 1].

    Returns:
        L*, float32 [...], in [0, 100]: clipped if darker than black or brighter than white.
    """
    return _by_blocks(lambda part: part @ np.float32(WHITE_FROM_RGB[1]), linear)


def lightness_of_gray(levels: np.ndarray) -> np.ndarray:
    """Compute `lightness_of_levels` of gray pixels by a table, in a tenth of the time.

    Args:
        levels: uint8 or uint16 [...], the equal R, G and B in sRGB.

    Returns:
        L*, float32 [...], in [0, 100].
    """
    return _lightness_of_grays(levels.dtype.type)[levels]


@functools.cache
def _lightness_of_grays(dtype: type) -> np.ndarray:
    levels = np.arange(np.iinfo(dtype).max + 1).astype(dtype)
    return lightness_of_levels(np.repeat(levels[:, None], 3, axis=-1))


@functools.cache
def _luminance_of_levels(dtype: type) -> np.ndarray:
    """What each level of R, of G and of B adds to Y: float32 [3, levels]."""
    most = np.iinfo(dtype).max
    level = np.arange(most + 1) / most
    linear = np.where(level <= 0.04045, level / 12.92, ((level + 0.055) / 1.055) ** 2.4)
    return np.float32(WHITE_FROM_RGB[1][:, None] * linear)


def _by_blocks(luminance, pixels):
    """L* [...] of pixels [..., 3], of which `luminance` computes Y, relative to the white point."""
    flat = pixels.reshape(-1, 3)
    lightness = np.empty(len(flat), np.float32)
    for first in range(0, len(flat), _BLOCK):
        y, part = luminance(flat[first : first + _BLOCK]), lightness[first : first + _BLOCK]
        np.log(np.clip(y, np.float32(EPSILON), 1, out=part), out=part)
        part *= np.float32(1 / 3)
        np.exp(part, out=part)  # SIMD, unlike NumPy's cube root
        part *= 116
        part -= 16
        dark = np.flatnonzero(y < np.float32(EPSILON))
        part[dark] = np.float32(KAPPA) * np.maximum(y[dark], 0)
    return lightness.reshape(pixels.shape[:-1])
