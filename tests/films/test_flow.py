"""Dense optical flow: its direction and axes, what is visible, and the shares of cells."""

import numpy as np
import pytest

pytest.importorskip("cv2", reason="OpenCV is not installed: pip install -r requirements-video.txt")
from scipy.ndimage import gaussian_filter, map_coordinates
from skimage.registration import optical_flow_ilk

from tfcolor.films import flow

DOWN, RIGHT = 3, -5


def texture(height=96, width=128, seed=0):
    """Gray uint8 [H, W] with details of several sizes."""
    noise = np.random.default_rng(seed).normal(0, 1, [height, width])
    smooth = sum(k * gaussian_filter(noise, k, mode="wrap") for k in (2, 4, 8))
    return np.uint8(255 * (smooth - smooth.min()) / np.ptp(smooth))


@pytest.fixture(name="shifted")
def _shifted():
    """A frame, and the same moved down by 3 and left by 5."""
    frame = texture()
    return frame, np.roll(frame, (DOWN, RIGHT), axis=(0, 1))


def test_flow_of_a_known_shift_and_as_scikit_image_has_it(shifted):
    frame, moved = shifted
    found = flow.flow(frame, moved)
    inside = (slice(16, -16), slice(16, -16))
    np.testing.assert_allclose(np.median(found[inside], axis=(0, 1)), [RIGHT, DOWN], atol=0.2)  # x and y
    rows, columns = optical_flow_ilk(np.float32(frame), np.float32(moved))
    np.testing.assert_allclose(np.median(rows[inside]), np.median(found[..., 1][inside]), atol=0.2)
    np.testing.assert_allclose(np.median(columns[inside]), np.median(found[..., 0][inside]), atol=0.2)


def test_a_long_strip_moves_as_its_turned_copy_does():
    """OpenCV alone fails for a frame of 4000x24 pixels."""
    frame = texture(24, 4000)
    moved = np.roll(frame, (1, RIGHT), axis=(0, 1))
    found = flow.flow(frame, moved)
    assert found.shape == (24, 4000, 2) and found.dtype == np.float32
    np.testing.assert_allclose(np.median(found[6:-6, 16:-16], axis=(0, 1)), [RIGHT, 1], atol=0.2)
    turned = flow.flow(frame.T.copy(), moved.T.copy())
    assert np.abs(turned - found.transpose(1, 0, 2)[..., ::-1]).mean() < 0.02


def test_warping_fetches_the_other_frame(shifted):
    frame, moved = shifted
    by = np.broadcast_to(np.float32([RIGHT, DOWN]), [*frame.shape, 2])
    found = flow.warped(np.float32(moved), by)
    np.testing.assert_array_equal(found[:-DOWN, -RIGHT:], np.float32(frame)[:-DOWN, -RIGHT:])
    colors = np.dstack([moved, moved]).astype(np.float32)
    fractions = np.random.default_rng(0).uniform(-4, 4, [*frame.shape, 2]).astype(np.float32)
    rows, columns = np.indices(frame.shape)
    at = [np.clip(rows + fractions[..., 1], 0, 95), np.clip(columns + fractions[..., 0], 0, 127)]
    expected = map_coordinates(np.float32(moved), at, order=1)
    np.testing.assert_allclose(flow.warped(colors, fractions)[..., 1], expected, atol=255 / 16)  # OpenCV: 1/32 pixel


def test_what_comes_back_is_visible():
    there = np.zeros([40, 60, 2], np.float32)
    back = np.zeros_like(there)
    there[:, :, 0], back[:, :, 0] = 4.0, -4.0
    back[10:20, 30:40] = 2.0  # there something else moves
    found = flow.visible(there, back)
    assert not found[:, 56:].any(), "that lies outside"
    assert not found[11:19, 27:35].any()
    found[9:21, 25:37] = True
    assert found[:, :56].all()


def test_cells_come_from_their_neighbours():
    """Against a loop over cells with weights by hand."""
    rng = np.random.default_rng(0)
    by = rng.uniform(-2, 2, [5, 7, 2]).astype(np.float32)
    values = rng.normal(size=[5, 7, 3]).astype(np.float32)
    found = (flow._sources(by) @ values.reshape(35, 3)).reshape(5, 7, 3)
    for row in range(5):
        for column in range(7):
            y, x = np.clip(row + by[row, column, 1], 0, 4), np.clip(column + by[row, column, 0], 0, 6)
            top, left = int(y), int(x)
            bottom, right = min(top + 1, 4), min(left + 1, 6)
            upper = (1 - (x - left)) * values[top, left] + (x - left) * values[top, right]
            lower = (1 - (x - left)) * values[bottom, left] + (x - left) * values[bottom, right]
            np.testing.assert_allclose(found[row, column], (1 - (y - top)) * upper + (y - top) * lower, atol=1e-5)


def test_motions_of_both_directions(shifted):
    frame, moved = shifted
    forward, back = flow.motions(frame, moved, 4)
    np.testing.assert_allclose(np.median(forward.flow, axis=(0, 1)), [RIGHT, DOWN], atol=0.2)
    np.testing.assert_allclose(np.median(back.flow, axis=(0, 1)), [-RIGHT, -DOWN], atol=0.2)
    assert forward.sources.shape == (24 * 32, 24 * 32) and forward.sources.dtype == np.float32
    np.testing.assert_allclose(forward.sources.sum(axis=1), 1, atol=1e-5)
    assert np.median(forward.visible) > 0.95 and forward.visible.shape == (24 * 32,)
