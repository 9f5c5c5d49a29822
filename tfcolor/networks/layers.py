"""The layers that networks are built from, and the class of all networks.

A layer has `weights`, which gradient descent changes, and `statistics`, which training only averages. Both are dicts
of variables by name. A layer is called with its input and `training`: a `TrainingPass`, or None for prediction.
"""

import contextlib
import contextvars
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import tensorflow as tf

from tfcolor.ops.activations import PRELU_START, elu, lrelu, prelu
from tfcolor.ops.convolution import conv2d
from tfcolor.ops.rrelu import rrelu

NORM_EPSILON = 1e-3  # added to variances, as in Ioffe and Szegedy's later networks; 1e-5 is no better in bfloat16
_DECAY = 0.99  # of the moving averages, from the hundredth batch on
# How many numbers blank filters may still have, in a list; None where filters are drawn.
_blank: contextvars.ContextVar[list[float] | None] = contextvars.ContextVar("_blank", default=None)


@dataclass
class TrainingPass:
    """What a forward pass in training needs besides its input, and what it gives besides its output.

    seed: int32 [2], a stateless seed of everything random in this step and replica.
    statistics: new values of the network's `statistics`, by name. Layers add them; the caller assigns them.
    kept: what the loss of one group of variables leaves for the losses of the next, by name; see `LossOfVariables`.
    observe: each convolution calls it with itself, its input and its output.
    """

    seed: tf.Tensor
    statistics: dict[str, tf.Tensor] = field(default_factory=dict)
    kept: dict[str, Any] = field(default_factory=dict)
    observe: Callable[["Convolution", tf.Tensor, tf.Tensor], None] = lambda *_: None


@contextlib.contextmanager
def blank_filters(most: float = math.inf) -> Iterator[None]:
    """Within it, layers are created with filters of zeros, which takes less time: a model's are assigned next.

    Args:
        most: how many numbers all filters may have. A description that asks for more takes no memory.
    """
    token = _blank.set([most])
    try:
        yield
    finally:
        _blank.reset(token)


def initial_filter(shape: list[int], seed: tf.Tensor, deviation: float) -> tf.Tensor:
    """Draw a filter from a normal distribution of mean zero, float32, except within `blank_filters`.

    Raises:
        ValueError: blank filters may not have so many numbers.
    """
    left = _blank.get()
    if left is None:
        return tf.random.stateless_normal(shape, seed, stddev=deviation)
    left[0] -= math.prod(shape)
    if left[0] < 0:
        raise ValueError("the network has more weights than its file")
    return tf.zeros(shape)


def with_bias(x: tf.Tensor, bias: tf.Tensor, training: TrainingPass | None) -> tf.Tensor:
    """Add a bias [C] to x [..., C], in the dtype of x."""
    bias = tf.cast(bias, x.dtype)
    if training is None:
        return tf.nn.bias_add(x, bias)  # which TensorFlow merges with a convolution before it
    # On a CPU, the gradient of `bias_add` in bfloat16 sums in bfloat16, and stops growing at 256 times its terms.
    return x + bias


