"""Evaluation: each metric on cases worked by hand or against scikit-image, and the command as a user runs it."""

import json
import re

import numpy as np
import pytest
from PIL import Image

from tests.made import write_model
from tfcolor.color.decoding_options import Decoding
from tfcolor.colorizer.colorizer import Colorizer
from tfcolor.commands import evaluate
from tfcolor.data.datasets import split_of
from tfcolor.evaluation.classifier import FEATURES
from tfcolor.evaluation.evaluation import Evaluation
from tfcolor.evaluation.measurements import Measurement
from tfcolor.evaluation.measuring import Truth, lab_of
from tfcolor.evaluation.predictors import ModelPredictor
from tfcolor.utils import console


def picture(height=20, width=24, seed=0):
    rng = np.random.default_rng(seed)
    ramp = np.linspace(40, 200, height * width).reshape(height, width, 1)
    return np.clip(ramp + rng.normal(0, 25, [height, width, 3]), 0, 255).astype(np.uint8)


# The command


@pytest.fixture
def dataset(tmp_path):
    folder = tmp_path / "photographs"
    for i in range(24):
        path = folder / ("town" if i % 2 else "forest") / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture(seed=i)).save(path)
    return folder


@pytest.fixture
def run(tmp_path, monkeypatch, capsys, dataset, model_folder):
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        given = ["--dataset", str(dataset), "--split", "all", *map(str, arguments)]
        if not {"--predictions", "--model"} & set(given):
            given += ["--model", str(model_folder)]
        return console.run(lambda: evaluate.main(given)), *capsys.readouterr()

    return run


def test_a_model_is_measured_beside_trivial_predictors(run, tmp_path):
    status, out, err = run("--T", "1,0.38", "--output", "out")
    assert status == 0, err
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        *("evaluation.json", "evaluation.md", "curve.png", "reliability.png", "photographs.png")
    }
    found = json.loads((tmp_path / "out" / "evaluation.json").read_text())
    assert found["num_photographs"] == 24 and "1/p" in found["weights"]["rebalanced"]["policy"]
    assert set(found["results"]) == {"1", "0.38"} and set(found["categories"]) == {"forest", "town"}
    for results in found["results"].values():
        assert set(results) == {"gray", "mean ab", "mean ab given L", "truth, quantised", "model"}
        for metrics in results.values():
            assert all(m["low"] <= m["value"] <= m["high"] for name, m in metrics.items() if "dcf" not in name)
        assert results["gray"]["colourfulness"]["value"] == 0
        assert results["truth, quantised"]["raw_auc"]["value"] > results["gray"]["raw_auc"]["value"]
        assert 0 < results["model"]["top_1"]["value"] < results["model"]["top_5"]["value"] < 100
    assert "bounded" in out and "0.38" in out
    assert run("--output", "out")[0] == 2  # nothing is replaced unasked


def test_a_photograph_that_decides_the_rebalanced_auc_is_named(run, tmp_path, dataset):
    """Red is one pixel of the training photographs, and all of a test photograph, which then weighs most."""
    assert "alone has" not in run("--T", "1", "--output", "even")[1]
    named = {split_of(f"{i}.png"): dataset / f"{i}.png" for i in range(100, 200)}  # in no category's folder
    pixels = picture(seed=5)
    pixels[0, 0] = [255, 0, 0]
    Image.fromarray(pixels).save(named["train"])
    Image.fromarray(np.full_like(pixels, [255, 0, 0])).save(named["test"])
    status, out, err = run("--T", "1", "--output", "out")
    assert status == 0, err
    found = json.loads((tmp_path / "out" / "evaluation.json").read_text())["weights"]
    # Of red it has all 480 pixels except one, and training has one; of the hundred other bins all have as many.
    share = found["rebalanced"]["its_share"]
    assert found["rebalanced"]["heaviest_photograph"] == named["test"].name and 0.7 < share < 0.9
    categories = json.loads((tmp_path / "out" / "evaluation.json").read_text())["categories"]
    assert set(categories) == {"(top folder)", "forest", "town"}
    # A pixel of red weighs at most 2 Q there, which is no more than fifty times what a common one does.
    assert found["bounded"]["heaviest_photograph"] == named["test"].name and found["bounded"]["its_share"] < share / 2
    note = f"{named['test'].name} alone has {100 * share:.0f} %"
    assert note in out and note in (tmp_path / "out" / "evaluation.md").read_text()


