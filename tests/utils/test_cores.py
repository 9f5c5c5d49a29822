"""How many cores a process takes."""

import os

import pytest

from tfcolor.utils.cores import num_cores


@pytest.mark.parametrize(("share", "expected"), [("3", 3), ("", None), ("0", None), ("all", None)])
def test_tensorflows_share_counts_if_there_is_one(monkeypatch, share, expected):
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", share)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 5}, raising=False)
    assert num_cores() == (expected or 2)
