"""ICC profiles: from a picture's own colours to light, and from sRGB back to its own colours.

Little CMS converts, through imagecodecs: Pillow's binding of it handles only 8 bits.
"""

import functools
from collections.abc import Callable

import imagecodecs
import numpy as np
from PIL import ImageCms

# Linear sRGB: primaries and white point of IEC 61966-2-1 as x, y, Y. Its values are not clipped to [0, 1], so colours
# outside sRGB keep their lightness.
_LINEAR = imagecodecs.cms_profile(
    "rgb",
    whitepoint=[0.3127, 0.3290, 1.0],
    primaries=[0.64, 0.33, 1.0, 0.30, 0.60, 1.0, 0.15, 0.06, 1.0],
    gamma=1.0,
)
_SPACES = {1: "gray", 3: "rgb", 4: "cmyk"}  # by the number of channels


@functools.cache
def srgb() -> bytes:
    """Return the profile of sRGB."""
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


@functools.lru_cache(64)  # the files of a folder share a few profiles
def is_usable(profile: bytes, num_channels: int) -> bool:
    """Tell whether Little CMS can read a profile, and the profile is for pictures with `num_channels` channels."""
    try:
        to_linear(np.zeros([1, 1, num_channels], np.uint8), profile)
    except ValueError:
        return False
    return True


@functools.lru_cache(64)
def is_target(profile: bytes) -> bool:
    """Tell whether sRGB can be converted to an RGB profile.

    Some profiles of scanners and cameras convert only to linear light, not back.
    """
    try:
        from_srgb(np.zeros([1, 1, 3], np.uint16), profile, np.uint16)
    except ValueError:
        return False
    return True


@functools.lru_cache(64)
def is_srgb(profile: bytes) -> bool:
    """Tell whether an RGB profile equals sRGB, within half of an 8-bit level everywhere, whatever its name is."""
    levels = np.linspace(0, 65535, 9).round().astype(np.uint16)
    colors = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(1, -1, 3)
    try:
        converted = _transform(colors, profile, srgb(), "rgb", np.uint16)
    except ValueError:
        return False
    return bool(np.abs(converted.astype(int) - colors).max() <= 128)


def to_linear(pixels: np.ndarray, profile: bytes) -> np.ndarray:
    """Convert a picture's own colours to light.

    Args:
        pixels: uint8 or uint16 [H, W, C]: gray, RGB, or CMYK (0 is no ink).
        profile: the picture's ICC profile.

    Returns:
        Linear sRGB, float32 [H, W, 3]; 1 is white. Colours outside sRGB have values outside [0, 1].

    Raises:
        ValueError: the profile is broken, or is not for such pictures.
    """
    return _transform(pixels, profile, _LINEAR, _SPACES[pixels.shape[-1]], np.float32)


def to_srgb(pixels: np.ndarray, profile: bytes) -> np.ndarray:
    """Convert like `to_linear`, to sRGB uint8 [H, W, 3]; colours outside sRGB are clipped."""
    return _transform(pixels, profile, srgb(), _SPACES[pixels.shape[-1]], np.uint8)


def from_srgb(rgb: np.ndarray, profile: bytes, dtype: type) -> np.ndarray:
    """Convert sRGB to the RGB of another profile.

    Args:
        rgb: sRGB, uint16 [H, W, 3].
        profile: the other ICC profile.
        dtype: dtype of the result: uint8 or uint16.

    Returns:
        `dtype` [H, W, 3]; colours that the profile cannot express are clipped.

    Raises:
        ValueError: the profile is broken, cannot be converted to, or is not an RGB profile.
    """
    return _transform(rgb, srgb(), profile, "rgb", dtype)


def _transform(pixels, profile, target, space, dtype):
    if space == "gray":
        pixels = pixels[..., 0]
    convert: Callable = imagecodecs.cms_transform
    try:
        return convert(
            np.ascontiguousarray(pixels),
            profile,
            target,
            colorspace=space,
            outcolorspace="rgb",
            outdtype=np.dtype(dtype),
        )
    except RuntimeError as error:  # CmsError
        raise ValueError(f"its ICC profile cannot be used ({error})") from error
