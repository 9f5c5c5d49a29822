"""Downloads over HTTP, with their progress on the terminal. `pooch` is imported only when one starts."""

import contextlib
import logging
from collections.abc import Callable, Iterator
from pathlib import Path

from tfcolor.utils.console import Progress

TIMEOUT = (10.0, 30.0)  # seconds to connect, and without a byte after that
_MB = 1_000_000


def download(url: str, path: Path, title: str) -> None:
    """Download a file and show the progress.

    Args:
        url: an http or https address.
        path: the file to make, in a temporary folder: only the user can read it.
        title: title of the progress bar.

    Raises:
        ConnectionError: the server cannot be reached, or did not send the whole file. The message is the bare reason.
        OSError: the file cannot be written.
    """
    import pooch
    from requests import RequestException

    try:
        with _silenced(pooch.get_logger()), contextlib.ExitStack() as stack:
            bar = _ProgressBar(title, stack)
            downloader = pooch.HTTPDownloader(bar, _MB, timeout=TIMEOUT, hooks={"response": _closing(stack)})
            pooch.retrieve(url, None, path.name, path.parent.absolute(), downloader=downloader)
    except (RequestException, ValueError) as error:  # ValueError: not a URL, or an invalid header
        raise ConnectionError(_root_cause(error)) from error


class _ProgressBar:
    """The progress bar that pooch asks for, as a `Progress` that appears when the server answers."""

    def __init__(self, title: str, stack: contextlib.ExitStack):
        self._title, self._stack = title, stack
        self._bytes = self._shown = 0

    @property
    def total(self) -> int:
        """The number of bytes to come, 0 if the server does not say."""
        return self._total

    @total.setter
    def total(self, total: int) -> None:
        self._total = total
        self._progress = self._stack.enter_context(Progress(self._title, _megabytes(total) or None, "MB"))

    def update(self, count: int) -> None:
        """Count bytes, which pooch rounds up to whole blocks."""
        self._bytes = min(self._bytes + count, self._total or self._bytes + count)
        if _megabytes(self._bytes) != self._shown:
            self._shown = _megabytes(self._bytes)
            self._progress.update(self._shown)

    def reset(self) -> None:
        """Do nothing: pooch starts again only to end at the total, which is shown already."""

    close = reset


def _megabytes(count: int) -> int:
    return -(-count // _MB)


def _closing(stack: contextlib.ExitStack) -> Callable[..., None]:
    """A hook of requests: pooch leaves a connection open if the download fails."""

    def close_in_the_end(response, **_):
        stack.callback(response.close)  # returns something, and a hook must not

    return close_in_the_end


@contextlib.contextmanager
def _silenced(logger: logging.Logger) -> Iterator[None]:
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)


def _root_cause(error: BaseException) -> str:
    """What the system or the server said; the libraries above wrap it in lines of their own."""
    while cause := error.__cause__ or error.__context__:
        error = cause
    return str(error) or repr(error)
