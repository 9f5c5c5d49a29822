"""How long a step of training takes, and the colours of a photograph: measured before a study, on a quiet machine.

Minutes then become steps, and the runs themselves may be disturbed: all learn as much as they would in these minutes.
"""

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.studies.processes import file_name
from benchmarks.studies.training import as_arguments
from tfcolor.data import datasets
from tfcolor.utils.files import write_json

STEPS = 50  # of which the first ten, which also compile, are left out
PHOTOS = 20  # that are coloured


@dataclass(frozen=True)
class SpeedRun:
    """A measurement, and the file of its result.

    name: of what is measured.
    options: of `train.py`.
    data: the dataset, as `train.py` takes it.
    output: folder of the results.
    """

    name: str
    options: dict[str, Any] = field(hash=False)
    data: str
    output: Path

    @property
    def path(self) -> Path:
        """Path of the result."""
        return self.output / f"{file_name(self.name)}.json"

    @property
    def settings(self) -> dict:
        """What the result depends on."""
        return {"study": "speed", "name": self.name, "options": self.options}


def measure_speed(run: SpeedRun, data_dir: str | None) -> str:
    """Take some steps from new weights, colour some test photographs, and write the result."""
    from tfcolor.colorizer import Colorizer
    from tfcolor.commands import train
    from tfcolor.evaluation.measuring import lab_of, truths
    from tfcolor.training import experiment
    from tfcolor.training.options import load_bins, settle
    from tfcolor.training.recorder import Recorder
    from tfcolor.training.run_folder import RunFolder

    seconds = []

    class Timer(Recorder):
        """Keeps the time of a step; writes nothing."""

        def report(self, state, numbers):
            seconds.append(numbers["seconds_per_step"])

        def checkpoint(self, state):
            pass

        preview = checkpoint

        def close(self):
            pass

    given, _ = train.parse(as_arguments(run.options | {"dataset": run.data, "steps": STEPS}))
    options, dataset = settle(given), datasets.find(run.data, data_dir)
    parts = experiment.prepare(options, RunFolder(run.path.with_suffix("")), dataset, load_bins(options), False)
    experiment.train_model(parts, Timer)
    network = parts.trainer.network
    network.freeze()
    colorizer, times = Colorizer(network, parts.objective), []
    for _, truth in truths(dataset.some_of("test", PHOTOS)):
        lightness = lab_of(truth.rgb)[..., 0]
        started = time.perf_counter()
        colorizer.predict_ab(lightness)
        times.append(time.perf_counter() - started)
    found = {"seconds_per_step": float(np.median(seconds[1:])), "seconds_per_photo": float(np.median(times))}
    write_json(run.path, run.settings | found)
    return f"{found['seconds_per_step']:.3f} s a step, {found['seconds_per_photo']:.3f} s a photograph"


def steps_in(minutes: float, seconds_per_step: float) -> int:
    """Return how many steps fit into minutes, at least one."""
    return max(1, round(60 * minutes / seconds_per_step))
