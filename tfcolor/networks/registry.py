"""Networks by name, and their options. No TensorFlow.

The network called `name` is a subclass of `layers.Network` in `tfcolor/networks/<name>.py`. To add a network, write
this file and add an entry to `NETWORKS`; `docs/extending.md` shows an example.
"""

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from tfcolor.ops import ACTIVATION_NAMES
from tfcolor.utils.errors import InputError
from tfcolor.utils.options import Choice, Option


@dataclass(frozen=True)
class NetworkSpec:
    """What is known about a network without importing TensorFlow.

    class_name: name of the class in its module.
    patch: default side of the training windows in pixels.
    smallest_patch: smallest side of the training windows in pixels.
    multiple: the side of the windows must be a multiple of this.
    options: the arguments of its constructor that a user chooses.
    least_outputs: smallest number of outputs that it can have.
    sides: of `patch`, `smallest_patch` and `multiple`, those that depend on the arguments, as a function of them.
    own_weights: whether its initial weights are a part of its definition.
    defaults: options of training, and its objective, whose defaults are others for this network, by name.
    classifier: kind of the pretrained classifier that it asks, if it has one.
    """

    class_name: str
    patch: int
    smallest_patch: int
    multiple: int = 1
    options: Mapping[str, Option] = field(default_factory=dict)
    least_outputs: int = 1
    sides: Callable[[Mapping[str, Any]], Mapping[str, int]] = lambda arguments: {}
    own_weights: bool = False
    defaults: Mapping[str, Any] = field(default_factory=dict)
    classifier: str | None = None

    def with_sides(self, arguments: Mapping[str, Any]) -> "NetworkSpec":
        """Return the specification for certain arguments."""
        return replace(self, **self.sides(arguments))

    def check_patch(self, name: str, patch: int) -> None:
        """Raise InputError if the network called `name` cannot take windows of side `patch`."""
        if patch < self.smallest_patch or patch % self.multiple:
            multiple = f" and a multiple of {self.multiple}" if self.multiple > 1 else ""
            raise InputError(f"`patch` must be at least {self.smallest_patch}{multiple} for {name}, got {patch}")


ACTIVATION = Option("relu", "activation after each layer except the last", choices=ACTIVATION_NAMES)
BATCH_NORM = Option(False, "batch normalization before each activation (zhang always has it, after each block)")
ENCODER = Option("lite0", "pretrained encoder, an EfficientNet", choices=("lite0", "lite1", "lite2"))
WIDTH = Option(
    1.0,
    "factor of the channels; for unet, of its decoder's",
    holds=lambda x: 0 < x <= 8,
    rule="in (0, 8]",
)
VECTOR = Option(
    "features",
    "what gamma takes from the classifier: features, or logits of its classes",
    choices=("features", "logits"),
)
DEPTH = Option(
    8,
    "layers down and layers up; windows have 2^depth pixels, or a multiple",
    holds=lambda x: 5 <= x <= 9,
    rule="from 5 to 9",
)
SIDE = Option(
    13, "side of the gray patch around a pixel", holds=lambda x: 3 <= x <= 31 and x % 2 == 1, rule="odd, in [3, 31]"
)
HIDDEN = Option(100, "number of hidden units", holds=lambda x: 1 <= x <= 1000, rule="in [1, 1000]")
# Options that discriminators have too, see `objectives.registry`.
NORM = Option("batch", "normalization of pix2pix and of discriminators", choices=("batch", "instance"))
ATTENTION = Option(
    "none",
    "where self-attention is; the generator is the network",
    choices=("none", "generator", "discriminator", "both"),
)
_AUTO_ENCODER = {"objective": "regression", "bound": 128}  # Wallner's
_ADVERSARIAL = {"objective": "adversarial", "learning_rate": 2e-4, "beta1": 0.5, "beta2": 0.999, "batch_size": 16}
STRIDE = Option(4, "side of the squares of pixels that share an output", choices=(4, 2))

NETWORKS = {
    "valid8": NetworkSpec(
        "Valid8",
        patch=32,
        smallest_patch=17,
        options={"activation": ACTIVATION, "batch_norm": BATCH_NORM},
        least_outputs=8,
    ),
    "unet": NetworkSpec(
        "UNet",
        patch=160,
        smallest_patch=64,
        multiple=32,
        options={"encoder": ENCODER, "width": WIDTH, "stride": STRIDE},
    ),
    "zhang": NetworkSpec(
        "Zhang", patch=176, smallest_patch=32, multiple=8, options={"activation": ACTIVATION, "width": WIDTH}
    ),
    "patch_mlp": NetworkSpec(
        "PatchMLP",
        patch=32,
        smallest_patch=13,
        options={"side": SIDE, "hidden": HIDDEN, "activation": ACTIVATION},
        sides=lambda arguments: {"smallest_patch": arguments["side"]},
    ),
    "beta": NetworkSpec(
        "Beta", patch=128, smallest_patch=32, multiple=8, options={"width": WIDTH}, defaults=_AUTO_ENCODER
    ),
    "gamma": NetworkSpec(
        "Gamma",
        patch=128,
        smallest_patch=32,
        multiple=8,
        options={"vector": VECTOR, "width": WIDTH},
        defaults=_AUTO_ENCODER,
        classifier="lite0",
    ),
    "pix2pix": NetworkSpec(
        "Pix2Pix",
        patch=256,
        smallest_patch=256,
        multiple=256,
        options={"depth": DEPTH, "width": WIDTH, "norm": NORM, "attention": ATTENTION},
        sides=lambda arguments: dict.fromkeys(("patch", "smallest_patch", "multiple"), 2 ** arguments["depth"]),
        own_weights=True,
        defaults=_ADVERSARIAL,
    ),
}


def network_class(name: str) -> type:
    """Return the class of a network named in `NETWORKS`; imports TensorFlow."""
    return getattr(importlib.import_module(f"tfcolor.networks.{name}"), NETWORKS[name].class_name)


@dataclass(frozen=True)
class NetworkChoice(Choice):
    """A network by name, with its arguments, as stored in `model.json`."""

    kind = "network"
    known = NETWORKS

    def make(self, num_outputs: int, seed: int = 0, compute_dtype: Any = "float32") -> Any:
        """Create the network; imports TensorFlow.

        Args:
            num_outputs: channels of the last layer.
            seed: seed of the initial weights.
            compute_dtype: dtype of the convolutions, float32 or bfloat16.

        Raises:
            ValueError: if the network needs more outputs.
        """
        return network_class(self.name)(num_outputs, **self.arguments, seed=seed, compute_dtype=compute_dtype)
