"""A transposed convolution, which enlarges pictures."""

import tensorflow as tf

from tfcolor.networks.layers import TrainingPass, initial_filter, with_bias
from tfcolor.ops.convolution import conv2d_transpose


class TransposedConvolution(tf.Module):
    """The transpose of a 4x4 convolution with stride 2 and padding 1: it doubles the sides of a picture."""

    statistics: dict[str, tf.Variable] = {}  # noqa: RUF012 (none, and never any)

    def __init__(self, channels_in: int, channels_out: int, seed: tf.Tensor, name: str, bias: bool, deviation: float):
        """Create the weights.

        Args:
            channels_in: channels of the input.
            channels_out: channels of the output.
            seed: int32 [2], a stateless seed.
            name: name of the layer; its weights are `<name>/filter` and `<name>/bias`.
            bias: whether to add a bias.
            deviation: standard deviation of the initial filter.
        """
        super().__init__(name=name)
        self.filter = tf.Variable(initial_filter([4, 4, channels_out, channels_in], seed, deviation), name="filter")
        self.bias = tf.Variable(tf.zeros([channels_out]), name="bias") if bias else None

    @property
    def weights(self) -> dict[str, tf.Variable]:
        """The variables by name, float32."""
        bias = {} if self.bias is None else {f"{self.name}/bias": self.bias}
        return {f"{self.name}/filter": self.filter} | bias

    def __call__(self, x: tf.Tensor, training: TrainingPass | None = None) -> tf.Tensor:
        """Enlarge x [B, H, W, channels_in] in its own dtype -> [B, 2 H, 2 W, channels_out]."""
        y = conv2d_transpose(x, self.filter)
        return y if self.bias is None else with_bias(y, self.bias, training)