def test_a_model_is_measured_as_its_own_options_and_predict_have_it(model_folder, dataset, run, tmp_path):
    description = json.loads((model_folder / "model.json").read_text())
    own = {"temperature": 0.6, "smoothing": 3, "uniform_share": 0.2}
    (model_folder / "model.json").write_text(json.dumps(description | {"decoding": own}))
    lab = lab_of(rgb := picture(40, 50))
    colorizer, truth = Colorizer.load(model_folder, "float32"), Truth(rgb, lab[..., 0], lab[..., 1:])
    decodings = [Decoding(T, smoothing=3, uniform_share=0.2) for T in (1.0, 0.6)]
    colors, _ = ModelPredictor("m", colorizer, decodings, tile=16)(truth, "x.png")
    for T in (1.0, 0.6):
        expected = colorizer.predict_ab(truth.lightness, T, smoothing=3, uniform_share=0.2)
        np.testing.assert_allclose(colors[f"{T:g}", "m"], expected, atol=2e-3)
    assert run("--output", "own")[0] == 0
    assert run("--output", "same", "--T", "1,0.6", "--chroma-smoothing", "3", "--lambda", "0.2")[0] == 0
    assert run("--output", "none", "--chroma-smoothing", "0")[0] == 0
    own, same, none = (json.loads((tmp_path / f / "evaluation.json").read_text()) for f in ("own", "same", "none"))
    assert own["chroma_smoothing"] == 3 and set(own["results"]) == {"1", "0.6"}
    value = lambda found: found["results"]["0.6"]["model"]["raw_auc"]["value"]  # noqa: E731
    assert value(own) == pytest.approx(value(same), abs=1e-4)
    assert abs(value(own) - value(none)) > 0.01
    assert own["results"]["1"]["model"]["top_5"] == pytest.approx(none["results"]["1"]["model"]["top_5"])


def test_shares_give_what_the_whole_gives(run, tmp_path):
    assert run("--output", "whole")[0] == 0
    status, out, _ = run("--output", "parts", "--shard", "2/2")
    assert status == 0 and "1 of 2 shares to come" in out
    assert run("--output", "parts", "--shard", "1/2")[0] == 0
    whole, parts = (json.loads((tmp_path / f / "evaluation.json").read_text()) for f in ("whole", "parts"))
    for rank, photographs in whole["photographs"].items():
        # From float32, whose last bits depend on how threads divide the work: which of two equals is first may differ.
        expected = [auc for _, auc in photographs]
        assert [auc for _, auc in parts["photographs"][rank]] == pytest.approx(expected, abs=0.011)
    for T, results in whole["results"].items():
        for predictor, metrics in results.items():
            for metric, found in metrics.items():
                assert parts["results"][T][predictor][metric] == pytest.approx(found, rel=1e-3, abs=1e-3), metric


def test_workers_named_by_tf_config_share_the_photographs(run, tmp_path, monkeypatch):
    workers = {"worker": ["localhost:1", "localhost:2"]}  # none of them is connected to
    for index, said in ((1, "1 of 2 shares to come"), (0, "24 photographs")):
        monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": workers, "task": {"type": "worker", "index": index}}))
        status, out, err = run("--output", "parts", "--T", "1")
        assert status == 0 and said in out, err
    assert json.loads((tmp_path / "parts" / "evaluation.json").read_text())["num_photographs"] == 24


