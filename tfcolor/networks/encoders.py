"""EfficientNet-Lite, pretrained on ImageNet, as an encoder of gray pictures.

The architecture is published at
https://github.com/tensorflow/tpu/blob/master/models/official/efficientnet/lite/efficientnet_lite_builder.py.
"""

import math
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tfcolor.networks.layers import TrainingPass, initial_filter, with_bias
from tfcolor.networks.pretrained import read_weights
from tfcolor.ops.convolution import conv2d
from tfcolor.ops.depthwise import depthwise_conv2d
from tfcolor.utils.errors import InputError

ENCODERS = {"lite0": (1.0, 1.0), "lite1": (1.0, 1.1), "lite2": (1.1, 1.2)}  # name -> factors of width and depth
_STEM = 32  # channels of the first convolution
_EPSILON = 1e-3  # added to the variances of the published batch normalization


class Stage(NamedTuple):
    """A stage of blocks, whose first block has the stride."""

    kernel_size: int
    stride: int
    expansion: int
    depth: int
    channels: int


_STAGES = (
    *(Stage(3, 1, 1, 1, 16), Stage(3, 2, 6, 2, 24), Stage(5, 2, 6, 2, 40), Stage(3, 2, 6, 3, 80)),
    *(Stage(5, 1, 6, 3, 112), Stage(5, 2, 6, 4, 192), Stage(3, 1, 6, 1, 320)),
)


def stages(name: str) -> list[Stage]:
    """Return the stages of an encoder. Depths are rounded up, except those of the first and last stage."""
    width, depth = ENCODERS[name]
    scaled = [stage._replace(channels=_rounded(stage.channels * width)) for stage in _STAGES]
    inner = [stage._replace(depth=math.ceil(stage.depth * depth)) for stage in scaled[1:-1]]
    return [scaled[0], *inner, scaled[-1]]


