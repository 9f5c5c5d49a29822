"""What TF_CONFIG says: alone, as one of several workers, and invalid content."""

import json

import pytest

from tfcolor.utils import tf_config
from tfcolor.utils.errors import InputError

WORKERS = {"worker": ["first:2222", "second:2222", "third:2222"]}


@pytest.mark.parametrize("value", [None, "", "{}"])
def test_without_a_cluster_a_process_is_alone(value, monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    if value is not None:
        monkeypatch.setenv("TF_CONFIG", value)
    assert (tf_config.has_cluster(), tf_config.is_chief(), tf_config.share()) == (False, True, (1, 1))


@pytest.mark.parametrize(("index", "is_chief"), [(0, True), (1, False), (2, False)])
def test_one_of_several_workers(index, is_chief, monkeypatch):
    monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": WORKERS, "task": {"type": "worker", "index": index}}))
    assert (tf_config.has_cluster(), tf_config.is_chief(), tf_config.share()) == (True, is_chief, (index + 1, 3))


@pytest.mark.parametrize(
    "config",
    [
        "workers",
        "[1]",
        '{"cluster": {"worker": ["a:1"]}}',
        '{"task": {"type": "worker", "index": 0}}',
        '{"cluster": {"worker": "a:1"}, "task": {"type": "worker", "index": 0}}',
        '{"cluster": {"worker": [1]}, "task": {"type": "worker", "index": 0}}',
        '{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 1}}',
        '{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": "0"}}',
        '{"cluster": {"worker": ["a:1"]}, "task": {"type": "ps", "index": 0}}',
    ],
)
def test_nonsense_is_refused_in_one_line(config, monkeypatch):
    monkeypatch.setenv("TF_CONFIG", config)
    for function in (tf_config.has_cluster, tf_config.is_chief, tf_config.share):
        with pytest.raises(InputError, match=r"^TF_CONFIG is not usable \(.+\): it must be JSON with cluster and"):
            function()
