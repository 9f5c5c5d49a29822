"""The options of a training run, in groups. No TensorFlow.

The groups are data, network, objective and optimisation. Each is declared beside the code it belongs to, the last one
here. On the command line, in `config.json` and in `model.json`, all options stand side by side, by name.
"""

import argparse
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from tfcolor.color.bins import ZHANG313, Bins
from tfcolor.data.options import DataOptions
from tfcolor.models.directory import find_model, read_info
from tfcolor.networks.registry import NETWORKS, NetworkChoice
from tfcolor.objectives.registry import OBJECTIVES, ObjectiveChoice
from tfcolor.utils.errors import InputError
from tfcolor.utils.options import PRECISION, XLA, Option, as_field, check_all, option, options_of

DEFAULT_MINUTES = 15.0
INITIALIZATIONS = ("he", "xavier", "data", "scratch")
OPTIMIZERS = ("adam", "adamw", "sgd", "momentum", "rmsprop", "adagrad")
BETA1, BETA2 = 0.9, 0.99  # of Adam (Zhang et al. 2016, section 3.1)


@dataclass(frozen=True)
class OptimizationOptions:
    """How a network learns.

    Raises InputError for invalid values.
    """

    init: str | None = option(
        None, "model to start from, by name or directory; its bins are used (default: random weights)", kind=str
    )
    initialization: str = option(
        "he",
        "random weights: He et al. 2015, Xavier, or from data (Kraehenbuehl et al. 2015, as Zhang et al. used); "
        "scratch: He's, and not the published ones for an encoder either, which learns as a whole then",
        choices=INITIALIZATIONS,
    )
    steps: int | None = option(None, "number of training steps", kind=int, holds=lambda x: x >= 1, rule="at least 1")
    minutes: float | None = option(
        None,
        f"train for about this time, if steps are not given (default: {DEFAULT_MINUTES:.0f})",
        kind=float,
        holds=lambda x: 0 < x < float("inf"),
        rule="positive",
    )
    batch_size: int = option(
        64, "windows per step, over all replicas and machines", holds=lambda x: x >= 1, rule="at least 1"
    )
    learning_rate: float = option(
        1e-3, "peak of the learning rate", holds=lambda x: 0 < x < float("inf"), rule="positive"
    )
    optimizer: str = option("adam", "how gradients change the weights", choices=OPTIMIZERS)
    beta1: float = option(
        BETA1, "decay of the mean gradient (adam, adamw)", holds=lambda x: 0 <= x < 1, rule="in [0, 1)"
    )
    beta2: float = option(
        BETA2, "decay of the mean squared gradient (adam, adamw)", holds=lambda x: 0 <= x < 1, rule="in [0, 1)"
    )
    schedule: str = option(
        "cosine",
        "learning rate: a cosine to zero, or a factor of 0.2 after every 10 epochs that do not lower the loss",
        choices=("cosine", "plateau"),
    )
    encoder_rate: float = option(
        0.0,
        "factor of the learning rate for a pretrained encoder; 0 leaves it unchanged",
        holds=lambda x: 0 <= x <= 1,
        rule="in [0, 1]",
    )
    weight_decay: float = option(
        0.0,
        "factor of L2 regularization of the filters, such as 1e-3; of adamw, decay apart from the gradients",
        holds=lambda x: 0 <= x < 1,
        rule="in [0, 1)",
    )
    weight_average: float = option(
        0.0,
        "decay of a moving average of the weights, which becomes the model, such as 0.999; 0 for none",
        holds=lambda x: 0 <= x < 1,
        rule="in [0, 1)",
    )
    precision: str = as_field(PRECISION)
    xla: str = as_field(XLA)
    seed: int = option(0, "random seed of weights and windows", holds=lambda x: 0 <= x < 2**31, rule="in [0, 2^31)")

    def __post_init__(self):
        """Check the values."""
        check_all(self)
        if self.init and self.initialization != "he":
            raise InputError("give `init` or `initialization`, not both")
        if self.steps and self.minutes:
            raise InputError("give `steps` or `minutes`, not both")


def _union(known: dict[str, Any]) -> dict[str, Option]:
    """The options of all entries of a registry; the help names the owners of options that not all have."""
    found: dict[str, Option] = {}
    owners_of = lambda name, entries: [owner for owner, spec in entries.items() if name in spec.options]  # noqa: E731
    for spec in known.values():
        for name, each in spec.options.items():
            owners = owners_of(name, {**NETWORKS, **OBJECTIVES})
            note = "" if len(owners) == len(known) else f" ({', '.join(owners)})"
            found.setdefault(name, replace(each, help=each.help + note))
    return found


