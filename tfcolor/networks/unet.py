"""A U-Net (Ronneberger et al. 2015) on a pretrained encoder: it knows what things are."""

import numpy as np
import tensorflow as tf

from tfcolor.networks.encoders import Encoder
from tfcolor.networks.layers import Convolution, Network, TrainingPass

_CONTEXT = 160  # channels at the lowest resolution
_LOGITS = 0.05  # factor of the initial filter that gives the outputs
_DECODER = {16: 96, 8: 64, 4: 64, 2: 48}  # stride -> channels of the decoder


class UNet(Network):
    """Colours each block of 4x4 pixels from the whole picture.

    The encoder's last features, with their mean over the picture, are enlarged three times. Each time the encoder's
    features of that resolution are added as further channels, and two 3x3 convolutions follow. A final 1x1
    convolution gives the outputs. H x W pixels, multiples of 32, give H/4 x W/4 outputs. With stride 2 the features
    are enlarged once more, and give H/2 x W/2 outputs.
    """

    takes = "gray"
    multiple = 32
    is_local = False
    working_size = 256
    has_features = True

    def __init__(
        self,
        num_outputs: int,
        encoder: str = "lite0",
        width: float = 1.0,
        stride: int = 4,
        seed: int = 0,
        compute_dtype: tf.DType = tf.float32,
    ):
        """Create random weights.

        Args:
            num_outputs: channels of the output.
            encoder: 'lite0', 'lite1' or 'lite2'.
            width: factor for the channels of the decoder.
            stride: side of the blocks of pixels that share an output, 4 or 2.
            seed: seed of the initial weights.
            compute_dtype: dtype of the convolutions, float32 or bfloat16; variables stay float32.
        """
        super().__init__(name="unet")
        self.compute_dtype, self.stride = compute_dtype, stride
        self.encoder = Encoder(encoder, seed)
        seeds = iter(tf.random.fold_in([seed, 0], k) for k in range(1, 20))
        *skips, channels = self.encoder.channels
        wide = round(_CONTEXT * width)
        self._reduce = Convolution(channels, wide, next(seeds), "reduce", kernel_size=1)
        self._context = Convolution(channels, wide, next(seeds), "context", kernel_size=1, bias=False)
        self._steps: list[list[Convolution]] = []
        for skip, (scale, stage_channels) in zip(reversed(skips), _DECODER.items(), strict=True):
            if scale < stride:
                break
            narrow, name = round(stage_channels * width), f"decoder{len(self._steps) + 1}"
            first = Convolution(wide + skip, narrow, next(seeds), f"{name}_1", padding=1)
            self._steps.append([first, Convolution(narrow, narrow, next(seeds), f"{name}_2", padding=1)])
            wide = narrow
        logits = Convolution(wide, num_outputs, next(seeds), "logits", kernel_size=1)
        logits.filter.assign(_LOGITS * logits.filter)  # the encoder's features are not normalized
        decoder = [self._reduce, self._context, *(layer for step in self._steps for layer in step), logits]
        self.layers = [*self.encoder.layers, *decoder]

    def pretrained(self) -> dict[str, np.ndarray]:
        """Return the published weights of the encoder."""
        return self.encoder.pretrained()

    def __call__(self, gray: tf.Tensor, training: TrainingPass | None = None) -> tf.Tensor:
        """Map gray float32 [B, H, W, 1], in [0, 1], to outputs float32 [B, H/stride, W/stride, num_outputs]."""
        return self.outputs_of(self.features(gray, training), training)

    def outputs_of(self, features: tf.Tensor, training: TrainingPass | None = None) -> tf.Tensor:
        """Map features [B, h, w, C] to outputs, float32 [B, h, w, num_outputs]: linearly, each by itself."""
        return tf.cast(self.last(tf.cast(features, self.compute_dtype), training), tf.float32)

    def features(self, gray: tf.Tensor, training: TrainingPass | None = None) -> tf.Tensor:
        """Map gray to what the last layer takes, in the dtype of the convolutions; as `__call__`."""
        *skips, x = self.encoder(tf.cast(gray, self.compute_dtype), training)
        mean = tf.reduce_mean(tf.cast(x, tf.float32), [1, 2], keepdims=True)
        context = self._context(tf.cast(mean, x.dtype), training)
        x = tf.nn.relu(self._reduce(x, training) + context)
        for skip, step in zip(reversed(skips), self._steps, strict=False):  # no step for skips of less than the stride
            x = tf.concat([_enlarged(x), skip], axis=-1)
            for layer in step:
                x = tf.nn.relu(layer(x, training))
        return x


def _enlarged(x):
    """Pictures [B, H, W, C] enlarged to twice the size, bilinearly."""
    sides = [2 * (x.shape[axis] or tf.shape(x)[axis]) for axis in (1, 2)]
    return tf.cast(tf.image.resize(x, sides, "bilinear"), x.dtype)
