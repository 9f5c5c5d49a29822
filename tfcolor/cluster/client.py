"""Connect to the workers of Dask: some on this machine ('local:8'), or those of a scheduler ('tcp://host:8786').

Dask is imported only here and in `running`, and only where `--cluster` is given.
"""

import contextlib
import importlib.util
import logging
import re
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING

from tfcolor.utils.cores import num_cores
from tfcolor.utils.errors import InputError, WorkError

if TYPE_CHECKING:
    from distributed import Client

# Workers that may die on a batch before it counts as what killed them: with Dask's 3, twenty workers that are killed
# for other reasons could be enough.
ALLOWED_FAILURES = 10
MOST_WORKERS = 1024  # on this machine
CONNECT_SECONDS = 20
_LOST_SECONDS = 2  # after which a worker that has died, and was not started again, is replaced
# A terminal sends Ctrl-C to all processes; this one ends the others.
_IGNORE_CTRL_C = "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n"
_ADDRESS = re.compile(r"(tcp|tls)://[^\s/]+:\d+")


def check_address(text: str) -> None:
    """Raise InputError if a text is no address of workers, or Dask is not installed."""
    local, _, number = text.partition(":")
    is_local = local == "local" and number.isdecimal() and 1 <= int(number) <= MOST_WORKERS
    if not is_local and not _ADDRESS.fullmatch(text):
        rule = f"local:N with N from 1 to {MOST_WORKERS}, or a scheduler such as tcp://host:8786"
        raise InputError(f"--cluster must be {rule}; got {text!r}")
    if importlib.util.find_spec("distributed") is None:
        raise InputError("--cluster needs Dask: pip install -r requirements-cluster.txt")


@contextlib.contextmanager
def connected(address: str) -> Iterator["Client"]:
    """Connect to workers; on leaving, those on this machine are ended.

    Args:
        address: see `check_address`.

    Yields:
        Dask's client.

    Raises:
        WorkError: nobody answers at the address.
    """
    from distributed import Client

    for name in list(logging.root.manager.loggerDict):
        if name.partition(".")[0] in ("distributed", "tornado", "asyncio"):
            logging.getLogger(name).setLevel(logging.CRITICAL)  # what fails becomes one line of our own
    with contextlib.ExitStack() as stack:
        if address.startswith("local:"):
            scheduler = stack.enter_context(_local(int(address.removeprefix("local:"))))
        else:
            scheduler = address
        try:
            client = stack.enter_context(Client(scheduler, timeout=CONNECT_SECONDS))
        except OSError as error:
            raise WorkError(f"no scheduler answers at {address}; start it, or correct --cluster") from error
        _allow_failures(client)
        yield client


@contextlib.contextmanager
def _local(num_workers):
    """Workers on this machine; those that die are replaced, even while they start."""
    import dask
    from distributed import LocalCluster

    settings = {
        # Dask's own make workers give memory back to the system after each small piece, which slows TensorFlow down.
        "distributed.nanny.pre-spawn-environ": {"TF_CPP_MIN_LOG_LEVEL": "2"},
        "distributed.deploy.lost-worker-timeout": f"{_LOST_SECONDS}s",
    }
    with (
        dask.config.set(settings),
        LocalCluster(
            n_workers=0,
            threads_per_worker=max(1, num_cores() // num_workers),
            memory_limit=0,  # a photograph may need more than an equal share
            dashboard_address=None,
            silence_logs=logging.CRITICAL,
            preload=_IGNORE_CTRL_C,
        ) as cluster,
    ):
        cluster.scale(num_workers)
        ended = threading.Event()

        def watch():
            while not ended.wait(_LOST_SECONDS):
                cluster.scale(num_workers)  # starts those that are missing

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        try:
            yield cluster
        finally:
            ended.set()
            watcher.join()


def _allow_failures(client):
    least = ALLOWED_FAILURES

    def allow(dask_scheduler):  # a local function, so that the scheduler's machine needs no tfcolor
        dask_scheduler.allowed_failures = max(dask_scheduler.allowed_failures, least)

    client.run_on_scheduler(allow)