_NETWORK = {"network": Option("valid8", "network to train", choices=tuple(NETWORKS))} | _union(NETWORKS)
_OBJECTIVE = {
    "objective": Option(
        "classification",
        "predict how likely each bin is; or the colour itself, with an L2 loss, or with discriminators (pix2pix)",
        choices=tuple(OBJECTIVES),
    )
} | _union(OBJECTIVES)
# All options by name, in the order of the help.
OPTIONS: dict[str, Option] = {
    **options_of(DataOptions), **_NETWORK, **_OBJECTIVE, **options_of(OptimizationOptions)
}  # fmt: skip


@dataclass(frozen=True)
class TrainingOptions:
    """All options of a training run; written to its `config.json` and `model.json`.

    Raises InputError if groups do not fit each other.
    """

    data: DataOptions = field(default_factory=DataOptions)
    network: NetworkChoice = field(default_factory=lambda: NetworkChoice("valid8"))
    objective: ObjectiveChoice = field(default_factory=lambda: ObjectiveChoice("classification"))
    optimization: OptimizationOptions = field(default_factory=OptimizationOptions)

    def __post_init__(self):
        """Check the groups against each other, and fill in the default side of the windows."""
        spec = self.network.spec.with_sides(self.network.arguments)
        self._check_attention()
        if "encoder" not in self.network.arguments:
            lacking = f"is not for {self.network.name}, which has no encoder to train"
            if self.optimization.encoder_rate:
                raise InputError(f"`encoder_rate` {lacking}; leave it out")
            if self.optimization.initialization == "scratch":
                raise InputError(f"`initialization` scratch {lacking}; take he")
        if self.optimization.initialization in ("xavier", "data") and spec.own_weights:
            raise InputError(f"`initialization` is not for {self.network.name}, which has initial weights of its own")
        outputs = self.objective.spec.num_outputs
        if outputs is not None and outputs < spec.least_outputs:
            raise InputError(
                f"`network` {self.network.name} needs at least {spec.least_outputs} outputs, but "
                f"{self.objective.name} has {outputs}; choose another network or objective"
            )
        if self.data.patch is None:
            object.__setattr__(self, "data", replace(self.data, patch=spec.patch))
        spec.check_patch(self.network.name, self.data.patch)

    def _check_attention(self) -> None:
        """Raise InputError if attention is wanted where there is none."""
        wanted = {**self.objective.arguments, **self.network.arguments}.get("attention", "none")
        places = (("generator", self.network, "self-attention"), ("discriminator", self.objective, "discriminator"))
        for place, group, lacking in places:
            if wanted in (place, "both") and "attention" not in group.arguments:
                raise InputError(
                    f"`attention` {wanted} is not for {group.name}, which has no {lacking}; choose another"
                )

    @classmethod
    def of(cls, **given: Any) -> "TrainingOptions":
        """Sort options into their groups.

        Args:
            given: values by name, see `OPTIONS`; the others get their defaults, which the network may set. An option
                that neither the network nor the objective takes may be given, but only with its default.

        Raises:
            InputError: for an unknown name or an invalid value.
        """
        for name in given:
            if name not in OPTIONS:
                raise InputError(f"unknown option {name!r}")
        given = _defaults_of_network(given) | given
        network, objective = (given.get(key, OPTIONS[key].default) for key in ("network", "objective"))
        taken = {**NetworkChoice(network).spec.options, **ObjectiveChoice(objective).spec.options}
        return cls(
            DataOptions(**_own(options_of(DataOptions), given)),
            _choice(NetworkChoice, network, _NETWORK, given, taken),
            _choice(ObjectiveChoice, objective, _OBJECTIVE, given, taken),
            OptimizationOptions(**_own(options_of(OptimizationOptions), given)),
        )

    def to_json(self) -> dict[str, Any]:
        """Return plain values by name; `TrainingOptions.of(**values)` is the inverse."""
        data, optimization = (
            {f.name: getattr(group, f.name) for f in fields(group)} for group in (self.data, self.optimization)
        )
        network = {"network": self.network.name, **self.network.arguments}
        objective = {"objective": self.objective.name, **self.objective.arguments}
        return data | network | objective | optimization

    def with_options(self, **given: Any) -> "TrainingOptions":
        """Return a copy with other values of some options."""
        return TrainingOptions.of(**self.to_json() | given)


