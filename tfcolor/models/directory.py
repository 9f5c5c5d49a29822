"""A model directory: `model.json`, `bins.npz` and `weights.npz`; nothing in it is pickled.

TensorFlow loads only with the network, so that scripts can check a directory first.
"""

from pathlib import Path
from typing import Any

import numpy as np

from tfcolor.color.bins import Bins
from tfcolor.color.decoding_options import Decoding
from tfcolor.networks.registry import NETWORKS, network_class
from tfcolor.objectives import OBJECTIVES
from tfcolor.ops import ACTIVATION_NAMES
from tfcolor.utils.errors import InputError
from tfcolor.utils.files import check_names, read_json, read_npz, write_json, write_npz

FORMAT_VERSION = 1
SHIPPED = Path(__file__).parent


def shipped_models() -> list[str]:
    """The names of the models in the package."""
    return sorted(path.parent.name for path in SHIPPED.glob("*/model.json"))


def list_models() -> None:
    """Print the shipped models with what they were made of, and for what."""
    for name in shipped_models():
        description = read_json(SHIPPED / name / "model.json")
        print(f"{name}: {description['description']}")


def find_model(name: str) -> Path:
    """Find a model by the name of a shipped one, or by its directory.

    Raises:
        InputError: where there is none, listing what is shipped.
    """
    if name in shipped_models():
        return SHIPPED / name
    folder = Path(name)
    if folder.is_dir():
        return folder
    known = ", ".join(shipped_models()) or "none"
    raise InputError(f"no model {name!r}: give a model directory or a shipped model ({known})")


def save_model(folder: Path, network: Any, bins: Bins, description: dict[str, Any]) -> None:
    """Write a model; `model.json` comes last, so that its presence says the model is whole.

    Args:
        folder: exists already.
        network: a network of `tfcolor.networks`.
        bins: the colours of its outputs.
        description: the content of `model.json`; `network` in it has the arguments to rebuild it.
    """
    bins.save(folder / "bins.npz")
    write_npz(folder / "weights.npz", {name: weight.numpy() for name, weight in network.saved.items()})
    write_json(folder / "model.json", {"format_version": FORMAT_VERSION} | description)


def read_description(folder: Path) -> dict[str, Any]:
    """Read and check `model.json`, and that the other files are there; no TensorFlow.

    Raises:
        InputError: where a file is missing, broken, or names what this version does not know.
    """
    description = read_json(folder / "model.json")
    for name in ("bins.npz", "weights.npz"):
        if not (folder / name).is_file():
            raise InputError(f"{folder / name} is missing: the model directory is not whole")
    Bins.load(folder / "bins.npz")
    version = description.get("format_version")
    if version != FORMAT_VERSION:
        raise InputError(f"{folder / 'model.json'} has format version {version}, not {FORMAT_VERSION}")
    network = description.get("network")
    _check_network(network, folder / "model.json")
    decoding_of(description, folder)
    return description


def _check_network(network: Any, path: Path) -> None:
    """Raise InputError where `network` is not a known one with the arguments that it takes."""
    if not isinstance(network, dict) or not {"name", "num_bins", "activation"} <= set(network):
        raise InputError(f"{path}: network must have name, num_bins and activation, got {network}")
    for key, known in (("name", NETWORKS), ("activation", ACTIVATION_NAMES)):
        if not isinstance(network[key], str) or network[key] not in known:
            raise InputError(f"{path}: unknown {key} {network[key]!r} of the network (known: {', '.join(known)})")
    arguments = NETWORKS[network["name"]].arguments
    if "batch_norm" in arguments and not isinstance(network.setdefault("batch_norm", False), bool):
        raise InputError(f"{path}: batch_norm of the network must be true or false")  # models before it have none
    if "objective" in arguments and network.setdefault("objective", OBJECTIVES[0]) not in OBJECTIVES:
        raise InputError(f"{path}: objective of the network must be {' or '.join(OBJECTIVES)}")
    if set(network) != {"name", "num_bins", *arguments}:
        raise InputError(f"{path}: network {network['name']} takes num_bins, {', '.join(arguments)}, got {network}")
    width = network.get("width", 1.0)
    if isinstance(width, bool) or not isinstance(width, (int, float)) or not 0 < width <= 8:
        raise InputError(f"{path}: width of the network must be a number in (0, 8], got {width!r}")


def decoding_of(description: dict[str, Any], folder: Path | str = "the model") -> Decoding:
    """How a model's colours are made where nothing else is asked for: `decoding` in its `model.json`, if any.

    Raises:
        InputError: where it is not T in [0, 1] and a radius of smoothing.
    """
    decoding = description.get("decoding", {})
    try:
        known = {"temperature", "smoothing", "uniform_share"}
        if not {*decoding} <= known or any(isinstance(v, bool) for v in decoding.values()):
            raise ValueError(f"it takes {', '.join(sorted(known))}, got {decoding}")
        made = Decoding(**decoding)
        if not isinstance(made.smoothing, int):
            raise ValueError(f"smoothing must be a whole number of pixels, got {made.smoothing}")
        return made
    except (AttributeError, TypeError, ValueError) as error:
        raise InputError(f"{folder}: decoding in model.json is wrong: {error}") from error


def load_model(folder: Path, compute_dtype: Any = "float32") -> tuple[Any, Bins, dict[str, Any]]:
    """Rebuild a model; every weight must be there with its name and shape, and no other.

    Args:
        folder: of the model.
        compute_dtype: of the network's convolutions; its weights are float32.

    Returns:
        The network, its bins, and the content of `model.json`.

    Raises:
        InputError: where anything is missing or does not fit together.
    """
    description = read_description(folder)
    bins = Bins.load(folder / "bins.npz")
    options = description["network"]
    if options["num_bins"] != bins.num_bins:
        raise InputError(f"{folder}: model.json has {options['num_bins']} bins, bins.npz has {bins.num_bins}")
    try:
        make = network_class(options["name"])
        arguments = {name: options[name] for name in NETWORKS[options["name"]].arguments}
        network = make(bins.num_bins, **arguments, compute_dtype=compute_dtype)
    except ValueError as error:
        raise InputError(f"{folder}: {error}") from error
    path = folder / "weights.npz"
    arrays = read_weights(path)
    check_names(path, arrays, set(network.saved))
    assign_all(network.saved, arrays, path)
    return network, bins, description


def read_weights(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a `weights.npz`; those of half precision (`export.write_half`) as float32.

    Raises:
        InputError: where it is missing or broken.
    """
    return {name: a.astype(np.float32) if a.dtype == np.float16 else a for name, a in read_npz(path).items()}


def predicts_distribution(description: dict[str, Any]) -> bool:
    """Whether a model predicts how likely colours are; one of regression gives a single colour instead."""
    return description["network"].get("objective", OBJECTIVES[0]) != "regression"


def check_predicts_distribution(folder: Path, asked: dict[str, Any]) -> None:
    """Raise InputError where options that need a distribution are given for a model that has none.

    Args:
        folder: of the model.
        asked: by the option's name its value, None where it is not given.
    """
    given = [option for option, value in asked.items() if value is not None]
    if given and not predicts_distribution(read_description(folder)):
        raise InputError(
            f"{given[0]} chooses from predicted distributions, but {folder} was trained by regression and predicts one "
            "colour for each pixel; leave it out"
        )


def assign_all(variables: dict[str, Any], arrays: dict[str, np.ndarray], path: Path | str) -> None:
    """Give each variable the array of its name.

    Raises:
        InputError: naming `path`, where a shape or dtype differs; nothing is assigned then.
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
