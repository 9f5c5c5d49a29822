"""Measure photographs in the workers of a cluster. The results are those of one process, to the last bit."""

import argparse
import functools
import pickle
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfcolor.cluster.client import connected
from tfcolor.cluster.tallies import open_tallies, tallied
from tfcolor.commands.scan_cluster import KILLED, scan_on_cluster
from tfcolor.data.datasets import Dataset
from tfcolor.utils import console
from tfcolor.utils.files import make_folder

if TYPE_CHECKING:
    from tfcolor.evaluation.evaluation import Evaluation

PHOTOGRAPHS = 50  # in a batch: some seconds of work


def measure_on_cluster(
    args: argparse.Namespace, predictor: Any, dataset: Dataset, files: list[str], folder: Path, origin: dict[str, Any]
) -> "Evaluation":
    """Measure photographs in other processes; each unreadable one gets a line.

    Args:
        args: options of the command line.
        predictor: the predictor to measure.
        dataset: the whole dataset.
        files: the files of the dataset to measure.
        folder: holds the tallies, see `tallies.open_tallies`.
        origin: what is measured.

    Raises:
        WorkError: nobody answers at the address of `--cluster`, or goes on answering.
    """
    from tfcolor.evaluation.evaluation import Evaluation
    from tfcolor.evaluation.measurements import Baselines, load_measurements

    open_tallies(folder, origin, args.resume, args.overwrite)
    colors, measured = folder / "colours", folder / "measured"
    make_folder(colors)
    make_folder(measured)
    with connected(args.cluster) as client:
        baselines = Baselines.of(scan_on_cluster(client, dataset.split("train").paths, colors), predictor.bins)
        found, paths = Evaluation(), [dataset.folder / file for file in files]
        with console.Progress("measuring", len(paths), "photographs") as progress:
            # Pickled here: to unpickle it imports TensorFlow, which says much unless it is loaded by our own function.
            context = (args, predictor.name, dataset.folder, pickle.dumps(baselines))
            tallies = tallied(client, measure_batch, paths, PHOTOGRAPHS, measured, *context, on_done=progress.update)
            for batch, part in tallies:
                unreadable, measurements = load_measurements(part) if part else ([[str(batch[0]), KILLED]], ())
                for path, error in unreadable:
                    progress.log(f"cannot read {console.shown(path)}: {error}")
                for each in measurements:
                    found.add(each)
    return found


def measure_batch(
    paths: list[Path], target: Path, args: argparse.Namespace, name: str, folder: Path, baselines: bytes
) -> None:
    """Measure photographs in a worker; `baselines` are pickled."""
    console.load_tensorflow()
    from tfcolor.evaluation.measurements import Measurer, save_measurements
    from tfcolor.evaluation.measuring import truths

    predictor, classifier = _subject(name, tuple(sorted(vars(args).items())))
    measure, unreadable = Measurer(predictor, pickle.loads(baselines), classifier), []
    found = truths(paths, lambda path, error: unreadable.append([str(path), str(error)]))
    measurements = [measure(truth, path.relative_to(folder).as_posix()) for path, truth in found]
    save_measurements(target, measurements, unreadable)


@functools.lru_cache(maxsize=1)
def _subject(name, options):
    """The predictor and the classifier, kept for the next batches."""
    from tfcolor.commands.evaluate import decodings_of, make_classifier, make_predictor

    args = argparse.Namespace(**dict(options))
    return make_predictor(args, name, decodings_of(args)), make_classifier(args)