def _rounded(channels: float) -> int:
    """The nearest multiple of 8, unless it is more than a tenth less."""
    rounded = max(8, int(channels + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * channels else rounded


class ScaledConvolution(tf.Module):
    """A convolution with TensorFlow's SAME padding, whose filter has a factor for each channel, and a bias.

    The factors hold what is left of a batch normalization. The filters themselves all have about the deviation of
    initial weights, so that one learning rate fits them all, however different the factors are.
    """

    statistics: dict[str, tf.Variable] = {}  # noqa: RUF012 (none, and never any)

    def __init__(
        self,
        channels_in: int,
        channels_out: int,
        seed: tf.Tensor,
        name: str,
        kernel_size: int = 1,
        stride: int = 1,
        depthwise: bool = False,
    ):
        """Create the weights: He et al. 2015 for the filters, ones and zeros.

        Args:
            channels_in: channels of the input.
            channels_out: channels of the output.
            seed: int32 [2], a stateless seed.
            name: name of the layer; its weights are `<name>/filter`, `<name>/scale` and `<name>/bias`.
            kernel_size: side of the filter in pixels.
            stride: 1, or 2 for inputs of even sides.
            depthwise: whether each channel has a filter of its own; then both numbers of channels are the same.
        """
        super().__init__(name=name)
        self._depthwise, self._stride = depthwise, stride
        shape = [kernel_size, kernel_size, *([] if depthwise else [channels_in]), channels_out]
        self._deviation = (2 / math.prod(shape[:-1])) ** 0.5
        self.filter = tf.Variable(initial_filter(shape, seed, self._deviation), name="filter")
        self.scale = tf.Variable(tf.ones([channels_out]), name="scale")
        self.bias = tf.Variable(tf.zeros([channels_out]), name="bias")
        self._constants: list[np.ndarray] = []

    @property
    def weights(self) -> dict[str, tf.Variable]:
        """The variables by name, float32."""
        return {f"{self.name}/{part}": getattr(self, part) for part in ("filter", "scale", "bias")}

    def normalized(self, filters: np.ndarray, factor: np.ndarray, bias: np.ndarray) -> dict[str, np.ndarray]:
        """Return values of `weights` that compute a convolution with `factor * filters` and a bias."""
        spread = np.sqrt(np.mean(np.square(filters), axis=tuple(range(filters.ndim - 1)))) / self._deviation
        spread = np.where(spread > 0, spread, 1.0)
        values = {"filter": filters / spread, "scale": factor * spread, "bias": bias}
        return {f"{self.name}/{part}": value.astype(np.float32) for part, value in values.items()}

    def freeze(self, dtype: tf.DType) -> None:
        """Use the current filter and bias, as constants, in all later predictions; see `Network.freeze`."""
        self._constants = [tf.cast(value, dtype).numpy() for value in (self.filter * self.scale, self.bias)]

    def __call__(self, x: tf.Tensor, training: TrainingPass | None = None) -> tf.Tensor:
        """Convolve x [B, H, W, channels_in] in its own dtype -> [B, H / stride, W / stride, channels_out]."""
        is_frozen = training is None and self._constants
        filters, bias = map(tf.constant, self._constants) if is_frozen else (self.filter * self.scale, self.bias)
        return with_bias(self._convolve(x, filters), bias, training)

    def _convolve(self, x, filters):
        if self._depthwise:
            return depthwise_conv2d(x, filters, self._stride)
        size = filters.shape[0]
        if self._stride == 1:
            return conv2d(x, filters, padding=size // 2)
        before = (size - 2) // 2
        pads = [before, size - 2 - before]
        return conv2d(tf.pad(x, [[0, 0], pads, pads, [0, 0]]), filters, stride=2)


class _Block(tf.Module):
    """An inverted residual block: expand, filter each channel, project; and add the input if the shapes are equal."""

    def __init__(self, channels_in: int, stage: Stage, is_first: bool, seeds: list[tf.Tensor], name: str):
        super().__init__(name=name)
        stride, wide = stage.stride if is_first else 1, channels_in * stage.expansion
        geometry = {"kernel_size": stage.kernel_size, "stride": stride, "depthwise": True}
        self.stride = stride
        self._is_residual = stride == 1 and channels_in == stage.channels
        self._expand = ScaledConvolution(channels_in, wide, seeds[0], f"{name}_expand") if stage.expansion > 1 else None
        self._depthwise = ScaledConvolution(wide, wide, seeds[1], f"{name}_depthwise", **geometry)
        self._project = ScaledConvolution(wide, stage.channels, seeds[2], f"{name}_project")

    @property
    def layers(self) -> list[ScaledConvolution]:
        """The convolutions, first layer first."""
        return [layer for layer in (self._expand, self._depthwise, self._project) if layer is not None]

    def __call__(self, x, training):
        y = x
        for layer in self.layers[:-1]:
            y = tf.nn.relu6(layer(y, training))
        y = self._project(y, training)
        return x + y if self._is_residual else y


class Encoder(tf.Module):
    """EfficientNet-Lite without its head: features of gray or coloured pictures at strides 2, 4, 8, 16 and 32."""

    def __init__(self, kind: str, seed: int, name: str = "encoder", channels: int = 1):
        """Create random weights; `pretrained` returns better ones.

        Args:
            kind: 'lite0', 'lite1' or 'lite2'.
            seed: seed of the weights.
            name: prefix of the names of the weights.
            channels: of the pictures: 1 for gray, 3 for RGB.

        Raises:
            InputError: for another kind.
        """
        super().__init__(name=name)
        if kind not in ENCODERS:
            raise InputError(f"`encoder` must be {', '.join(ENCODERS)}, got {kind}")
        self.kind = kind
        seeds = iter(tf.random.fold_in([seed, 2], k) for k in range(200))
        self._stem = ScaledConvolution(channels, _STEM, next(seeds), f"{name}_stem", kernel_size=3, stride=2)
        self._blocks: list[_Block] = []
        self._channels, channels = channels, _STEM
        for stage in stages(kind):
            for k in range(stage.depth):
                block_seeds = [next(seeds) for _ in range(3)]
                self._blocks.append(_Block(channels, stage, k == 0, block_seeds, f"{name}_block{len(self._blocks)}"))
                channels = stage.channels

    @property
    def layers(self) -> list[ScaledConvolution]:
        """All convolutions, first layer first."""
        return [self._stem, *(layer for block in self._blocks for layer in block.layers)]

    @property
    def weights(self) -> dict[str, tf.Variable]:
        """The variables of all layers by name."""
        return {name: variable for layer in self.layers for name, variable in layer.weights.items()}

    @property
    def fixed(self) -> set[str]:
        """Names of weights that training leaves unchanged: depthwise filters, whose gradients take most time."""
        depthwise = [layer.name for layer in self.layers if layer.name.endswith("_depthwise")]
        return {f"{name}/{part}" for name in depthwise for part in ("filter", "scale")}

    @property
    def channels(self) -> list[int]:
        """The channels of the features, for each stride."""
        found = stages(self.kind)
        return [found[k].channels for k in (0, 1, 2, 4, 6)]

    def __call__(self, pictures: tf.Tensor, training: TrainingPass | None = None) -> list[tf.Tensor]:
        """Compute features.

        Args:
            pictures: [B, H, W, channels] in the dtype to compute in, sRGB in [0, 1]; H and W multiples of 32.
            training: the training pass; None for prediction.

        Returns:
            Features [B, H / s, W / s, C] for the strides s = 2, 4, 8, 16 and 32, in the dtype of the input.
        """
        x = tf.nn.relu6(self._stem((255 * pictures - 127) / 128, training))
        features = []
        for block in self._blocks:
            if block.stride == 2:
                features.append(x)
            x = block(x, training)
        return [*features, x]

    def pretrained(self) -> dict[str, np.ndarray]:
        """Return the published weights by the names of the variables.

        Batch normalization is multiplied in. For gray pictures the stem's filters are summed over red, green and
        blue, which are equal there.

        Raises:
            InputError: if their package is missing or holds other weights.
        """
        published = read_weights(self.kind)
        names = [("_conv_stem", "_bn0")]
        for k, block in enumerate(self._blocks):
            parts = ("expand_conv", "depthwise_conv", "project_conv")[-len(block.layers) :]
            norms = ("_bn0", "_bn1", "_bn2")[-len(block.layers) :]
            names += [(f"_blocks.{k}._{part}", f"_blocks.{k}.{norm}") for part, norm in zip(parts, norms, strict=True)]
        values = {}
        for layer, (convolution, norm) in zip(self.layers, names, strict=True):
            filters, factor, bias = published_convolution(published, self.kind, convolution, norm)
            if layer is self._stem and self._channels == 1:
                filters = filters.sum(axis=2, keepdims=True)
            filters = (
                filters.reshape(layer.filter.shape) if filters.size == layer.filter.shape.num_elements() else filters
            )
            if filters.shape != layer.filter.shape:
                raise InputError(f"{convolution} has the shape {filters.shape}, which is not that of {self.kind}")
            values |= layer.normalized(filters, factor, bias)
        return values


def published_convolution(
    published: dict[str, np.ndarray], kind: str, convolution: str, norm: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the filters [height, width, in, out] of a convolution, and the factor and bias of its normalization.

    Args:
        published: the weights of an encoder, see `pretrained.read_weights`.
        kind: the encoder, for errors.
        convolution, norm: names in `published`.

    Raises:
        InputError: if the weights lack one of them.
    """
    try:
        filters = np.moveaxis(published[f"{convolution}.weight"], [0, 1], [3, 2])  # out, in -> in, out
        scale, offset, mean, variance = (
            published[f"{norm}.{part}"] for part in ("weight", "bias", "running_mean", "running_var")
        )
    except KeyError as error:
        raise InputError(f"the weights of {kind} lack {error.args[0]}") from error
    factor = scale / np.sqrt(variance + _EPSILON)
    return filters, factor, offset - mean * factor
