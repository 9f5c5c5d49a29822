"""Makes the convolutions of the auto-encoders."""

from collections.abc import Sequence

import tensorflow as tf

from tfcolor.networks.layers import Convolution


class ConvolutionStack:
    """Makes the padded 3x3 convolutions of an auto-encoder, with seeds in the order of their making."""

    def __init__(self, seed: int, width: float):
        """Take the seed of the initial weights, and the factor for the channels."""
        self._seeds = (tf.random.fold_in([seed, 0], k) for k in range(1, 100))
        self._width = width

    def add(self, name: str, channels_in: int, sizes: Sequence[tuple[int, int]], first: int = 1) -> list[Convolution]:
        """Make convolutions one after the other.

        Args:
            name: what their names begin with.
            channels_in: channels of the input at width 1; 1 for lightness at any width.
            sizes: channels at width 1 and stride of each.
            first: number of the first one, for the name.
        """
        made = []
        for number, (channels, stride) in enumerate(sizes, start=first):
            sides = self._wide(channels_in), self._wide(channels)
            made.append(Convolution(*sides, next(self._seeds), f"{name}{number}", stride=stride, padding=1))
            channels_in = channels
        return made

    def fusion(self, channels_in: int, vector: int, channels: int) -> Convolution:
        """Make the 1x1 convolution of features with a vector, whose length does not depend on the width."""
        sides = self._wide(channels_in) + vector, self._wide(channels)
        return Convolution(*sides, next(self._seeds), "fusion", kernel_size=1)

    def last(self, channels_in: int, num_outputs: int) -> Convolution:
        """Make the convolution that gives the outputs."""
        return Convolution(self._wide(channels_in), num_outputs, next(self._seeds), "logits", padding=1)

    def _wide(self, channels):
        return channels if channels == 1 else max(1, round(channels * self._width))
