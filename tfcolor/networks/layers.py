"""Layers shared by the networks: a few variables, and the `tf.nn` operations that use them.

A layer has `weights`, which training improves, and `statistics`, which it only averages; both dicts of
variables by name. Its call takes `training`, a `TrainingPass`, or None for prediction.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import tensorflow as tf

from tfcolor.ops.activations import PRELU_START, elu, lrelu, prelu
from tfcolor.ops.convolution import conv2d
from tfcolor.ops.rrelu import rrelu

NORM_EPSILON = 1e-3  # added to variances, as in Ioffe and Szegedy's later networks; 1e-5 is no better in bfloat16
_KEEP = 0.99  # of a moving average, from its hundredth batch on


@dataclass
class TrainingPass:
    """What one pass in training takes beside its input, and what it leaves.

    seed: int32 [2], of all that is random in it, for this step and replica.
    statistics: what the network's `statistics` are to become, by name; for the caller to assign.
    observe: called by each convolution with itself, its input and its output.
    """

    seed: tf.Tensor
    statistics: dict[str, tf.Tensor] = field(default_factory=dict)
    observe: Callable[["Convolution", tf.Tensor, tf.Tensor], None] = lambda *_: None


class Convolution(tf.Module):
    """A convolution with bias."""

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
    ):
        """Create the weights: He et al. 2015 (eq. 10), N(0, 2 / fan_in), and zero biases.

        Args:
            channels_in: channels of the input.
            channels_out: channels of the output.
            seed: int32 [2], a stateless seed; the same seed gives the same weights anywhere.
            name: of the layer; its weights are `<name>/filter` and `<name>/bias`.
            bias: whether there is one.
            kernel_size: side of the filter in pixels.
            stride, dilation, padding: see `ops.convolution.conv2d`; by default the output has two pixels less on
                each axis.
        """
        super().__init__(name=name)
        shape = [kernel_size, kernel_size, channels_in, channels_out]
        deviation = (2 / (kernel_size**2 * channels_in)) ** 0.5
        self._geometry = {"stride": stride, "dilation": dilation, "padding": padding}
        self.filter = tf.Variable(tf.random.stateless_normal(shape, seed, stddev=deviation), name="filter")
        self.bias = tf.Variable(tf.zeros([channels_out]), name="bias") if bias else None
        self._constant: np.ndarray | None = None

    def freeze(self, dtype: tf.DType) -> None:
        """Take the filter as it is now for all predictions to come, as a constant; see `Network.freeze`."""
        self._constant = tf.cast(self.filter, dtype).numpy()

    @property
    def weights(self) -> dict[str, tf.Variable]:
        """The variables by name, float32."""
        bias = {} if self.bias is None else {f"{self.name}/bias": self.bias}
        return {f"{self.name}/filter": self.filter} | bias

    def __call__(self, x: tf.Tensor, training: TrainingPass | None = None) -> tf.Tensor:
        """Convolve x [B, H, W, channels_in] in its own dtype -> [B, H', W', channels_out]."""
        is_frozen = training is None and self._constant is not None
        y = conv2d(x, tf.constant(self._constant) if is_frozen else self.filter, **self._geometry)
        y = y if self.bias is None else tf.nn.bias_add(y, tf.cast(self.bias, y.dtype))
        if training is not None:
            training.observe(self, x, y)
        return y


class BatchNorm(tf.Module):
    """Batch normalization of channels (Ioffe and Szegedy 2015, algorithms 1 and 2).

    In training, the statistics are those of the whole batch over all replicas, so that several
    replicas compute what one would. In prediction they are moving averages.
    """

    def __init__(self, channels: int, name: str):
        """Start with scale 1 and offset 0; weights and statistics are named `<name>/...`."""
        super().__init__(name=name)
        self.scale = tf.Variable(tf.ones([channels]), name="scale")
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
        """The moving averages, float32 [channels], and how many batches went into them."""
        return {f"{self.name}/{part}": getattr(self, part) for part in ("mean", "variance", "updates")}

    def __call__(self, x: tf.Tensor, training: TrainingPass | None) -> tf.Tensor:
        """Normalize x [..., channels]; computed in float32, returned in the dtype of x."""
        if training is None:
            return self._fused(x, self.mean, self.variance, is_training=False)[0]
        if _replicas() == 1:
            y, mean, variance = self._fused(x, [], [], is_training=True)
        else:
            values = tf.cast(x, tf.float32)
            mean, variance, count = _moments_of_all_replicas(values)
            y = tf.nn.batch_normalization(values, mean, variance, self.offset, self.scale, NORM_EPSILON)
            y, variance = tf.cast(y, x.dtype), variance * count / tf.maximum(count - 1, 1)
        training.statistics |= self._averages(mean, variance)
        return y

    def _fused(self, x, mean, variance, is_training):
        """One operation, several times faster on a CPU; the batch variance that it gives is the unbiased one."""
        weights = {"scale": self.scale, "offset": self.offset, "mean": mean, "variance": variance}
        images = x if x.shape.rank == 4 else tf.reshape(x, [-1, 1, 1, x.shape[-1]])
        y, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=images, **weights, epsilon=NORM_EPSILON, is_training=is_training
        )
        return (y if x.shape.rank == 4 else tf.reshape(y, tf.shape(x))), mean, variance

    def as_affine(self) -> tuple[tf.Tensor, tf.Tensor]:
        """What it does to x in prediction, as a factor and what is added: float32 [channels] each."""
        factor = self.scale * tf.math.rsqrt(self.variance + NORM_EPSILON)
        return factor, self.offset - self.mean * factor

    def _averages(self, mean, variance):
        # Of all batches at first, so that where they start does not matter.
        keep = tf.minimum(_KEEP, self.updates / (self.updates + 1))
        new = {
            "mean": keep * self.mean + (1 - keep) * mean,
            "variance": keep * self.variance + (1 - keep) * variance,
            "updates": self.updates + 1,
        }
        return {f"{self.name}/{part}": tf.stop_gradient(value) for part, value in new.items()}


class NormalizedConvolution(tf.Module):
    """A 3x3 VALID convolution without bias, and batch normalization of what it gives.

    In prediction the two are one convolution: a factor of a channel is a factor of its filter.
    """

    def __init__(self, channels_in: int, channels_out: int, seed: tf.Tensor, name: str):
        """Create both; the arguments are those of `Convolution`."""
        super().__init__(name=name)
        self._convolution = Convolution(channels_in, channels_out, seed, name, bias=False)
        self._norm = BatchNorm(channels_out, name)
        self._constant: np.ndarray | None = None

    def freeze(self, dtype: tf.DType) -> None:
        """As that of `Convolution`, of the filter with the factors of normalization in it."""
        self._constant = tf.cast(self._convolution.filter * self._norm.as_affine()[0], dtype).numpy()

    @property
    def weights(self) -> dict[str, tf.Variable]:
        """The learned variables by name: the filter, and scale and offset of the normalization."""
        return self._convolution.weights | self._norm.weights

    @property
    def statistics(self) -> dict[str, tf.Variable]:
        """Those of the normalization."""
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
    """Mean and variance of channels over the batch of all replicas, and the number of values in each."""
    axes = list(range(x.shape.rank - 1))
    count = tf.cast(tf.size(x) / tf.shape(x)[-1], tf.float32)
    replica = tf.distribute.get_replica_context()
    mean = replica.all_reduce("MEAN", tf.reduce_mean(x, axes))  # with a gradient
    variance = replica.all_reduce("MEAN", tf.reduce_mean((x - mean) ** 2, axes))
    return mean, variance, count * replica.num_replicas_in_sync


class Activation(tf.Module):
    """An activation by name, with what it learns or draws."""

    statistics: dict[str, tf.Variable] = {}  # noqa: RUF012 (none, and never any)

    def __init__(self, kind: str, channels: int, index: int, name: str):
        """Create the slopes where there are any.

        Args:
            kind: a name in `ops.ACTIVATION_NAMES`.
            channels: of what it is applied to.
            index: of the layer in its network; layers draw different numbers.
            name: of the layer; the learned slopes are `<name>/slopes`.
        """
        super().__init__(name=name)
        self._apply = _ACTIVATIONS[kind]
        self.index = index
        self.slopes = tf.Variable(tf.fill([channels], PRELU_START), name="slopes") if kind == "prelu" else None

    @property
    def weights(self) -> dict[str, tf.Variable]:
        """The learned slopes, float32 [channels], or nothing."""
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


class Network(tf.Module):
    """What all networks share: what they take and give, and the variables of their layers, in order.

    Called with inputs float32 [B, H, W, C] of the kind `takes`, and in training with a `TrainingPass` as its second
    argument, it returns float32 [B, h, w, num_outputs], where h = (H - 2 context) / stride, and w likewise. Its
    constructor takes `num_outputs`, the options named in `registry.NETWORKS`, `seed` and `compute_dtype`.

    takes: a name in `inputs.INPUTS`.
    context: pixels on each side of a window that are used up.
    stride: pixels of the input, on either axis, for each one of the output.
    multiple: the sides of inputs must be multiples of this.
    is_local: whether an output depends on no more than the `context` pixels around it. Pictures then go through in
        tiles; otherwise they go whole, or in windows whose outputs are blended.
    compute_dtype: of the convolutions, float32 or bfloat16.
    """

    layers: list[tf.Module]
    takes = "lightness"
    context = 0
    stride = 1
    multiple = 1
    is_local = True
    compute_dtype = tf.float32

    @property
    def last(self) -> tf.Module:
        """The layer that gives the outputs."""
        return self.layers[-1]

    @property
    def weights(self) -> dict[str, tf.Variable]:
        """What training improves, by name (`conv1/filter`, ...), first layer first."""
        return {name: variable for layer in self.layers for name, variable in layer.weights.items()}

    @property
    def statistics(self) -> dict[str, tf.Variable]:
        """The moving averages of batch normalization, by name; empty without it."""
        return {name: variable for layer in self.layers for name, variable in layer.statistics.items()}

    def freeze(self) -> None:
        """Make the filters constants for prediction, as they are now; training goes on with the variables.

        What is constant in a graph is cast to the dtype of the convolutions, and brought into the order that their
        kernels want, once and not for each picture: a sixth of the time of the paper's network.
        """
        for layer in self.layers:
            if isinstance(layer, (Convolution, NormalizedConvolution)):
                layer.freeze(self.compute_dtype)

    @property
    def saved(self) -> dict[str, tf.Variable]:
        """All that prediction needs, and that a model file holds."""
        return self.weights | self.statistics
