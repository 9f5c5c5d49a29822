"""The network of Zhang, Isola and Efros (2016): strides, dilations, and a sight of most of the picture."""

import tensorflow as tf

from tfcolor.networks.layers import AB_SCALE, Activation, BatchNorm, Convolution, Network, Sight, TrainingPass

# Block -> channels at width 1, number of 3x3 convolutions, stride of the last one, dilation of all.
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
_ENLARGED = "conv8"  # comes after an enlargement, from an eighth of the input's sides to a quarter


class Zhang(Network):
    """Colours blocks of 4x4 pixels from all the picture around them.

    Every 3x3 convolution is padded by its dilation on all sides, as in Caffe, and followed by the activation; each
    block ends with batch normalization; a 1x1 convolution gives the outputs. H x W pixels, multiples of 8, give
    H/4 x W/4 distributions.
    """

    stride = 4

    def __init__(
        self,
        num_bins: int,
        activation: str = "relu",
        width: float = 1.0,
        objective: str = "classification",
        seed: int = 0,
        compute_dtype: tf.DType = tf.float32,
    ):
        """Create the weights.

        Args:
            num_bins: Q, the number of colour bins.
            activation: a name in `ops.ACTIVATION_NAMES`.
            width: by which the channels of all blocks are multiplied; 1 is the paper's.
            objective: 'classification', or 'regression' for two outputs, the colour itself (the paper's baseline).
            seed: of the initial weights.
            compute_dtype: of the convolutions, float32 or bfloat16; variables stay float32.

        Raises:
            ValueError: for another objective.
        """
        super().__init__(name="zhang")
        outputs = {"classification": ("logits", num_bins), "regression": ("ab", 2)}
        if objective not in outputs:
            raise ValueError(f"objective must be one of {', '.join(outputs)}, got {objective!r}")
        self.compute_dtype, self.objective = compute_dtype, objective
        self.blocks: dict[str, list[tf.Module]] = {}
        before, index = 1, 0
        for block, (channels, depth, stride, dilation) in BLOCKS.items():
            channels, layers = max(1, round(channels * width)), []
            for k in range(1, depth + 1):
                index += 1
                name = f"{block}_{k}"
                sight = Sight(stride=stride if k == depth else 1, dilation=dilation, padding=dilation)
                layer_seed = tf.random.fold_in([seed, 0], index)
                layers.append(Convolution(before, channels, layer_seed, name, sight=sight))
                layers.append(Activation(activation, channels, index, name))
                before = channels
            self.blocks[block] = [*layers, BatchNorm(channels, block)]
        layer_seed = tf.random.fold_in([seed, 0], index + 1)
        name, channels = outputs[objective]
        self._last = Convolution(before, channels, layer_seed, name, sight=Sight(size=1))
        self.layers = [*(layer for layers in self.blocks.values() for layer in layers), self._last]

    def __call__(self, lightness: tf.Tensor, training: TrainingPass | None = None) -> tf.Tensor:
        """Predict the colour of each block of 4x4 pixels.

        Args:
            lightness: float32 [B, H, W, 1], CIE L* in [0, 100]; H and W multiples of 8.
            training: in training, what is random there, and where new statistics go.

        Returns:
            ab_logits, float32 [B, H/4, W/4, Q], or for regression ab, float32 [B, H/4, W/4, 2], ab units.

        Raises:
            ValueError: for sides that are no multiples of 8, where they are known.
        """
        if any(side and side % 8 for side in lightness.shape[1:3]):
            raise ValueError(f"sides must be multiples of 8, got {lightness.shape[1:3]}")
        x = tf.cast(lightness / 50 - 1, self.compute_dtype)  # [-1, 1]; bfloat16 could not tell 100.4 from 100.5
        for block, layers in self.blocks.items():
            if block == _ENLARGED:
                # Where sides are known they stay so: by them a convolution sees what is safe in bfloat16.
                sides = [2 * (x.shape[axis] or tf.shape(x)[axis]) for axis in (1, 2)]
                x = tf.image.resize(x, sides, "nearest")
            for layer in layers:
                x = layer(x, training)
        x = tf.cast(self._last(x, training), tf.float32)
        return AB_SCALE * x if self.objective == "regression" else x
