"""Evaluation: each metric on cases worked by hand or against scikit-image, and the command as a user runs it."""

import json

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from skimage.color import deltaE_ciede2000, rgb2lab
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from tfcolor.color.bins import cell_of, count_bins
from tfcolor.color.encoding import nearest_bins, quantised
from tfcolor.colorizer.colorizer import Colorizer
from tfcolor.commands import evaluate
from tfcolor.data.datasets import split_of
from tfcolor.evaluation.evaluation import Evaluation
from tfcolor.evaluation.measuring import (
    CONFIDENCE_BINS,
    Truth,
    distribution_sums,
    inverse_shares,
    lab_of,
    measure_colors,
    psnr,
)
from tfcolor.evaluation.metrics import absolute_colourfulness, calibration_error, colourfulness
from tfcolor.evaluation.predictors import FromFiles, ModelPredictor
from tfcolor.utils import console

RNG = np.random.default_rng(0)


# Formulas


def test_colourfulness_of_gray_is_0():
    gray = np.repeat(RNG.integers(0, 256, [9, 8, 1], np.uint8), 3, axis=-1)
    assert colourfulness(gray) == absolute_colourfulness(gray) == 0


def test_colourfulness_worked_by_hand():
    """Half red, half green: rg is 255 and -255, yb is 127.5 everywhere.

    As published: the means are 0 and 127.5, the deviations 255 and 0. Of absolute opponents: 255 and 127.5, and none.
    """
    rgb = np.zeros([2, 2, 3], np.uint8)
    rgb[0, :, 0] = rgb[1, :, 1] = 255
    assert colourfulness(rgb) == pytest.approx(255 + 0.3 * 127.5)
    assert absolute_colourfulness(rgb) == pytest.approx(0.3 * np.hypot(255, 127.5))


def test_calibration_error_worked_by_hand():
    """Ten predictions of 0.9 of which 7 are right, and ten of 0.5 of which 6 are: (10 * 0.2 + 10 * 0.1) / 20."""
    assert calibration_error(np.array([10, 10]), np.array([9.0, 5.0]), np.array([7, 6])) == pytest.approx(0.15)


def test_psnr_and_its_cap():
    one, other = (RNG.integers(0, 256, [12, 9, 3], np.uint8) for _ in range(2))
    assert psnr(one, other) == pytest.approx(peak_signal_noise_ratio(one, other))
    assert psnr(one, one) == 100


def test_distributions_worked_by_hand():
    """Two pixels over three bins: 0.7 for the true bin, and 0.2 where 0.5 goes to another.

    The network was trained with a weight of 3 for the last of them, so that it gives that three times its share.
    """
    shares, weights = np.array([[[0.7, 0.2, 0.1], [0.5, 0.3, 0.2]]], np.float32), np.float32([1, 1, 3, 1, 1, 1, 1])
    wide = np.concatenate([np.log(shares * weights[:3]), np.full([1, 2, 4], -30.0)], axis=-1).astype(np.float32)
    given = tf.constant(wide), tf.constant([[0, 2]], tf.int32), tf.constant(weights)
    sums = distribution_sums(*given, 1.0)
    assert (float(sums["top_1"]), float(sums["top_5"])) == (1, 2)
    assert float(sums["cross_entropy"]) == pytest.approx(-np.log(0.7) - np.log(0.2), rel=1e-5)
    assert float(sums["weighted_cross_entropy"]) == pytest.approx(-np.log(0.7 / 1.2) - 3 * np.log(0.6 / 1.4), rel=1e-5)
    sharper = distribution_sums(*given, 0.5)["cross_entropy"]  # squares of the shares
    assert float(sharper) == pytest.approx(-np.log(0.49 / 0.54) - np.log(0.04 / 0.38), rel=1e-5)
    counts, confidences, hits = (sums[name].numpy() for name in ("counts", "confidences", "hits"))
    assert counts[int(0.7 * CONFIDENCE_BINS)] == counts[int(0.5 * CONFIDENCE_BINS)] == 1 and counts.sum() == 2
    assert confidences.sum() == pytest.approx(1.2) and hits[int(0.7 * CONFIDENCE_BINS)] == hits.sum() == 1


