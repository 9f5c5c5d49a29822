"""How good a trained network is on validation photographs: what `model.json` says of it."""

import functools
from pathlib import Path

from tfcolor.colorizer.colorizer import Colorizer
from tfcolor.data.datasets import Dataset
from tfcolor.evaluation.baselines import MeanGivenLightness, raw_aucs
from tfcolor.networks.layers import Network
from tfcolor.objectives.objective import Objective
from tfcolor.photographs.pixels import UnreadableImage, read_size
from tfcolor.utils.console import Progress

# What the final metrics are measured on: more would change little and could take longer than training.
_MEASURED_PIXELS = 5_000_000  # of validation photographs, at least one
_BASELINE_PHOTOS = 500  # of training photographs, spread over all


def measure(network: Network, objective: Objective, dataset: Dataset, xla: str) -> dict:
    """Raw AuC in per cent on the first validation photographs, beside a trivial predictor; empty where there are none.

    Args:
        network: as trained.
        objective: of its outputs.
        dataset: all of it.
        xla: see `precision.use_xla`.
    """
    paths = _measurable(dataset.split("val").paths)
    if not paths:
        return {}
    training = dataset.split("train").paths
    colorizer = Colorizer(network, objective, xla)
    predictors = {"mean ab given L": MeanGivenLightness(training[:: 1 + len(training) // _BASELINE_PHOTOS])}
    if objective.predicts_distribution:
        for T in (1.0, 0.38):
            predictors[f"T = {T:g}"] = functools.partial(colorizer.predict_ab, temperature=T)
    else:
        predictors[type(objective).__name__.lower()] = colorizer.predict_ab
    with Progress("measuring", len(paths), "photographs") as progress:
        aucs = raw_aucs(predictors, paths, progress.update)
    return {"split": "val", "photographs": len(paths), "raw_auc_percent": aucs}


def _measurable(paths: list[Path]) -> list[Path]:
    """The first photographs that can be read, up to a number of pixels."""
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
