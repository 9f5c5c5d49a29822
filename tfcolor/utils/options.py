"""Declared options: meaning, default and valid values of each in one place. No TensorFlow.

A group of options is a frozen dataclass with fields from `option`. If the group depends on a choice, as the arguments
of a network do, it is a dict of `Option` by name.
"""

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar

from tfcolor.utils.errors import InputError


def anything(value: Any) -> bool:
    """Return True: the rule of options without one."""
    return True


@dataclass(frozen=True)
class Option:
    """One option.

    default: the default value.
    help: one line for `--help`.
    kind: the type of values; None for the type of the default.
    choices: the valid values; empty for any.
    holds: returns whether a value is valid.
    rule: describes what `holds` checks, as the end of "must be ...".
    metavar: name of the value in `--help`.
    """

    default: Any
    help: str
    kind: type | None = None
    choices: tuple[Any, ...] = ()
    holds: Callable[[Any], bool] = anything
    rule: str = ""
    metavar: str | None = None

    def check(self, name: str, value: Any) -> None:
        """Raise InputError for a value of another type or an invalid one; `name` is used in the message."""
        if value is None and self.default is None:
            return
        kind = self.kind or type(self.default)
        if isinstance(value, bool) != (kind is bool) or not isinstance(value, (int, float) if kind is float else kind):
            raise InputError(f"`{name}` must be of type {kind.__name__}, got {value!r}")
        if self.choices and value not in self.choices:
            *others, last = map(str, self.choices)
            raise InputError(f"`{name}` must be {', '.join(others)} or {last}, got {value!r}")
        if not self.holds(value):
            raise InputError(f"`{name}` must be {self.rule}, got {value}")

    def add_to(self, parser: Any, name: str, flag: str | None = None, default: Any = argparse.SUPPRESS) -> None:
        """Add the option to an argparse parser or argument group.

        Args:
            parser: the parser or group.
            name: attribute of the parsed arguments.
            flag: flag on the command line; None for the name with `-` in place of `_`.
            default: value if the flag is not given; by default the attribute is absent then.
        """
        flag = flag or "--" + name.replace("_", "-")
        if isinstance(self.default, bool):
            parser.add_argument(flag, dest=name, action="store_true", default=default, help=self.help)
            return
        note = "" if self.default is None else f" (default: {self.default})"
        parser.add_argument(
            flag,
            dest=name,
            type=self.kind or type(self.default),
            choices=self.choices or None,
            metavar=self.metavar,
            default=default,
            help=self.help + note,
        )


def as_field(option: Option) -> Any:
    """Make an option a field of a dataclass."""
    return field(default=option.default, metadata={"option": option})


def option(default: Any, help: str, **details: Any) -> Any:
    """Make a new option a field of a dataclass; see `Option` for the arguments."""
    return as_field(Option(default, help, **details))


# Options that several commands have; see `precision`.
PRECISION = Option(
    "auto", "precision of the convolutions; auto: bfloat16 if faster here", choices=("auto", "float32", "bfloat16")
)
XLA = Option("auto", "whether XLA compiles the network; auto: on a GPU", choices=("auto", "on", "off"))


def options_of(group: Any) -> dict[str, Option]:
    """Return the options of a dataclass, or of an instance, by name."""
    return {f.name: f.metadata["option"] for f in fields(group) if "option" in f.metadata}


def check_all(group: Any) -> None:
    """Raise InputError if an option of a dataclass has an invalid value."""
    for name, each in options_of(group).items():
        each.check(name, getattr(group, name))


def complete(owner: str, options: Mapping[str, Option], given: Mapping[str, Any]) -> dict[str, Any]:
    """Check the given arguments, and add the defaults of the others.

    Args:
        owner: name of what takes the arguments, for messages.
        options: its options by name.
        given: values by name.

    Returns:
        All values by name.

    Raises:
        InputError: for an unknown argument or an invalid value.
    """
    for name in given:
        if name not in options:
            raise InputError(f"`{name}` is not for {owner}; leave it out")
    arguments = {name: given.get(name, each.default) for name, each in options.items()}
    for name, value in arguments.items():
        options[name].check(name, value)
    return arguments


@dataclass(frozen=True)
class Choice:
    """An entry of a registry, chosen by name, with its arguments; each registry has a subclass.

    Arguments that are left out get their defaults. Raises InputError for an unknown name, unknown arguments and invalid
    values.

    kind: what is chosen, for messages.
    known: the registry: specifications by name, whose `options` are the arguments.
    """

    kind: ClassVar[str]
    known: ClassVar[Mapping[str, Any]]

    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self):
        """Check the name, and complete the arguments."""
        if not isinstance(self.name, str) or self.name not in self.known:
            raise InputError(f"unknown {self.kind} {self.name!r} (known: {', '.join(self.known)})")
        object.__setattr__(self, "arguments", complete(self.name, self.spec.options, self.arguments))

    @property
    def spec(self) -> Any:
        """The specification in the registry."""
        return self.known[self.name]

    @classmethod
    def from_json(cls, content: Any) -> "Choice":
        """Convert from the content of `to_json`; raise InputError for anything else."""
        if not isinstance(content, Mapping):
            raise InputError(f"{cls.kind} must have a name, got {content!r}")
        return cls(content.get("name"), {key: value for key, value in content.items() if key != "name"})

    def to_json(self) -> dict[str, Any]:
        """Convert to plain values: the name and the arguments."""
        return {"name": self.name, **self.arguments}