def picture(height=20, width=24, seed=0):
    rng = np.random.default_rng(seed)
    ramp = np.linspace(40, 200, height * width).reshape(height, width, 1)
    return np.clip(ramp + rng.normal(0, 25, [height, width, 3]), 0, 255).astype(np.uint8)


def truth_of(rgb):
    lab = lab_of(rgb)
    return Truth(rgb, lab[..., 0], lab[..., 1:])


def test_colours_against_scikit_image():
    truth, predicted = truth_of(picture()), picture(seed=1)
    ab = lab_of(predicted)[..., 1:]
    weights = inverse_shares(truth.ab.reshape(-1, 2), np.ones(truth.lightness.size, int))
    pairs = measure_colors(truth, ab, predicted, weights)
    distances = np.linalg.norm(ab - truth.ab, axis=-1)
    ratios = {name: np.divide(*pair) for name, pair in pairs.items()}
    assert ratios["raw_error"] == pytest.approx(np.minimum(distances, 150).mean(), rel=1e-6)
    lab = rgb2lab(truth.rgb)
    mixed = np.concatenate([lab[..., :1], rgb2lab(predicted)[..., 1:]], axis=-1)
    assert ratios["ciede2000"] == pytest.approx(deltaE_ciede2000(lab, mixed).mean(), rel=1e-3)
    assert ratios["ssim"] == pytest.approx(structural_similarity(truth.rgb, predicted, channel_axis=-1))
    for t in (0, 5, 20, 150):
        assert pairs["within"][0][t] == (distances <= t).sum()
    # The share within t, integrated over t, is the AuC of the closed form, but for steps of one unit.
    swept = 100 * np.trapezoid(ratios["within"], dx=1) / 150
    assert swept == pytest.approx(100 * (1 - ratios["raw_error"] / 150), abs=0.4)


def test_rebalancing_makes_every_bin_count_alike():
    """Three pixels of one bin with error 10, one of another with error 50: the mean over bins is 30."""
    ab = np.array([[[5.0, 5], [5, 5], [5, 5], [55, 5]]], np.float32)
    truth = Truth(np.zeros([1, 4, 3], np.uint8), np.full([1, 4], 50, np.float32), ab)
    weights = inverse_shares(ab.reshape(-1, 2), np.ones(4, int))
    predicted = ab + np.array([[[10, 0], [10, 0], [10, 0], [0, 50]]])
    pairs = measure_colors(truth, predicted, truth.rgb, weights)
    assert np.divide(*pairs["rebalanced_error"]) == pytest.approx(30)
    assert np.divide(*pairs["raw_error"]) == pytest.approx(20)
    unseen = inverse_shares(np.array([[5.0, 5]]), np.ones(1, int))  # training never had the other bin
    assert np.divide(*measure_colors(truth, predicted, truth.rgb, unseen)["rebalanced_error"]) == pytest.approx(10)


# Predictors


def some_bins():
    ab = np.array([[5.0, 5], [4, 6], [-35, 15]])
    return count_bins(ab, np.array([1, 3, 1]), 10, dataset="made", split="train", num_images=1, num_pixels=5)


def test_quantised_truth_is_the_bins_mean():
    bins = some_bins()
    ab = np.array([[[1.0, 9], [-33, 12], [-40, 40]]])
    expected = [[4.25, 5.75], [-35, 15], [-35, 15]]  # means of the cells; the last has no bin of its own
    np.testing.assert_allclose(quantised(ab, bins)[0], expected)
    assert nearest_bins(bins)[tuple(cell_of(np.array([5.0, 5]), 10))] == 1


