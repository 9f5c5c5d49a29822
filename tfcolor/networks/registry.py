"""Networks by name, and their options. No TensorFlow.

A network `name` is the class in `tfcolor/networks/<name>.py`, a `layers.Network`. To add one, write that file and
add an entry to `NETWORKS`; `docs/extending.md` has an example.
"""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tfcolor.ops import ACTIVATION_NAMES
from tfcolor.utils.errors import InputError
from tfcolor.utils.options import Choice, Option


@dataclass(frozen=True)
class NetworkSpec:
    """What is known of a network before TensorFlow is imported.

    class_name: in its module.
    patch: side in pixels of the windows it is trained on where no other is given.
    smallest_patch: the smallest side that it can be trained on.
    multiple: the side must be a multiple of this.
    options: the arguments of its constructor that a user chooses.
    objectives: those that it can be trained with; empty for all.
    """

    class_name: str
    patch: int
    smallest_patch: int
    multiple: int = 1
    options: Mapping[str, Option] = field(default_factory=dict)
    objectives: tuple[str, ...] = ()

    def check_patch(self, name: str, patch: int) -> None:
        """Raise InputError where windows of that side cannot go through the network called `name`."""
        if patch < self.smallest_patch or patch % self.multiple:
            multiple = f" and a multiple of {self.multiple}" if self.multiple > 1 else ""
            raise InputError(f"`patch` must be at least {self.smallest_patch}{multiple} for {name}, got {patch}")


ACTIVATION = Option("relu", "what follows each layer except the last", choices=ACTIVATION_NAMES)
BATCH_NORM = Option(False, "normalize batches before each activation (zhang always does, after each block)")
WIDTH = Option(1.0, "factor of the channels; 1 is the paper's", holds=lambda x: 0 < x <= 8, rule="in (0, 8]")

NETWORKS = {
    "valid8": NetworkSpec(
        "Valid8",
        patch=32,
        smallest_patch=17,
        options={"activation": ACTIVATION, "batch_norm": BATCH_NORM},
        objectives=("classification",),
    ),
    "zhang": NetworkSpec(
        "Zhang", patch=176, smallest_patch=32, multiple=8, options={"activation": ACTIVATION, "width": WIDTH}
    ),
}


def network_class(name: str) -> type:
    """The class of a network named in `NETWORKS`; imports TensorFlow."""
    return getattr(importlib.import_module(f"tfcolor.networks.{name}"), NETWORKS[name].class_name)


@dataclass(frozen=True)
class NetworkChoice(Choice):
    """A network by name with its arguments, as a model's `model.json` has it."""

    kind = "network"
    known = NETWORKS

    def make(self, num_outputs: int, seed: int = 0, compute_dtype: Any = "float32") -> Any:
        """Create the network; imports TensorFlow.

        Args:
            num_outputs: channels of its last layer.
            seed: of its initial weights.
            compute_dtype: of its convolutions, float32 or bfloat16.

        Raises:
            ValueError: where it cannot have so few outputs.
        """
        return network_class(self.name)(num_outputs, **self.arguments, seed=seed, compute_dtype=compute_dtype)
