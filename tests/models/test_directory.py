"""Model directories: written and read back exactly, and refused in one line where anything is off."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tests.made import write_model
from tfcolor import DEFAULT_MODEL
from tfcolor.models.directory import (
    SHIPPED,
    assign_all,
    find_model,
    load_model,
    read_info,
    save_model,
    shipped_models,
)
from tfcolor.networks.registry import NetworkChoice
from tfcolor.networks.valid8 import Valid8
from tfcolor.objectives.registry import ObjectiveChoice
from tfcolor.utils.errors import InputError


def change_json(folder, **changes):
    path = folder / "model.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def change_network(folder, **changes):
    network = json.loads((folder / "model.json").read_text())["network"] | changes
    change_json(folder, network={key: value for key, value in network.items() if value is not None})


def change_weights(folder, **changes):
    with np.load(folder / "weights.npz") as file:
        content = dict(file) | {name.replace("__", "/"): value for name, value in changes.items()}
    np.savez(folder / "weights.npz", **{name: value for name, value in content.items() if value is not None})


@pytest.mark.parametrize(("activation", "batch_norm"), [("relu", False), ("prelu", True)])
def test_a_model_there_and_back(tmp_path, make_bins, activation, batch_norm):
    bins = make_bins(19)
    network = Valid8(19, activation, batch_norm, seed=7)
    for variable in network.saved.values():  # moving averages and slopes as after training
        variable.assign_add(0.1 * tf.random.stateless_uniform(variable.shape, [1, 2]))
    choice = NetworkChoice("valid8", {"activation": activation, "batch_norm": batch_norm})
    objective = ObjectiveChoice("classification", {"encoding": "hard"})
    save_model(tmp_path, network, bins, choice, objective, {"note": "ü", "steps": 3})
    assert {path.name for path in tmp_path.iterdir()} == {"model.json", "bins.npz", "weights.npz"}
    for name in ("bins.npz", "weights.npz"):
        with np.load(tmp_path / name, allow_pickle=False) as file:
            assert all(array.dtype != object for array in file.values())
    loaded, loaded_objective, info = load_model(tmp_path)
    assert (info.network, info.objective) == (choice, objective)
    assert (info.content["format_version"], info.content["note"], info.content["steps"]) == (2, "ü", 3)
    np.testing.assert_array_equal(loaded_objective.bins.means, bins.means)
    x = tf.constant(np.random.default_rng(0).uniform(0, 100, [1, 20, 20, 1]), tf.float32)
    np.testing.assert_array_equal(loaded(x), network(x))
    assert loaded.saved.keys() == network.saved.keys()


class TestVersion1:
    """What tfcolor 0.1 wrote: the number of bins and zhang's objective in `network`, and a layer called `ab`."""

    def test_a_model_from_before_batch_normalization_has_none(self, model_folder):
        change_json(model_folder, format_version=1, objective=None)
        change_json(model_folder, network={"name": "valid8", "num_bins": 16, "activation": "relu"})
        network, objective, info = load_model(model_folder)
        assert info.network.arguments["batch_norm"] is False and not network.statistics
        assert objective.num_outputs == 16 and info.predicts_distribution

    def test_a_regression_is_one_still(self, tmp_path):
        folder = write_model(tmp_path / "model", "zhang", objective="regression", width=1 / 16)
        with np.load(folder / "weights.npz") as file:
            content = {name.replace("logits/", "ab/"): array for name, array in file.items()}
        np.savez(folder / "weights.npz", **content)
        arguments = {"activation": "relu", "width": 1 / 16, "objective": "regression"}
        network = {"name": "zhang", "num_bins": 16} | arguments
        change_json(folder, format_version=1, network=network, options={"downsampling": "point"}, objective=None)
        loaded, _, info = load_model(folder)
        assert not info.predicts_distribution and info.objective.arguments["downsampling"] == "point"
        np.testing.assert_array_equal(loaded.weights["logits/bias"], content["ab/bias"])

    def test_another_number_of_bins_is_refused(self, model_folder):
        change_json(model_folder, format_version=1, network={"name": "valid8", "num_bins": 17, "activation": "relu"})
        with pytest.raises(InputError, match=r"model.json and bins.npz have different numbers of bins"):
            load_model(model_folder)


def test_a_folder_is_found_by_its_path_and_else_the_shipped_ones_are_listed(model_folder):
    assert find_model(str(model_folder)) == model_folder
    for name in shipped_models():
        read_info(find_model(name))
    with pytest.raises(InputError, match="no model 'nowhere': give a model directory or a shipped model") as refusal:
        find_model("nowhere")
    assert all(name in str(refusal.value) for name in shipped_models())


@pytest.mark.parametrize("name", ["model.json", "bins.npz", "weights.npz"])
@pytest.mark.parametrize("content", [None, b"", b"neither JSON nor an archive"])
def test_missing_and_broken_files_are_named(model_folder, name, content):
    (model_folder / name).unlink()
    if content is not None:
        (model_folder / name).write_bytes(content)
    with pytest.raises(InputError, match=str(model_folder / name)) as refusal:
        load_model(model_folder)
    assert "\n" not in str(refusal.value)


