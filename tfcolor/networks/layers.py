"""Layers shared by the networks: a variable or two, and the `tf.nn` operation that uses them."""

import tensorflow as tf

from ops.convolution import conv2d


class Conv3x3(tf.Module):
    """A 3x3 VALID convolution with bias: two pixels less on each axis."""

    def __init__(self, channels_in: int, channels_out: int, seed: tf.Tensor, name: str):
        """Create the weights: He et al. 2015 (eq. 10), N(0, 2 / fan_in), and zero biases.

        Args:
            channels_in: channels of the input.
            channels_out: channels of the output.
            seed: int32 [2], a stateless seed; the same seed gives the same weights anywhere.
            name: of the layer; its weights are `<name>/filter` and `<name>/bias`.
        """
        super().__init__(name=name)
        shape = [3, 3, channels_in, channels_out]
        deviation = (2 / (9 * channels_in)) ** 0.5
        self.filter = tf.Variable(tf.random.stateless_normal(shape, seed, stddev=deviation), name="filter")
        self.bias = tf.Variable(tf.zeros([channels_out]), name="bias")

    @property
    def weights(self) -> dict[str, tf.Variable]:
        """The variables by name, float32."""
        return {f"{self.name}/filter": self.filter, f"{self.name}/bias": self.bias}

    def __call__(self, x: tf.Tensor) -> tf.Tensor:
        """Convolve x [B, H, W, channels_in] in its own dtype -> [B, H-2, W-2, channels_out]."""
        x = conv2d(x, self.filter)
        return tf.nn.bias_add(x, tf.cast(self.bias, x.dtype))
