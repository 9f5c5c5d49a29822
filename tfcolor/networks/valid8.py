"""Eight 3x3 VALID convolutions; the number of channels grows in steps of Q/8."""

import tensorflow as tf

from tfcolor.networks.layers import Activation, Convolution, Network, NormalizedConvolution, TrainingPass


class Valid8(Network):
    """Colours a pixel from the 17x17 pixels of lightness around it.

    Layer k of 8 has k * (Q // 8) channels, and the last has Q. An activation follows each of the first seven. The
    output is 16 pixels smaller than the input on each axis, so that a window of 32x32 pixels gives 16x16.
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
            batch_norm: whether to normalize before each activation; its offset replaces the bias.
            seed: seed of the initial weights, which are the same for any activation, normalized or not.
            compute_dtype: dtype of the convolutions, float32 or bfloat16; variables stay float32.

        Raises:
            ValueError: for fewer than 8 outputs, with which some layers would have no channels.
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
        """Predict the colour of each pixel at least 8 pixels from the border.

        Args:
            lightness: float32 [B, H, W, 1], CIE L* in [0, 100]; H and W at least 17.
            training: the training pass; None for prediction.

        Returns:
            ab_logits, float32 [B, H-16, W-16, Q].
        """
        x = tf.cast(lightness / 50 - 1, self.compute_dtype)  # [-1, 1]; bfloat16 rounds L* near 100 to 0.5
        for layer in self.layers:
            x = layer(x, training)  # [B, H-2k, W-2k, k * (Q // 8)] after convolution k
        return tf.cast(x, tf.float32)
