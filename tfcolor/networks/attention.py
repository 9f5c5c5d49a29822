"""Self-attention (SAGAN, Zhang et al. 2019) with spectral normalization (Miyato et al. 2018)."""

import tensorflow as tf

from tfcolor.networks.layers import TrainingPass, initial_filter

_REDUCED = 8  # channels of queries and keys: the input's by 8; of values: by 2 (the authors' code, non_local.py)
_TINY = 1e-12  # keeps the length of a zero vector from dividing


class SpectralConvolution(tf.Module):
    """A 1x1 convolution without bias whose filter is divided by its largest singular value.

    The value is estimated by power iteration: once for each training step, from the vector of the step before
    (Miyato et al. 2018, algorithm 1). Prediction uses the vector as it is.
    """

    def __init__(self, channels_in: int, channels_out: int, seed: tf.Tensor, name: str):
        """Create the filter, He et al.'s, and the vector u of length 1, which is `<name>/u`."""
        super().__init__(name=name)
        filters = initial_filter([channels_in, channels_out], seed, (2 / channels_in) ** 0.5)
        self.filter = tf.Variable(filters, name="filter")
        u = tf.random.stateless_normal([channels_out], tf.random.fold_in(seed, 1))
        self.u = tf.Variable(tf.math.l2_normalize(u), trainable=False, name="u")

    @property
    def weights(self) -> dict[str, tf.Variable]:
        """The filter by name, float32 [channels_in, channels_out]."""
        return {f"{self.name}/filter": self.filter}

    @property
    def statistics(self) -> dict[str, tf.Variable]:
        """The vector u by name, float32 [channels_out]."""
        return {f"{self.name}/u": self.u}

    def normalized(self, training: TrainingPass | None) -> tf.Tensor:
        """Return the filter over its largest singular value; the vectors count as constants for the gradient."""
        fixed = tf.stop_gradient(self.filter)
        v = tf.math.l2_normalize(tf.linalg.matvec(fixed, self.u), epsilon=_TINY)
        u = self.u
        if training is not None:
            u = tf.math.l2_normalize(tf.linalg.matvec(fixed, v, transpose_a=True), epsilon=_TINY)
            training.statistics[f"{self.name}/u"] = u
        largest = tf.tensordot(v, tf.linalg.matvec(self.filter, tf.stop_gradient(u)), 1)
        return self.filter / tf.maximum(largest, _TINY)

    def __call__(self, x: tf.Tensor, training: TrainingPass | None = None) -> tf.Tensor:
        """Map x [B, N, channels_in] in its own dtype -> [B, N, channels_out]."""
        return tf.einsum("bnc,cd->bnd", x, tf.cast(self.normalized(training), x.dtype))


class SelfAttention(tf.Module):
    """Adds to each place what similar places of the picture hold, times a learned factor that starts at 0.

    Keys and values are pooled over 2x2 places, as in the authors' code; scores are not divided by anything.
    """

    def __init__(self, channels: int, seed: tf.Tensor, name: str):
        """Create the four 1x1 convolutions and the factor `<name>/gamma`.

        Args:
            channels: channels of the input.
            seed: int32 [2], a stateless seed.
            name: name of the layer.
        """
        super().__init__(name=name)
        narrow, half = max(1, channels // _REDUCED), max(1, channels // 2)
        sizes = {"query": (channels, narrow), "key": (channels, narrow), "value": (channels, half)}
        sizes["out"] = (half, channels)
        self._parts = {
            part: SpectralConvolution(*size, tf.random.fold_in(seed, k), f"{name}_{part}")
            for k, (part, size) in enumerate(sizes.items())
        }
        self.gamma = tf.Variable(0.0, name="gamma")

    @property
    def weights(self) -> dict[str, tf.Variable]:
        """The filters and the factor by name."""
        filters = {key: variable for part in self._parts.values() for key, variable in part.weights.items()}
        return filters | {f"{self.name}/gamma": self.gamma}

    @property
    def statistics(self) -> dict[str, tf.Variable]:
        """The vectors of spectral normalization by name."""
        return {key: variable for part in self._parts.values() for key, variable in part.statistics.items()}

    def __call__(self, x: tf.Tensor, training: TrainingPass | None = None) -> tf.Tensor:
        """Map x [B, H, W, channels], H and W even, to the same shape and dtype."""
        batch, height, width = (x.shape[axis] or tf.shape(x)[axis] for axis in range(3))
        places = tf.reshape(x, [batch, height * width, x.shape[3]])
        query = self._parts["query"](places, training)
        key, value = (self._pooled(self._parts[part](places, training), height, width) for part in ("key", "value"))
        shares = tf.nn.softmax(tf.cast(tf.matmul(query, key, transpose_b=True), tf.float32))  # [B, H W, H W / 4]
        found = self._parts["out"](tf.matmul(tf.cast(shares, x.dtype), value), training)
        return x + tf.cast(self.gamma, x.dtype) * tf.reshape(found, [batch, height, width, x.shape[3]])

    def _pooled(self, places, height, width):
        """The largest of each 2x2 places: [B, H W, C] -> [B, H W / 4, C]."""
        channels = places.shape[2]
        pooled = tf.nn.max_pool2d(tf.reshape(places, [-1, height, width, channels]), 2, 2, "VALID")
        return tf.reshape(pooled, [-1, (height // 2) * (width // 2), channels])
