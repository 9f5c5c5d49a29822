"""The discriminator of pix2pix (Isola et al. 2017): it judges each patch of 70x70 pixels, real or made."""

import tensorflow as tf

from tfcolor.networks.attention import SelfAttention
from tfcolor.networks.layers import Convolution, TrainingPass
from tfcolor.networks.norms import DEVIATION, make_norm

_CHANNELS = 64  # of the first layer at width 1
_STRIDED = 3  # layers of stride 2; 3 give patches of 70x70 pixels
_SLOPE = 0.2  # of the leaky ReLU
SMALLEST_SIDE = 24  # pixels of an input: less leaves no place for a judgement


class PatchGan(tf.Module):
    """Five 4x4 convolutions with padding 1: three of stride 2, two of stride 1. Those in between are normalized.

    Normalization always uses the batch's own statistics. Pictures of 256x256 pixels get 30x30 judgements.
    """

    def __init__(
        self,
        channels_in: int,
        name: str,
        seed: tf.Tensor,
        width: float = 1.0,
        norm: str = "batch",
        attention: bool = False,
        compute_dtype: tf.DType = tf.float32,
    ):
        """Create the weights: N(0, 0.02), zero biases.

        Args:
            channels_in: channels of the input: what the network saw, and the colours.
            name: name of the discriminator, with which the names of all its weights begin.
            seed: int32 [2], a stateless seed.
            width: factor for the channels of all layers.
            norm: 'batch' or 'instance'.
            attention: whether there is self-attention on the features of stride 4.
            compute_dtype: dtype of the convolutions, float32 or bfloat16; variables stay float32.
        """
        super().__init__(name=name)
        self._compute_dtype = compute_dtype
        seeds = (tf.random.fold_in(seed, k) for k in range(1, 100))
        geometry = {"kernel_size": 4, "padding": 1, "deviation": DEVIATION}
        self._blocks: list[list[tf.Module]] = []
        for k in range(_STRIDED + 1):
            wide = max(1, round(_CHANNELS * 2**k * width))
            part, stride = f"{name}_conv{k + 1}", 2 if k < _STRIDED else 1
            convolution = Convolution(channels_in, wide, next(seeds), part, bias=not k, stride=stride, **geometry)
            norms = [make_norm(norm, wide, next(seeds), part)] if k else []
            self._blocks.append([convolution, *norms])
            channels_in = wide
        self._attention = None
        if attention:
            self._attention = SelfAttention(max(1, round(2 * _CHANNELS * width)), next(seeds), f"{name}_attention")
        self._last = Convolution(channels_in, 1, next(seeds), f"{name}_conv{_STRIDED + 2}", **geometry)
        extra = [self._attention] if self._attention else []
        self._layers = [*(layer for block in self._blocks for layer in block), *extra, self._last]

    @property
    def weights(self) -> dict[str, tf.Variable]:
        """The trained variables by name."""
        return {name: variable for layer in self._layers for name, variable in layer.weights.items()}

    @property
    def statistics(self) -> dict[str, tf.Variable]:
        """What training keeps besides them, by name: averages that nobody reads, vectors of spectral normalization."""
        return {name: variable for layer in self._layers for name, variable in layer.statistics.items()}

    def __call__(self, pictures: tf.Tensor, training: TrainingPass) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """Judge pictures.

        Args:
            pictures: float32 [B, H, W, channels_in], at least `SMALLEST_SIDE` on each side.
            training: the training pass.

        Returns:
            logits float32 [B, h, w, 1] of being real, and the features of all layers but the last.
        """
        x, features = tf.cast(pictures, self._compute_dtype), []
        for k, block in enumerate(self._blocks):
            for layer in block:
                x = layer(x, training)
            x = _leaky_relu(x)
            if k == 1 and self._attention:
                x = self._attention(x, training)
            features.append(x)
        return tf.cast(self._last(x, training), tf.float32), features


@tf.custom_gradient
def _leaky_relu(x):
    """A leaky ReLU whose gradient is told by the result, which has the sign of x.

    TensorFlow (2.21, CPU) merges a convolution, its bias and this. If the gradient needed x, which is then gone, all
    merging would be given up, with an error in the log.
    """
    y = tf.nn.leaky_relu(x, _SLOPE)
    return y, lambda by_y: tf.raw_ops.LeakyReluGrad(gradients=by_y, features=y, alpha=_SLOPE)
