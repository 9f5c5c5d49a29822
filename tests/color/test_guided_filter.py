"""The guided filter against its definition in loops, and what it is for: flat surfaces, sharp edges."""

import numpy as np
import pytest
import tensorflow as tf

from tfcolor.color.guided_filter import EDGE_VARIANCE, border, guided

RNG = np.random.default_rng(0)


def windows(x: np.ndarray, radius: int) -> np.ndarray:
    """All windows of a plane [H, W]: [H - 2r, W - 2r, side * side]."""
    side = 2 * radius + 1
    return np.lib.stride_tricks.sliding_window_view(x, (side, side)).reshape(
        x.shape[0] - 2 * radius, x.shape[1] - 2 * radius, -1
    )


def by_definition(p: np.ndarray, guide: np.ndarray, radius: int) -> np.ndarray:
    """He, Sun and Tang 2010, eq. 5, 6 and 8, on planes [H, W]."""
    guides, inputs = windows(guide, radius), windows(p, radius)
    covariance = (guides * inputs).mean(axis=-1) - guides.mean(axis=-1) * inputs.mean(axis=-1)
    a = covariance / (guides.var(axis=-1) + EDGE_VARIANCE)
    b = inputs.mean(axis=-1) - a * guides.mean(axis=-1)
    inside = guide[2 * radius : -2 * radius, 2 * radius : -2 * radius]
    return windows(a, radius).mean(axis=-1) * inside + windows(b, radius).mean(axis=-1)


def filtered(ab: np.ndarray, lightness: np.ndarray, radius: int) -> np.ndarray:
    tensors = tf.constant(ab[None], tf.float32), tf.constant(lightness[None, ..., None], tf.float32)
    return guided(*tensors, radius)[0].numpy()


SURFACES = {
    "noise": np.clip(50 + 30 * RNG.normal(size=[22, 25]), 0, 100),
    "bright": 98 + 0.5 * RNG.normal(size=[22, 25]),  # far from the middle of L*, where rounding is coarsest
    "dark": 2 + 0.5 * RNG.normal(size=[22, 25]),
    "edge": np.tile(np.where(np.arange(25) < 12, 3.0, 95.0), [22, 1]),
}


@pytest.mark.parametrize("radius", [1, 3])
@pytest.mark.parametrize("surface", SURFACES)
def test_equals_the_definition(surface, radius):
    lightness, ab = SURFACES[surface], 60 + 30 * RNG.normal(size=[22, 25, 2])
    result = filtered(ab, lightness, radius)
    assert border(radius) == 2 * radius
    for axis in (0, 1):
        np.testing.assert_allclose(result[..., axis], by_definition(ab[..., axis], lightness, radius), atol=1e-4)


def test_batches_tiles_and_unknown_shapes_give_the_same_bits():
    """What lies elsewhere in a picture, or in other pictures, must not change the rounding."""
    radius = 5  # windows of 11 = 1 + 2 + 8 pixels, whose sums have three parts
    lightness = np.stack([SURFACES[surface] for surface in ("edge", "bright", "noise")]).astype(np.float32)[..., None]
    ab = (40 * RNG.normal(size=[3, 22, 25, 2])).astype(np.float32)
    together = guided(ab, lightness, radius).numpy()
    for one, result in enumerate(together):
        np.testing.assert_array_equal(guided(ab[one : one + 1], lightness[one : one + 1], radius)[0], result)
    right = guided(ab[:, :, 4:], lightness[:, :, 4:], radius)
    np.testing.assert_array_equal(right, together[:, :, 4:])

    @tf.function(input_signature=[tf.TensorSpec([None, None, None, channels]) for channels in (2, 1)])
    def of_any_shape(ab, lightness):
        return guided(ab, lightness, radius)

    np.testing.assert_array_equal(of_any_shape(ab, lightness), together)


def test_radius_0_changes_nothing():
    ab = 40 * RNG.normal(size=[5, 6, 2]).astype(np.float32)
    np.testing.assert_array_equal(filtered(ab, np.full([5, 6], 50.0), 0), ab)


def test_noise_goes_and_edges_stay():
    """Left and right differ by 40 units of L* and 60 of a; noise of 20 units lies over the colours."""
    is_right = np.arange(60) >= 30
    lightness = np.tile(np.where(is_right, 70.0, 30.0), [40, 1])
    clean = np.tile(np.where(is_right, 40.0, -20.0), [40, 1])
    ab = np.stack([clean, -clean], axis=-1) + 20 * RNG.normal(size=[40, 60, 2])
    result, wanted = filtered(ab, lightness, 4), clean[8:-8, 8:-8]
    error = np.abs(result[..., 0] - wanted)
    assert error.mean() < 4  # of 16, the mean size of the noise
    at_the_edge = error[:, 60 // 2 - 8 - 2 : 60 // 2 - 8 + 2]
    assert at_the_edge.mean() < 8  # a plain mean would be off by 30 there
