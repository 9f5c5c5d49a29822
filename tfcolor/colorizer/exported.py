"""All of `Colorizer.predict_ab` and `Colorizer.colorize` in one graph each, for other programs."""

from pathlib import Path

import tensorflow as tf

from tfcolor.color.guided_filter import MIDDLE, border, guided, lines
from tfcolor.color.lab import (
    is_outside_gamut,
    lab_to_linear,
    levels_to_lightness,
    linear_to_rgb,
    to_gamut_border,
    to_levels,
)
from tfcolor.colorizer.blending import OVERVIEW
from tfcolor.colorizer.working_size import LARGEST, RADIUS, reduced_sides
from tfcolor.models.directory import load_model
from tfcolor.networks.inputs import INPUTS
from tfcolor.utils.mirror import mirrored


class Exported(tf.Module):
    """The exported model, in float32.

    The network always sees pictures whole, never in tiles or windows. So results equal those of `Colorizer` for local
    networks and for those with a working size, and for others in pictures of up to 512 pixels on each side.
    """

    def __init__(self, model: Path):
        """Load a model directory; lambda, smoothing and strength are taken from it."""
        super().__init__()
        self.network, self.objective, info = load_model(model)
        self._decoding = info.decoding
        self._margin = border(info.decoding.smoothing)
        self._log_weights = self.objective.log_weights(info.decoding.uniform_share)

    def predict(self, lightness: tf.Tensor, temperature: tf.Tensor) -> dict[str, tf.Tensor]:
        """Predict the colours of pictures.

        Args:
            lightness: float32 [B, H, W, 1], L* in [0, 100], of any size from 1x1.
            temperature: float32 [], T in [0, 1].

        Returns:
            ab: float32 [B, H, W, 2], ab units.
        """
        if self.network.working_size:
            ab = self._colors_at_working_size(lightness, temperature)
        else:
            outputs = (self._local_outputs if self.network.is_local else self._global_outputs)(lightness)
            ab = self.objective.to_ab(outputs + self._log_weights, temperature)
        guide = _extended(lightness, self._margin)
        return {"ab": self._decoding.strength * guided(ab, guide, self._decoding.smoothing)}

    def colorize(self, pictures: tf.Tensor, temperature: tf.Tensor) -> dict[str, tf.Tensor]:
        """Colour pictures, keeping their lightness.

        Args:
            pictures: uint8 [B, H, W, 3], sRGB, of any size from 1x1; their own colours are ignored.
            temperature: float32 [], T in [0, 1].

        Returns:
            colored: uint8 [B, H, W, 3], sRGB.
        """
        lightness = levels_to_lightness(pictures)[..., None]
        lab = tf.concat([lightness, self.predict(lightness, temperature)["ab"]], axis=-1)
        linear = lab_to_linear(lab)
        # Unlike `lab.visible` it moves all colours, since TFLite cannot replace some of them.
        border = tf.reshape(lab_to_linear(to_gamut_border(tf.reshape(lab, [-1, 3]))), tf.shape(lab))
        return {"colored": to_levels(linear_to_rgb(tf.where(is_outside_gamut(linear)[..., None], border, linear)))}

    def _colors_at_working_size(self, lightness, temperature):
        """The colours of all pixels and of the margin, as `working_size.ReducedOutputs.colors` gives them."""
        lengths = [_length(lightness, axis) for axis in (1, 2)]
        sides = _working_sides(lengths, self.network.working_size)
        reduced = lightness
        for axis, (length, side) in enumerate(zip(lengths, sides, strict=True), start=1):
            reduced = _along(_box_means(length, side), reduced, axis)
        seen, stride = self._padded(reduced), self.network.stride
        ab = self.objective.to_ab(self._forward(seen) + self._log_weights, temperature)
        guide = tf.nn.avg_pool2d(seen, stride, stride, "VALID")
        around = border(RADIUS)
        fitted = tf.concat(lines(_extended(ab, around), _extended(guide, around), RADIUS), axis=-1)
        for axis, (length, side) in enumerate(zip(lengths, sides, strict=True), start=1):
            cell = tf.cast(stride * length, tf.float32) / tf.cast(side, tf.float32)
            fitted = _interpolated(fitted, (tf.range(length, dtype=tf.float32) + 0.5) / cell - 0.5, axis)
        slope, offset = tf.split(fitted, 2, axis=-1)
        return _extended(slope * (lightness - MIDDLE) + offset, self._margin)

    def _local_outputs(self, lightness):
        """The outputs for all pixels, and for the margin that smoothing needs."""
        return self._forward(_extended(lightness, self.network.context + self._margin))

    def _global_outputs(self, lightness):
        """The same for other networks, equal to `blending.BlendedLogits` with a single window."""
        height, width = _length(lightness, 1), _length(lightness, 2)
        outputs = self._forward(self._padded(lightness))
        if lightness.shape[1] and lightness.shape[2]:
            if max(height, width) > OVERVIEW:
                outputs = self._with_overview(lightness, outputs)
        else:
            is_large = tf.maximum(height, width) > OVERVIEW
            outputs = tf.cond(is_large, lambda: self._with_overview(lightness, outputs), lambda: outputs)
        sides = [_length(outputs, axis) * self.network.stride for axis in (1, 2)]
        enlarged = tf.image.resize(outputs, sides, "bilinear")[:, :height, :width]
        return _extended(enlarged, self._margin)

    def _with_overview(self, lightness, outputs):
        """The mean of the outputs and the outputs of the reduced pictures."""
        around = self.network.multiple // self.network.stride
        lengths = [_length(lightness, axis) for axis in (1, 2)]
        sides = [_reduced_side(length, lengths) for length in lengths]
        for axis, (length, side) in enumerate(zip(lengths, sides, strict=True), start=1):
            lightness = _along(_box_means(length, side), lightness, axis)
        overview = self._forward(self._padded(lightness))
        overview = tf.pad(overview, [[0, 0], [around, around], [around, around], [0, 0]], "SYMMETRIC")
        for axis, (length, side) in enumerate(zip(lengths, sides, strict=True), start=1):
            overview = _resampled(overview, _length(outputs, axis), length, side, around, axis)
        return (outputs + overview) / 2

    def _forward(self, lightness):
        return self.network(INPUTS[self.network.takes].from_lightness(lightness))

    def _padded(self, lightness):
        """Pictures extended by mirror images to sides that the network takes."""
        for axis in (1, 2):
            lightness = _continued(lightness, 0, -_length(lightness, axis) % self.network.multiple, axis)
        return lightness


