"""The auto-encoder with a classifier's vector fused in: "gamma", after Baldassarre et al. (2017) and Emil Wallner.

Theirs is Inception-ResNet-v2; here it is EfficientNet-Lite0, with its published weights, which training leaves alone.
"""

import itertools

import numpy as np
import tensorflow as tf

from tfcolor.color.lab import lightness_to_gray
from tfcolor.networks.classifier import Classifier
from tfcolor.networks.convolution_stack import ConvolutionStack
from tfcolor.networks.layers import Convolution, Network, TrainingPass, enlarged

# Channels and stride of each 3x3 convolution at width 1; `None` doubles the sides. Wallner's "full" version.
ENCODER = ((64, 2), (128, 1), (128, 2), (256, 1), (256, 2), (512, 1), (512, 1), (256, 1))
FUSION = 256
DECODER = (128, None, 64, None, 32, 16)


class Gamma(Network):
    """Colours blocks of 2x2 pixels from 75x75 pixels around them, and from what the classifier sees in the picture.

    Eight 3x3 convolutions, down to an eighth of the sides; a 1x1 convolution of their features and the classifier's
    vector, the same at each place; and five 3x3 convolutions up to a half of the sides. Each but the last has a ReLU.
    As in `beta`, the original's last enlargement is left out, L* is scaled to [-1, 1], and the weights are He's.
    """

    stride = 2
    multiple = 8
    is_local = False
    working_size = 256

    def __init__(
        self,
        num_outputs: int,
        vector: str = "features",
        width: float = 1.0,
        seed: int = 0,
        compute_dtype: tf.DType = tf.float32,
    ):
        """Create random weights.

        Args:
            num_outputs: channels of the output.
            vector: what the classifier gives, see `Classifier`: 'features' or 'logits'.
            width: factor for the channels of all layers but the last and the classifier's.
            seed: seed of the initial weights.
            compute_dtype: dtype of the convolutions, float32 or bfloat16; variables stay float32.
        """
        super().__init__(name="gamma")
        self.compute_dtype = compute_dtype
        self.encoder = Classifier(vector, seed)
        stack = ConvolutionStack(seed, width)
        self._encoder = stack.add("encoder", 1, ENCODER)
        self._fusion = stack.fusion(ENCODER[-1][0], self.encoder.size, FUSION)
        channels = [FUSION, *(size for size in DECODER if size)]
        self._decoder: list[Convolution] = []
        for number, (before, after) in enumerate(itertools.pairwise(channels), start=1):
            self._decoder += stack.add("decoder", before, [(after, 1)], first=number)
        last = stack.last(channels[-1], num_outputs)
        self.layers = [*self.encoder.layers, *self._encoder, self._fusion, *self._decoder, last]

    def pretrained(self) -> dict[str, np.ndarray]:
        """Return the published weights of the classifier."""
        return self.encoder.pretrained()

    def __call__(self, lightness: tf.Tensor, training: TrainingPass | None = None) -> tf.Tensor:
        """Map lightness float32 [B, H, W, 1], L* in [0, 100], to outputs float32 [B, H/2, W/2, num_outputs]."""
        x = tf.cast(lightness / 50 - 1, self.compute_dtype)  # [-1, 1]; bfloat16 rounds L* near 100 to 0.5
        for layer in self._encoder:
            x = tf.nn.relu(layer(x, training))
        gray = tf.cast(lightness_to_gray(lightness), self.compute_dtype)
        vector = tf.cast(self.encoder(gray, training), x.dtype)[:, None, None]
        everywhere = tf.broadcast_to(vector, tf.concat([tf.shape(x)[:3], [self.encoder.size]], axis=0))
        x = tf.nn.relu(self._fusion(tf.concat([x, everywhere], axis=-1), training))
        layers = iter(self._decoder)
        for size in DECODER:
            x = tf.nn.relu(next(layers)(x, training)) if size else enlarged(x)
        return tf.cast(self.last(x, training), tf.float32)
