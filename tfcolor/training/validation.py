"""The validation metrics of a trained network for `model.json`."""

import functools
from pathlib import Path

from tfcolor.colorizer.colorizer import Colorizer
from tfcolor.data.datasets import Dataset
from tfcolor.data.scan import scan
from tfcolor.evaluation.baselines import MeanGivenLightness, raw_aucs
from tfcolor.networks.layers import Network
from tfcolor.objectives.objective import Objective
from tfcolor.photographs.pixels import UnreadableImage, read_size
from tfcolor.utils.console import Progress

# More photographs would change little, and could take longer than training.
_MEASURED_PIXELS = 5_000_000  # of validation photographs, at most; at least one photograph
_BASELINE_PHOTOS = 500  # training photographs, spread over all, for the trivial predictor


def measure(network: Network, objective: Objective, dataset: Dataset, xla: str) -> dict:
    """Measure the raw AuC of a network and a trivial predictor on the first validation photographs.

    Args:
        network: the trained network.
        objective: the objective it was trained for.
        dataset: the whole dataset.
        xla: see `precision.use_xla`.

    Returns:
        `split`, `photographs` and `raw_auc_percent`; empty if there are no validation photographs.
    """
    paths = _measurable(dataset.split("val").paths)
    if not paths:
        return {}
    training = dataset.split("train").paths
    colorizer = Colorizer(network, objective, xla)
    predictors = {"mean ab given L": MeanGivenLightness(scan(training[:: 1 + len(training) // _BASELINE_PHOTOS]))}
    if objective.predicts_distribution:
        for T in (1.0, 0.38):
            predictors[f"T = {T:g}"] = functools.partial(colorizer.predict_ab, temperature=T)
    else:
        predictors[type(objective).__name__.lower()] = colorizer.predict_ab
    with Progress("measuring", len(paths), "photographs") as progress:
        aucs = raw_aucs(predictors, paths, progress.update)
    return {"split": "val", "photographs": len(paths), "raw_auc_percent": aucs}


def _measurable(paths: list[Path]) -> list[Path]:
    """The first readable photographs, up to `_MEASURED_PIXELS` in all."""
    chosen, pixels = [], 0
    for path in paths:
        try:
            width, height = read_size(path)
        except UnreadableImage:
            continue
        pixels += width * height
        if chosen and pixels > _MEASURED_PIXELS:
            break
        chosen.append(path)
    return chosen
