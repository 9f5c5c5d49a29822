"""The report of an evaluation: numbers with intervals, a table, curves, and photographs."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from tfcolor.colorizer.painting import painted
from tfcolor.data.datasets import Dataset
from tfcolor.evaluation.bootstrap import Tally, interval
from tfcolor.evaluation.evaluation import ALL, Evaluation
from tfcolor.evaluation.measuring import truths
from tfcolor.evaluation.metrics import MAX_DISTANCE, calibration_error
from tfcolor.evaluation.predictors import Measured
from tfcolor.photographs.pixels import write_png
from tfcolor.utils.figures import save_figure
from tfcolor.utils.files import replacing, write_json
from tfcolor.utils.sheets import reduced, sheet

# Weighted AuC -> how pixels are weighted, and the metric with these weights.
POLICIES = {
    "rebalanced": (
        "pixels weigh 1/p, where p is the share of the true colour's cell of 10 ab units in the training split; "
        "the weight is 0 if the cell never occurs there",
        "rebalanced_error",
    ),
    "bounded": (
        "pixels weigh 1 / (p~/2 + 1/(2Q)), where p~ is p smoothed with sigma 5 and Q the number of cells that occur, "
        "so that no pixel weighs more than 2Q",
        "bounded_error",
    ),
}


def _auc(metric: str) -> Callable[[Tally], np.ndarray]:
    return lambda tally: 100 * (1 - tally.ratio(metric) / MAX_DISTANCE)


def _difference(metric: str) -> Callable[[Tally], np.ndarray]:
    return lambda tally: np.abs(tally.ratio(metric) - tally.ratio(f"true_{metric}"))


def _mean(metric: str, scale: float = 1) -> Callable[[Tally], np.ndarray]:
    return lambda tally: scale * tally.ratio(metric)


def _calibration_error(tally: Tally) -> np.ndarray:
    confidences, hits = tally.sums["confidences"], tally.sums["hits"]
    return 100 * calibration_error(hits[:, 1], confidences[:, 0], hits[:, 0])


# Metric -> the sums it needs, its values for all photographs and each replicate, and its column heading.
METRICS: dict[str, tuple[str, Callable[[Tally], np.ndarray], str]] = {
    "raw_auc": ("raw_error", _auc("raw_error"), "raw AuC, %"),
    "rebalanced_auc": ("rebalanced_error", _auc("rebalanced_error"), "rebalanced AuC, %"),
    "bounded_auc": ("bounded_error", _auc("bounded_error"), "bounded AuC, %"),
    "top_1": ("top_1", _mean("top_1", 100), "top bin, %"),
    "top_5": ("top_5", _mean("top_5", 100), "top 5, %"),
    "cross_entropy": ("cross_entropy", _mean("cross_entropy"), "cross-entropy"),
    "weighted_cross_entropy": (
        "weighted_cross_entropy",
        _mean("weighted_cross_entropy"),
        "weighted cross-entropy",
    ),
    "calibration_error": ("hits", _calibration_error, "ECE, %"),
    "same_class": ("same_class", _mean("same_class", 100), "same class, %"),
    "psnr": ("psnr", _mean("psnr"), "PSNR, dB"),
    "ssim": ("ssim", _mean("ssim"), "SSIM"),
    "ciede2000": ("ciede2000", _mean("ciede2000"), "CIEDE2000"),
    "colourfulness": ("colourfulness", _mean("colourfulness"), "colourfulness"),
    "dcf": ("colourfulness", _difference("colourfulness"), "dCF"),
    "absolute_colourfulness": ("absolute_colourfulness", _mean("absolute_colourfulness"), "absolute colourfulness"),
    "absolute_dcf": ("absolute_colourfulness", _difference("absolute_colourfulness"), "absolute dCF"),
}


def results_of(evaluation: Evaluation, category: str, temperatures: list[str]) -> dict:
    """Return results[T][predictor][metric] = {value, low, high}; predictors without T appear under every T."""
    results: dict = {T: {} for T in temperatures}
    for (name, T, predictor), tally in evaluation.tallies.items():
        if name != category:
            continue
        found = {}
        for metric, (needed, derive, _) in METRICS.items():
            if needed in tally.sums:
                found[metric] = dict(zip(("value", "low", "high"), interval(derive(tally)), strict=True))
        for place in [T] if T else temperatures:
            results[place][predictor] = found
    return results


def write(evaluation: Evaluation, folder: Path, about: dict, temperatures: list[str]) -> dict:
    """Write `evaluation.json`, `evaluation.md`, `curve.png` and, for a model, `reliability.png`.

    Args:
        evaluation: the measurements of all photographs.
        folder: an existing folder.
        about: `model`, `dataset`, `split`, with a classifier `classifier`, and more for `evaluation.json`.
        temperatures: every T, as text, as in the tallies.

    Returns:
        The content of `evaluation.json`; its `results` are those for all categories together, see `results_of`.
    """
    results, ranked = results_of(evaluation, ALL, temperatures), evaluation.ranked()
    categories = sorted({key[0] for key in evaluation.tallies} - {ALL})
    content = {
        **about,
        "num_photographs": evaluation.num_photos,
        "weights": {name: _weights(evaluation, *policy) for name, policy in POLICIES.items()},
        "interval": "95 % of bootstrap replicates over photographs",
        "results": results,
        "categories": {name: results_of(evaluation, name, temperatures) for name in categories},
        "frechet_distance": {
            f"{name}, T = {T}" if T else name: distance
            for (T, name), distance in sorted(evaluation.frechet_distances().items())
        },
        "photographs": {rank: [[file, round(auc, 2)] for auc, file in found] for rank, found in ranked.items()},
    }
    _plot_curve(evaluation, folder / "curve.png")
    _plot_reliability(evaluation, folder / "reliability.png")
    with replacing(folder / "evaluation.md") as file:
        file.write(_markdown(content, temperatures).encode())
    write_json(folder / "evaluation.json", content)
    return content


def classifier_lines(content: dict) -> list[str]:
    """Say what a classifier sees in the pictures; nothing without a classifier. `content` is as from `write`."""
    if not content["frechet_distance"]:
        return []
    name, answers = content["classifier"], rows(content["results"], content["model"], ["same_class"], False)
    same = ", ".join(f"{predictor} {share} %" for predictor, share in answers if share)
    distances = ", ".join(f"{predictor} {distance:.2f}" for predictor, distance in content["frechet_distance"].items())
    return [
        f"first answer of {name} the same as for the photograph: {same}",
        f"Frechet distance of its features, averaged over each picture (this is not FID): {distances}",
    ]


def _weights(evaluation: Evaluation, policy: str, metric: str) -> dict:
    file, share = evaluation.heaviest_share(metric)
    return {"policy": policy, "heaviest_photograph": file, "its_share": round(share, 4)}


def heaviest_note(file: str, share: float) -> str:
    """Say what share of the weight a single photograph has."""
    return f"{file} alone has {100 * share:.0f} % of all weight."


def rows(results: dict, model: str, metrics: list[str], with_intervals: bool = True) -> list[list[str]]:
    """Return the rows of a table: the trivial predictors, which have no T, then the model at each T."""
    first = next(iter(results.values()))
    named = [(name, found) for name, found in first.items() if name != model]
    named += [(f"{model}, T = {T}", predictors[model]) for T, predictors in results.items()]
    return [[name, *(_cell(found.get(metric), with_intervals) for metric in metrics)] for name, found in named]


def _cell(found, with_intervals):
    if not found:
        return ""
    text = f"{found['value']:.2f}"
    return f"{text} ({found['low']:.2f} ... {found['high']:.2f})" if with_intervals else text


def _markdown(content, temperatures) -> str:
    model, count = content["model"], content["num_photographs"]
    title = f"{model} on {content['dataset']}, {content['split']} split, {count} photographs"
    lines = [f"**{title}** (in brackets 95 % intervals, bootstrap over photographs)", ""]
    metrics = [m for m in METRICS if any(m in found for found in content["results"][temperatures[0]].values())]
    for part in (metrics[: len(metrics) // 2], metrics[len(metrics) // 2 :]):
        lines += [*_table(["", *(METRICS[m][2] for m in part)], rows(content["results"], model, part)), ""]
    for name, weights in content["weights"].items():
        note = heaviest_note(weights["heaviest_photograph"], weights["its_share"])
        lines += [f"{name.capitalize()} AuC: {weights['policy']}. {note}", ""]
    for line in classifier_lines(content):
        lines += [f"{line[0].upper()}{line[1:]}.", ""]
    if len(content["categories"]) > 1:
        for metric in ("raw_auc", "bounded_auc"):
            title = METRICS[metric][2].removesuffix(", %")
            lines += [f"**{title[0].upper()}{title[1:]} by category, %**", ""]
            table = {name: rows(results, model, [metric], False) for name, results in content["categories"].items()}
            heads = [row[0] for row in next(iter(table.values()))]
            lines += [*_table(["", *heads], [[name, *(row[1] for row in found)] for name, found in table.items()]), ""]
    return "\n".join(lines).rstrip() + "\n"


def _table(heads, body):
    return ["| " + " | ".join(cells) + " |" for cells in (heads, ["---"] * len(heads), *body)]


def _plot_curve(evaluation, path):
    figure = Figure(figsize=(6.4, 4.8), layout="constrained")
    axes = figure.add_subplot(xlabel="t, ab units", ylabel="share of pixels within t of their true colour, %")
    for (category, T, predictor), tally in evaluation.tallies.items():
        if category == ALL:
            share = 100 * tally.ratio("within")[0]
            axes.plot(np.arange(len(share)), share, label=f"{predictor}, T = {T}" if T else predictor)
    axes.set(xlim=(0, 80), ylim=(0, 101))
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right")
    save_figure(figure, path)


def _plot_reliability(evaluation, path):
    """Plot how often the top bin is right against its confidence; on the diagonal both agree."""
    found = {key[1:]: t for key, t in evaluation.tallies.items() if key[0] == ALL and "hits" in t.sums}
    if not found:
        return
    figure = Figure(figsize=(5.2, 4.8), layout="constrained")
    axes = figure.add_subplot(xlabel="share that the network gives its top bin", ylabel="how often it is the true one")
    axes.plot([0, 1], [0, 1], color="0.6", linestyle="--", label="perfectly calibrated")
    for (T, predictor), tally in found.items():
        (confidences, counts), (hits, _) = tally.sums["confidences"][0], tally.sums["hits"][0]
        shown = counts > 0
        axes.plot(confidences[shown] / counts[shown], hits[shown] / counts[shown], "o-", label=f"{predictor}, T = {T}")
    axes.set(xlim=(0, 1), ylim=(0, 1), aspect="equal")
    axes.grid(alpha=0.3)
    axes.legend()
    save_figure(figure, path)


def write_sheet(predictor: Measured, dataset: Dataset, found: Evaluation, path: Path) -> None:
    """Write a sheet of the best, median and worst photographs: gray, predicted and true."""
    rows = []
    for name, ranked in found.ranked().items():
        row = []
        for auc, file in ranked:
            for _, truth in truths([dataset.folder / file]):
                ab = predictor(truth, file)[0][predictor.keys[-1], predictor.name]
                row.append((f"{name}: {auc:.1f}", reduced(painted(truth.lightness))))
                row.append(("predicted", reduced(painted(truth.lightness, ab))))
                row.append(("true", reduced(truth.rgb)))
        rows.append(row)
    write_png(path, sheet([row for row in rows if row]))
