"""Memory that is free, but not yet the system's again."""

import ctypes
import sys


def give_back() -> None:
    """Hand freed memory back to the system. On Linux, glibc keeps much of it; elsewhere nothing is to do."""
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # musl has none
        if trim:
            trim(0)
