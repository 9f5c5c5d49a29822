"""Objectives by name, and their options. No TensorFlow.

An objective `name` is the class in `tfcolor/objectives/<name>.py`, an `objective.Objective`. To add one, write that
file and add an entry to `OBJECTIVES`; `docs/extending.md` has an example.
"""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tfcolor.utils.options import Choice, Option


@dataclass(frozen=True)
class ObjectiveSpec:
    """What is known of an objective before TensorFlow is imported.

    class_name: in its module.
    predicts_distribution: whether a network predicts how likely colours are, so that T, lambda and candidates mean
        something; otherwise it predicts one colour for each pixel.
    options: the arguments of its constructor that a user chooses.
    """

    class_name: str
    predicts_distribution: bool
    options: Mapping[str, Option] = field(default_factory=dict)


UNIFORM_SHARE = Option(
    0.5,
    "of the rebalancing weights: 1 for none, 0 for most",
    holds=lambda x: 0 <= x <= 1,
    rule="in [0, 1]",
    metavar="LAMBDA",
)
DOWNSAMPLING = Option(
    "average",
    "how colours come to the resolution of a network whose output has fewer pixels than its input",
    choices=("average", "point"),
)

OBJECTIVES = {
    "classification": ObjectiveSpec(
        "Classification",
        predicts_distribution=True,
        options={
            "uniform_share": UNIFORM_SHARE,
            "encoding": Option("soft", "targets: the 5 nearest bins, or 1", choices=("soft", "hard")),
            "downsampling": DOWNSAMPLING,
            "mask_gray": Option(False, "let windows without colour (no |a| or |b| above 5) weigh nothing"),
        },
    ),
    "regression": ObjectiveSpec("Regression", predicts_distribution=False, options={"downsampling": DOWNSAMPLING}),
}


def objective_class(name: str) -> type:
    """The class of an objective named in `OBJECTIVES`; imports TensorFlow."""
    return getattr(importlib.import_module(f"tfcolor.objectives.{name}"), OBJECTIVES[name].class_name)


@dataclass(frozen=True)
class ObjectiveChoice(Choice):
    """An objective by name with its arguments, as a model's `model.json` has it."""

    kind = "objective"
    known = OBJECTIVES

    def make(self, bins: Any) -> Any:
        """Create the objective for some colour bins; imports TensorFlow."""
        return objective_class(self.name)(bins, **self.arguments)
