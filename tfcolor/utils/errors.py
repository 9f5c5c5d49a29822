"""The two ways in which a command ends badly without being a bug of this project."""


class InputError(ValueError):
    """Something the user gave cannot be used: exit status 2.

    The message is one line: what is wrong, with which input, and what to do.
    """


class WorkError(RuntimeError):
    """The input was good and the work failed all the same: exit status 1."""