class Convolution(tf.Module):
    """A convolution, by default 3x3 and VALID with a bias."""

    statistics: dict[str, tf.Variable] = {}  # noqa: RUF012 (none, and never any)

    def __init__(
        self,
        channels_in: int,
        channels_out: int,
        seed: tf.Tensor,
        name: str,
        bias: bool = True,
        *,
        kernel_size: int = 3,
        stride: int = 1,
        dilation: int = 1,
        padding: int = 0,
        deviation: float | None = None,
    ):
        """Create the weights: by default He et al. 2015 (eq. 10), N(0, 2 / fan_in), and zero biases.

        Args:
            channels_in: channels of the input.
            channels_out: channels of the output.
            seed: int32 [2], a stateless seed; the same seed gives the same weights on every machine.
            name: name of the layer; its weights are `<name>/filter` and `<name>/bias`.
            bias: whether to add a bias.
            kernel_size: side of the filter in pixels.
            stride, dilation, padding: see `ops.convolution.conv2d`; by default the output is two pixels smaller on
                each axis.
            deviation: standard deviation of the initial filter; None for He et al.'s.
        """
        super().__init__(name=name)
        shape = [kernel_size, kernel_size, channels_in, channels_out]
        deviation = deviation or (2 / (kernel_size**2 * channels_in)) ** 0.5
        self._geometry = {"stride": stride, "dilation": dilation, "padding": padding}
        self.filter = tf.Variable(initial_filter(shape, seed, deviation), name="filter")
        self.bias = tf.Variable(tf.zeros([channels_out]), name="bias") if bias else None
        self._constants: list[np.ndarray] = []

    def freeze(self, dtype: tf.DType) -> None:
        """Use the current filter and bias, as constants, in all later predictions; see `Network.freeze`."""
        self._constants = [tf.cast(weight, dtype).numpy() for weight in self.weights.values()]

    @property
    def weights(self) -> dict[str, tf.Variable]:
        """The variables by name, float32."""
        bias = {} if self.bias is None else {f"{self.name}/bias": self.bias}
        return {f"{self.name}/filter": self.filter} | bias

    def __call__(self, x: tf.Tensor, training: TrainingPass | None = None) -> tf.Tensor:
        """Convolve x [B, H, W, channels_in] in its own dtype -> [B, H', W', channels_out]."""
        is_frozen = training is None and self._constants
        filters, *bias = map(tf.constant, self._constants) if is_frozen else self.weights.values()
        y = conv2d(x, filters, **self._geometry)
        y = with_bias(y, *bias, training) if bias else y
        if training is not None:
            training.observe(self, x, y)
        return y


class BatchNorm(tf.Module):
    """Batch normalization of channels (Ioffe and Szegedy 2015, algorithms 1 and 2).

    In training, mean and variance are taken over the whole batch on all replicas, so that several replicas compute
    what a single one would. In prediction they are moving averages.
    """

    def __init__(self, channels: int, name: str, *, epsilon: float = NORM_EPSILON, scale: tf.Tensor | None = None):
        """Start with offset 0; weights and statistics are named `<name>/...`.

        Args:
            channels: channels of the input.
            name: name of the layer.
            epsilon: added to variances.
            scale: initial scales, float32 [channels]; None for 1.
        """
        super().__init__(name=name)
        self._epsilon = epsilon
        self.scale = tf.Variable(tf.ones([channels]) if scale is None else scale, name="scale")
        self.offset = tf.Variable(tf.zeros([channels]), name="offset")
        self.mean = tf.Variable(tf.zeros([channels]), trainable=False, name="mean")
        self.variance = tf.Variable(tf.ones([channels]), trainable=False, name="variance")
        self.updates = tf.Variable(0.0, trainable=False, name="updates")

    @property
    def weights(self) -> dict[str, tf.Variable]:
        """The learned variables by name, float32 [channels]."""
        return {f"{self.name}/{part}": getattr(self, part) for part in ("scale", "offset")}

    @property
    def statistics(self) -> dict[str, tf.Variable]:
        """The moving averages, float32 [channels], and the number of batches they are made from."""
        return {f"{self.name}/{part}": getattr(self, part) for part in ("mean", "variance", "updates")}

    def __call__(self, x: tf.Tensor, training: TrainingPass | None) -> tf.Tensor:
        """Normalize x [..., channels]; computes in float32, returns the dtype of x."""
        if training is None:
            return self._fused(x, self.mean, self.variance, is_training=False)[0]
        if _replicas() == 1:
            y, mean, variance = self._fused(x, [], [], is_training=True)
        else:
            values = tf.cast(x, tf.float32)
            mean, variance, count = _moments_of_all_replicas(values)
            y = tf.nn.batch_normalization(values, mean, variance, self.offset, self.scale, self._epsilon)
            y, variance = tf.cast(y, x.dtype), variance * count / tf.maximum(count - 1, 1)
        training.statistics |= self._averages(mean, variance)
        return y

    def _fused(self, x, mean, variance, is_training):
        """Normalize in one fused operation, several times faster on a CPU; its batch variance is the unbiased one."""
        weights = {"scale": self.scale, "offset": self.offset, "mean": mean, "variance": variance}
        images = x if x.shape.rank == 4 else tf.reshape(x, [-1, 1, 1, x.shape[-1]])
        y, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=images, **weights, epsilon=self._epsilon, is_training=is_training
        )
        return (y if x.shape.rank == 4 else tf.reshape(y, tf.shape(x))), mean, variance

    def as_affine(self) -> tuple[tf.Tensor, tf.Tensor]:
        """Return prediction as a factor and an offset of x: float32 [channels] each."""
        factor = self.scale * tf.math.rsqrt(self.variance + self._epsilon)
        return factor, self.offset - self.mean * factor

    def _averages(self, mean, variance):
        # At first a plain mean over all batches, so that the initial values do not matter.
        decay = tf.minimum(_DECAY, self.updates / (self.updates + 1))
        new = {
            "mean": decay * self.mean + (1 - decay) * mean,
            "variance": decay * self.variance + (1 - decay) * variance,
            "updates": self.updates + 1,
        }
        return {f"{self.name}/{part}": tf.stop_gradient(value) for part, value in new.items()}


