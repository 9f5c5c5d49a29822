"""Initial weights: those of He et al. that networks begin with, Xavier's, and some that depend on the data."""

import math

import numpy as np
import tensorflow as tf

from tfcolor.networks.layers import Convolution, Network, TrainingPass

_KMEANS_LAYERS = 3  # in the first layers patches are still pixels that resemble each other
_PATCHES = 20_000  # for k-means
_CALIBRATIONS = 10
_DRAWS = 4  # of gradients: the first layers have few weights, so that one draw says little
_TINY = 1e-30
_CLOSE = 0.01  # relative difference of the logarithms of rates


def xavier(network: Network, seed: int) -> None:
    """Draw all filters from N(0, 2 / (fan_in + fan_out)) (Glorot and Bengio 2010, eq. 12, as a normal distribution).

    Args:
        network: its filters are replaced; its biases are zero already.
        seed: of the draws.
    """
    for index, layer in enumerate(convolutions(network)):
        height, width, before, after = layer.filter.shape
        deviation = math.sqrt(2 / (height * width * (before + after)))
        layer_seed = tf.random.fold_in([seed, 1], index)
        layer.filter.assign(tf.random.stateless_normal(layer.filter.shape, layer_seed, stddev=deviation))


def data_dependent(network: Network, lightness: tf.Tensor, seed: int) -> None:
    """Initialize as Kraehenbuehl et al. 2015 do, with batch normalization as it will be in training.

    First each layer in turn: filters from k-means on whitened patches of its input in the first layers, from N(0, 1)
    in the others; then divided, and biases set, so that each channel has mean 0 and deviation 1 over the
    photographs (their algorithm 1). Then all layers are scaled so that they learn at the same rate, that of a layer
    being the ratio of the root mean squares of its gradient and its filter (algorithm 2).

    Args:
        network: its filters and biases are replaced.
        lightness: float32 [B, H, W, 1], L* in [0, 100], of some photographs.
        seed: of all draws.
    """
    for index, layer in enumerate(convolutions(network)):
        layer_seed = [seed, 2 + index]
        inputs, _ = _seen(network, lightness, layer)
        layer.filter.assign(tf.random.stateless_normal(layer.filter.shape, layer_seed))
        if index < _KMEANS_LAYERS:
            layer.filter.assign(_kmeans_filters(layer, inputs, seed + index))
        _standardize(layer, _seen(network, lightness, layer)[1])
    _equalize_rates(network, lightness, seed)


def convolutions(network: Network) -> list[Convolution]:
    """The convolutions of a network, first layer first."""
    return [module for layer in network.layers for module in (layer, *layer.submodules) if type(module) is Convolution]


def learning_rates(network: Network, lightness: tf.Tensor, seed: int) -> tuple[np.ndarray, float]:
    """How fast layers learn: root mean square of the gradient by that of the filter, for random gradients of logits.

    Returns:
        float64 [layers], and the deviation of the logits.
    """
    filters = [layer.filter for layer in convolutions(network)]
    with tf.GradientTape(persistent=True) as tape:
        logits = network(lightness, TrainingPass(tf.constant([seed, 0])))
    squares = np.zeros(len(filters))
    for draw in range(_DRAWS):
        upstream = tf.random.stateless_normal(tf.shape(logits), tf.random.fold_in([seed, 3], draw))
        squares += [_mean_square(gradient) / _DRAWS for gradient in tape.gradient(logits, filters, upstream)]
    rates = np.sqrt(squares / [_mean_square(variable) for variable in filters])
    return np.maximum(rates, _TINY), float(tf.math.reduce_std(logits))


def _mean_square(x):
    return float(tf.reduce_mean(tf.square(x)))


def _seen(network, lightness, layer):
    """A layer's input and output for these photographs."""
    found = []

    def observe(observed, x, y):
        if observed is layer:
            found.append((tf.cast(x, tf.float32), tf.cast(y, tf.float32)))

    network(lightness, TrainingPass(tf.constant([0, 0]), observe=observe))
    return found[0]


def _standardize(layer, outputs):
    """Make a layer's outputs have mean 0 and deviation 1; a channel that is constant stays as it is."""
    mean, variance = tf.nn.moments(outputs, [0, 1, 2])
    deviation = tf.where(variance > 1e-12, tf.sqrt(variance), 1.0)
    layer.filter.assign(layer.filter / deviation)
    if layer.bias is not None:
        layer.bias.assign((layer.bias - mean) / deviation)


def _kmeans_filters(layer, inputs, seed):
    """Centres of k-means on patches of the input, whitened and of length 1; N(0, 1) for what there is not enough of."""
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
    inputs_before = _input_scales(network, lightness)
    for _ in range(_CALIBRATIONS):
        rates, deviation = learning_rates(network, lightness, seed)
        # Of a network that is homogeneous the geometric mean is what scaling leaves as it is.
        target = np.exp(np.log(rates).mean()) * deviation ** (1 / len(rates))
        if (np.abs(np.log(rates / target)) < _CLOSE).all():
            return
        for index, (layer, rate) in enumerate(zip(layers, rates, strict=True)):
            scale = math.sqrt(rate / target)
            layer.filter.assign(layer.filter * scale)
            if layer.bias is not None:
                # What comes in has been scaled by the layers before, and the bias must be with it.
                before = _input_scales(network, lightness, index)
                layer.bias.assign(layer.bias * (scale * before / inputs_before[index]))
                inputs_before[index] = before


def _input_scales(network, lightness, index=None):
    """The mean magnitudes of what layers take; of one only where it is named by its place."""
    layers, found = convolutions(network), {}

    def observe(layer, x, y):
        found[layers.index(layer)] = float(tf.reduce_mean(tf.abs(tf.cast(x, tf.float32))))

    network(lightness, TrainingPass(tf.constant([0, 0]), observe=observe))
    return found if index is None else found[index]
