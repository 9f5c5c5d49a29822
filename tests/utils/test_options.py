"""Options: checked in one place, named as arguments in messages, and put on a command line."""

import argparse
from dataclasses import dataclass

import pytest

from tfcolor.utils.errors import InputError
from tfcolor.utils.options import Choice, Option, check_all, complete, option, options_of

RATE = Option(0.5, "a rate", holds=lambda x: 0 <= x <= 1, rule="in [0, 1]")
KIND = Option("plain", "a kind", choices=("plain", "fancy", "none"))
COUNT = Option(None, "a count", kind=int, holds=lambda x: x >= 1, rule="at least 1")
SWITCH = Option(False, "a switch")


@pytest.mark.parametrize(
    ("option", "value"),
    [(RATE, 0), (RATE, 1.0), (KIND, "fancy"), (COUNT, None), (COUNT, 3), (SWITCH, True)],
    ids=lambda x: x.help if isinstance(x, Option) else str(x),
)
def test_good_values_pass(option, value):
    option.check("x", value)


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        (RATE, 1.5, r"`x` must be in \[0, 1\], got 1.5"),
        (RATE, float("nan"), "`x` must be in .* got nan"),
        (RATE, "0.5", "`x` must be of type float, got '0.5'"),
        (RATE, True, "`x` must be of type float, got True"),
        (RATE, None, "`x` must be of type float, got None"),
        (KIND, "odd", "`x` must be plain, fancy or none, got 'odd'"),
        (COUNT, 0, "`x` must be at least 1, got 0"),
        (COUNT, 1.5, "`x` must be of type int, got 1.5"),
        (SWITCH, 1, "`x` must be of type bool, got 1"),
    ],
)
def test_bad_values_are_named_with_their_rule(option, value, message):
    with pytest.raises(InputError, match=f"^{message}$"):
        option.check("x", value)


def test_only_what_is_given_on_the_command_line_is_there():
    parser = argparse.ArgumentParser()
    for name, each in {"rate": RATE, "my_kind": KIND, "count": COUNT, "switch": SWITCH}.items():
        each.add_to(parser, name)
    KIND.add_to(parser, "other", "--else", default="none")
    assert vars(parser.parse_args([])) == {"other": "none"}
    given = parser.parse_args("--rate 0.25 --my-kind fancy --count 2 --switch --else plain".split())  # noqa: SIM905
    assert vars(given) == {"rate": 0.25, "my_kind": "fancy", "count": 2, "switch": True, "other": "plain"}
    assert "a rate (default: 0.5)" in parser.format_help()


def test_a_group_is_checked_as_a_whole():
    @dataclass(frozen=True)
    class Group:
        rate: float = option(0.5, "a rate", holds=lambda x: x <= 1, rule="at most 1")
        plain: int = 3

        def __post_init__(self):
            check_all(self)

    assert [*options_of(Group)] == ["rate"] and Group().rate == 0.5
    with pytest.raises(InputError, match="`rate` must be at most 1, got 2"):
        Group(rate=2)


def test_arguments_are_completed():
    options = {"rate": RATE, "kind": KIND}
    assert complete("thing", options, {"kind": "fancy"}) == {"rate": 0.5, "kind": "fancy"}
    with pytest.raises(InputError, match="`size` is not for thing; leave it out"):
        complete("thing", options, {"size": 3})


def test_a_choice_there_and_back():
    class Animal(Choice):
        kind, known = (
            "animal",
            {"cat": argparse.Namespace(options={"rate": RATE}), "dog": argparse.Namespace(options={})},
        )

    assert Animal.from_json(Animal("cat", {"rate": 1}).to_json()) == Animal("cat", {"rate": 1})
    assert Animal("cat").to_json() == {"name": "cat", "rate": 0.5}
    for content, message in (
        ({"name": "cow"}, "unknown animal 'cow' .known: cat, dog."),
        ({"name": ["cat"]}, "unknown animal"),
        ({}, "unknown animal None"),
        ("cat", "animal must have a name, got 'cat'"),
        ({"name": "dog", "rate": 1}, "`rate` is not for dog"),
    ):
        with pytest.raises(InputError, match=message):
            Animal.from_json(content)
