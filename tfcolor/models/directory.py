"""A model directory: `model.json`, `bins.npz` and `weights.npz`. Nothing in it is pickled.

Only creating a network imports TensorFlow, so that commands can check a directory first.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tfcolor.color.bins import Bins
from tfcolor.color.decoding_options import Decoding
from tfcolor.networks.registry import NetworkChoice
from tfcolor.objectives.registry import ObjectiveChoice
from tfcolor.utils.errors import InputError
from tfcolor.utils.files import check_names, read_json, read_npz, write_json, write_npz

_FEW_WEIGHTS = 1_000_000  # that any network may have
FORMAT_VERSION = 2
ROUTED = "routed"  # `format` in the `model.json` of a routed model, see `models/routed.py`
SHIPPED = Path(__file__).parent
_DECODING = ("temperature", "smoothing", "uniform_share")  # the fields of `Decoding` that `model.json` may set


@dataclass(frozen=True)
class ModelInfo:
    """The content of `model.json`.

    folder: the model directory.
    network, objective: their names, and the arguments they were created with.
    decoding: how colours are decoded by default.
    content: everything in `model.json`.
    """

    folder: Path
    network: NetworkChoice
    objective: ObjectiveChoice
    decoding: Decoding
    content: dict[str, Any]

    @property
    def predicts_distribution(self) -> bool:
        """Whether the model predicts how likely each colour is, rather than one colour for each pixel."""
        return self.objective.spec.predicts_distribution

    @property
    def encoders(self) -> set[str]:
        """Kinds of the pretrained encoders that the model uses."""
        return {self.network.arguments.get("encoder"), self.network.spec.classifier} - {None}

    @property
    def gives_lightness(self) -> bool:
        """Whether the model paints red, green and blue, and so could replace a photograph's lightness."""
        return self.objective.arguments.get("space") == "rgb"

    def check_predicts_distribution(self, arguments: dict[str, Any]) -> None:
        """Raise InputError if an argument needs a distribution, and the model predicts none.

        Args:
            arguments: values of such arguments by name; None for those not given.
        """
        given = [name for name, value in arguments.items() if value is not None]
        if given and not self.predicts_distribution:
            raise InputError(
                f"`{given[0]}` chooses from a predicted distribution, but {self.folder} predicts one colour for each "
                f"pixel (its objective is {self.objective.name}); leave it out"
            )


def shipped_models() -> list[str]:
    """List the names of the models in the package."""
    return sorted(path.parent.name for path in SHIPPED.glob("*/model.json"))


def describe_shipped_models() -> dict[str, str]:
    """Return the description of each shipped model by name: what it is for and what it was made from."""
    return {name: read_json(SHIPPED / name / "model.json")["description"] for name in shipped_models()}


def find_model(name: str) -> Path:
    """Find a model by its directory, or a shipped model by its name.

    Raises:
        InputError: if there is no such model; the message lists the shipped models.
    """
    if name in shipped_models():
        return SHIPPED / name
    folder = Path(name)
    if folder.is_dir():
        return folder
    known = ", ".join(shipped_models()) or "none"
    raise InputError(f"no model {name!r}: give a model directory or a shipped model ({known})")


def is_routed(folder: Path) -> bool:
    """Tell whether a directory holds a routed model, see `models/routed.py`; InputError without a `model.json`."""
    return read_json(folder / "model.json").get("format") == ROUTED


def save_model(
    folder: Path,
    network: Any,
    bins: Bins,
    network_choice: NetworkChoice,
    objective_choice: ObjectiveChoice,
    description: dict[str, Any],
) -> None:
    """Write a model; `model.json` comes last, so that a directory with it is whole.

    Args:
        folder: an existing folder.
        network: a `layers.Network`.
        bins: the colour bins.
        network_choice, objective_choice: what creates the network and the objective again.
        description: further content of `model.json`.
    """
    bins.save(folder / "bins.npz")
    write_npz(folder / "weights.npz", {name: weight.numpy() for name, weight in network.saved.items()})
    choices = {"network": network_choice.to_json(), "objective": objective_choice.to_json()}
    write_json(folder / "model.json", {"format_version": FORMAT_VERSION, **choices} | description)


