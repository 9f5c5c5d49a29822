"""Eight 3x3 VALID convolutions whose channels grow in steps of Q/8."""

import tensorflow as tf

from tfcolor.networks.layers import Activation, Convolution, Network, NormalizedConvolution, TrainingPass


class Valid8(Network):
    """Colours a pixel from the 17x17 pixels of lightness around it.

    Layer k of 8 has k * (Q // 8) channels, the last has Q; an activation follows each of the
    first seven. 32x32 pixels give 16x16 coloured ones, and any larger input works as well.
    """

    num_layers = 8
    context = num_layers  # each VALID 3x3 convolution uses up one pixel on every side

    def __init__(
        self,
        num_outputs: int,
        activation: str = "relu",
        batch_norm: bool = False,
        seed: int = 0,
        compute_dtype: tf.DType = tf.float32,
    ):
        """Create the weights.

        Args:
            num_outputs: Q, the number of colour bins; at least 8.
            activation: a name in `ops.ACTIVATION_NAMES`.
            batch_norm: whether to normalize before each activation; the offset there replaces the bias.
            seed: of the initial weights, which neither activation nor normalization change.
            compute_dtype: of the convolutions, float32 or bfloat16; variables stay float32.

        Raises:
            ValueError: for fewer than 8 outputs, where layers would have no channels.
        """
        super().__init__(name="valid8")
        if num_outputs < self.num_layers:
            raise ValueError(f"num_outputs must be at least {self.num_layers}, got {num_outputs}")
        self.compute_dtype = compute_dtype
        channels = [1, *(k * (num_outputs // 8) for k in range(1, self.num_layers)), num_outputs]
        self.layers = []
        for k in range(1, self.num_layers + 1):
            name, is_last = f"conv{k}", k == self.num_layers
            layer_seed = tf.random.fold_in([seed, 0], k)
            convolution = NormalizedConvolution if batch_norm and not is_last else Convolution
            self.layers.append(convolution(channels[k - 1], channels[k], layer_seed, name))
            if not is_last:
                self.layers.append(Activation(activation, channels[k], k, name))

    def __call__(self, lightness: tf.Tensor, training: TrainingPass | None = None) -> tf.Tensor:
        """Predict the colour of each pixel that has its whole context.

        Args:
            lightness: float32 [B, H, W, 1], CIE L* in [0, 100]; H and W at least 17.
            training: in training, what is random there, and where new statistics go.

        Returns:
            ab_logits, float32 [B, H-16, W-16, Q].
        """
        x = tf.cast(lightness / 50 - 1, self.compute_dtype)  # [-1, 1]; bfloat16 could not tell 100.4 from 100.5
        for layer in self.layers:
            x = layer(x, training)  # [B, H-2k, W-2k, k * (Q // 8)] after convolution k
        return tf.cast(x, tf.float32)
