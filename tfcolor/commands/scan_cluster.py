"""Count colours in the workers of a cluster."""

from pathlib import Path
from typing import TYPE_CHECKING

from tfcolor.cluster.tallies import tallied
from tfcolor.utils import console

if TYPE_CHECKING:
    from distributed import Client

    from tfcolor.data.scan import Scan

PHOTOGRAPHS = 1000  # in a batch: about a second of work for a tally of some megabytes
KILLED = "every worker that tried it died"


def scan_on_cluster(client: "Client", paths: list[Path], folder: Path) -> "Scan":
    """Count the colours of photographs, as `scan` does; unreadable ones are noted and skipped.

    Args:
        client: from `client.connected`.
        paths: the photographs.
        folder: holds the tallies, see `tallies.open_tallies`.

    Raises:
        WorkError: the scheduler went away.
    """
    from tfcolor.data.scan import ScanTally

    tally = ScanTally()
    with console.Progress("scanning", len(paths), "images") as progress:
        for files, part in tallied(client, scan_batch, paths, PHOTOGRAPHS, folder, on_done=progress.update):
            if part is None:
                tally.skip(files[0], KILLED)
            else:
                tally.add(part)
    return tally.scan()


def scan_batch(paths: list[Path], target: Path) -> None:
    """Count the colours of photographs in a worker."""
    console.load_tensorflow()
    from tfcolor.data.scan import ScanTally

    tally = ScanTally()
    tally.count(paths)
    tally.save(target)
