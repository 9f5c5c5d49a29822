"""Windows of photographs -> what a network is to predict."""

import tensorflow as tf

from tfcolor.color.bins import Bins
from tfcolor.color.encoding import Encoder
from tfcolor.color.lab import levels_to_lab
from tfcolor.networks.layers import Network
from tfcolor.training.options import TrainingOptions

_GRAY = 5.0  # ab units; Zhang et al.'s released code


class TargetMaker:
    """Turns windows of sRGB into what a training step takes."""

    def __init__(
        self,
        bins: Bins,
        encoding: str,
        context: int,
        stride: int = 1,
        downsampling: str = "average",
        mask_gray: bool = False,
        objective: str = "classification",
    ):
        """Prepare the encoding.

        Args:
            bins: with the weights to use.
            encoding: 'soft' (5 nearest bins) or 'hard' (1).
            context: pixels on each side that the network uses up.
            stride: pixels for each one of the network's output.
            downsampling: how colours come to that resolution: the 'average' ab of stride x stride pixels, or
                the 'point' at their upper left, as Zhang et al.'s released code has it.
            mask_gray: whether windows without any |a| or |b| above 5 weigh nothing, as in that code.
            objective: 'classification', or 'regression', for which colours are left as they are.
        """
        self._encode = Encoder(bins, neighbours=1) if encoding == "hard" else Encoder(bins)
        self._weights = tf.constant(bins.weights, tf.float32)
        self._inside = slice(context, -context or None)
        self._stride, self._downsampling, self._mask_gray = stride, downsampling, mask_gray
        self._objective = objective

    @classmethod
    def of(cls, options: TrainingOptions, bins: Bins, network: type[Network]) -> "TargetMaker":
        """What a run with these options needs for a network."""
        form = (options.encoding, network.context, network.stride)
        return cls(bins, *form, options.downsampling, options.mask_gray, options.objective)

    def __call__(self, rgb: tf.Tensor) -> tuple[tf.Tensor, ...]:
        """Convert a batch of windows.

        Args:
            rgb: uint8 [B, P, P, 3], sRGB.

        Returns:
            lightness float32 [B, P, P, 1] in [0, 100]; and for the p = (P - 2 * context) / stride
            pixels of the output: the bins' indices int32 [B, p, p, k] and shares float32 [B, p, p, k] of
            the target, and the weight of the pixel's own bin, float32 [B, p, p]; for regression instead
            of these three ab, float32 [B, p, p, 2].
        """
        lab = levels_to_lab(rgb)
        ab = self._at_output(lab[:, self._inside, self._inside, 1:])
        if self._objective == "regression":
            return lab[..., :1], ab
        indices, shares = self._encode(ab)
        # v(Z) = w[argmax Z] (Zhang et al. 2016, eq. 3): the nearest bin has the largest share.
        weights = tf.gather(self._weights, indices[..., 0])
        if self._mask_gray:
            is_colored = tf.reduce_any(tf.abs(ab) > _GRAY, axis=[1, 2, 3], keepdims=True)
            weights *= tf.cast(is_colored[..., 0], tf.float32)
        return lab[..., :1], indices, shares, weights

    def _at_output(self, ab):
        if self._stride == 1:
            return ab
        if self._downsampling == "point":
            return ab[:, :: self._stride, :: self._stride]
        return tf.nn.avg_pool2d(ab, self._stride, self._stride, "VALID")
