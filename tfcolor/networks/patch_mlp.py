"""A perceptron with one hidden layer that classifies a pixel from the gray patch around it, as a convolution."""

import tensorflow as tf

from tfcolor.networks.layers import Activation, Convolution, Network, TrainingPass


class PatchMLP(Network):
    """Colours a pixel from the side x side pixels of lightness around it (Richart, Visca and Baliosian 2017).

    A perceptron over all patches of a picture is a VALID convolution with one filter for each hidden unit, followed by
    a 1x1 convolution. So a patch is never cut out, and a picture is coloured in two operations.
    """

    context = 6  # with the default side; each network has its own

    def __init__(
        self,
        num_outputs: int,
        side: int = 13,
        hidden: int = 100,
        activation: str = "relu",
        seed: int = 0,
        compute_dtype: tf.DType = tf.float32,
    ):
        """Create the weights.

        Args:
            num_outputs: Q, the number of colour bins.
            side: of the patch, in pixels; odd, so that it has a pixel in the middle.
            hidden: number of hidden units; the paper tried up to 100.
            activation: of the hidden units, a name in `ops.ACTIVATION_NAMES`.
            seed: seed of the initial weights.
            compute_dtype: dtype of the convolutions, float32 or bfloat16; variables stay float32.

        Raises:
            ValueError: for an even side.
        """
        super().__init__(name="patch_mlp")
        if side % 2 == 0:
            raise ValueError(f"side must be odd, got {side}")
        self.compute_dtype, self.context = compute_dtype, side // 2
        seeds = [tf.random.fold_in([seed, 0], k) for k in (1, 2)]
        self.layers = [
            Convolution(1, hidden, seeds[0], "hidden", kernel_size=side),
            Activation(activation, hidden, 1, "hidden"),
            Convolution(hidden, num_outputs, seeds[1], "logits", kernel_size=1),
        ]

    def __call__(self, lightness: tf.Tensor, training: TrainingPass | None = None) -> tf.Tensor:
        """Predict the colour of each pixel that has a whole patch around it.

        Args:
            lightness: float32 [B, H, W, 1], CIE L* in [0, 100]; H and W at least `side`.
            training: the training pass; None for prediction.

        Returns:
            ab_logits, float32 [B, H - side + 1, W - side + 1, Q].
        """
        x = tf.cast(lightness / 50 - 1, self.compute_dtype)  # [-1, 1], as valid8 has it
        for layer in self.layers:
            x = layer(x, training)  # [B, H - side + 1, W - side + 1, hidden] after the first
        return tf.cast(x, tf.float32)
