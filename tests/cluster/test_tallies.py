"""Tallies of batches: in the order of the files, named after them, used again, and never mixed."""

import os
from pathlib import Path

import numpy as np
import pytest

from tfcolor.cluster import tallies
from tfcolor.cluster.tallies import batch_name, open_tallies, tallied
from tfcolor.utils.errors import InputError


@pytest.fixture
def paths(tmp_path):
    found = [tmp_path / f"{number}.txt" for number in range(10)]
    for number, path in enumerate(found):
        path.write_text("x" * number)
    return found


@pytest.fixture
def counted(monkeypatch):
    """The files counted so far. Batches run here, in a disorder that a seed decides; file 4 kills its workers."""
    counted: list[Path] = []

    def run(client, function, batches, *context):
        waiting = list(batches)
        if any(path.name == "4.txt" for batch in waiting for _, path in batch):
            whole = next(batch for batch in waiting if any(path.name == "4.txt" for _, path in batch))
            waiting.remove(whole)
            waiting += [[item] for item in whole]
        for place in np.random.default_rng(client).permutation(len(waiting)):
            batch = waiting[place]
            yield batch, None if batch[0][1].name == "4.txt" else function(batch, *context)

    monkeypatch.setattr(tallies, "run_batches", run)
    return counted


def count(paths, target, counted):
    counted += paths
    target.write_text(str(sum(path.stat().st_size for path in paths)))


@pytest.mark.parametrize("seed", range(5))
def test_batches_come_in_the_order_of_the_files_and_are_counted_once(paths, tmp_path, counted, seed):
    folder = tmp_path / "tallies"
    open_tallies(folder, {"of": "sizes"}, resume=False, overwrite=False)
    done = []
    found = list(tallied(seed, count, paths, 3, folder, counted, on_done=done.append))
    assert [path for batch, _ in found for path in batch] == paths
    assert [batch for batch, tally in found if tally is None] == [[paths[4]]]
    assert sum(int(tally.read_text()) for _, tally in found if tally) == sum(range(10)) - 4
    assert done == sorted(done) and done[-1] == 10
    assert sorted(counted) == [path for path in paths if path != paths[4]]
    again = list(tallied(seed, count, paths, 3, folder, counted))
    assert again == found and len(counted) == 9  # nothing was counted twice


def test_a_batch_is_named_after_what_its_files_are(paths):
    name = batch_name(paths)
    assert name == batch_name(list(paths)) != batch_name(paths[1:]) != batch_name(paths[::-1])
    os.utime(paths[3], (1, 1))
    changed = batch_name(paths)
    paths[3].write_text("longer than before")
    os.utime(paths[3], (1, 1))
    assert len({name, changed, batch_name(paths)}) == 3
    paths[3].unlink()
    assert batch_name(paths) not in (name, changed)


def test_tallies_of_an_unfinished_run_are_used_or_removed_only_when_asked(tmp_path):
    folder = tmp_path / "tallies"
    open_tallies(folder, {"T": [1.0]}, resume=True, overwrite=False)
    (folder / "a.npz").write_text("counted")
    with pytest.raises(InputError, match="of an unfinished run; give --resume to go on, or --overwrite"):
        open_tallies(folder, {"T": [1.0]}, resume=False, overwrite=False)
    with pytest.raises(InputError, match="with other options"):
        open_tallies(folder, {"T": [0.5]}, resume=True, overwrite=False)
    open_tallies(folder, {"T": [1.0]}, resume=True, overwrite=False)
    assert (folder / "a.npz").exists()
    open_tallies(folder, {"T": [0.5]}, resume=False, overwrite=True)
    assert not (folder / "a.npz").exists()
