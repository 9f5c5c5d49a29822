"""What TF_CONFIG says about this process. No TensorFlow.

TF_CONFIG={"cluster": {"worker": ["host1:2222", "host2:2222"]}, "task": {"type": "worker", "index": 0}}
"""

import json
import os

from tfcolor.utils.errors import InputError


def has_cluster() -> bool:
    """Whether TF_CONFIG names the processes of a cluster.

    Raises:
        InputError: TF_CONFIG is set and is not such JSON.
    """
    return bool(_config().get("cluster"))


def is_chief() -> bool:
    """Whether this process writes the files: it is worker 0, or alone."""
    task = _config().get("task", {})
    return task.get("index", 0) == 0


def share() -> tuple[int, int]:
    """Return (i, n) if this process is the i-th of n, counted from 1; (1, 1) if it is alone."""
    config = _config()
    return (config["task"]["index"] + 1, len(config["cluster"]["worker"])) if config else (1, 1)


def _config() -> dict:
    try:
        config = json.loads(os.environ.get("TF_CONFIG") or "{}")
        if config == {}:
            return config
        workers, task = config["cluster"]["worker"], config["task"]
        if not isinstance(workers, list) or not all(isinstance(worker, str) for worker in workers):
            raise ValueError("worker must be a list of addresses")
        if task["type"] != "worker" or not isinstance(task["index"], int) or task["index"] not in range(len(workers)):
            raise ValueError(f"task must be of type worker with an index below {len(workers)}")
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"TF_CONFIG is not usable ({error!r}): it must be JSON with cluster and task") from error
    return config
