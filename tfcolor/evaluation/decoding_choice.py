"""The choice of T, lambda and chroma smoothing on validation photographs."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from tfcolor.color.decoding_options import Decoding
from tfcolor.utils import console
from tfcolor.utils.errors import WorkError
from tfcolor.utils.files import read_json, write_json

TEMPERATURES = (1.0, 0.7, 0.38)
UNIFORM_SHARES = (1.0, 0.9, 0.8, 0.65, 0.5, 0.25, 0.1, 0.02)  # lambda
RADII = (0, 4, 8)


def choose(found: dict[Decoding, dict[str, float]], criterion: str) -> Decoding:
    """The best by a criterion; of equals the one with the least smoothing."""
    sign = 1 if criterion == "dcf" else -1
    return min(found, key=lambda decoding: (round(sign * found[decoding][criterion], 3), decoding.smoothing))


def measure(folder: Path, training: list[Path], paths: list[Path]) -> dict[Decoding, dict[str, float]]:
    """Measure all combinations of `TEMPERATURES`, `UNIFORM_SHARES` and `RADII`.

    Args:
        folder: of the model.
        training: photographs whose colours the rebalanced AuC weighs by.
        paths: photographs to measure on.

    Returns:
        By combination, the values of `CRITERIA`.

    Raises:
        WorkError: where none can be read.
    """
    from tfcolor.colorizer.colorizer import Colorizer
    from tfcolor.data.scan import scan
    from tfcolor.evaluation.measuring import ColorErrors, inverse_shares, truths

    colorizer, scanned = Colorizer.load(folder), scan(training)
    weights = inverse_shares(scanned.ab, scanned.pixels)
    found = {
        Decoding(T, smoothing=radius, uniform_share=share): ColorErrors()
        for T in TEMPERATURES
        for share in UNIFORM_SHARES
        for radius in RADII
    }
    with console.Progress("measuring", len(paths), "photographs") as progress:
        unreadable = lambda path, error: progress.log(f"cannot read {console.shown(path)}: {error}")  # noqa: E731
        for done, (_, truth) in enumerate(truths(paths, unreadable), start=1):
            _add(found, colorizer, truth, weights)
            progress.update(done)
    if not all(errors.pairs for errors in found.values()):
        raise WorkError(f"none of {len(paths)} photographs can be read, so nothing can be measured")
    return {decoding: errors.to_json() for decoding, errors in found.items()}


def _add(found: dict[Decoding, Any], colorizer: Any, truth: Any, weights: Any) -> None:
    """Measure one photograph."""
    import numpy as np

    from tfcolor.colorizer.painting import painted, smoothed

    abs_ = {(T, share): np.empty(truth.ab.shape, np.float32) for T in TEMPERATURES for share in UNIFORM_SHARES}
    log_weights = {share: colorizer.log_weights(share) for share in UNIFORM_SHARES}
    for place, logits in colorizer.logits(truth.lightness):
        for (T, share), ab in abs_.items():
            ab[place] = colorizer.decode(logits + log_weights[share], T).numpy()
    for decoding, errors in found.items():
        ab = smoothed(truth.lightness, abs_[decoding.temperature, decoding.uniform_share], decoding)
        errors.add(truth, ab, painted(truth.lightness, ab), weights)


def write(folder: Path, decoding: Decoding, reason: str) -> None:
    """Put the choice into `model.json`."""
    chosen = {name: value for name, value in asdict(decoding).items() if name != "strength"}
    description = read_json(folder / "model.json")
    write_json(folder / "model.json", description | {"decoding": chosen, "decoding_chosen_by": reason})
