"""The commands of the studies train, measure and report, in their smallest form and on made data."""

import json
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from benchmarks.studies import ablation, activations, codebooks, encoders, mnist, processes, working_size
from benchmarks.studies.mnist import Digits
from benchmarks.studies.options import RunOptions
from tests.made import write_model
from tfcolor.utils import console


def run(main, *arguments):
    return console.run(lambda: main([str(argument) for argument in arguments]))


def results(folder, pattern="*.json"):
    return {path.stem: json.loads(path.read_text()) for path in folder.glob(pattern)}


def check_errors(errors):
    assert {"raw_auc", "rebalanced_auc", "dcf"} <= errors.keys()
    assert all(np.isfinite(value) for value in errors.values())
    assert 0 < errors["raw_auc"] < 100


def test_ablation(forest_data, tmp_path, monkeypatch, one_process):
    base = replace(ablation.BASE, min_count=1, patch=20, batch=2, batch_norm=True, weight_average=0.9)
    for name, value in (("BASE", base), ("CHOICES", {"base": base}), ("BASE_BINS", 16)):
        monkeypatch.setattr(ablation, name, value)
    arguments = ["--data-dir", forest_data, "--output", tmp_path, "--seeds", 1, "--steps", 10, "--workers", 1]
    assert run(ablation.main, *arguments) == 0
    found = results(tmp_path)
    assert found.keys() == {"base-0", "4-times-as-long-0"}
    for result in found.values():
        assert result["measured"].keys() == {"1", "0.38"}
        assert result["training_loss"] > 0
        for errors in result["measured"].values():
            check_errors(errors)
    steps = [found[name]["steps"] for name in ("base-0", "4-times-as-long-0")]
    assert steps[0] >= 1
    assert steps[1] == pytest.approx(4 * steps[0], abs=2)
    assert found["base-0"]["weight_average"] == 0.9
    table = (tmp_path / "table.md").read_text()
    assert all(f"| {choice} | " in table for choice in ("base", "4 times as long"))
    monkeypatch.setattr(processes, "ProcessPoolExecutor", None)
    assert run(ablation.main, *arguments) == 0  # nothing is missing


def test_activations_on_mnist(tmp_path, monkeypatch, one_process):
    rng = np.random.default_rng(0)
    digits = [Digits(rng.integers(0, 256, [n, 784], np.uint8), np.arange(n, dtype=np.int32) % 10) for n in (120, 20)]
    monkeypatch.setattr(mnist, "load", lambda data_dir: tuple(digits))
    monkeypatch.setattr(activations, "MNIST_ACTIVATIONS", ("RReLU(3, 8)",))
    activations._mlp_training.cache_clear()
    arguments = ["--seeds", 2, "--epochs", 2, "--workers", 1, "--output", tmp_path]
    assert run(activations.main, *arguments) == 0
    activations._mlp_training.cache_clear()
    found = results(tmp_path)
    assert found.keys() == {f"mnist-rrelu-3-8{bn}-{seed}" for bn in ("", "-bn") for seed in (0, 1)}
    for result in found.values():
        assert len(result["training_loss"]) == len(result["test_accuracy"]) == 2
        assert all(0 <= accuracy <= 1 for accuracy in result["test_accuracy"])
    assert "MNIST after 2 epochs" in (tmp_path / "tables.md").read_text()
    assert (tmp_path / "mnist.png").exists()


