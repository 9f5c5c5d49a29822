"""Mirrored places against NumPy's padding, as arrays and as tensors."""

import numpy as np
import pytest
import tensorflow as tf

from tfcolor.utils.mirror import mirrored

BEYOND = 20  # several times as far as the shortest pictures are long


def padded(length: int) -> np.ndarray:
    """What each of the places from -BEYOND to length + BEYOND shows."""
    return np.pad(np.arange(length), BEYOND, mode="reflect")


@pytest.mark.parametrize("length", [1, 2, 3, 4, 7, 100])
def test_equals_numpys_padding(length):
    places = np.arange(-BEYOND, length + BEYOND)
    np.testing.assert_array_equal(mirrored(places, length), padded(length))
    np.testing.assert_array_equal(mirrored(places[:, None], np.int64(length)), padded(length)[:, None])
    assert [mirrored(place, length) for place in places.tolist()] == padded(length).tolist()


@pytest.mark.parametrize("dtype", [np.int32, np.int64])
def test_places_keep_their_type(dtype):
    places = np.arange(-5, 9, dtype=dtype)
    assert mirrored(places, 4).dtype == dtype
    assert mirrored(tf.constant(places), 4).dtype == dtype


def test_tensors_of_unknown_length():
    @tf.function(input_signature=[tf.TensorSpec([None], tf.int32), tf.TensorSpec([], tf.int32)])
    def in_a_graph(places, length):
        return mirrored(places, length)

    for length in (1, 2, 5, 33):
        places = tf.range(-BEYOND, length + BEYOND)
        np.testing.assert_array_equal(in_a_graph(places, length), padded(length))
        np.testing.assert_array_equal(mirrored(places, tf.constant(length)), padded(length))
        np.testing.assert_array_equal(mirrored(places, length), padded(length))
