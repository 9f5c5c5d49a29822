"""The options of a training run: one place for names, defaults, help and checks. No TensorFlow."""

import argparse
from dataclasses import MISSING, asdict, dataclass, field, fields
from typing import Any

from tfcolor.color.bins import ZHANG313, check_kind, check_window
from tfcolor.networks.registry import NETWORKS
from tfcolor.objectives import OBJECTIVES
from tfcolor.ops import ACTIVATION_NAMES
from tfcolor.utils.errors import InputError

DEFAULT_MINUTES = 15.0
OVERFIT_STEPS = 300
_OF_NETWORKS = {argument for kind in NETWORKS.values() for argument in kind.arguments}


def _option(default: Any, help: str, kind: type | None = None, **argument: Any) -> Any:
    argument |= {"help": help, "type": kind or type(default)}
    return field(default=default, metadata=argument)


@dataclass(frozen=True)
class TrainingOptions:
    """What determines a training run; written to its `config.json` and `model.json`.

    The fields are the command line's options, with `-` for `_`, and `--lambda` for `uniform_share`.
    """

    dataset: str = _option(
        "scenes", "scenes, one of its categories, samples, or a folder of photographs; several with commas between"
    )
    window: int = _option(10, "side of a colour bin in ab units; divides 220")
    bins: str | None = _option(
        None, f"bins.npz to use, or {ZHANG313}; else those that occur in the training split", str
    )
    min_count: int = _option(1, "pixels that make a colour bin occupied; fewer bins make a smaller, faster network")
    init: str | None = _option(
        None, "model to start from, by name or directory, with its bins; else random weights", str
    )
    initialization: str = _option(
        "he",
        "of random weights: He et al. 2015, Xavier, or by the data (Kraehenbuehl et al. 2015, as Zhang et al. did)",
        choices=("he", "xavier", "data"),
    )
    network: str = _option("valid8", "the network", choices=tuple(NETWORKS))
    width: float = _option(1.0, "by which zhang's channels are multiplied; 1 is the paper's")
    objective: str = _option(
        "classification",
        "what zhang learns: how likely each bin is, or the colour itself, with an L2 loss (the paper's baseline)",
        choices=OBJECTIVES,
    )
    activation: str = _option("relu", "of all layers but the last", choices=ACTIVATION_NAMES)
    batch_norm: bool = _option(
        False, "normalize batches before each activation (zhang always does, after each block)", action="store_true"
    )
    encoding: str = _option("soft", "targets: the 5 nearest bins, or 1", choices=("soft", "hard"))
    downsampling: str = _option(
        "average",
        "how colours come to the resolution of a network that gives fewer pixels than it takes",
        choices=("average", "point"),
    )
    mask_gray: bool = _option(
        False, "let windows without colour (no |a| or |b| above 5) weigh nothing", action="store_true"
    )
    uniform_share: float = _option(0.5, "of the rebalancing weights: 1 for none, 0 for most", metavar="LAMBDA")
    steps: int | None = _option(None, "how many steps to train", int)
    minutes: float | None = _option(
        None, f"train for about so long instead (default {DEFAULT_MINUTES:.0f}); made into steps once", float
    )
    batch_size: int = _option(64, "windows per step, over all replicas and machines")
    patch: int | None = _option(
        None,
        "side of the windows in pixels (default "
        + ", ".join(f"{kind.patch} for {name}" for name, kind in NETWORKS.items())
        + "); valid8 colours 16 less",
        int,
    )
    zoom: float = _option(1.0, "windows are cut up to so many times larger or smaller, and resized; such as 1.5")
    learning_rate: float = _option(1e-3, "peak of Adam's learning rate")
    schedule: str = _option(
        "cosine",
        "of the learning rate: a cosine to zero, or cuts by 0.2 after 10 epochs that did not lower the loss",
        choices=("cosine", "plateau"),
    )
    weight_decay: float = _option(0.0, "of L2 regularization of the filters, such as 1e-3")
    weight_average: float = _option(
        0.0, "of a moving average of the weights, which becomes the model: what it keeps at each step, such as 0.999"
    )
    precision: str = _option(
        "auto",
        "of the convolutions; auto: bfloat16 where it is faster",
        choices=("auto", "float32", "bfloat16"),
    )
    xla: str = _option("auto", "whether XLA compiles; auto: on a GPU", choices=("auto", "on", "off"))
    seed: int = _option(0, "of weights and windows")

    def __post_init__(self):
        """Check the values, and complete those that depend on the network.

        Raises:
            InputError: naming the option, its rule and the value.
        """
        check_window(self.window)
        check_kind(self.bins or "occupied", self.window, self.min_count)
        for f in fields(self):
            choices = f.metadata.get("choices")
            if choices and getattr(self, f.name) not in choices:
                raise InputError(f"{option_name(f.name)} must be {' or '.join(choices)}, got {getattr(self, f.name)!r}")
        kind = NETWORKS[self.network]
        if self.patch is None:
            object.__setattr__(self, "patch", kind.patch)
        for f in fields(self):
            if f.name in _OF_NETWORKS and f.name not in kind.arguments and getattr(self, f.name) != f.default:
                raise InputError(f"{option_name(f.name)} is not for {self.network}; leave it out")
        if self.objective == "regression":
            for name in ("uniform_share", "encoding", "mask_gray"):
                if getattr(self, name) != type(self).__dataclass_fields__[name].default:
                    raise InputError(f"{option_name(name)} is for classification; leave it out with regression")
        rules = {
            "width": (0 < self.width <= 8, "in (0, 8]"),
            "weight_decay": (0 <= self.weight_decay < 1, "in [0, 1)"),
            "uniform_share": (0 <= self.uniform_share <= 1, "in [0, 1]"),
            "min_count": (self.min_count >= 1, "at least 1"),
            "steps": (self.steps is None or self.steps >= 1, "at least 1"),
            "minutes": (self.minutes is None or 0 < self.minutes < float("inf"), "positive"),
            "batch_size": (self.batch_size >= 1, "at least 1"),
            "patch": (
                self.patch >= kind.smallest_patch and self.patch % kind.multiple == 0,
                f"at least {kind.smallest_patch}"
                + (f" and a multiple of {kind.multiple}" if kind.multiple > 1 else "")
                + f" for {self.network}",
            ),
            "zoom": (1 <= self.zoom <= 4, "in [1, 4]"),
            "learning_rate": (0 < self.learning_rate < float("inf"), "positive"),
            "weight_average": (0 <= self.weight_average < 1, "in [0, 1)"),
            "seed": (0 <= self.seed < 2**31, "in [0, 2^31)"),
        }
        for name, (holds, rule) in rules.items():
            if not holds:
                raise InputError(f"{option_name(name)} must be {rule}, got {getattr(self, name)}")
        if self.init and self.initialization != "he":
            raise InputError("give --init or --initialization, not both")
        if self.steps and self.minutes:
            raise InputError("give --steps or --minutes, not both")

    @classmethod
    def add_to(cls, parser: argparse.ArgumentParser) -> None:
        """Add the options to a parser; those not given on the command line stay absent."""
        for f in fields(cls):
            argument = dict(f.metadata)
            if argument.get("action"):
                del argument["type"]  # a switch takes no value
            elif f.default is not None and f.default is not MISSING:
                argument["help"] += f" (default {f.default})"
            parser.add_argument(option_name(f.name), dest=f.name, default=argparse.SUPPRESS, **argument)

    def to_json(self) -> dict[str, Any]:
        """As plain values; `TrainingOptions(**values)` is the inverse."""
        return asdict(self)


def option_name(name: str) -> str:
    """The command line's name of a field: `batch_size` is `--batch-size`."""
    return "--lambda" if name == "uniform_share" else "--" + name.replace("_", "-")
