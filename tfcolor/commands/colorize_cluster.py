"""Colour photographs and films in the workers of a cluster, in batches, with one account of all of them."""

import functools
import itertools
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from tfcolor.cluster.client import connected
from tfcolor.cluster.running import run_batches
from tfcolor.commands import worklist
from tfcolor.commands.coloring import Coloring
from tfcolor.commands.hint_files import GivenHints
from tfcolor.commands.report import Report
from tfcolor.commands.worklist import Job
from tfcolor.utils import console

PHOTOGRAPHS = 32  # in a batch: some seconds of work, all that is lost when a worker dies
KILLED = "every worker that tried it died; colour it alone to see why"

Item = tuple[Job, GivenHints | None]


def colorize_on_cluster(
    address: str, coloring: Coloring, photographs: list[Job], films: list[Job], hints: Mapping[Path, GivenHints]
) -> Report:
    """Colour photographs and films in other processes.

    Args:
        address: the workers, see `client.check_address`.
        coloring: how they are coloured.
        photographs, films, hints: as in `Coloring.color`.

    Returns:
        What became of each.

    Raises:
        WorkError: nobody answers at the address or goes on answering, or there is no space left for any result.
    """
    try:
        return _colorize(address, coloring, photographs, films, hints)
    finally:
        jobs = [*photographs, *films]
        worklist.remove_leftovers(target for job in jobs for target in job.target_paths)  # of workers that died


def _colorize(address, coloring, photographs, films, hints):
    num_files, unit = len(photographs) + len(films), "files" if films else "photographs"
    with connected(address) as client, console.Progress("colouring", num_files, unit) as progress:
        report = Report(progress)
        # Films first: one takes as long as many photographs.
        batches = itertools.chain(_batches(films, 1, hints), _batches(photographs, PHOTOGRAPHS, hints))
        for batch, result in run_batches(client, color_batch, batches, coloring):
            if result is None:
                report.fail(batch[0][0].source, KILLED)
            else:
                found, lines = result
                report.add(found)
                for line in lines:
                    progress.log(console.as_options(line))
            progress.update(report.num_done)
    return report


def _batches(jobs, size, hints):
    """Jobs in groups, each with its hints."""
    for start in range(0, len(jobs), size):
        yield [(job, hints.get(job.source)) for job in jobs[start : start + size]]


def color_batch(batch: list[Item], coloring: Coloring) -> tuple[Report, list[str]]:
    """Colour photographs or films in a worker; return what became of them, and the lines to print."""
    jobs = [job for job, _ in batch]
    hints = {job.source: given for job, given in batch if given is not None}
    divided = [[job for job in jobs if job.is_film == is_film] for is_film in (False, True)]
    with console.collected_lines() as lines:
        report = coloring.color(_loaded(coloring.model), *divided, hints)
    return replace(report, progress=None), lines


@functools.lru_cache(maxsize=1)
def _loaded(model):
    """A model, kept for the next batches."""
    return model.load()