def test_shares_of_different_measurements_are_not_added(run, tmp_path):
    assert run("--output", "parts", "--shard", "1/2", "--T", "1")[0] == 0
    status, _, err = run("--output", "parts", "--shard", "2/2", "--T", "0.38")
    assert status == 2 and "part-1-of-2.npz was measured with another model, T or dataset" in err
    assert not (tmp_path / "parts" / "evaluation.json").exists()


def test_headings_fit_a_terminal_and_differ(run, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    status, out, err = run("--T", "1", "--output", "out")
    assert status == 0, err
    heads = ["predictor", "raw", "bounded", "rebalanced", "PSNR", "CIEDE2000", "dCF"]
    assert re.findall(r"\w+", next(line for line in out.splitlines() if "rebalanced" in line)) == heads
    assert "AuC in %" in out and "…" not in out
    lines = (tmp_path / "out" / "evaluation.md").read_text().splitlines()
    heads = [cell.strip() for line in lines if line.startswith("|  |") for cell in line.strip("|").split("|")[1:]]
    assert [head for head in heads if "dCF" in head or "absolute" in head] == [
        *("dCF", "absolute colourfulness", "absolute dCF"),
    ]


def test_perfect_predictions_from_files(run, tmp_path, dataset):
    status, _, err = run("--predictions", dataset, "--output", "out")
    assert status == 0, err
    found = json.loads((tmp_path / "out" / "evaluation.json").read_text())["results"]["1"]["photographs"]
    assert found["raw_auc"]["value"] == pytest.approx(100, abs=1e-3) and found["ssim"]["value"] == pytest.approx(1)
    assert found["dcf"]["value"] == 0 and "top_1" not in found


def test_a_missing_prediction_is_a_clear_error(run, tmp_path, dataset):
    (tmp_path / "theirs").mkdir()
    status, _, err = run("--predictions", tmp_path / "theirs")
    assert status == 2 and "no predictions for forest/0.png" in err and "Traceback" not in err


def test_hints_are_measured_beside_rivals_without_a_network(run, tmp_path, monkeypatch):
    from tfcolor.commands import evaluate_hints

    monkeypatch.setattr(evaluate_hints, "MOST_PHOTOGRAPHS", 3)
    status, out, err = run("--hints", "--output", "found", "--T", "1,0.5")
    assert status == 0, err
    content = json.loads((tmp_path / "found" / "hints.json").read_text())
    assert content["photographs"] == 3 and (tmp_path / "found" / "hints.png").exists()
    psnr = content["psnr"]
    assert list(psnr) == ["T = 1", "T = 0.5", "Levin alone", "nearest hint"]
    for way in psnr.values():
        assert list(way) == ["0", "1", "2", "5", "10", "20", "50", "100"]
        assert 10 < way["5"][1] <= way["5"][0] <= way["5"][2] < 40
        assert f"{way['10'][0]:.2f}" in out
    assert "gain, Zhang" in out and "+2.96" in out
    status, _, err = run("--hints", "--output", "found")
    assert status == 2 and "hints.json exists" in err


@pytest.mark.parametrize("option", [("--classifier", "lite1"), ("--shard", "1/2")], ids=str)
def test_what_does_not_go_with_hints_is_refused(run, option):
    status, _, err = run("--hints", *option)
    assert status == 2 and err == f"error: {option[0]} does not go with --hints; leave one out\n"


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--T", "2"),
        ("--T", "x"),
        ("--tile", "0"),
        ("--lambda", "2"),
        ("--chroma-smoothing", "-1"),
        ("--shard", "3/2"),
        ("--split", "test"),
    ],
)
def test_usage_errors(run, monkeypatch, option, value):
    if option == "--split":
        from tfcolor.data import datasets

        monkeypatch.setattr(datasets, "split_of", lambda file: "train")
    status, _, err = run(option, value)
    assert status == 2 and err.startswith("error: ")


