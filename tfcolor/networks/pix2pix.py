"""The generator of pix2pix (Isola et al. 2017): a U-Net from scratch, down to a single place and up again."""

import tensorflow as tf

from tfcolor.networks.attention import SelfAttention
from tfcolor.networks.layers import Convolution, Network, TrainingPass
from tfcolor.networks.norms import DEVIATION, make_norm
from tfcolor.networks.transposed import TransposedConvolution

_CHANNELS, _MOST_CHANNELS = 64, 512  # at width 1: of the first layer, doubled by each layer up to the most
_SLOPE = 0.2  # of the leaky ReLU on the way down
_DROPOUT = 0.5  # share of values that are dropped in training, in the first layers on the way up


class Pix2Pix(Network):
    """Colours each pixel from the whole picture.

    On the way down, `depth` 4x4 convolutions of stride 2 halve the sides. On the way up, as many transposed
    convolutions double them, each on the features before it and those of the same size from the way down. Every
    layer but the first, the lowest and the last is normalized. All is as in the authors' PyTorch code, with four
    choices of ours: batch normalization uses moving averages in prediction and dropout is left out there, so that a
    photograph has one result; a lower depth leaves out layers of 512 channels, first those with dropout; no bias comes
    before a normalization, nor in the first and the lowest layer; and some weights start at zero, see `_zero_outside`.

    It predicts at the size that leaves a single place in the middle, 2^depth pixels on the shorter side.
    """

    multiple = 256  # 2^depth
    is_local = False
    working_size = 256

    def __init__(
        self,
        num_outputs: int,
        depth: int = 8,
        width: float = 1.0,
        norm: str = "batch",
        attention: str = "none",
        seed: int = 0,
        compute_dtype: tf.DType = tf.float32,
    ):
        """Create the weights: N(0, 0.02), zero biases.

        Args:
            num_outputs: channels of the output.
            depth: layers on each way; the sides of inputs must be multiples of 2^depth.
            width: factor for the channels of all layers.
            norm: 'batch' or 'instance'.
            attention: 'generator' or 'both' for self-attention on the way up.
            seed: seed of the initial weights.
            compute_dtype: dtype of the convolutions, float32 or bfloat16; variables stay float32.
        """
        super().__init__(name="pix2pix")
        self.compute_dtype, self.multiple, self.working_size = compute_dtype, 2**depth, 2**depth
        seeds = (tf.random.fold_in([seed, 0], k) for k in range(1, 100))
        channels = [max(1, round(min(_CHANNELS * 2**k, _MOST_CHANNELS) * width)) for k in range(depth)]
        geometry = {"kernel_size": 4, "stride": 2, "padding": 1, "deviation": DEVIATION, "bias": False}
        self._down: list[list[tf.Module]] = []
        for k, wide in enumerate(channels):
            name = f"down{k + 1}"
            layers: list[tf.Module] = [Convolution(channels[k - 1] if k else 1, wide, next(seeds), name, **geometry)]
            if 0 < k < depth - 1:  # at the lowest place there is nothing to normalize over
                layers.append(make_norm(norm, wide, next(seeds), name))
            self._down.append(layers)
        self._up: list[list[tf.Module]] = []
        for k in reversed(range(1, depth)):
            name, wide = f"up{k + 1}", channels[k] * (1 if k == depth - 1 else 2)
            convolution = TransposedConvolution(wide, channels[k - 1], next(seeds), name, False, DEVIATION)
            self._up.append([convolution, make_norm(norm, channels[k - 1], next(seeds), name)])
        for lowest in (self._down[-1][0], self._up[0][0]):
            _zero_outside(lowest.filter)
        self._num_dropout = max(0, depth - 5)
        self._attention = None
        if attention in ("generator", "both"):
            self._attention = SelfAttention(channels[1], tf.random.fold_in([seed, 0], 100), "attention")
        last = TransposedConvolution(2 * channels[0], num_outputs, next(seeds), "up1", True, DEVIATION)
        extra = [self._attention] if self._attention else []
        self.layers = [*(layer for layers in (*self._down, *self._up) for layer in layers), *extra, last]

    def __call__(self, lightness: tf.Tensor, training: TrainingPass | None = None) -> tf.Tensor:
        """Map lightness float32 [B, H, W, 1], L* in [0, 100], to outputs float32 [B, H, W, num_outputs]."""
        x = tf.cast(lightness / 50 - 1, self.compute_dtype)  # [-1, 1]; bfloat16 rounds L* near 100 to 0.5
        skips = []
        for k, layers in enumerate(self._down):
            x = tf.nn.leaky_relu(x, _SLOPE) if k else x
            for layer in layers:
                x = layer(x, training)
            skips.append(x)  # [B, H / 2^(k+1), W / 2^(k+1), C]
        skips.pop()
        for k, layers in enumerate(self._up):
            x = tf.nn.relu(x)
            for layer in layers:
                x = layer(x, training)
            if k < self._num_dropout and training is not None:
                x = _dropped(x, tf.random.fold_in(training.seed, k))
            if self._attention and len(skips) == 2:
                x = self._attention(x, training)
            x = tf.concat([x, skips.pop()], axis=-1)
        return tf.cast(self.last(tf.nn.relu(x), training), tf.float32)


def _zero_outside(filters):
    """Set the outer weights of a 4x4 filter to zero.

    In windows of 2^depth pixels, the lowest filters see 2x2 places or make 2x2 of one. Their outer weights meet nothing
    but padding, and so never learn. In longer pictures they would disturb all colours with what they began with.
    """
    filters.assign(tf.pad(filters[1:3, 1:3], [[1, 1], [1, 1], [0, 0], [0, 0]]))


def _dropped(x, seed):
    """Drop values at random, and scale the others so that the mean stays."""
    kept = tf.random.stateless_uniform(tf.shape(x), seed) >= _DROPOUT
    return tf.where(kept, x / (1 - _DROPOUT), tf.zeros([], x.dtype))
