"""Objectives by name, and their options. No TensorFlow.

The objective called `name` is a subclass of `objective.Objective` in `tfcolor/objectives/<name>.py`. To add an
objective, write this file and add an entry to `OBJECTIVES`; `docs/extending.md` shows an example.
"""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from tfcolor.networks.registry import ATTENTION, NORM, WIDTH
from tfcolor.utils.options import Choice, Option


@dataclass(frozen=True)
class ObjectiveSpec:
    """What is known about an objective without importing TensorFlow.

    class_name: name of the class in its module.
    predicts_distribution: whether a network predicts how likely each colour is, as T, lambda and candidates require;
        otherwise it predicts one colour for each pixel.
    options: the arguments of its constructor that a user chooses.
    num_outputs: number of outputs it needs, at least; None for one for each bin.
    """

    class_name: str
    predicts_distribution: bool
    options: Mapping[str, Option] = field(default_factory=dict)
    num_outputs: int | None = None


UNIFORM_SHARE = Option(
    0.5,
    "strength of rebalancing rare colours: 1 for none, 0 for most",
    holds=lambda x: 0 <= x <= 1,
    rule="in [0, 1]",
    metavar="LAMBDA",
)
DOWNSAMPLING = Option(
    "average",
    "true colours for a network of lower output resolution: mean of a block of pixels, or its upper left pixel",
    choices=("average", "point"),
)
BOUND = Option(
    0,
    "largest |a| and |b|, which tanh of the outputs approaches; 0 for outputs without bound; adversarial has one, "
    "110 unless given",
    choices=(0, 110, 128),
)

OBJECTIVES = {
    "classification": ObjectiveSpec(
        "Classification",
        predicts_distribution=True,
        options={
            "uniform_share": UNIFORM_SHARE,
            "encoding": Option(
                "soft",
                "bins in the target of a pixel: soft for the 5 nearest, hard for the nearest",
                choices=("soft", "hard"),
            ),
            "downsampling": DOWNSAMPLING,
            "mask_gray": Option(False, "give windows without colour (no |a| or |b| above 5) weight 0"),
        },
    ),
    "regression": ObjectiveSpec(
        "Regression",
        predicts_distribution=False,
        options={"downsampling": DOWNSAMPLING, "bound": BOUND},
        num_outputs=2,
    ),
    "adversarial": ObjectiveSpec(
        "Adversarial",
        predicts_distribution=False,
        options={
            "space": Option("lab", "what the network paints: a and b, or red, green and blue", choices=("lab", "rgb")),
            "bound": replace(BOUND, default=110, choices=(110, 128)),
            "gan": Option("vanilla", "discriminators' errors: cross-entropy, or squares", choices=("vanilla", "lsgan")),
            "l1_weight": Option(
                100.0, "weight of the distance from the true colours", holds=lambda x: 0 <= x <= 1e4, rule="in [0, 1e4]"
            ),
            "discriminators": Option(
                1,
                "discriminators, each at half of the sides; from 2 on, features are matched",
                choices=(1, 2, 3),
            ),
            "attention": ATTENTION,
            "norm": NORM,
            "width": WIDTH,
            "downsampling": DOWNSAMPLING,
        },
        num_outputs=2,
    ),
}


def objective_class(name: str) -> type:
    """Return the class of an objective named in `OBJECTIVES`; imports TensorFlow."""
    return getattr(importlib.import_module(f"tfcolor.objectives.{name}"), OBJECTIVES[name].class_name)


@dataclass(frozen=True)
class ObjectiveChoice(Choice):
    """An objective by name, with its arguments, as stored in `model.json`."""

    kind = "objective"
    known = OBJECTIVES

    @property
    def outputs(self) -> tuple[Any, ...]:
        """What outputs stand for: where two objectives agree, one can go on with the last layer of the other."""
        if "bound" not in self.arguments:
            return (self.name,)
        return self.arguments.get("space", "lab"), self.arguments["bound"]

    def make(self, bins: Any) -> Any:
        """Create the objective for these colour bins; imports TensorFlow."""
        return objective_class(self.name)(bins, **self.arguments)
