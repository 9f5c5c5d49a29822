"""Two processes at once on the same output folder: whole results, of one or of the other."""

import random
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.faults import work
from benchmarks.faults.rounds import Found, run


def one_round(number: int, folder: Path) -> Found:
    """Start a script twice, the second time a little later; then once more, for what both left."""
    rng, found = random.Random(number), Found(tried=1)
    program = work.PROGRAMS[number % len(work.PROGRAMS)]
    reference = work.reference(program)
    delay = rng.uniform(0, reference.seconds / 2)

    def start(seconds, *options):
        time.sleep(seconds)
        return run(program, *work.arguments(program), *options, folder=folder)

    with ThreadPoolExecutor(2) as pool:
        both = [pool.submit(start, 0), pool.submit(start, delay, *["--resume"] * (program == "predict.py"))]
    for ended in (each.result() for each in both):
        found.look_at(ended)
        if ended.status not in (0, 1, 2):
            found.count("wrong", f"status {ended.status}, the second {delay:.1f} s later: {ended.err[-500:]}")
    may_resume = program != "train.py" or (folder / "out" / "config.json").exists()
    again = run(program, *work.arguments(program), *["--resume"] * may_resume, folder=folder)
    found.look_at(again)
    found.check_equal(folder / "out", reference.results, work.SAME[program])
    return found
