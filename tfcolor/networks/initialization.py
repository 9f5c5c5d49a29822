"""Initial weights beside those of He et al., which networks are created with: Xavier's, and data-dependent ones."""

import math

import numpy as np
import tensorflow as tf

from tfcolor.networks.layers import Convolution, Network, TrainingPass

_KMEANS_LAYERS = 3  # only the first layers: their patches still look like pieces of pictures
_PATCHES = 20_000  # for k-means
_MAX_ITERATIONS = 10  # of algorithm 2
_DRAWS = 4  # random gradients to average over: the first layers have few weights, so one draw is too noisy
_MIN_RATE = 1e-30  # keeps logarithms finite
_TOLERANCE = 0.01  # difference of log rates below which they count as equal


def xavier(network: Network, seed: int) -> None:
    """Draw all filters from N(0, 2 / (fan_in + fan_out)) (Glorot and Bengio 2010, eq. 12, as a normal distribution).

    Args:
        network: its filters are replaced; its biases are already zero.
        seed: seed of the random filters.
    """
    for index, layer in enumerate(convolutions(network)):
        height, width, before, after = layer.filter.shape
        deviation = math.sqrt(2 / (height * width * (before + after)))
        layer_seed = tf.random.fold_in([seed, 1], index)
        layer.filter.assign(tf.random.stateless_normal(layer.filter.shape, layer_seed, stddev=deviation))


def data_dependent(network: Network, lightness: tf.Tensor, seed: int) -> None:
    """Initialize from data as Kraehenbuehl et al. 2015 do, with batch normalization in training mode.

    Algorithm 1 goes through the layers in order. The first layers get filters from k-means on whitened patches of
    their input, the others get filters from N(0, 1). Filters are then scaled and biases set so that each channel has
    mean 0 and standard deviation 1 over the photographs. Algorithm 2 then scales all layers until they change at the
    same rate, see `change_rates`.

    Args:
        network: its filters and biases are replaced.
        lightness: float32 [B, H, W, 1], L* in [0, 100], of a few photographs.
        seed: seed of everything random.
    """
    for index, layer in enumerate(convolutions(network)):
        layer_seed = [seed, 2 + index]
        inputs, _ = _input_and_output(network, lightness, layer)
        layer.filter.assign(tf.random.stateless_normal(layer.filter.shape, layer_seed))
        if index < _KMEANS_LAYERS:
            layer.filter.assign(_kmeans_filters(layer, inputs, seed + index))
        _standardize(layer, _input_and_output(network, lightness, layer)[1])
    _equalize_rates(network, lightness, seed)


def convolutions(network: Network) -> list[Convolution]:
    """List the convolutions of a network, first layer first."""
    return [module for layer in network.layers for module in (layer, *layer.submodules) if type(module) is Convolution]


def change_rates(network: Network, lightness: tf.Tensor, seed: int) -> tuple[np.ndarray, float]:
    """Measure how fast each layer changes: the RMS of its filter's gradient over the RMS of the filter.

    Args:
        network: with any number of layers.
        lightness: float32 [B, H, W, 1], L* in [0, 100], of a few photographs.
        seed: seed of the random gradients of the logits that are propagated back.

    Returns:
        The rates, float64 [layers], and the standard deviation of the logits.
    """
    filters = [layer.filter for layer in convolutions(network)]
    with tf.GradientTape(persistent=True) as tape:
        logits = network(lightness, TrainingPass(tf.constant([seed, 0])))
    squares = np.zeros(len(filters))
    for draw in range(_DRAWS):
        upstream = tf.random.stateless_normal(tf.shape(logits), tf.random.fold_in([seed, 3], draw))
        squares += [_mean_square(gradient) / _DRAWS for gradient in tape.gradient(logits, filters, upstream)]
    rates = np.sqrt(squares / [_mean_square(variable) for variable in filters])
    return np.maximum(rates, _MIN_RATE), float(tf.math.reduce_std(logits))


def _mean_square(x):
    return float(tf.reduce_mean(tf.square(x)))


def _input_and_output(network, lightness, layer):
    """A layer's input and output for these photographs, float32."""
    observed = []

    def observe(convolution, x, y):
        if convolution is layer:
            observed.append((tf.cast(x, tf.float32), tf.cast(y, tf.float32)))

    network(lightness, TrainingPass(tf.constant([0, 0]), observe=observe))
    return observed[0]


def _standardize(layer, outputs):
    """Give outputs standard deviation 1, except constant channels, and mean 0 if the layer has a bias."""
    mean, variance = tf.nn.moments(outputs, [0, 1, 2])
    deviation = tf.where(variance > 1e-12, tf.sqrt(variance), 1.0)
    layer.filter.assign(layer.filter / deviation)
    if layer.bias is not None:
        layer.bias.assign((layer.bias - mean) / deviation)


def _kmeans_filters(layer, inputs, seed):
    """Filters from k-means on patches of the input, whitened and of length 1; N(0, 1) where patches are too few."""
    from scipy.cluster.vq import kmeans2

    rng = np.random.default_rng(seed)
    side, _, before, after = layer.filter.shape
    patches = tf.image.extract_patches(inputs, [1, side, side, 1], [1, side, side, 1], [1, 1, 1, 1], "VALID")
    patches = tf.reshape(patches, [-1, side * side * before]).numpy().astype(np.float64)
    patches = rng.permutation(patches)[:_PATCHES]
    centred = patches - patches.mean(axis=0)
    variances, directions = np.linalg.eigh(centred.T @ centred / len(centred))
    whiten = directions / np.sqrt(np.maximum(variances, 0) + 1e-3 * max(variances.max(), 1e-12))
    white = centred @ whiten
    white /= np.maximum(np.linalg.norm(white, axis=1, keepdims=True), 1e-9)
    count = min(after, len(white))
    centres, _ = kmeans2(white, count, minit="points", rng=rng)
    filters = rng.normal(size=[after, side * side * before])
    filters[:count] = centres @ whiten.T
    return filters.T.reshape(layer.filter.shape).astype(np.float32)


def _equalize_rates(network, lightness, seed):
    layers = convolutions(network)
    previous_scales = _input_scales(network, lightness)
    for _ in range(_MAX_ITERATIONS):
        rates, deviation = change_rates(network, lightness, seed)
        # Rescaling the layers of a homogeneous network does not change the geometric mean of their rates.
        target = np.exp(np.log(rates).mean()) * deviation ** (1 / len(rates))
        if (np.abs(np.log(rates / target)) < _TOLERANCE).all():
            return
        for index, (layer, rate) in enumerate(zip(layers, rates, strict=True)):
            scale = math.sqrt(rate / target)
            layer.filter.assign(layer.filter * scale)
            if layer.bias is not None:
                # The layers before have scaled the input, so the bias needs the same factor.
                input_scale = _input_scales(network, lightness)[index]
                layer.bias.assign(layer.bias * (scale * input_scale / previous_scales[index]))
                previous_scales[index] = input_scale


def _input_scales(network, lightness):
    """The mean absolute input of each layer, by its index."""
    layers, scales = convolutions(network), {}

    def observe(layer, x, y):
        scales[layers.index(layer)] = float(tf.reduce_mean(tf.abs(tf.cast(x, tf.float32))))

    network(lightness, TrainingPass(tf.constant([0, 0]), observe=observe))
    return scales
