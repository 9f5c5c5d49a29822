"""An iterator that runs ahead in another thread."""

import queue
import threading
from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")
_SECONDS = 0.1  # after which a full queue looks whether anybody still waits


def ahead(items: Iterable[T], most: int) -> Iterator[T]:
    """Yield from `items`, which are made in another thread.

    Args:
        items: closed when this iterator is.
        most: how many may wait.

    Raises:
        Whatever `items` raise, at its place.
    """
    waiting: queue.Queue = queue.Queue(most)
    closed = threading.Event()

    def put(kind, value):
        while not closed.is_set():
            try:
                return waiting.put((kind, value), timeout=_SECONDS)
            except queue.Full:
                continue

    def work():
        iterator = iter(items)
        try:
            for item in iterator:
                put("item", item)
                del item  # else it stays in memory until the next one is made
                if closed.is_set():
                    break
            put("end", None)
        except BaseException as error:
            put("error", error)
        finally:
            if hasattr(iterator, "close"):
                iterator.close()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        while True:
            kind, value = waiting.get()
            if kind == "end":
                return
            if kind == "error":
                raise value
            yield value
            del value
    finally:
        closed.set()
        thread.join()