WRONG = {
    "another version": (change_json, {"format_version": 3}, "model.json has format version 3, not 2"),
    "no version": (change_json, {"format_version": None}, "model.json has format version None"),
    "no network": (change_json, {"network": None}, "model.json: network must have a name"),
    "a network that is a word": (change_json, {"network": "valid8"}, "model.json: network must have a name"),
    "no objective": (change_json, {"objective": None}, "model.json: objective must have a name"),
    "an unknown option": (change_network, {"depth": 9}, "model.json: depth is not for valid8"),
    "an option of another network": (change_network, {"width": 1.0}, "width is not for valid8"),
    "a width out of range": (
        change_network,
        {"name": "zhang", "width": 0, "batch_norm": None},
        r"width must be in \(0, 8\], got 0",
    ),
    "a foreign network": (change_network, {"name": "resnet50"}, r"model.json: unknown network 'resnet50'.*valid8"),
    "a foreign objective": (change_json, {"objective": {"name": "gan"}}, "model.json: unknown objective 'gan'"),
    "a foreign activation": (
        change_network,
        {"activation": "gelu2"},
        r"model.json: activation must be relu, .*got 'gelu2'",
    ),
    "a normalization that is a word": (change_network, {"batch_norm": "yes"}, "batch_norm must be of type bool"),
    "a name that is a list": (change_network, {"name": ["valid8"]}, "model.json: unknown network"),
    "a T beyond 1": (change_json, {"decoding": {"temperature": 2}}, "decoding .*temperature.* must be in .* got 2"),
    "a T that is a word": (change_json, {"decoding": {"temperature": "0.4"}}, "decoding in model.json is wrong"),
    "half a pixel": (change_json, {"decoding": {"smoothing": 1.5}}, "smoothing must be a whole number"),
    "a smoothing that is true": (
        change_json,
        {"decoding": {"smoothing": True}},
        "takes temperature, smoothing",
    ),
    "an unknown decoding": (change_json, {"decoding": {"gamma": 1}}, "takes temperature, smoothing"),
    "a decoding that is a list": (change_json, {"decoding": [0.4]}, "decoding in model.json is wrong"),
    "a missing weight": (
        change_weights,
        {"conv8__bias": None},
        r"weights.npz does not fit: missing \['conv8/bias'\]",
    ),
    "a foreign weight": (change_weights, {"conv9__bias": np.zeros(3)}, r"unknown \['conv9/bias'\]"),
    "another shape": (
        change_weights,
        {"conv1__filter": np.zeros([3, 3, 1, 4], np.float32)},
        "conv1/filter is float32",
    ),
    "a weight that is no number": (change_weights, {"conv8__bias": np.full(16, np.nan, np.float32)}, "not finite"),
    "another dtype": (change_weights, {"conv8__bias": np.zeros(16)}, "conv8/bias is float64"),
}


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="only Linux says how much memory is used")
@pytest.mark.parametrize("network", [{"name": "zhang", "width": 8}, {"name": "pix2pix", "width": 8, "depth": 9}])
def test_a_description_of_a_huge_network_takes_no_memory(model_folder, network):
    """pix2pix would take 14 GB."""
    change_json(model_folder, network=network)
    Path("/proc/self/clear_refs").write_text("5")
    peak = lambda: int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1])  # noqa: E731
    before = peak()
    with pytest.raises(InputError, match="the network has more weights than its file"):
        load_model(model_folder)
    assert peak() - before < 200_000  # kB


@pytest.mark.parametrize(("change", "changes", "message"), WRONG.values(), ids=WRONG)
def test_what_does_not_fit_is_refused(model_folder, change, changes, message):
    change(model_folder, **changes)
    with pytest.raises(InputError, match=message) as refusal:
        load_model(model_folder)
    assert str(model_folder) in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_bins_too_few_for_the_network_are_refused(model_folder, make_bins):
    """valid8 needs 8."""
    make_bins(5).save(model_folder / "bins.npz")
    with pytest.raises(InputError, match=str(model_folder)):
        load_model(model_folder)


def test_another_models_bins_are_refused(model_folder, make_bins):
    make_bins(20).save(model_folder / "bins.npz")
    with pytest.raises(InputError, match=r"weights.npz does not fit: .*conv"):
        load_model(model_folder)


def test_nothing_is_assigned_where_one_array_does_not_fit(tmp_path):
    variables = {name: tf.Variable([1.0, 2.0]) for name in ("first", "second")}
    arrays = {"first": np.zeros(2, np.float32), "second": np.zeros(3, np.float32)}
    with pytest.raises(InputError, match=r"weights.npz does not fit: second is float32 \(3,\), .* float32 \(2,\)"):
        assign_all(variables, arrays, tmp_path / "weights.npz")
    np.testing.assert_array_equal(variables["first"], [1, 2])


def test_an_unfinished_model_has_no_description(tmp_path, make_bins, monkeypatch):
    """`model.json` comes last: a model without it is not whole."""
    from tfcolor.models import directory

    def fails(path, arrays):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(directory, "write_npz", fails)
    with pytest.raises(OSError, match="No space left"):
        save_model(tmp_path, Valid8(16), make_bins(16), NetworkChoice("valid8"), ObjectiveChoice("classification"), {})
    assert not (tmp_path / "model.json").exists()


@pytest.mark.parametrize("name", shipped_models())
def test_a_shipped_model_is_whole_small_and_has_a_card(name):
    folder = SHIPPED / name
    _, objective, info = load_model(folder)
    limit = {"valid8": 4e6, "unet": 12e6, "zhang": 20e6}[info.network.name]
    assert sum(path.stat().st_size for path in folder.iterdir()) < limit
    assert objective.bins.split == "train"
    assert all(info.content[key] for key in ("description", "limits", "command", "decoding", "metrics"))
    card = (SHIPPED.parent.parent / "docs" / "models.md").read_text()
    assert f"\n## {name}\n" in card
    assert " in /" not in (folder / "model.json").read_text()  # a folder of the machine that trained it
    own = info.decoding
    assert f"T = {own.temperature:g}, λ = {own.uniform_share:g}, chroma smoothing {own.smoothing}" in card


def test_four_models_are_shipped_and_general_is_the_default():
    assert {"forest", "general", "outdoor", "zhang-outdoor"} == {*shipped_models()} and DEFAULT_MODEL == "general"
