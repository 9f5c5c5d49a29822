"""A disk that is full at a random write: one line, nothing half-written, and later the rest."""

import random
from pathlib import Path

from benchmarks.faults import work
from benchmarks.faults.rounds import Found, run

_LINE = ("error: ", "cannot colour ")


def one_round(number: int, folder: Path) -> Found:
    """Let files grow to a random size only; then run the script again without that limit."""
    rng, found = random.Random(number), Found(tried=1)
    program = work.PROGRAMS[number % len(work.PROGRAMS)]
    reference = work.reference(program)
    largest = rng.randrange(reference.largest)
    ended = run(program, *work.arguments(program), folder=folder, largest_file=largest)
    found.look_at(ended)
    if ended.status not in (0, 1):
        found.count("wrong", f"status {ended.status} at {largest} bytes: {ended.err[-500:]}")
    if ended.status == 1 and not any(line.startswith(_LINE) for line in ended.err.splitlines()):
        found.count("wrong", f"no line says what failed at {largest} bytes: {ended.err[-500:]}")
    may_resume = program != "train.py" or (folder / "out" / "config.json").exists()
    again = run(program, *work.arguments(program), *["--resume"] * may_resume, folder=folder)
    found.look_at(again)
    if again.status != 0:
        found.count("lost", f"status {again.status} after {largest} bytes: {again.err[-500:]}")
    found.check_equal(folder / "out", reference.results, work.SAME[program])
    return found
