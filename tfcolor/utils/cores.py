"""How many cores there are to share."""

import os


def num_cores() -> int:
    """The cores that this process may use: TensorFlow's share of them, if it has one."""
    share = os.environ.get("TF_NUM_INTRAOP_THREADS", "")
    if share.isdigit() and int(share):
        return int(share)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
