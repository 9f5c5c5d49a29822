"""The network of Zhang, Isola and Efros (2016), whose strides and dilations let it see most of a picture."""

import tensorflow as tf

from tfcolor.networks.layers import Activation, BatchNorm, Convolution, Network, TrainingPass, enlarged

# Block -> channels at width 1, number of 3x3 convolutions, stride of the last of them, dilation of all of them.
BLOCKS = {
    "conv1": (64, 2, 2, 1),
    "conv2": (128, 2, 2, 1),
    "conv3": (256, 3, 2, 1),
    "conv4": (512, 3, 1, 1),
    "conv5": (512, 3, 1, 2),
    "conv6": (512, 3, 1, 2),
    "conv7": (256, 3, 1, 1),
    "conv8": (128, 3, 1, 1),
}
_UPSAMPLED = "conv8"  # the block whose input is enlarged, from 1/8 of the resolution to 1/4


class Zhang(Network):
    """Colours each block of 4x4 pixels from most of the picture around it.

    Every 3x3 convolution is padded by its dilation on all sides, as in Caffe, and followed by the activation. Each
    block ends with batch normalization. A final 1x1 convolution gives the outputs. H x W pixels, multiples of 8,
    give H/4 x W/4 outputs.
    """

    stride = 4
    multiple = 8  # the strides of the first three blocks
    is_local = False

    def __init__(
        self,
        num_outputs: int,
        activation: str = "relu",
        width: float = 1.0,
        seed: int = 0,
        compute_dtype: tf.DType = tf.float32,
    ):
        """Create the weights.

        Args:
            num_outputs: Q, the number of colour bins, or 2 to predict a and b directly (the paper's baseline).
            activation: a name in `ops.ACTIVATION_NAMES`.
            width: factor for the channels of all blocks; 1 is the paper's network.
            seed: seed of the initial weights.
            compute_dtype: dtype of the convolutions, float32 or bfloat16; variables stay float32.
        """
        super().__init__(name="zhang")
        self.compute_dtype = compute_dtype
        self.blocks: dict[str, list[tf.Module]] = {}
        channels_in, index = 1, 0
        for block, (channels, depth, stride, dilation) in BLOCKS.items():
            channels, layers = max(1, round(channels * width)), []
            for k in range(1, depth + 1):
                index += 1
                name, layer_seed = f"{block}_{k}", tf.random.fold_in([seed, 0], index)
                geometry = {"stride": stride if k == depth else 1, "dilation": dilation, "padding": dilation}
                layers.append(Convolution(channels_in, channels, layer_seed, name, **geometry))
                layers.append(Activation(activation, channels, index, name))
                channels_in = channels
            self.blocks[block] = [*layers, BatchNorm(channels, block)]
        layer_seed = tf.random.fold_in([seed, 0], index + 1)
        logits = Convolution(channels_in, num_outputs, layer_seed, "logits", kernel_size=1)
        self.layers = [*(layer for layers in self.blocks.values() for layer in layers), logits]

    def __call__(self, lightness: tf.Tensor, training: TrainingPass | None = None) -> tf.Tensor:
        """Predict the colour of each block of 4x4 pixels.

        Args:
            lightness: float32 [B, H, W, 1], CIE L* in [0, 100]; H and W multiples of 8.
            training: the training pass; None for prediction.

        Returns:
            ab_logits, float32 [B, H/4, W/4, num_outputs]; scaled ab for regression.

        Raises:
            ValueError: if a side is known and not a multiple of 8.
        """
        if any(side and side % self.multiple for side in lightness.shape[1:3]):
            raise ValueError(f"sides must be multiples of {self.multiple}, got {lightness.shape[1:3]}")
        x = tf.cast(lightness / 50 - 1, self.compute_dtype)  # [-1, 1]; bfloat16 rounds L* near 100 to 0.5
        for block, layers in self.blocks.items():
            if block == _UPSAMPLED:
                x = enlarged(x)
            for layer in layers:
                x = layer(x, training)
        return tf.cast(self.last(x, training), tf.float32)
