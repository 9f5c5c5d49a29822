"""Temperature scaling (Guo et al. 2017): makes a model's confidence match how often it is right."""

from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar

from tfcolor.color.encoding import bins_of
from tfcolor.colorizer.colorizer import Colorizer
from tfcolor.evaluation.measuring import distribution_sums, tracked_truths
from tfcolor.evaluation.metrics import calibration_error
from tfcolor.models.directory import load_model, save_model
from tfcolor.utils.errors import WorkError
from tfcolor.utils.files import new_folder

BOUNDS = (0.1, 10.0)  # of the temperature
_PIXELS = 100_000  # enough to fit one number


def calibrate(model: Path, target: Path, paths: list[Path], photographs: str) -> dict[str, Any]:
    """Fit a model's temperature on photographs, and write a copy of the model with it.

    Args:
        model: the model directory, which is not changed.
        target: folder of the copy, written whole or not at all.
        paths: paths of the photographs; unreadable ones are left out, with a line for each.
        photographs: description of the photographs for the copy's `model.json`.

    Returns:
        `temperature`, `photographs`, and the results of `measure` as `before` and `after`.

    Raises:
        WorkError: if no photograph can be read, or no temperature fits.
    """
    logits, true_bins = sample(model, paths)
    temperature = fit(logits, true_bins)
    calibration = {
        "temperature": temperature,
        "photographs": photographs,
        "before": measure(logits, true_bins, 1.0),
        "after": measure(logits, true_bins, temperature),
    }
    write(model, target, calibration)
    return calibration


def sample(model: Path, paths: list[Path]) -> tuple[np.ndarray, np.ndarray]:
    """Predict random pixels, equally many from each photograph, without the rebalancing weights of the training.

    Args:
        model: the model directory.
        paths: paths of the photographs.

    Returns:
        logits: float32 [N, Q], as if the network had been trained with lambda = 1.
        true_bins: int32 [N].

    Raises:
        WorkError: if no photograph can be read.
    """
    colorizer, rng = Colorizer.load(model), np.random.default_rng(0)
    log_weights = colorizer.objective.log_weights(1.0)
    logits, true_bins = [], []
    for _, truth in tracked_truths("predicting", paths):
        drawn = np.zeros(truth.lightness.shape, bool)
        count = min(drawn.size, -(-_PIXELS // len(paths)))
        drawn.flat[rng.choice(drawn.size, count, replace=False)] = True
        for part in colorizer.tiles(truth.lightness[None]):
            here = drawn[part.place]
            logits.append((part.outputs[0] + log_weights).numpy()[here])
            true_bins.append(bins_of(truth.ab[part.place][here], colorizer.bins))
    if not logits:
        raise WorkError(f"none of {len(paths)} photographs can be read, so nothing can be fitted")
    return np.concatenate(logits), np.concatenate(true_bins).astype(np.int32)


def fit(logits: np.ndarray, true_bins: np.ndarray) -> float:
    """Find the temperature that gives the least cross-entropy (Guo et al. 2017, section 4.2).

    Args:
        logits: float32 [N, Q].
        true_bins: int32 [N].

    Returns:
        The divisor of logits, within `BOUNDS`; above 1 for a network that is overconfident.

    Raises:
        WorkError: if the best temperature is outside, as for a network that knows nothing.
    """
    loss = lambda log_temperature: measure(logits, true_bins, np.exp(log_temperature))["cross_entropy"]  # noqa: E731
    low, high = BOUNDS
    temperature = float(np.exp(minimize_scalar(loss, bounds=np.log(BOUNDS), method="bounded").x))
    if not 1.01 * low < temperature < high / 1.01:
        raise WorkError(f"no temperature from {low:g} to {high:g} fits: the model predicts these photographs too badly")
    return temperature


def measure(logits: np.ndarray, true_bins: np.ndarray, temperature: float) -> dict[str, float]:
    """Measure distributions at a temperature.

    Args:
        logits: float32 [N, Q].
        true_bins: int32 [N].
        temperature: the divisor of the logits.

    Returns:
        `cross_entropy` in nats, and `calibration_error` in per cent, see `metrics.calibration_error`.
    """
    no_weights = np.ones(logits.shape[-1], np.float32)
    found = distribution_sums(logits[None], true_bins[None], no_weights, np.float32(temperature))
    sums = {name: value.numpy() for name, value in found.items()}
    error = calibration_error(sums["counts"], sums["confidences"], sums["hits"])
    return {"cross_entropy": float(sums["cross_entropy"] / len(logits)), "calibration_error": float(100 * error)}


def write(model: Path, target: Path, calibration: dict[str, Any]) -> None:
    """Write a copy of a model with the temperature in its last layer, whole or not at all.

    The rebalancing weights w of the training are kept: logits x become (x - log w) / temperature + log w. The copy
    leaves out T, lambda and smoothing, which were chosen for the distributions before.

    Args:
        model: the model directory.
        target: folder of the copy.
        calibration: `temperature`, and whatever else `model.json` holds as `calibration`.
    """
    network, objective, info = load_model(model)
    last, temperature = network.last, calibration["temperature"]
    last.filter.assign(last.filter / temperature)
    last.bias.assign(last.bias / temperature + (1 - 1 / temperature) * np.log(objective.bins.weights))
    left_out = ("decoding", "decoding_chosen_by", "format_version", "network", "objective")
    kept = {key: value for key, value in info.content.items() if key not in left_out}
    with new_folder(target) as folder:
        save_model(folder, network, objective.bins, info.network, info.objective, kept | {"calibration": calibration})
