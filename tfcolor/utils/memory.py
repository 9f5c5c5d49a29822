"""Memory that was freed: kept for the next array, or given back to the system. Both are for glibc alone."""

import ctypes
import sys

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # numbers of glibc's malloc.h
_MAPPED = 2**23  # bytes: arrays from here on are mapped, and go back to the system when they are freed


def reuse() -> None:
    """Let smaller arrays take memory that others have freed. On Linux, glibc gives it back and asks for it again.

    New memory costs time where it is first written, for tiles of a picture as much as computing them.
    """
    if sys.platform == "linux":
        set_option = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none
        if set_option:
            set_option(_MMAP_THRESHOLD, _MAPPED)
            set_option(_TRIM_THRESHOLD, 2 * _MAPPED)


def give_back() -> None:
    """Hand freed memory back to the system. On Linux, glibc keeps much of it; elsewhere nothing is to do."""
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # musl has none
        if trim:
            trim(0)
