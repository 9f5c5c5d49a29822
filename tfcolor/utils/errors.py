"""The two ways in which a command can fail without a bug in this project."""


class InputError(ValueError):
    """The user gave something that cannot be used: exit status 2.

    The message is one line: what is wrong, with which input, and what to do.
    """


class WorkError(RuntimeError):
    """The input was valid, but the work failed: exit status 1."""
