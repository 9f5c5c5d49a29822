"""Activations by name: each maps float [...] to float [...] of the same shape and dtype."""

import tensorflow as tf

ACTIVATIONS = {
    "relu": tf.nn.relu,  # Nair and Hinton 2010
}