@pytest.mark.parametrize("option", ["--T", "--lambda", "--chroma-smoothing", "--tile"])
def test_what_is_for_models_is_refused_for_predictions(run, dataset, option):
    status, _, err = run("--predictions", dataset, option, "1")
    assert status == 2 and err == f"error: {option} is for a model; --predictions are measured unchanged\n"


def test_an_evaluation_is_saved_and_loaded(tmp_path):
    evaluation = Evaluation()
    for i in range(9):
        pairs = {"raw_error": (i, 2), "rebalanced_error": (1, i), "bounded_error": (1, 10 - i)}
        evaluation.add(Measurement(f"{i}.png", {("1", "model"): pairs}, 90.0 + i))
    evaluation.save(tmp_path / "part.npz", {"T": (1.0, 0.38)})
    loaded = Evaluation.load(tmp_path / "part.npz", {"T": (1.0, 0.38)})
    assert loaded.ranked() == evaluation.ranked()
    for found in (loaded, evaluation):
        assert found.heaviest_share("rebalanced_error") == ("8.png", pytest.approx(8 / 36))
        assert found.heaviest_share("bounded_error") == ("0.png", pytest.approx(10 / 54))
    assert [file for _, file in loaded.ranked()["best"]] == ["8.png", "7.png", "6.png"]
    assert [file for _, file in loaded.ranked()["worst"]] == ["2.png", "1.png", "0.png"]
    assert [file for _, file in loaded.ranked()["median"]] == ["5.png", "4.png", "3.png"]
    for key, tally in evaluation.tallies.items():
        np.testing.assert_array_equal(loaded.tallies[key].sums["raw_error"], tally.sums["raw_error"])


@pytest.fixture
def classifier(monkeypatch):
    """Stands for the published network: it tells whether a picture is gray, and its mean colour."""

    class Sees:
        kind = "lite1"

        def __init__(self, kind):
            assert kind == "lite1"

        def __call__(self, pictures):
            is_gray = [bool((rgb == rgb[..., :1]).all()) for rgb in pictures]
            features = np.zeros([len(pictures), FEATURES], np.float32)
            features[:, :3] = [rgb.mean(axis=(0, 1)) for rgb in pictures]
            return np.array(is_gray, int), features

    monkeypatch.setattr("tfcolor.evaluation.classifier.Classifier", Sees)


def test_a_classifier_compares_coloured_and_true_pictures(run, tmp_path, classifier):
    status, out, err = run("--T", "1", "--classifier", "lite1", "--output", "whole")
    assert status == 0, err
    found = json.loads((tmp_path / "whole" / "evaluation.json").read_text())
    results = found["results"]["1"]
    assert results["gray"]["same_class"]["value"] == 0 and results["model"]["same_class"]["value"] == 100
    assert "same_class" not in results["mean ab"]
    distances = found["frechet_distance"]
    assert list(distances) == ["gray", "model, T = 1"] and distances["gray"] > 0
    assert "same as for the photograph: gray 0.00 %, model, T = 1 100.00 %" in out and "not FID" in out
    assert "not FID" in (tmp_path / "whole" / "evaluation.md").read_text()
    for share in ("1/2", "2/2"):
        assert run("--T", "1", "--classifier", "lite1", "--output", "parts", "--shard", share)[0] == 0
    parts = json.loads((tmp_path / "parts" / "evaluation.json").read_text())["frechet_distance"]
    assert parts == pytest.approx(distances, rel=1e-6)


@pytest.mark.parametrize(("network", "options"), [("unet", {"encoder": "lite0"}), ("gamma", {"width": 1 / 16})])
def test_a_classifier_on_which_the_model_is_built_is_refused(run, tmp_path, network, options):
    model = write_model(tmp_path / network, network, **options)
    status, _, err = run("--model", model, "--classifier", "lite0")
    assert status == 2 and "--classifier must not be lite0" in err