def _own(options: dict[str, Option], given: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in given.items() if name in options}


def _defaults_of_network(given: dict[str, Any]) -> dict[str, Any]:
    """The defaults that the network sets; those of its own objective only if no other is given."""
    defaults = dict(NetworkChoice(given.get("network", OPTIONS["network"].default)).spec.defaults)
    if given.get("objective") in (None, defaults.get("objective")):
        return defaults
    return {name: value for name, value in defaults.items() if name not in _OBJECTIVE}


def _choice(kind: type, name: str, options: dict[str, Option], given: dict[str, Any], taken: dict[str, Option]) -> Any:
    """A network or objective with its given arguments; arguments that nobody takes are ignored if they are default."""
    own = kind(name).spec.options
    foreign = {n: v for n, v in _own(options, given).items() if n not in taken and n not in ("network", "objective")}
    unfit = {n: v for n, v in foreign.items() if v != options[n].default}
    return kind(name, {n: v for n, v in given.items() if n in own} | unfit)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add all options to a parser; options not given on the command line stay absent."""
    groups = {
        "data": options_of(DataOptions),
        "network": _NETWORK,
        "objective": _OBJECTIVE,
        "optimisation": options_of(OptimizationOptions),
    }
    added: set[str] = set()  # some options belong to networks and to objectives
    for title, options in groups.items():
        group = parser.add_argument_group(title)
        for name in [name for name in options if name not in added]:
            each = replace(options[name], help=options[name].help + _other_defaults(name))
            each.add_to(group, name, "--lambda" if name == "uniform_share" else None)
            added.add(name)


def _other_defaults(name: str) -> str:
    """The defaults that networks set, for the help of an option: ' (regression for beta and gamma)'."""
    owners: dict[Any, list[str]] = {}
    for network, spec in NETWORKS.items():
        if name in spec.defaults:
            owners.setdefault(spec.defaults[name], []).append(network)
    parts = [f"{value} for {' and '.join(networks)}" for value, networks in owners.items()]
    return f" ({', '.join(parts)})" if parts else ""


def settle(given: dict[str, Any]) -> TrainingOptions:
    """Complete the given options from the model to start from and the file of bins, if there are any.

    Args:
        given: values by name; see `TrainingOptions.of`.

    Raises:
        InputError: if they contradict the model or the bins.
    """
    if given.get("init"):
        given = given | _options_of_model(given)
    options = TrainingOptions.of(**given)
    if options.optimization.steps is None and options.optimization.minutes is None:
        options = options.with_options(minutes=DEFAULT_MINUTES)
    if options.data.bins in (None, ZHANG313):
        return options
    bins = Bins.load(Path(options.data.bins))
    if bins.split != "train":
        raise InputError(
            f"{options.data.bins} was counted on split {bins.split}; training may see only split train, so count there"
        )
    for name in ("window", "min_count"):
        if given.get(name, getattr(bins, name)) != getattr(bins, name):
            raise InputError(f"`{name}` {given[name]} differs from the {getattr(bins, name)} of {options.data.bins}")
    changed = {"window": bins.window, "min_count": bins.min_count}
    if "uniform_share" in options.objective.arguments:
        changed["uniform_share"] = given.get("uniform_share", bins.uniform_share)
    return options.with_options(**changed)


def _options_of_model(given: dict[str, Any]) -> dict[str, Any]:
    """The network and the bins of the model to start from; a given option of the network may not differ."""
    model = given["init"]
    folder = find_model(model)
    network = read_info(folder).network
    options = {"network": network.name, **network.arguments}
    for name, value in options.items():
        if given.get(name, value) != value:
            raise InputError(f"`{name}` {given[name]} differs from the {value} of the model {model}")
    if given.get("bins"):
        raise InputError("give `bins` or `init`, not both: a model has its own bins")
    return options | {"bins": str(folder / "bins.npz")}


def load_bins(options: TrainingOptions) -> Bins | None:
    """Load the file of bins, with the run's lambda; return None if bins are to be counted."""
    if options.data.bins in (None, ZHANG313):
        return None
    bins = Bins.load(Path(options.data.bins))
    share = options.objective.arguments.get("uniform_share")
    return bins if share is None else bins.reweighted(share)