@pytest.mark.slow
def test_activations_on_photographs(forest_data, tmp_path, monkeypatch):
    monkeypatch.setattr(activations, "ACTIVATION_NAMES", ("prelu",))
    monkeypatch.setattr(activations, "RunOptions", partial(RunOptions, window=20, patch=20, batch=2))
    arguments = ["forest", "--data-dir", forest_data, "--forest-seeds", 2, "--steps", 12, "--output", tmp_path]
    assert run(activations.main, *arguments) == 0
    found = results(tmp_path)
    assert found.keys() == {"forest-prelu-0", "forest-prelu-1"}
    for result in found.values():
        assert len(result["training_loss"]) == 2  # means of ten steps and of two
        check_errors({name: value for name, value in result.items() if name.endswith("auc") or name == "dcf"})
    assert found["forest-prelu-0"]["training_loss"] != found["forest-prelu-1"]["training_loss"]
    assert "| prelu | " in (tmp_path / "tables.md").read_text()
    assert (tmp_path / "forest.png").exists()


@pytest.mark.slow
def test_encoders(forest_data, tmp_path, monkeypatch, one_process, capsys):
    small = {"encoder": "lite0", "initialization": "scratch", "min_count": 1, "patch": 64, "batch_size": 2}
    monkeypatch.setattr(encoders, "BASE", encoders.BASE | small | {"precision": "float32", "window": 20})
    monkeypatch.setattr(encoders, "CHOICES", {"base": {}, "zhang313": {"bins": "zhang313", "window": 10}})
    arguments = ["--dataset", "forest", "--data-dir", forest_data, "--minutes", 0.001, "--output", tmp_path]
    assert run(encoders.main, *arguments, "report") == 2
    assert run(encoders.main, *arguments) == 0
    found = results(tmp_path)
    assert found.keys() == {"base", "zhang313"}
    for result in found.values():
        assert result["steps"] == 20
        for name in ("gray", *encoders.DECODINGS):
            check_errors(result[name])
    assert "zhang313" in capsys.readouterr().out
    monkeypatch.setattr(processes, "ProcessPoolExecutor", None)
    assert run(encoders.main, *arguments) == 0  # nothing is missing


def test_codebooks(forest_data, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(codebooks, "UNITS", (4, 25))
    monkeypatch.setattr(codebooks, "WINDOWS", (44, 11))
    arguments = ["--dataset", "forest", "--data-dir", forest_data, "--output", tmp_path]
    assert run(codebooks.main, *arguments) == 0
    found = results(tmp_path)["forest-test"]
    assert found.keys() == {f"{kind}-{units}" for kind in ("som", "kmeans") for units in (4, 25)} | {
        "cells-44",
        "cells-11",
    }
    for kind, few, many in (("som", 4, 25), ("kmeans", 4, 25), ("cells", 44, 11)):
        coarse, fine = (found[f"{kind}-{number}"] for number in (few, many))
        assert coarse["mean"] > fine["mean"] > 0 and coarse["rms"] > fine["rms"] >= fine["mean"]
        assert 80 < coarse["raw_auc"] < fine["raw_auc"] < 100
        # The colours of a codebook are distances up to 150: 1 - mean / 150.
        assert coarse["raw_auc"] == pytest.approx(100 * (1 - coarse["mean"] / 150), abs=0.1)
        assert 0 <= fine["near_gray"] <= 1
    assert (tmp_path / "forest-test.png").exists()
    monkeypatch.setattr(codebooks, "measured", None)
    assert run(codebooks.main, *arguments) == 0  # nothing is missing
    assert "k-means" in capsys.readouterr().out


def test_working_sizes(forest_data, tmp_path, capsys):
    model = write_model(tmp_path / "model", "unet")
    arguments = ["--model", model, "--dataset", "forest", "--data-dir", forest_data, "--sizes", "32,64"]
    assert run(working_size.main, *arguments) == 0
    rows = [line.split("│")[1:-1] for line in capsys.readouterr().out.splitlines() if line.startswith("│")]
    coarse, fine = ([float(cell) for cell in row] for row in rows)
    assert (coarse[0], fine[0]) == (32, 64)
    assert 100 > fine[5] > coarse[5] > 95  # true colours, no filter
    assert run(working_size.main, *arguments[2:], "--model", "forest") == 2
    assert run(working_size.main, *arguments, "--sizes", "8") == 2
