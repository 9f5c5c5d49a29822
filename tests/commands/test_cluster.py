"""The commands with `--cluster`: the same results as in one process, whatever dies."""

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tfcolor.commands import analyze_bins, colorize_cluster, evaluate, evaluate_cluster, scan_cluster
from tfcolor.utils import console

psutil = pytest.importorskip("psutil", reason="comes with Dask: pip install -r requirements-cluster.txt")
pytest.importorskip("distributed", reason="needs Dask: pip install -r requirements-cluster.txt")

ROOT = Path(__file__).parents[2]
KILLS = 20
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


@pytest.fixture
def photographs(tmp_path) -> Path:
    """150 small photographs, and a file that is none."""
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(150):
        rng = np.random.default_rng(number)
        rgb = Image.fromarray(rng.integers(0, 256, [4, 5, 3], np.uint8)).resize((60 + number % 7, 50))
        rgb.save(folder / f"{number:03d}.{'jpg' if number % 2 else 'png'}")
    (folder / "broken.jpg").write_bytes(b"no image")
    return folder


class Killer(threading.Thread):
    """Kills workers of this process, one at a time at random moments."""

    def __init__(self, kills: int):
        super().__init__(daemon=True)
        self.left, self._ended = kills, threading.Event()

    def run(self):
        rng = random.Random(0)
        while self.left and not self._ended.wait(rng.uniform(0.2, 2.0)):
            workers = [each for each in psutil.Process().children(True) if "spawn_main" in " ".join(command_of(each))]
            if workers:
                os.kill(rng.choice(workers).pid, signal.SIGKILL)
                self.left -= 1

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *exception):
        self._ended.set()
        self.join()


def command_of(process):
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_twenty_killed_workers_change_no_photograph_and_no_count(predict, photographs, tmp_path, monkeypatch):
    """With batches of one photograph, for many moments; the account is that of one process."""
    monkeypatch.setattr(colorize_cluster, "PHOTOGRAPHS", 1)
    options = ("--precision", "float32", "--format", "png")
    alone = predict(photographs, *options, "--output", "alone")
    rounds = 0
    with Killer(KILLS) as killer:
        while killer.left:
            rounds += 1
            shutil.rmtree(tmp_path / "cluster", ignore_errors=True)
            many = predict(photographs, *options, "--output", "cluster", "--cluster", "local:3")
    assert rounds >= 1 and many.status == alone.status == 1
    assert files_of(tmp_path / "cluster") == files_of(tmp_path / "alone")  # nothing is missing, half-written or left
    account = re.compile(r"(150 photographs, 0\.\d megapixels).*; 1 failed\n")
    assert account.search(many.out)[1] == account.search(alone.out)[1]
    assert many.err.count("cannot colour") == 1 and "broken.jpg: not an image" in many.err


def test_counts_of_killed_workers_are_those_of_one_process(photographs, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(scan_cluster, "PHOTOGRAPHS", 5)
    monkeypatch.chdir(tmp_path)
    words = ["--dataset", str(photographs), "--split", "all"]
    assert console.run(lambda: analyze_bins.main([*words, "--output", "alone"])) == 0
    with Killer(5):
        status = console.run(lambda: analyze_bins.main([*words, "--output", "cluster", "--cluster", "local:3"]))
    assert status == 0, capsys.readouterr().err
    found, expected = files_of(tmp_path / "cluster"), files_of(tmp_path / "alone")
    assert found.keys() == expected.keys() and found["bins.json"] == expected["bins.json"]
    with np.load(tmp_path / "cluster" / "bins.npz") as ours, np.load(tmp_path / "alone" / "bins.npz") as theirs:
        assert all(np.array_equal(ours[name], theirs[name]) for name in theirs.files)


def test_an_evaluation_of_killed_workers_is_that_of_one_process(photographs, tmp_path, monkeypatch, small_model):
    monkeypatch.setattr(evaluate_cluster, "PHOTOGRAPHS", 2)
    monkeypatch.chdir(tmp_path)
    words = ["--dataset", str(photographs), "--model", str(small_model), "--precision", "float32"]
    assert console.run(lambda: evaluate.main([*words, "--output", "alone"])) == 0
    with Killer(3):
        assert console.run(lambda: evaluate.main([*words, "--output", "cluster", "--cluster", "local:3"])) == 0
    alone, cluster = (json.loads((tmp_path / name / "evaluation.json").read_text()) for name in ("alone", "cluster"))
    assert cluster == alone
    assert files_of(tmp_path / "cluster").keys() == files_of(tmp_path / "alone").keys()


def test_a_scheduler_that_goes_away_is_one_line_and_the_work_goes_on_later(photographs, tmp_path, small_model):
    port = 28786
    address = f"tcp://127.0.0.1:{port}"
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": ROOT}
    dask = [sys.executable, "-m", "dask"]
    scheduler = subprocess.Popen([*dask, "scheduler", "--host", "127.0.0.1", "--port", str(port)], **quiet)
    worker = subprocess.Popen([*dask, "worker", address, "--nthreads", "1"], **quiet)
    command = [sys.executable, ROOT / "predict.py", *sorted(photographs.glob("[01]*")), "--model", small_model]
    command += ["--output", tmp_path / "out", "--format", "png"]
    try:
        colouring = subprocess.Popen([*command, "--cluster", address], stderr=subprocess.PIPE, text=True)
        started = time.monotonic()
        while not list(tmp_path.glob("out/*.png")) and time.monotonic() < started + 60:
            time.sleep(0.02)
        scheduler.kill()
        _, err = colouring.communicate(timeout=60)
    finally:
        for process in (scheduler, worker):
            process.kill()
            process.wait()
    assert colouring.returncode == 1
    line = "error: the scheduler of --cluster went away; go on with --resume, finished work is kept"
    assert err.splitlines()[-1] == line
    assert "Traceback" not in err
    num_before = len(list(tmp_path.glob("out/*.png")))
    assert 0 < num_before < 150
    again = subprocess.run([*command, "--resume", "--cluster", "local:2"], stdout=subprocess.PIPE, text=True)
    assert again.returncode == 0 and len(list(tmp_path.glob("out/*.png"))) == 150
    assert not list(tmp_path.glob("out/.*"))
