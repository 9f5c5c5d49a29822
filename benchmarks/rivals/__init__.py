"""Other ways to do the same work, with the same answers; tfcolor is compared with them."""

import importlib.util


def has_torch() -> bool:
    """Whether PyTorch is installed; without it a part leaves out the rows that compare with it."""
    return importlib.util.find_spec("torch") is not None