def _length(x, axis):
    return x.shape[axis] or tf.shape(x)[axis]


def _extended(x, width):
    """Pictures extended by mirror images, by `width` pixels on each side."""
    return _continued(_continued(x, width, width, 1), width, width, 2)


def _continued(x, before, after, axis):
    length = _length(x, axis)
    return tf.gather(x, mirrored(tf.range(-before, length + after), length), axis=axis)


def _working_sides(lengths, size):
    """`working_size.reduced_sides`, also for sides that are not known."""
    if all(isinstance(known, int) for known in lengths):
        return reduced_sides(*lengths, size)
    height, width = (tf.cast(length, tf.float32) for length in lengths)
    scale = tf.minimum(size / tf.minimum(height, width), tf.sqrt(LARGEST * size**2 / (height * width)))
    scale = tf.minimum(1.0, scale)
    return [tf.maximum(1, tf.cast(tf.round(scale * side), tf.int32)) for side in (height, width)]


def _reduced_side(length, lengths):
    """The side of a picture reduced to `OVERVIEW` pixels on its longer side."""
    if all(isinstance(known, int) for known in lengths):
        return max(1, round(OVERVIEW / max(lengths) * length))
    longest = tf.cast(tf.maximum(*lengths), tf.float32)
    return tf.maximum(1, tf.cast(tf.round(OVERVIEW / longest * tf.cast(length, tf.float32)), tf.int32))


def _box_means(length, side):
    """The weights of Pillow's box filter, with which `blending` reduces pictures: float32 [side, length].

    A pixel counts if its centre i + 1/2 lies in a cell, or on its right border. Cells are length / side long, and
    have centres (o + 1/2) length / side. The comparison is exact, in whole numbers.
    """
    pixels, cells = tf.range(length)[None], tf.range(side)[:, None]
    distance = (2 * pixels + 1) * side - (2 * cells + 1) * length
    weights = tf.cast((distance > -length) & (distance <= length), tf.float32)
    return weights / tf.reduce_sum(weights, axis=1, keepdims=True)


def _along(matrix, x, axis):
    """Multiply pictures [B, H, W, 1] by a matrix along an axis."""
    return tf.einsum("oh,bhwc->bowc" if axis == 1 else "ow,bhwc->bhoc", matrix, x)


def _resampled(overview, count, length, side, around, axis):
    """The outputs of the reduced pictures, interpolated at the cells of the full pictures along an axis."""
    scale = tf.cast(length, tf.float32) / tf.cast(side, tf.float32)
    return _interpolated(overview, (tf.range(count, dtype=tf.float32) + 0.5 + around * scale) / scale - 0.5, axis)


def _interpolated(x, positions, axis):
    """Values between those of x [B, H, W, C] along an axis; beyond its ends, the last ones."""
    low = tf.floor(positions)
    share = tf.reshape(positions - low, [-1, 1, 1] if axis == 1 else [1, -1, 1])
    last = _length(x, axis) - 1
    first, second = (tf.clip_by_value(tf.cast(low, tf.int32) + k, 0, last) for k in (0, 1))
    return tf.gather(x, first, axis=axis) * (1 - share) + tf.gather(x, second, axis=axis) * share
