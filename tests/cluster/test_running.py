"""Batches in processes of Dask: each once, whatever dies; and what is refused before anything starts."""

import importlib.util
import os
import signal
from pathlib import Path

import pytest

from tfcolor.cluster import client as clients
from tfcolor.cluster import running
from tfcolor.cluster.client import check_address, connected
from tfcolor.cluster.running import run_batches
from tfcolor.utils.errors import InputError, WorkError

HAS_DASK = importlib.util.find_spec("distributed") is not None
needs_dask = pytest.mark.skipif(not HAS_DASK, reason="needs Dask: pip install -r requirements-cluster.txt")
pytestmark = pytest.mark.filterwarnings("ignore")  # Dask's and Tornado's own


def squares(batch, offset):
    return [number * number + offset for number in batch]


def here(batch):
    return os.getpid(), str(Path.cwd()), os.environ["TF_NUM_INTRAOP_THREADS"]


def die_of_three(batch):
    if 3 in batch:
        os.kill(os.getpid(), signal.SIGKILL)
    return batch


def complain(batch):
    raise InputError(f"{batch[0]} is wrong")


def batches(number, size):
    return (list(range(start, min(start + size, number))) for start in range(0, number, size))


@needs_dask
def test_each_batch_comes_back_once_from_other_processes_in_this_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with connected("local:3") as client:
        found = sorted(run_batches(client, squares, batches(20, 3), 1000))
        assert [number for batch, _ in found for number in batch] == list(range(20))
        assert [each for _, result in found for each in result] == [1000 + n * n for n in range(20)]
        places = [result for _, result in run_batches(client, here, batches(30, 1))]
        assert len({process for process, _, _ in places}) > 1 and os.getpid() not in {p for p, _, _ in places}
        assert {folder for _, folder, _ in places} == {str(tmp_path)}
        assert {threads for _, _, threads in places} == {str(max(1, len(os.sched_getaffinity(0)) // 3))}
        with pytest.raises(InputError, match=r"[024] is wrong"):
            list(run_batches(client, complain, batches(5, 2)))
        monkeypatch.setattr(running, "__version__", "0.0.1")
        with pytest.raises(InputError, match=r"has tfcolor .* and this is 0\.0\.1"):
            list(run_batches(client, squares, batches(5, 2), 0))


@needs_dask
def test_what_kills_its_workers_is_found_and_the_rest_of_its_batch_is_done(monkeypatch):
    monkeypatch.setattr(clients, "ALLOWED_FAILURES", 0)
    import dask

    with dask.config.set({"distributed.scheduler.allowed-failures": 0}), connected("local:2") as client:
        found = {tuple(batch): result for batch, result in run_batches(client, die_of_three, batches(12, 4))}
    done = {number for batch, result in found.items() if result for number in batch}
    assert done == set(range(12)) - {3} and found[3,] is None


@needs_dask
def test_nobody_answers(monkeypatch):
    monkeypatch.setattr(clients, "CONNECT_SECONDS", 1)
    with pytest.raises(WorkError, match="no scheduler answers"), connected("tcp://127.0.0.1:9"):
        pass


@pytest.mark.parametrize(
    "text",
    ["", "8", "local", "local:0", "local:-1", "local:x", "http://a:1", "tcp://", "tcp://a", "local:9999"],
)
def test_a_wrong_address_is_refused(text):
    with pytest.raises(InputError, match="--cluster must be local:N with N from 1 to 1024, or a scheduler such as"):
        check_address(text)


def test_without_dask_one_line_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"needs Dask: pip install -r requirements-cluster\.txt"):
        check_address("local:2")
