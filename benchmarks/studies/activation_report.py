"""Tables and figures of the activation study, from its saved results alone. No TensorFlow."""

import itertools
from collections import defaultdict
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogFormatter

from benchmarks.studies import MNIST_ACTIVATIONS
from benchmarks.studies.statistics import Difference, mean_and_half_width, paired_differences
from benchmarks.studies.tables import Table, show
from tfcolor.ops import ACTIVATION_NAMES
from tfcolor.utils.files import read_json, replacing

TABLES = "tables.md"
_BN = " + BN"


def report(folder: Path) -> None:
    """Print tables of the saved results, and write tables and figures beside them.

    Args:
        folder: folder of the results, `mnist-*.json` and `forest-*.json`; missing ones are left out.
    """
    tables = []
    for study, make in (("mnist", _report_mnist), ("forest", _report_forest)):
        runs = [read_json(path) for path in sorted(folder.glob(f"{study}-*.json"))]
        if runs:
            tables += make(runs, folder)
    show(tables, folder / TABLES)


def _report_mnist(runs: list[dict], folder: Path) -> list[Table]:
    groups = _grouped(runs, lambda run: run["activation"] + (_BN if run["batch_norm"] else ""))
    names = [name + bn for bn in ("", _BN) for name in MNIST_ACTIVATIONS]
    groups = {name: groups[name] for name in names if len(groups.get(name, ())) > 1}
    figure = Figure(figsize=(11, 8), layout="constrained")
    for column, bn in enumerate(("", _BN)):
        chosen = {name.removesuffix(_BN): runs for name, runs in groups.items() if name.endswith(_BN) == bool(bn)}
        title = "with batch normalization" if bn else "without batch normalization"
        accuracy, loss = (figure.add_subplot(2, 2, place + column, title=title) for place in (1, 3))
        _plot_curves(accuracy, chosen, lambda run: 100 - 100 * np.array(run["test_accuracy"]), "test error, %")
        _plot_curves(loss, chosen, lambda run: run["training_loss"], "training loss, nats")
    _align_rows(figure.axes)
    figure.axes[0].legend(fontsize="small")
    _save(figure, folder / "mnist.png")
    rows = []
    for name in MNIST_ACTIVATIONS:
        cells = [name]
        for group in (groups.get(name), groups.get(name + _BN)):
            cells.append(_interval([100 * run["test_accuracy"][-1] for run in group], 2) if group else "")
            cells.append(_interval([run["training_loss"][-1] for run in group], 4) if group else "")
        rows.append(cells)
    epochs, seeds = runs[0]["epochs"], len(next(iter(groups.values()), ()))
    columns = ["activation", "test accuracy, %", "training loss", "test accuracy, % (BN)", "training loss (BN)"]
    title = f"MNIST after {epochs} epochs: mean and 95 % interval over {seeds} seeds"
    return [(title, columns, rows), *_difference_tables(groups)]


def _difference_tables(groups: dict[str, list[dict]]) -> list[Table]:
    """Compare all pairs with normalization, all without it, and each activation with it to the same without it."""
    if len({len(group) for group in groups.values()}) != 1:
        return []  # the study is not finished
    values = {name: [100 * run["test_accuracy"][-1] for run in group] for name, group in groups.items()}
    kinds = [[name for name in values if name.endswith(_BN) == bn] for bn in (False, True)]
    pairs = [pair for kind in kinds for pair in itertools.combinations(kind, 2)]
    pairs += [(name + _BN, name) for name in kinds[0] if name + _BN in values]
    if not pairs:
        return []
    differences = paired_differences(values, pairs)
    found = sorted((d for d in differences if d.is_significant), key=lambda d: -abs(d.mean))
    title = (
        f"Test accuracy: {len(found)} of {len(differences)} differences are significant "
        "(paired t-tests over seeds, corrected after Holm, 5 %)"
    )
    return [(title, ["higher", "lower", "difference, points", "corrected p"], [_difference_row(d) for d in found])]


def _difference_row(d: Difference) -> list[str]:
    names = (d.first, d.second) if d.mean > 0 else (d.second, d.first)
    return [*names, f"{abs(d.mean):.2f} ± {d.half_width:.2f}", f"{d.p_corrected:.4f}"]


