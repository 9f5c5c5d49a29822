"""Iterators that run ahead: order, errors at their place, and nothing left running."""

import threading
import time

import pytest

from tfcolor.utils.ahead import ahead, mapped


def running():
    return {thread for thread in threading.enumerate() if thread.is_alive()}


def test_items_come_in_order_and_ahead():
    made = []

    def items():
        for k in range(100):
            made.append(k)
            yield k

    found, before = [], running()
    for k in ahead(items(), 3):
        found.append(k)
        assert made[-1] <= k + 5
    assert found == list(range(100)) and running() == before


def test_errors_come_at_their_place():
    def items():
        yield 1
        raise ValueError("two")

    found = ahead(items(), 4)
    assert next(found) == 1
    with pytest.raises(ValueError, match="two"):
        next(found)


@pytest.mark.parametrize("endless", [True, False])
def test_closing_ends_the_thread_and_closes_the_items(endless):
    closed, before = [], running()

    def items():
        try:
            yield from iter(int, 1) if endless else range(3)
        finally:
            closed.append(True)

    found = ahead(items(), 2)
    next(found)
    time.sleep(0.05)  # the queue is full now
    found.close()
    assert closed == [True] and running() == before


def test_it_works_while_others_wait():
    """Two seconds of sleep in all, one in each thread at a time."""

    def slowly():
        for k in range(5):
            time.sleep(0.1)
            yield k

    started = time.monotonic()
    for _ in ahead(slowly(), 2):
        time.sleep(0.1)
    assert time.monotonic() - started < 0.85


def test_threads_work_at_once_and_results_come_in_order():
    before, meeting = running(), threading.Barrier(2, timeout=30)

    def work(k):
        if k < 2:
            meeting.wait()  # which both threads must reach
        time.sleep(0.01 * (k % 2))
        return k * k

    assert list(mapped(work, range(20), 2)) == [k * k for k in range(20)]
    assert running() == before


def test_an_item_is_made_while_others_are_under_way():
    made = []

    def items():
        for k in range(100):
            made.append(k)
            yield k

    for k in mapped(lambda k: k, items(), 3):
        assert made[-1] <= k + 3


@pytest.mark.parametrize("threads", [1, 3])
def test_errors_of_items_and_of_the_function_are_raised(threads):
    before = running()
    with pytest.raises(ZeroDivisionError):
        list(mapped(lambda k: 1 // (5 - k), range(20), threads))

    def items():
        yield 1
        raise ValueError("two")

    with pytest.raises(ValueError, match="two"):
        list(mapped(lambda k: k, items(), threads))
    assert running() == before
