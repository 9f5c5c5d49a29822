"""Photographs that studies and their tests share."""

from concurrent.futures import Future
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.studies import processes
from tfcolor.data.datasets import split_of
from tfcolor.data.scenes import SCENES_FOLDER


@pytest.fixture(scope="session")
def forest_data(tmp_path_factory) -> Path:
    """A data folder with small made photographs for `forest`: ten for training, one in each other split."""
    root = tmp_path_factory.mktemp("data")
    (root / SCENES_FOLDER).mkdir()
    rng, left = np.random.default_rng(0), {"train": 10, "val": 1, "test": 1}
    for number in range(1000):
        name = f"forest_made{number}.jpg"
        if left[split_of(name)]:
            left[split_of(name)] -= 1
            coarse = rng.integers(100, 156, (4, 5, 3), dtype=np.uint8)  # not too many colours, for small networks
            picture = Image.fromarray(coarse).resize((40, 36), Image.Resampling.BICUBIC)
            picture.save(root / SCENES_FOLDER / name, quality=95)
    return root


class PoolInThisProcess:
    """Does at once what a pool of processes does."""

    def __init__(self, workers, context, initializer, max_tasks_per_child):
        """Start nothing."""

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        pass

    def submit(self, work, *arguments):
        future = Future()
        future.set_result(work(*arguments))
        return future


@pytest.fixture
def one_process(monkeypatch):
    monkeypatch.setattr(processes, "ProcessPoolExecutor", PoolInThisProcess)
    monkeypatch.setenv("GLIBC_TUNABLES", "")  # of this process, which a study would set for others
