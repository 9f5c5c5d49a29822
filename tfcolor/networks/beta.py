"""The plain auto-encoder "beta" of Emil Wallner (2017), https://github.com/emilwallner/Coloring-greyscale-images."""

import tensorflow as tf

from tfcolor.networks.convolution_stack import ConvolutionStack
from tfcolor.networks.layers import Network, TrainingPass, enlarged

# Channels and stride of each 3x3 convolution at width 1; the decoder's follow an enlargement each.
ENCODER = ((64, 1), (64, 2), (128, 1), (128, 2), (256, 1), (256, 2), (512, 1), (256, 1), (128, 1))
DECODER = (64, 32)


class Beta(Network):
    """Colours blocks of 2x2 pixels from 93x93 pixels around them.

    Twelve 3x3 convolutions, each but the last with a ReLU: down to an eighth of the sides and up to a half. The
    original enlarges its output once more, by repeating every pixel; with the mean colours of the blocks as targets the
    gradients are the same. It also takes L* as it is, and starts from Glorot's weights; here L* is scaled to [-1, 1],
    and the weights are He's.
    """

    stride = 2
    multiple = 8
    is_local = False
    working_size = 256

    def __init__(self, num_outputs: int, width: float = 1.0, seed: int = 0, compute_dtype: tf.DType = tf.float32):
        """Create the weights.

        Args:
            num_outputs: channels of the output.
            width: factor for the channels of all layers but the last.
            seed: seed of the initial weights.
            compute_dtype: dtype of the convolutions, float32 or bfloat16; variables stay float32.
        """
        super().__init__(name="beta")
        self.compute_dtype = compute_dtype
        stack = ConvolutionStack(seed, width)
        self._encoder = stack.add("encoder", 1, ENCODER)
        self._decoder = stack.add("decoder", ENCODER[-1][0], [(channels, 1) for channels in DECODER])
        self.layers = [*self._encoder, *self._decoder, stack.last(DECODER[-1], num_outputs)]

    def __call__(self, lightness: tf.Tensor, training: TrainingPass | None = None) -> tf.Tensor:
        """Map lightness float32 [B, H, W, 1], L* in [0, 100], to outputs float32 [B, H/2, W/2, num_outputs]."""
        x = tf.cast(lightness / 50 - 1, self.compute_dtype)  # [-1, 1]; bfloat16 rounds L* near 100 to 0.5
        for layer in self._encoder:
            x = tf.nn.relu(layer(x, training))
        for layer in self._decoder:  # from an eighth of the sides to a quarter, then to a half
            x = tf.nn.relu(layer(enlarged(x), training))
        return tf.cast(self.last(x, training), tf.float32)
