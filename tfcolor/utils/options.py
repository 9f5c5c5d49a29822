"""Options: what each of them means, its default and its rule, said once and checked once. No TensorFlow.

A group of options is a frozen dataclass whose fields are made by `option`, or a dict of `Option` by name where the
group depends on a choice, as the arguments of a network do.
"""

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar

from tfcolor.utils.errors import InputError


def anything(value: Any) -> bool:
    """A rule that always holds."""
    return True


@dataclass(frozen=True)
class Option:
    """One option.

    default: its value where none is given.
    help: one line for people.
    kind: the type of its values; None for the type of the default.
    choices: the values that it can have; empty for any.
    holds: whether a value is within its rule.
    rule: what `holds` checks, as the end of "must be ...".
    metavar: what the help calls a value.
    """

    default: Any
    help: str
    kind: type | None = None
    choices: tuple[Any, ...] = ()
    holds: Callable[[Any], bool] = anything
    rule: str = ""
    metavar: str | None = None

    def check(self, name: str, value: Any) -> None:
        """Raise InputError, naming the option as an argument, for a value of another type or out of range."""
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
        """Add it to a parser or a group of one.

        Args:
            parser: of argparse.
            name: under which its value is found.
            flag: of the command line; None for the name with `-` for `_`.
            default: where it is not given; without one it stays absent.
        """
        flag = flag or "--" + name.replace("_", "-")
        if isinstance(self.default, bool):
            parser.add_argument(flag, dest=name, action="store_true", default=default, help=self.help)
            return
        note = "" if self.default is None else f" (default {self.default})"
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
    """A field of a dataclass of options."""
    return field(default=option.default, metadata={"option": option})


def option(default: Any, help: str, **details: Any) -> Any:
    """The same for an option made here; the arguments are those of `Option`."""
    return as_field(Option(default, help, **details))


# Options that several commands have; see `precision`.
PRECISION = Option(
    "auto", "of the convolutions; auto: bfloat16 where it is faster", choices=("auto", "float32", "bfloat16")
)
XLA = Option("auto", "whether XLA compiles; auto: on a GPU", choices=("auto", "on", "off"))


def options_of(group: Any) -> dict[str, Option]:
    """The options of such a dataclass, or of an instance, by name."""
    return {f.name: f.metadata["option"] for f in fields(group) if "option" in f.metadata}


def check_all(group: Any) -> None:
    """Raise InputError where a value of a dataclass of options is out of its rule."""
    for name, each in options_of(group).items():
        each.check(name, getattr(group, name))


def complete(owner: str, options: Mapping[str, Option], given: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of something chosen by name: those given, checked, and the defaults of the others.

    Args:
        owner: its name, for messages.
        options: that it takes.
        given: values by name.

    Raises:
        InputError: for an argument that it does not take, or a value out of its rule.
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
    """Something chosen by name from a registry, with its arguments; a subclass says from which.

    Raises InputError for an unknown name, and for arguments that it does not take or that are out of range; those
    left out get their defaults.

    kind: what is chosen, for messages.
    known: by name, what the registry says; `options` in it are the arguments.
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
        """What the registry says of it."""
        return self.known[self.name]

    @classmethod
    def from_json(cls, content: Any) -> "Choice":
        """The inverse of `to_json`; raises InputError for anything else."""
        if not isinstance(content, Mapping):
            raise InputError(f"{cls.kind} must have a name, got {content!r}")
        return cls(content.get("name"), {key: value for key, value in content.items() if key != "name"})

    def to_json(self) -> dict[str, Any]:
        """As plain values: its name and arguments."""
        return {"name": self.name, **self.arguments}
