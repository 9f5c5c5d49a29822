"""The benchmark of faults: that it notices what it looks for, and a short form of it."""

import random
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks import faults
from benchmarks.faults import kills, mutated, rounds
from benchmarks.faults.files import MUTATIONS, whole_files
from benchmarks.faults.rounds import OUTCOMES, Ended, Found, do_rounds, run
from benchmarks.measure import Scale

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="signals, limits and memory as Linux has them")


def ended(status: int | None = 0, err: str = "", hung: bool = False) -> Ended:
    return Ended("predict.py", status, "", err, hung, 100.0)


@pytest.mark.parametrize(
    ("end", "outcome"),
    [
        (ended(), None),
        (ended(1, "error: no space left\n"), None),
        (ended(None), None),
        (ended(1, "Traceback (most recent call last):\n"), "tracebacks"),
        (ended(-11), "tracebacks"),
        (ended(None, hung=True), "hangs"),
    ],
)
def test_what_no_command_may_do_is_counted(end, outcome):
    found = Found()
    found.look_at(end)
    assert found.outcomes == {name: int(name == outcome) for name in OUTCOMES} and found.megabytes == 100


def test_files_are_compared(tmp_path):
    for folder in ("ours", "theirs"):
        (tmp_path / folder).mkdir()
        for name in ("same.png", "other.png"):
            (tmp_path / folder / name).write_text(name)
        np.savez(tmp_path / folder / "arrays.npz", a=np.arange(3))
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    found = Found()
    found.check_equal(ours, theirs)
    assert not found.notes
    (theirs / "missing.png").write_text("x")
    (ours / "more.png").write_text("x")
    (ours / ".a.tmp").write_text("x")
    (ours / "other.png").write_text("half")
    np.savez(ours / "arrays.npz", a=np.arange(3) + 1)
    found.check_equal(ours, theirs)
    assert found.outcomes == {"lost": 1, "half-written": 2, "wrong": 2, "tracebacks": 0, "hangs": 0}


def test_a_script_is_killed_and_kept_from_writing(tmp_path, monkeypatch):
    monkeypatch.setattr(rounds, "ROOT", tmp_path)
    (tmp_path / "sleep.py").write_text("import time; time.sleep(60)")
    assert run("sleep.py", folder=tmp_path, kill_after=0.2).status is None
    with monkeypatch.context() as patch:
        patch.setattr(rounds, "SECONDS", 0.2)
        assert run("sleep.py", folder=tmp_path).hung
    (tmp_path / "write.py").write_text("import pathlib; pathlib.Path('file').write_bytes(bytes(1000))")
    limited = run("write.py", folder=tmp_path, largest_file=100)
    assert limited.status == 1 and "File too large" in limited.err


def test_the_memory_of_a_script_is_its_own(tmp_path, monkeypatch):
    """Of this process, which takes more, nothing is counted."""
    monkeypatch.setattr(rounds, "ROOT", tmp_path)
    (tmp_path / "take.py").write_text("import time; b'x' * 200_000_000; time.sleep(0.2)")
    ours = np.ones(50_000_000)
    assert 200 < run("take.py", folder=tmp_path).megabytes < 300 < ours.nbytes / 1e6


@pytest.mark.parametrize("mutate", MUTATIONS)
def test_mutations_change_files_and_are_the_same_each_time(mutate):
    changed = 0
    for name, content in whole_files().items():
        mutant = mutate(content, random.Random(name))
        assert mutant == mutate(content, random.Random(name))
        changed += mutant != content
    assert changed > 0.8 * len(whole_files())


@pytest.mark.parametrize(
    ("level", "size", "outcome"), [(0, 9, None), (60, 9, "wrong"), (0, 8, "wrong"), (None, 9, "half-written")]
)
def test_results_are_compared_with_what_pillow_reads(tmp_path, level, size, outcome):
    rgb = np.random.default_rng(0).integers(0, 190, [9, 9, 3], np.uint8)
    Image.fromarray(rgb).save(tmp_path / "a.png")
    if level is None:
        (tmp_path / "b.png").write_bytes((tmp_path / "a.png").read_bytes()[:-60])
    else:
        Image.fromarray(rgb[:size] + np.uint8(level)).save(tmp_path / "b.png")
    found = Found()
    mutated._check(tmp_path / "a.png", tmp_path / "b.png", found)
    assert found.outcomes == {name: int(name == outcome) for name in OUTCOMES}


def test_rounds_that_are_done_are_not_done_again(tmp_path):
    done, stop = [], [True]

    def one_round(number: int, folder: Path) -> Found:
        assert list(folder.iterdir()) == []
        if number == 3 and stop:
            raise KeyboardInterrupt
        done.append(number)
        return Found(tried=number)

    with pytest.raises(KeyboardInterrupt):
        do_rounds("rounds", 5, one_round, tmp_path, workers=1)
    kept = {int(path.stem) for path in tmp_path.iterdir()}
    assert kept >= {0, 1, 2} and 3 not in kept
    stop.clear()
    done.clear()
    assert [each.tried for each in do_rounds("rounds", 5, one_round, tmp_path, workers=1)] == [0, 1, 2, 3, 4]
    assert set(done) == {0, 1, 2, 3, 4} - kept


def test_a_lost_result_would_be_seen(tmp_path, monkeypatch):
    """Kills that lose a file: the reference has one more than the script writes."""
    (tmp_path / "reference").mkdir()
    (tmp_path / "reference" / "a.txt").write_text("a")
    (tmp_path / "script.py").write_text("import os; os.makedirs('out', exist_ok=True)")
    monkeypatch.setattr(rounds, "ROOT", tmp_path)
    monkeypatch.setattr(kills.work, "PROGRAMS", ("script.py",))
    monkeypatch.setattr(kills.work, "SAME", {"script.py": "*"})
    monkeypatch.setattr(kills.work, "arguments", lambda program: [])
    reference = kills.work.Reference(tmp_path / "reference", 0.01, 1)
    monkeypatch.setattr(kills.work, "reference", lambda program: reference)
    (tmp_path / "place").mkdir()
    assert kills.one_round(0, tmp_path / "place", kills=0).outcomes["lost"] == 1


@pytest.mark.slow
def test_faults_in_a_short_form(tmp_path):
    rows = faults.measure(tmp_path, Scale.TINY)
    assert len(rows) == len(faults.FAMILIES) * (len(OUTCOMES) + 2)
    failed = {each.name: each.value for each in rows if each.holds is False}
    notes = [path.read_text() for path in tmp_path.rglob("*.json")] if failed else []
    assert not failed, notes
