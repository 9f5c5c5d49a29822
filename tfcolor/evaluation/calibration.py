"""Temperature scaling (Guo et al. 2017): a model becomes as sure as it is right."""

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
_PIXELS = 100_000  # that it is fitted to: one number needs no more


def calibrate(model: Path, target: Path, paths: list[Path], photographs: str) -> dict[str, Any]:
    """Fit a model's temperature on photographs, and write a copy of the model with it.

    Args:
        model: its directory, which stays as it is.
        target: folder of the copy, written whole or not at all.
        paths: of the photographs; those that cannot be read are left out, with a line each.
        photographs: what they are, for the copy's `model.json`.

    Returns:
        `temperature`, `photographs`, and `before` and `after` as `measure` gives them.

    Raises:
        WorkError: where no photograph can be read, or no temperature fits.
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
    """Distributions of pixels drawn at random from photographs, as many from each, without the training's weights.

    Args:
        model: its directory.
        paths: of the photographs.

    Returns:
        logits: float32 [N, Q], as of a network trained with lambda = 1.
        true_bins: int32 [N].

    Raises:
        WorkError: where no photograph can be read.
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
    """The temperature that logits must be divided by for the least cross-entropy (Guo et al. 2017, section 4.2).

    Args:
        logits: float32 [N, Q].
        true_bins: int32 [N].

    Returns:
        Within `BOUNDS`: above 1 where the network is surer than it is right.

    Raises:
        WorkError: where the best lies outside, as for a network that knows nothing.
    """
    loss = lambda log_temperature: measure(logits, true_bins, np.exp(log_temperature))["cross_entropy"]  # noqa: E731
    low, high = BOUNDS
    temperature = float(np.exp(minimize_scalar(loss, bounds=np.log(BOUNDS), method="bounded").x))
    if not 1.01 * low < temperature < high / 1.01:
        raise WorkError(f"no temperature from {low:g} to {high:g} is best: the model does not know these photographs")
    return temperature


def measure(logits: np.ndarray, true_bins: np.ndarray, temperature: float) -> dict[str, float]:
    """How good distributions are at a temperature.

    Args:
        logits: float32 [N, Q].
        true_bins: int32 [N].
        temperature: by which logits are divided.

    Returns:
        cross_entropy in nats, and calibration_error in per cent, see `metrics.calibration_error`.
    """
    no_weights = np.ones(logits.shape[-1], np.float32)
    found = distribution_sums(logits[None], true_bins[None], no_weights, np.float32(temperature))
    sums = {name: value.numpy() for name, value in found.items()}
    error = calibration_error(sums["counts"], sums["confidences"], sums["hits"])
    return {"cross_entropy": float(sums["cross_entropy"] / len(logits)), "calibration_error": float(100 * error)}


def write(model: Path, target: Path, calibration: dict[str, Any]) -> None:
    """Write a copy of a model whose last layer has the temperature in it, whole or not at all.

    The weights w of the training stay what they are: logits x become (x - log w) / temperature + log w.
    T, lambda and smoothing that were chosen for the distributions as they were are left out.
    """
    network, objective, info = load_model(model)
    last, temperature = network.last, calibration["temperature"]
    last.filter.assign(last.filter / temperature)
    last.bias.assign(last.bias / temperature + (1 - 1 / temperature) * np.log(objective.bins.weights))
    left_out = ("decoding", "decoding_chosen_by", "format_version", "network", "objective")
    kept = {key: value for key, value in info.content.items() if key not in left_out}
    with new_folder(target) as folder:
        save_model(folder, network, objective.bins, info.network, info.objective, kept | {"calibration": calibration})
