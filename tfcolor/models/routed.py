"""A routed model directory: several models, the specialists, and a router that says which suits a photograph best.

It holds `model.json`, `router.npz` (a softmax regression), `encoder.npz` (weights of the encoder whose features the
router reads) and the model directories `specialists/<name>`. Nothing in it is pickled, and it needs nothing outside.
No TensorFlow.
"""

import shutil
from dataclasses import asdict, dataclass, replace
from pathlib import Path, PurePath
from typing import Any

import numpy as np

from tfcolor.color.decoding_options import Decoding
from tfcolor.models.directory import ROUTED, ModelInfo, is_routed, read_info
from tfcolor.utils.errors import InputError
from tfcolor.utils.files import read_json, read_npz, write_json, write_npz

FORMAT_VERSION = 1
SPECIALISTS = "specialists"
_MODEL_FILES = ("bins.npz", "weights.npz", "model.json")
_LEAST_SHARE = 0.05  # blends leave out specialists below it: one more network for colours that nobody would see
# Arguments of predict.py that choose from one distribution for each pixel. Specialists have different bins.
_FOR_ONE_DISTRIBUTION = ("hint", "hints", "suggest", "candidates", "explain")


@dataclass(frozen=True, eq=False)
class Router:
    """A softmax regression on features of the whole photograph.

    mean, scale: float64 [F], what standardises the features.
    weights: float64 [F, K]; offsets: float64 [K].
    threshold: the probability from which one specialist colours alone, in [0, 1]; 0 for always, 1 for never.
    """

    mean: np.ndarray
    scale: np.ndarray
    weights: np.ndarray
    offsets: np.ndarray
    threshold: float

    def probabilities(self, features: np.ndarray) -> np.ndarray:
        """Return the probability that each specialist is the best, float64 [..., K], from features [..., F]."""
        return softmax((features - self.mean) / self.scale @ self.weights + self.offsets)

    def shares(self, probabilities: np.ndarray) -> np.ndarray:
        """Return the share of each specialist in the colours, see `shares_of`."""
        return shares_of(probabilities, self.threshold)


def softmax(logits: np.ndarray) -> np.ndarray:
    """Return exp(x) / sum(exp(x)) over the last axis."""
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def shares_of(probabilities: np.ndarray, threshold: float) -> np.ndarray:
    """Turn probabilities into shares of a blend.

    Args:
        probabilities: float64 [..., K], sums of 1.
        threshold: from this probability on, the likeliest specialist gets everything.

    Returns:
        float64 [..., K], sums of 1. Blends leave out what has less than a twentieth.
    """
    is_best = np.arange(probabilities.shape[-1]) == probabilities.argmax(axis=-1)[..., None]
    is_sure = probabilities.max(axis=-1, keepdims=True) >= threshold
    kept = np.where(is_best | ((probabilities >= _LEAST_SHARE) & ~is_sure), probabilities, 0.0)
    return kept / kept.sum(axis=-1, keepdims=True)


@dataclass(frozen=True)
class OwnDecoding:
    """Each specialist's own decoding, except what is given for all; None for their own. As `Decoding` otherwise."""

    temperature: float | None = None
    strength: float | None = None
    smoothing: int | None = None
    uniform_share: float | None = None

    def __post_init__(self):
        """Check the values."""
        self.of(Decoding())

    def replace(self, **given: float | None) -> "OwnDecoding":
        """Return a copy with other values; None keeps a value."""
        return replace(self, **{name: value for name, value in given.items() if value is not None})

    def of(self, decoding: Decoding) -> Decoding:
        """Return the decoding of a specialist, from its default."""
        return decoding.replace(**asdict(self))


@dataclass(frozen=True)
class RoutedInfo:
    """The content of a routed model's `model.json`, its specialists and its router.

    folder: the directory.
    specialists: what is known of each, by name.
    encoder: kind of the encoder, such as 'lite2'.
    router: chooses among the specialists, in their order.
    content: everything in `model.json`.
    """

    folder: Path
    specialists: dict[str, ModelInfo]
    encoder: str
    router: Router
    content: dict[str, Any]

    decoding = OwnDecoding()
    gives_lightness = False

    @property
    def encoders(self) -> set[str]:
        """Kinds of the pretrained encoders that the router and the specialists use."""
        return {self.encoder}.union(*(info.encoders for info in self.specialists.values()))

    def check_predicts_distribution(self, arguments: dict[str, Any]) -> None:
        """Raise InputError if an argument needs a distribution that is not there; see `ModelInfo`."""
        given = [name for name, value in arguments.items() if value is not None]
        for name in given:
            if name in _FOR_ONE_DISTRIBUTION:
                raise InputError(
                    f"`{name}` needs one distribution, and {self.folder} is a routed model, whose specialists have "
                    f"different ones; leave it out, or take a specialist as `model`: {self._a_specialist()}"
                )
        for info in self.specialists.values():
            info.check_predicts_distribution(arguments)

    def _a_specialist(self):
        return next(iter(self.specialists.values())).folder


