"""What faults do to the commands: python -m benchmarks faults

Mutated files, killed processes, full disks, hostile models, and two processes on one folder. What is done is kept in a
folder, so that the command can be stopped and started again. All outcomes but the numbers of what was tried must be 0.
"""

import functools
from pathlib import Path

from benchmarks.faults import full_disk, hostile, kills, mutated, together
from benchmarks.faults.rounds import OUTCOMES, do_rounds
from benchmarks.measure import Row, Scale, row

STATE = Path("runs/faults")
WORKERS = 2  # rounds at a time
MEGABYTES = 1500  # that a process may take
# Title, rounds of the scales full, quick and tiny, and what one of them tries.
FAMILIES = {
    "mutated files": (mutated.one_round, (20, 2, 1), {"batch": (500, 100, 20)}),
    "SIGKILLs": (kills.one_round, (100, 3, 3), {"kills": (10, 2, 1)}),
    "full disks": (full_disk.one_round, (200, 3, 3), {}),
    "hostile models": (hostile.one_round, (1, 1, 1), {"models": (100, 100, 20)}),
    "two processes on a folder": (together.one_round, (12, 3, 1), {}),
}


def measure(state: Path, scale: Scale) -> list[Row]:
    """Do all rounds that are not done yet; `state` keeps those that are."""
    place = list(Scale).index(scale)
    rows = []
    for title, (one_round, rounds, sizes) in FAMILIES.items():
        work = functools.partial(one_round, **{name: values[place] for name, values in sizes.items()})
        folder = state / scale.name.lower() / one_round.__module__.rpartition(".")[2]
        found = do_rounds(title, rounds[place], work, folder, WORKERS)
        rows.append(row(title, [sum(each.tried for each in found)], "tried"))
        rows += [
            row(f"{title}: {name}", [sum(each.outcomes[name] for each in found)], "cases", "< 1") for name in OUTCOMES
        ]
        rows.append(row(f"{title}: peak memory", [max(each.megabytes for each in found)], "MB", f"< {MEGABYTES}"))
    return rows