class NormalizedConvolution(tf.Module):
    """A 3x3 VALID convolution without bias, followed by batch normalization.

    In prediction the two are one convolution: the factor of each channel is multiplied into its filter.
    """

    def __init__(self, channels_in: int, channels_out: int, seed: tf.Tensor, name: str):
        """Create both; see `Convolution` for the arguments."""
        super().__init__(name=name)
        self._convolution = Convolution(channels_in, channels_out, seed, name, bias=False)
        self._norm = BatchNorm(channels_out, name)
        self._constant: np.ndarray | None = None

    def freeze(self, dtype: tf.DType) -> None:
        """Like `Convolution.freeze`, for the filter with the normalization multiplied in."""
        self._constant = tf.cast(self._convolution.filter * self._norm.as_affine()[0], dtype).numpy()

    @property
    def weights(self) -> dict[str, tf.Variable]:
        """The learned variables by name: the filter, and the scale and offset of the normalization."""
        return self._convolution.weights | self._norm.weights

    @property
    def statistics(self) -> dict[str, tf.Variable]:
        """The statistics of the normalization."""
        return self._norm.statistics

    def __call__(self, x: tf.Tensor, training: TrainingPass | None = None) -> tf.Tensor:
        """Convolve and normalize x [B, H, W, channels_in] in its own dtype -> [B, H-2, W-2, channels_out]."""
        if training is not None:
            return self._norm(self._convolution(x, training), training)
        factor, offset = self._norm.as_affine()
        is_frozen = self._constant is not None
        filters = tf.constant(self._constant) if is_frozen else self._convolution.filter * factor
        return tf.nn.bias_add(conv2d(x, filters), tf.cast(offset, x.dtype))


def _replicas() -> int:
    replica = tf.distribute.get_replica_context()
    return 1 if replica is None else replica.num_replicas_in_sync


def _moments_of_all_replicas(x):
    """Mean and variance of each channel over the batch on all replicas, and the number of values behind each."""
    axes = list(range(x.shape.rank - 1))
    count = tf.cast(tf.size(x) / tf.shape(x)[-1], tf.float32)
    replica = tf.distribute.get_replica_context()
    mean = replica.all_reduce("MEAN", tf.reduce_mean(x, axes))  # differentiable
    variance = replica.all_reduce("MEAN", tf.reduce_mean((x - mean) ** 2, axes))
    return mean, variance, count * replica.num_replicas_in_sync


class Activation(tf.Module):
    """An activation by name, with its learned slopes or its random numbers."""

    statistics: dict[str, tf.Variable] = {}  # noqa: RUF012 (none, and never any)

    def __init__(self, kind: str, channels: int, index: int, name: str):
        """Create the slopes, for 'prelu'.

        Args:
            kind: a name in `ops.ACTIVATION_NAMES`.
            channels: channels of the input.
            index: index of the layer in its network, so that each layer draws numbers of its own.
            name: name of the layer; the learned slopes are `<name>/slopes`.
        """
        super().__init__(name=name)
        self._apply = _ACTIVATIONS[kind]
        self.index = index
        self.slopes = tf.Variable(tf.fill([channels], PRELU_START), name="slopes") if kind == "prelu" else None

    @property
    def weights(self) -> dict[str, tf.Variable]:
        """The learned slopes, float32 [channels]; empty except for 'prelu'."""
        return {} if self.slopes is None else {f"{self.name}/slopes": self.slopes}

    def __call__(self, x: tf.Tensor, training: TrainingPass | None) -> tf.Tensor:
        """Apply to x [..., channels] in its own dtype."""
        return self._apply(self, x, training)