def read_any_info(folder: Path) -> ModelInfo | RoutedInfo:
    """Read and check a model directory of either kind; errors as in `read_info` and `read_routed`."""
    return read_routed(folder) if is_routed(folder) else read_info(folder)


def read_routed(folder: Path) -> RoutedInfo:
    """Read and check a routed model directory. No TensorFlow.

    Raises:
        InputError: if a file is missing or broken, or does not fit the others.
    """
    path = folder / "model.json"
    content = read_json(path)
    if content.get("format_version") != FORMAT_VERSION:
        raise InputError(f"{path} has format version {content.get('format_version')}, not {FORMAT_VERSION}")
    names, threshold, encoder = (content.get(key) for key in ("specialists", "threshold", "encoder"))
    if not isinstance(names, list) or len(names) < 2 or not all(map(_is_plain_name, names)):
        raise InputError(f"{path}: specialists must be the names of at least two folders, got {names}")
    if isinstance(threshold, bool) or not isinstance(threshold, (int, float)) or not 0 <= threshold <= 1:
        raise InputError(f"{path}: threshold must be in [0, 1], got {threshold}")
    if not isinstance(encoder, str):
        raise InputError(f"{path}: encoder must be a name, got {encoder}")
    if not (folder / "encoder.npz").is_file():
        raise InputError(f"{folder / 'encoder.npz'} is missing: the model directory is not whole")
    router = _read_router(folder / "router.npz", len(names), float(threshold))
    specialists = {name: read_info(folder / SPECIALISTS / name) for name in names}
    return RoutedInfo(folder, specialists, encoder, router, content)


def _is_plain_name(name: Any) -> bool:
    """Whether a name is a folder's name without a path; the directory may come from a stranger."""
    return isinstance(name, str) and name not in ("", ".", "..") and not {"/", "\\", "\0"} & {*name}


def _read_router(path: Path, count: int, threshold: float) -> Router:
    arrays = read_npz(path, {"mean", "scale", "weights", "offsets"})
    shapes = {name: array.shape for name, array in arrays.items()}
    features = shapes["mean"][:1]
    expected = {"mean": features, "scale": features, "weights": (*features, count), "offsets": (count,)}
    if shapes != expected or not all(x.dtype.kind == "f" and np.isfinite(x).all() for x in arrays.values()):
        raise InputError(f"{path} does not fit {count} specialists: it holds {shapes}")
    return Router(**arrays, threshold=threshold)


def named_models(folders: list[Path]) -> dict[str, Path]:
    """Name models after their folders.

    Raises:
        InputError: if there are less than two, two have the same name, or one is itself a routed model.
    """
    if len(folders) < 2:
        raise InputError("`models` takes at least two models, separated by commas")
    named: dict[str, Path] = {}
    for folder in folders:
        read_info(folder)
        name = PurePath(folder.resolve()).name
        if name in named:
            raise InputError(f"`models` has two models called {name}; give each its own folder's name, and only once")
        named[name] = folder
    return named


def write_routed(folder: Path, models: dict[str, Path], encoder: str, router: Router, about: dict[str, Any]) -> None:
    """Write a routed model; `model.json` comes last, so that a directory with it is whole.

    Args:
        folder: a folder that holds `encoder.npz` and nothing else.
        models: directories of the specialists by name, which are copied.
        encoder: kind of the encoder.
        router: for these models, in their order.
        about: further content of `model.json`.
    """
    for name, source in models.items():
        target = folder / SPECIALISTS / name
        target.mkdir(parents=True)
        for file in _MODEL_FILES:
            shutil.copyfile(source / file, target / file)
    arrays = {name: value for name, value in vars(router).items() if name != "threshold"}
    write_npz(folder / "router.npz", arrays)
    choices = {"specialists": list(models), "threshold": router.threshold, "encoder": encoder}
    write_json(folder / "model.json", {"format": ROUTED, "format_version": FORMAT_VERSION} | choices | about)
