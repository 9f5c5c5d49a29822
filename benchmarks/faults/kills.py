"""SIGKILL at random moments, each time gone on with `--resume`: the results are those of undisturbed runs."""

import random
from pathlib import Path

from benchmarks.faults import work
from benchmarks.faults.rounds import Found, run

KILLS = 10  # in each round


def one_round(number: int, folder: Path, kills: int = KILLS) -> Found:
    """Kill a script several times; a run that ends before its moment is checked, and another one begun."""
    rng, found = random.Random(number), Found()
    program = work.PROGRAMS[number % len(work.PROGRAMS)]
    reference = work.reference(program)
    job, is_new = 0, True
    while True:
        place = folder / f"job-{job}"
        place.mkdir(exist_ok=True)
        is_last = found.tried >= kills
        kill_after = None if is_last else rng.uniform(0, reference.seconds)
        # A training run that was killed before it wrote its options begins anew.
        may_resume = not is_new and (program != "train.py" or (place / "out" / "config.json").exists())
        ended = run(program, *work.arguments(program), *["--resume"] * may_resume, folder=place, kill_after=kill_after)
        found.look_at(ended)
        is_new = False
        if ended.status is None:
            found.tried += 1
            if not ended.hung:
                continue
        elif ended.status != 0:
            found.count("lost", f"status {ended.status} of {ended.command}: {ended.err[-500:]}")
        else:
            found.check_equal(place / "out", reference.results, work.SAME[program])
        if is_last or ended.hung:
            return found
        job, is_new = job + 1, True