def read_info(folder: Path) -> ModelInfo:
    """Read and check `model.json`, and check that the other files exist. No TensorFlow.

    Raises:
        InputError: if a file is missing or broken, or names something unknown to this version.
    """
    path = folder / "model.json"
    content = read_json(path)
    if content.get("format") == ROUTED:
        raise InputError(
            f"{folder} is a routed model, which has no single distribution: predict.py and evaluate take it, without "
            f"hints; here give one of its specialists, a folder in {folder / 'specialists'}"
        )
    for name in ("bins.npz", "weights.npz"):
        if not (folder / name).is_file():
            raise InputError(f"{folder / name} is missing: the model directory is not whole")
    bins = Bins.load(folder / "bins.npz")
    if content.get("format_version") == 1:
        content = _upgraded(content, bins, path)
    if content.get("format_version") != FORMAT_VERSION:
        raise InputError(f"{path} has format version {content.get('format_version')}, not {FORMAT_VERSION}")
    try:
        network = NetworkChoice.from_json(content.get("network"))
        objective = ObjectiveChoice.from_json(content.get("objective"))
    except InputError as error:
        raise InputError(f"{path}: {_unquoted(error)}") from error
    return ModelInfo(folder, network, objective, _decoding(content, folder), content)


def _upgraded(content: dict[str, Any], bins: Bins, path: Path) -> dict[str, Any]:
    """Content of version 1 as version 2: `network` held the number of bins and, for zhang, the objective's name."""
    network = dict(network) if isinstance(network := content.get("network"), dict) else {}
    if network.pop("num_bins", None) != bins.num_bins:
        raise InputError(f"{path} and bins.npz have different numbers of bins")
    name = network.pop("objective", "classification")
    options = content.get("options", {})
    known = ObjectiveChoice(name).arguments if isinstance(name, str) else {}
    objective = {"name": name} | {key: options[key] for key in known if key in options}
    if "uniform_share" in known:
        objective["uniform_share"] = bins.uniform_share
    return content | {"format_version": 2, "network": network, "objective": objective}


def _decoding(content: dict[str, Any], folder: Path) -> Decoding:
    """The `decoding` of `model.json`, or the default; InputError if it is invalid."""
    decoding = content.get("decoding", {})
    try:
        if not {*decoding} <= {*_DECODING} or any(isinstance(v, bool) for v in decoding.values()):
            raise ValueError(f"it takes {', '.join(_DECODING)}, got {decoding}")
        return Decoding(**decoding)
    except (AttributeError, TypeError, ValueError) as error:
        raise InputError(f"{folder}: decoding in model.json is wrong: {_unquoted(error)}") from error


def _unquoted(error: Exception) -> str:
    """A message without backticks: what is in a file is not an argument of a command."""
    return str(error).replace("`", "")


def load_model(folder: Path, compute_dtype: Any = "float32") -> tuple[Any, Any, ModelInfo]:
    """Load a model; the file must hold exactly the weights of the network, by name and shape.

    Args:
        folder: the model directory.
        compute_dtype: dtype of the network's convolutions; its weights are float32.

    Returns:
        The network, the objective with its bins, and the content of `model.json`.

    Raises:
        InputError: if something is missing or does not fit.
    """
    from tfcolor.networks.layers import blank_filters

    info = read_info(folder)
    path = folder / "weights.npz"
    arrays = read_weights(path)
    # Twice as many: what is a little wrong gets a better message below.
    most = _FEW_WEIGHTS + 2 * sum(array.size for array in arrays.values())
    try:
        objective = info.objective.make(Bins.load(folder / "bins.npz"))
        with blank_filters(most):
            network = info.network.make(objective.num_outputs, compute_dtype=compute_dtype)
    except ValueError as error:
        raise InputError(f"{folder}: {error}") from error
    check_names(path, arrays, set(network.saved))
    assign_all(network.saved, arrays, path)
    return network, objective, info


def read_weights(path: Path) -> dict[str, np.ndarray]:
    """Read the arrays of a `weights.npz`; float16 arrays, see `export.write_half`, become float32.

    Raises:
        InputError: if the file is missing or broken, or a number in it is not finite.
    """
    # Version 0.1 called the last layer of a regression network `ab`.
    names = {"ab/filter": "logits/filter", "ab/bias": "logits/bias"}
    arrays = {names.get(name, name): array for name, array in read_npz(path).items()}
    for name, array in arrays.items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise InputError(f"{path} cannot be used: {name} has numbers that are not finite")
    return {name: a.astype(np.float32) if a.dtype == np.float16 else a for name, a in arrays.items()}


def assign_all(variables: dict[str, Any], arrays: dict[str, np.ndarray], path: Path | str) -> None:
    """Assign to each variable the array of its name.

    Raises:
        InputError: naming `path`, if a shape or dtype differs; then nothing is assigned.
    """
    for name, variable in variables.items():
        expected = (tuple(variable.shape), variable.dtype.as_numpy_dtype)
        if (arrays[name].shape, arrays[name].dtype) != expected:
            raise InputError(
                f"{path} does not fit: {name} is {arrays[name].dtype} {arrays[name].shape}, "
                f"the network has {np.dtype(expected[1])} {expected[0]}"
            )
    for name, variable in variables.items():
        variable.assign(arrays[name])