def test_predictions_from_files(tmp_path):
    (tmp_path / "sub").mkdir()
    rgb = picture()
    Image.fromarray(rgb).save(tmp_path / "sub" / "a[1].png")
    files = FromFiles(tmp_path)
    np.testing.assert_allclose(files.ab("sub/a[1].jpg", (20, 24)), rgb2lab(rgb)[..., 1:], atol=1e-2)
    for file, shape, message in (("b.jpg", (20, 24), "no predictions for b.jpg"), ("sub/a[1].jpg", (3, 4), "pixels")):
        with pytest.raises(ValueError, match=message):
            files.ab(file, shape)


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
    assert found["num_photographs"] == 24 and "1/p" in found["rebalancing"]
    assert set(found["results"]) == {"1", "0.38"} and set(found["categories"]) == {"forest", "town"}
    for results in found["results"].values():
        assert set(results) == {"gray", "mean ab", "mean ab given L", "truth, quantised", "model"}
        for metrics in results.values():
            assert all(m["low"] <= m["value"] <= m["high"] for name, m in metrics.items() if "dcf" not in name)
        assert results["gray"]["colourfulness"]["value"] == 0
        assert results["truth, quantised"]["raw_auc"]["value"] > results["gray"]["raw_auc"]["value"]
        assert 0 < results["model"]["top_1"]["value"] < results["model"]["top_5"]["value"] < 100
    assert "rebalanced AuC" in out and "0.38" in out
    assert run("--output", "out")[0] == 2  # nothing is replaced unasked


def test_a_photograph_that_decides_the_rebalanced_auc_is_named(run, tmp_path, dataset):
    """Red is one pixel of the training photographs, and all of a test photograph, which then weighs most."""
    assert "alone has" not in run("--T", "1", "--output", "even")[1]
    named = {split_of(f"{i}.png"): dataset / f"{i}.png" for i in range(100, 200)}
    pixels = picture(seed=5)
    pixels[0, 0] = [255, 0, 0]
    Image.fromarray(pixels).save(named["train"])
    Image.fromarray(np.full_like(pixels, [255, 0, 0])).save(named["test"])
    status, out, err = run("--T", "1", "--output", "out")
    assert status == 0, err
    found = json.loads((tmp_path / "out" / "evaluation.json").read_text())["heaviest_photograph"]
    # Of red it has all 480 pixels but one, of which training knows one; of the hundred other bins all have as many.
    share = found["share_of_rebalancing_weight"]
    assert found["file"] == named["test"].name and 0.7 < share < 0.9
    note = f"{named['test'].name} alone has {100 * share:.0f} %"
    assert note in out and note in (tmp_path / "out" / "evaluation.md").read_text()


def test_a_model_is_measured_as_its_own_options_and_predict_have_it(model_folder, dataset, run, tmp_path):
    description = json.loads((model_folder / "model.json").read_text())
    own = {"temperature": 0.6, "smoothing": 3, "uniform_share": 0.2}
    (model_folder / "model.json").write_text(json.dumps(description | {"decoding": own}))
    colorizer, truth = Colorizer.load(model_folder, "float32"), truth_of(picture(40, 50))
    colors, _ = ModelPredictor("m", colorizer, (1.0, 0.6), tile=16, smoothing=3, uniform_share=0.2)(truth, "x.png")
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
    assert status == 2 and err == f"error: {option} is for a model; --predictions are measured as they are\n"


def test_an_evaluation_is_saved_and_loaded(tmp_path):
    evaluation = Evaluation()
    for i in range(9):
        pairs = {"raw_error": (i, 2), "rebalanced_error": (1, i)}
        evaluation.add(f"{i}.png", "sea", {("1", "model"): pairs}, 90.0 + i)
    evaluation.save(tmp_path / "part.npz", {"T": (1.0, 0.38)})
    loaded = Evaluation.load(tmp_path / "part.npz", {"T": (1.0, 0.38)})
    assert loaded.ranked() == evaluation.ranked()
    assert loaded.heaviest_share() == evaluation.heaviest_share() == ("8.png", pytest.approx(8 / 36))
    assert [file for _, file in loaded.ranked()["best"]] == ["8.png", "7.png", "6.png"]
    assert [file for _, file in loaded.ranked()["worst"]] == ["2.png", "1.png", "0.png"]
    assert [file for _, file in loaded.ranked()["median"]] == ["5.png", "4.png", "3.png"]
    for key, tally in evaluation.tallies.items():
        np.testing.assert_array_equal(loaded.tallies[key].sums["raw_error"], tally.sums["raw_error"])
