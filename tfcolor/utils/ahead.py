"""Iterators that run ahead in other threads."""

import queue
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")
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


def mapped(function: Callable[[T], R], items: Iterable[T], threads: int) -> Iterator[R]:
    """Apply a function to items in threads, while the next items are made in this one.

    Args:
        function: may be called by several threads at once.
        items: each is made while `threads` others are under way.
        threads: how many.

    Yields:
        The results in order.

    Raises:
        Whatever `items` or `function` raise.
    """
    running: deque[Future] = deque()
    with ThreadPoolExecutor(threads) as pool:
        for item in items:
            if len(running) == threads:
                yield running.popleft().result()
            running.append(pool.submit(function, item))
            del item  # else it stays in memory while the next one is made
        while running:
            yield running.popleft().result()
