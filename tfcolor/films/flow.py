"""Where the pixels of a frame lie in another: dense optical flow by OpenCV's DIS (Kroeger et al. 2016).

It takes two milliseconds at a network's working size. scikit-image's `optical_flow_ilk` takes 150 times as
long, and `optical_flow_tvl1` 300 times (`python -m benchmarks films`).
"""

import threading
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp

from tfcolor.utils.errors import InputError

# Sundaram et al. 2010, eq. 5, as Ruder et al. 2016 use it: how far forward and backward flow may disagree.
_RELATIVE, _ABSOLUTE = 0.01, 0.5
_DISTANCE = 50  # of the weights of pixels by their differences (Lai et al. 2018, eq. 4)
_WIDEST = 8  # times the height: the widest frames for which OpenCV finds sizes of its pyramid
_COARSE = 2  # pixels: side of the squares for which it is decided what is visible

_own = threading.local()


class Motion(NamedTuple):
    """How a frame follows from another one.

    flow: float32 [H, W, 2], x and y: each pixel of this frame is like the one at its place + flow in the other.
    sources: sparse [cells, cells]: each row has the shares of four cells of the other frame in a cell of this one.
    visible: float32 [cells], in [0, 1]: how much of each cell can be seen in the other frame, and looks the same there.
    """

    flow: np.ndarray
    sources: sp.csr_matrix
    visible: np.ndarray


def load_cv() -> Any:
    """Import OpenCV; raise InputError if it is missing."""
    try:
        import cv2
    except ImportError as error:
        raise InputError("films need OpenCV: pip install -r requirements-video.txt") from error
    return cv2


def _dis() -> Any:
    """OpenCV's object, one for each thread: it keeps what it computes."""
    if not hasattr(_own, "dis"):
        cv2 = load_cv()
        cv2.setNumThreads(1)  # more would take turns with TensorFlow's
        _own.dis = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    return _own.dis


def flow(frame: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Find where the pixels of a frame lie in another one.

    Args:
        frame, other: gray uint8 [H, W], of at least 12 pixels a side.

    Returns:
        float32 [H, W, 2], x and y: frame[y, x] is like other[y + flow[y, x, 1], x + flow[y, x, 0]].
    """
    if frame.shape[1] > _WIDEST * frame.shape[0]:
        # OpenCV halves frames as often as their width allows, and fails where nothing is left of the height.
        turned = _dis().calc(np.ascontiguousarray(frame.T), np.ascontiguousarray(other.T), None)
        return np.ascontiguousarray(turned.transpose(1, 0, 2)[..., ::-1])
    return _dis().calc(frame, other, None)


def warped(picture: np.ndarray, by: np.ndarray) -> np.ndarray:
    """Fetch the pixels of another picture, uint8 or float32 [H, W] or [H, W, C], from where they lie; see `flow`."""
    cv2 = load_cv()
    return cv2.remap(picture, by + _places(*by.shape[:2]), None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def visible(there: np.ndarray, back: np.ndarray, scale: float = 1.0) -> np.ndarray:
    """Tell which pixels of a frame can be seen in another: those from which the flow there and back comes back.

    Args:
        there: flow from the frame to the other, float32 [H, W, 2].
        back: flow from the other to the frame.
        scale: pixels of these arrays in a pixel of the frames.

    Returns:
        bool [H, W]; also false for what lies outside the other frame.
    """
    height, width = there.shape[:2]
    returning = warped(back, there)
    error = _squares(there + returning)
    lengths = _squares(there) + _squares(returning)
    at = there + _places(height, width)
    inside = (at[..., 0] >= -0.5) & (at[..., 0] < width - 0.5) & (at[..., 1] >= -0.5) & (at[..., 1] < height - 0.5)
    return inside & (error <= _RELATIVE * lengths + _ABSOLUTE * scale**2)


def motions(frame: np.ndarray, other: np.ndarray, stride: int) -> tuple[Motion, Motion]:
    """Find how each of two frames follows from the other.

    Args:
        frame, other: gray uint8 [H, W]; sides are multiples of `stride`.
        stride: side of a cell in pixels, a multiple of 2.

    Returns:
        How `frame` follows from `other`, and how `other` follows from `frame`.
    """
    there, back = flow(frame, other), flow(other, frame)
    coarse = [_cells(each, _COARSE) / _COARSE for each in (there, back)]
    grays = [_cells(each, _COARSE) for each in (frame, other)]
    return _motion(there, *coarse, *grays, stride), _motion(back, *coarse[::-1], *grays[::-1], stride)


def _motion(flow, there, back, frame, other, stride):
    """The motion by the flow, float32 [H, W, 2], and all else at half its size."""
    alike = _likeness()[np.abs(frame - warped(other, there).astype(np.int16))]
    seen = _cells(alike * visible(there, back, 1 / _COARSE), stride // _COARSE)
    return Motion(flow, _sources(_cells(there, stride // _COARSE) * (_COARSE / stride)), seen.ravel())


@cache
def _likeness():
    """How far two pixels may be the same, by the difference of their levels: float32 [256], in [0, 1]."""
    return np.exp(-_DISTANCE * (np.arange(256, dtype=np.float32) / 255) ** 2)


@cache
def _places(height, width):
    """The x and y of pixels, float32 [H, W, 2]."""
    return np.stack(np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)), axis=-1)


def _squares(vectors):
    return vectors[..., 0] ** 2 + vectors[..., 1] ** 2


def _cells(pixels, stride):
    """Means of squares of pixels: [H, W] or [H, W, 2] -> [H / stride, W / stride, ...]."""
    cv2 = load_cv()
    height, width = pixels.shape[:2]
    return cv2.resize(pixels, (width // stride, height // stride), interpolation=cv2.INTER_AREA)


def _sources(by):
    """The bilinear shares of cells: a sparse matrix for flow in cells, float32 [h, w, 2]."""
    height, width = by.shape[:2]
    at = by + _places(height, width)
    x, y = np.clip(at[..., 0].ravel(), 0, width - 1), np.clip(at[..., 1].ravel(), 0, height - 1)
    left, top = np.floor(x), np.floor(y)
    right, down = x - left, y - top  # float32, unlike differences from integers
    left, top = left.astype(np.int32), top.astype(np.int32)
    after, below = np.minimum(left + 1, width - 1), np.minimum(top + 1, height - 1)
    cells = np.stack([top * width + left, top * width + after, below * width + left, below * width + after], axis=-1)
    shares = np.stack([(1 - down) * (1 - right), (1 - down) * right, down * (1 - right), down * right], axis=-1)
    count = height * width
    rows = np.arange(0, 4 * count + 1, 4, dtype=np.int32)
    return sp.csr_matrix((shares.ravel(), cells.ravel(), rows), (count, count))