def _rrelu(layer, x, training):
    if training is None:
        return rrelu(x, None, training=False)
    return rrelu(x, tf.random.fold_in(training.seed, layer.index, alg="philox"))


_ACTIVATIONS = {
    "relu": lambda layer, x, training: tf.nn.relu(x),  # Nair and Hinton 2010
    "lrelu": lambda layer, x, training: lrelu(x),
    "prelu": lambda layer, x, training: prelu(x, layer.slopes),
    "elu": lambda layer, x, training: elu(x),
    "rrelu": _rrelu,
}


def enlarged(x: tf.Tensor) -> tf.Tensor:
    """Double the sides of pictures [B, H, W, C] by repeating every pixel."""
    # XLA has no gradient of a nearest `tf.image.resize`. `tf.repeat` forgets the known sides: `conv2d` decides from
    # them what is safe in bfloat16, and TFLite needs the channels.
    batch, height, width = (x.shape[axis] or tf.shape(x)[axis] for axis in range(3))
    doubled = tf.tile(tf.expand_dims(tf.expand_dims(x, 3), 2), [1, 1, 2, 1, 2, 1])
    return tf.reshape(doubled, [batch, 2 * height, 2 * width, x.shape[3]])


class Network(tf.Module):
    """The base class of all networks: class attributes that describe them, and the variables of their layers.

    A network is called with inputs float32 [B, H, W, C] of the kind `takes` and, in training, a `TrainingPass`. It
    returns float32 [B, h, w, num_outputs], where h = (H - 2 context) / stride, and likewise w. Its constructor takes
    `num_outputs`, the options that `registry.NETWORKS` lists for it, `seed` and `compute_dtype`.

    takes: the kind of input, a name in `inputs.INPUTS`.
    context: pixels at each border of the input that get no output.
    stride: how many input pixels one output pixel stands for, on each axis.
    multiple: the sides of inputs must be multiples of this.
    is_local: whether an output depends on no more than the `context` pixels around it. If so, pictures are predicted
        in tiles; otherwise whole, or in windows whose outputs are blended.
    compute_dtype: dtype of the convolutions, float32 or bfloat16.
    encoder: the layers that were trained elsewhere, or None.
    working_size: the shorter side in pixels to which larger pictures are reduced for prediction; None for any size.
    has_features: whether `features` gives what the last layer, a 1x1 convolution, makes the outputs of.
    """

    layers: list[tf.Module]
    encoder: Any = None
    working_size: int | None = None
    takes = "lightness"
    context = 0
    stride = 1
    multiple = 1
    is_local = True
    has_features = False
    compute_dtype = tf.float32

    @property
    def last(self) -> tf.Module:
        """The last layer, which gives the outputs."""
        return self.layers[-1]

    @property
    def weights(self) -> dict[str, tf.Variable]:
        """The trained variables by name (`conv1/filter`, ...), first layer first."""
        return {name: variable for layer in self.layers for name, variable in layer.weights.items()}

    @property
    def statistics(self) -> dict[str, tf.Variable]:
        """The moving averages of batch normalization by name; empty without it."""
        return {name: variable for layer in self.layers for name, variable in layer.statistics.items()}

    def pretrained(self) -> dict[str, np.ndarray]:
        """Return weights that were trained elsewhere, by the names of the variables; none by default."""
        return {}

    def freeze(self) -> None:
        """Use the current filters as constants in prediction; training still uses the variables.

        TensorFlow casts a constant and reorders it for its convolution kernels once, a variable for every picture.
        This saves a sixth of the time of the paper's network.
        """
        for layer in self.layers:
            if hasattr(layer, "freeze"):
                layer.freeze(self.compute_dtype)

    @property
    def saved(self) -> dict[str, tf.Variable]:
        """All variables that prediction needs: the content of a model file."""
        return self.weights | self.statistics