def _report_forest(runs: list[dict], folder: Path) -> list[Table]:
    groups = _grouped(runs, lambda run: run["activation"])
    groups = {name: groups[name] for name in ACTIVATION_NAMES if len(groups.get(name, ())) > 1}
    figure = Figure(figsize=(11, 4), layout="constrained")
    loss, raw, rebalanced = figure.subplots(1, 3)
    every = 10  # steps for each saved loss
    _plot_curves(loss, groups, lambda run: run["training_loss"], "rebalanced training loss, nats", "step", every)
    loss.legend(fontsize="small")
    for axes, key, label in ((raw, "raw_auc", "raw AuC, %"), (rebalanced, "rebalanced_auc", "rebalanced AuC, %")):
        for place, group in enumerate(groups.values()):
            values = [run[key] for run in group]
            mean, half = mean_and_half_width(values)
            axes.errorbar(place, mean, half, marker="_", markersize=14, capsize=4, color=f"C{place}")
            axes.plot([place] * len(values), values, ".", color="0.3")
        axes.set_xticks(range(len(groups)), groups)
        axes.set(title=f"test split: {label}")
    _save(figure, folder / "forest.png")
    rows = [
        [
            name,
            _interval([np.mean(run["training_loss"][-5:]) for run in group], 3),
            *(_interval([run[key] for run in group], 2) for key in ("raw_auc", "rebalanced_auc")),
        ]
        for name, group in groups.items()
    ]
    steps, seeds = runs[0]["steps"], len(next(iter(groups.values()), ()))
    title = f"Forest after {steps} steps: mean and 95 % interval over {seeds} seeds"
    tables = [(title, ["activation", "training loss, last 50 steps", "raw AuC, %", "rebalanced AuC, %"], rows)]
    if len({len(group) for group in groups.values()}) == 1 and len(groups) > 1:
        tables += [
            _forest_differences(groups, key, label)
            for key, label in (("raw_auc", "Raw"), ("rebalanced_auc", "Rebalanced"))
        ]
    return tables


def _forest_differences(groups: dict[str, list[dict]], key: str, label: str) -> Table:
    differences = paired_differences({name: [run[key] for run in group] for name, group in groups.items()})
    found = [d for d in differences if d.is_significant]
    title = f"{label} AuC: {len(found)} of {len(differences)} differences are significant"
    return title, ["higher", "lower", "difference, points", "corrected p"], [_difference_row(d) for d in found]


def _grouped(runs, name_of):
    groups = defaultdict(list)
    for run in sorted(runs, key=lambda run: run["seed"]):
        groups[name_of(run)].append(run)
    return dict(groups)


def _plot_curves(axes: Axes, groups: dict, curve_of, label: str, unit: str = "epoch", every: int = 1) -> None:
    """Mean curves with bands of their 95 % intervals, on a logarithmic scale."""
    for group, style in zip(groups, itertools.cycle(("-", "--"))):
        mean, half = mean_and_half_width([curve_of(run) for run in groups[group]])
        x = every * np.arange(1, len(mean) + 1)
        (line,) = axes.plot(x, mean, style, label=group, linewidth=1.3)
        axes.fill_between(x, np.maximum(mean - half, mean / 10), mean + half, color=line.get_color(), alpha=0.2, lw=0)
    axes.set(xlabel=unit, ylabel=label, yscale="log")
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter(LogFormatter(minor_thresholds=(1, 0.5)))  # 3 rather than 3 * 10^0
    axes.grid(alpha=0.3, which="both", linewidth=0.5)


def _align_rows(axes: list[Axes]) -> None:
    """Give axes beside each other the same range; axes come column by column."""
    for top in (0, 1):
        limits = [axes[top].get_ylim(), axes[top + 2].get_ylim()]
        for place in (top, top + 2):
            axes[place].set_ylim(min(low for low, _ in limits), max(high for _, high in limits))


def _interval(values, digits: int) -> str:
    mean, half = mean_and_half_width(values)
    return f"{mean:.{digits}f} ± {half:.{digits}f}"


def _save(figure: Figure, path: Path) -> None:
    with replacing(path) as file:
        figure.savefig(file, format="png", dpi=110)
