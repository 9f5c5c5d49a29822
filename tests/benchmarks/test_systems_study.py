"""The study of systems: its runs, its subsets of photographs, its measures, tables and sheets."""

import json

import numpy as np
import pytest
from PIL import Image
from skimage.color import deltaE_ciede2000, rgb2lab
from skimage.metrics import peak_signal_noise_ratio

from benchmarks.studies import systems, systems_measuring, systems_report
from benchmarks.studies.subset import linked, spread, thinned
from benchmarks.studies.systems import SYSTEMS, SystemRun
from benchmarks.studies.tables import over_seeds
from benchmarks.studies.training import as_arguments
from tests.made import write_model
from tfcolor.data import datasets
from tfcolor.evaluation.measuring import PixelWeights, Truth, lab_of
from tfcolor.objectives.registry import ObjectiveChoice
from tfcolor.utils import console
from tfcolor.utils.errors import InputError
from tfcolor.utils.files import write_npz

RNG = np.random.default_rng(0)


def run(main, *arguments):
    return console.run(lambda: main([str(argument) for argument in arguments]))


def write_photographs(folder, names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        coarse = RNG.integers(90, 166, (4, 5, 3), dtype=np.uint8)
        Image.fromarray(coarse).resize((44, 36), Image.Resampling.BICUBIC).save(path)


@pytest.fixture
def photographs(tmp_path):
    write_photographs(tmp_path / "photos", [f"{kind}/{k}.png" for kind in ("a", "b") for k in range(60)])
    return tmp_path / "photos"


class TestSubset:
    def test_spread_over_all(self):
        assert spread(tuple("abcdefghij"), 4) == ["a", "c", "f", "h"]
        assert spread(tuple("ab"), 4) == ["a", "b"]

    def test_photographs_keep_their_splits(self, photographs, tmp_path):
        whole = datasets.find(str(photographs))
        few, argument = thinned(whole, "photos", 20, tmp_path / "data")
        assert argument == str(tmp_path / "data" / "photos-20")
        assert len(few.split("train").files) == 20
        for split in ("val", "test"):
            assert few.split(split).files == whole.split(split).files
        training = few.split("train").files
        assert set(training) <= set(whole.split("train").files)
        assert {name[0] for name in training} == {"a", "b"}
        for file in few.files:
            assert (few.folder / file).read_bytes() == (photographs / file).read_bytes()
        assert thinned(whole, "photos", 20, tmp_path / "data")[0] == few  # again: what is there is used

    def test_small_datasets_stay_as_they_are(self, photographs, tmp_path):
        whole = datasets.find(str(photographs))
        assert thinned(whole, "photos", 1000, tmp_path / "data") == (whole, "photos")
        assert not (tmp_path / "data").exists()

    def test_other_photographs_are_refused(self, photographs, tmp_path):
        whole = datasets.find(str(photographs))
        linked(whole, list(whole.files[:3]), tmp_path / "links")
        with pytest.raises(InputError, match="holds other photographs than photos would give now"):
            linked(whole, list(whole.files[:4]), tmp_path / "links")
        joined = datasets.find(f"{photographs},samples")
        with pytest.raises(InputError, match="joins several datasets"):
            linked(joined, list(joined.files), tmp_path / "joined")


class TestMeasuring:
    def test_sums_over_photographs(self):
        """PSNR as scikit-image has it; AuC, brown and coloured pixels by hand."""
        rgb = RNG.integers(0, 256, (16, 20, 3), dtype=np.uint8)
        lab = lab_of(rgb)
        truth = Truth(rgb, lab[..., 0], lab[..., 1:])
        weights = PixelWeights(np.ones([22, 22]), np.ones([22, 22]))
        sums = systems_measuring.Sums()
        brown = np.zeros_like(truth.ab)
        brown[:4] = (20.0, 30.0)  # a quarter: 56 degrees
        brown[4:8] = (-20.0, -30.0)
        for ab in (brown, np.zeros_like(brown)):
            sums.add(truth, ab, weights)
        found = sums.to_json()
        assert (found["brown"], found["colored"]) == (50, 25)
        errors = [np.linalg.norm(ab - truth.ab, axis=-1).mean() for ab in (brown, 0 * brown)]
        assert found["raw_auc"] == pytest.approx(100 * (1 - np.mean(errors) / 150))
        assert found["bounded_auc"] == pytest.approx(found["raw_auc"])
        pictures = [systems_measuring.painted(truth.lightness, ab) for ab in (brown, 0 * brown)]
        expected = np.mean([peak_signal_noise_ratio(rgb, picture) for picture in pictures])
        assert found["psnr"] == pytest.approx(expected)

    def test_pictures_with_a_lightness_of_their_own(self):
        rgb, other = RNG.integers(0, 256, (2, 16, 20, 3), dtype=np.uint8)
        lab, other_lab = lab_of(rgb), lab_of(other)
        truth, weights = Truth(rgb, lab[..., 0], lab[..., 1:]), PixelWeights(np.ones([22, 22]), np.ones([22, 22]))
        sums = systems_measuring.Sums()
        sums.add_picture(truth, other, weights)
        found = sums.to_json()
        assert found["psnr"] == pytest.approx(peak_signal_noise_ratio(rgb, other))
        assert found["ciede2000"] == pytest.approx(deltaE_ciede2000(rgb2lab(rgb), rgb2lab(other)).mean(), rel=1e-3)
        assert found["raw_auc"] == pytest.approx(
            100 * (1 - np.linalg.norm(other_lab[..., 1:] - lab[..., 1:], axis=-1).clip(0, 150).mean() / 150)
        )

    def test_painters_of_rgb_are_measured_both_ways(self, photographs, tmp_path):
        objective = ObjectiveChoice("adversarial", {"space": "rgb"})
        model = write_model(tmp_path / "model", "pix2pix", objective=objective, width=1 / 16, depth=5)
        found = systems_measuring.describe(model, datasets.find(str(photographs)), 2, tmp_path / "cache")["measured"]
        assert list(found) == ["", "repainted"]
        assert found[""]["ciede2000"] < found["repainted"]["ciede2000"]  # the lightness of an untrained network

    @pytest.mark.parametrize("objective", ["classification", "regression"])
    def test_models_are_described(self, photographs, tmp_path, objective):
        network = {"network": "valid8"} if objective == "classification" else {"network": "zhang", "width": 1 / 16}
        model = write_model(tmp_path / "model", objective=objective, **network)
        dataset = datasets.find(str(photographs))
        found = systems_measuring.describe(model, dataset, 3, tmp_path / "cache")
        assert found["photographs"] == len(dataset.some_of("test", 3))
        assert list(found["measured"]) == (["0.38", "1"] if objective == "classification" else [""])
        with np.load(model / "weights.npz") as arrays:
            learned = [arrays[name] for name in arrays if not name.endswith(("/mean", "/variance", "/updates"))]
        assert found["parameters"] == sum(array.size for array in learned)
        assert found["gray"]["brown"] == found["gray"]["colored"] == 0
        assert found["gray"]["colourfulness"] < 0.1  # levels of gray are rounded
        assert 0 < found["seconds_per_photo"] < 60
        (path,) = (tmp_path / "cache").iterdir()
        again = systems_measuring.pixel_weights(dataset, tmp_path / "cache")
        np.testing.assert_array_equal(again.bounded, np.load(path)["bounded"])

    def test_pictures_are_the_middles_of_photographs(self, photographs, tmp_path):
        model, dataset = write_model(tmp_path / "model"), datasets.find(str(photographs))
        systems_measuring.save_pictures(model, dataset, tmp_path / "p.npz")
        with np.load(tmp_path / "p.npz") as arrays:
            count = len(dataset.some_of("test", 8))
            assert arrays["test"].shape == arrays["test/truth"].shape == (count, 160, 160, 3)
            assert arrays["samples"].shape == (4, 160, 160, 3)
            gray = arrays["samples/gray"].astype(int)
            assert np.ptp(gray, axis=-1).max() <= 1
            assert (arrays["samples"] != arrays["samples/gray"]).any()


def made_result(folder, system, seed=0, minutes=2.0, **changed):
    metrics = dict.fromkeys(("raw_auc", "bounded_auc", "psnr", "ciede2000"), 80.0 + seed)
    metrics |= {"colourfulness": 30.0, "true_colourfulness": 34.5, "brown": 60.0, "true_brown": 25.0}
    metrics |= {"colored": 40.0, "true_colored": 50.0}
    result = SystemRun(system, seed, "photos", "abc", minutes, 100, 0.125, 300, folder)
    content = result.settings | {"samples": 1600, "batch_size": 16, "seconds": 120.0}
    content |= {"parameters": 1_234_567, "photographs": 280, "seconds_per_photo": 0.125, "gray": metrics}
    T = ("0.38", "1") if system == "zhang" else ("",)
    result.path.write_text(json.dumps(content | {"measured": dict.fromkeys(T, metrics)} | changed))
    (folder / "pictures").mkdir(exist_ok=True)
    names = [f"{kind}{key}" for kind in ("test", "samples") for key in ("", "/truth", "/gray")]
    write_npz(folder / "pictures" / f"{result.name}.npz", dict.fromkeys(names, np.zeros([2, 160, 160, 3], np.uint8)))


class TestReport:
    def test_tables_and_sheets(self, tmp_path):
        for system in ("zhang", "beta"):
            made_result(tmp_path, system)
        arguments = ["--dataset", "anything", "--output", tmp_path, "--pictures", tmp_path / "docs.jpg", "report"]
        assert run(systems.main, *arguments) == 0
        text = (tmp_path / "tables.md").read_text()
        assert "**280 test photographs, after 2 minutes of training each**" in text
        assert "| beta | 80.00 | 80.00 | 80.00 | 80.00 |" in text
        assert "| zhang, T = 0.38 | 30.0 | -4.5 | 40.0 | 60.0 | +35.0 |" in text
        assert "| truth | 34.5 |  | 50.0 | 25.0 |  |" in text
        assert "| beta | 1,235 k | 16 | 100 | 1,600 | 0.125 |" in text
        assert text.index("| beta |") < text.index("| zhang, T = 0.38 |")  # in the order of the systems
        for name in ("sheet.png", "docs.jpg"):
            with Image.open(tmp_path / name) as image:
                assert image.size == (4 * 166 + 6, 2 * 160 + 20 + 3 * 6)

    def test_columns_for_which_there_is_no_room_follow_below(self, tmp_path):
        for system in ("zhang", "beta"):
            made_result(tmp_path, system)
        saved = {system: tmp_path / "pictures" / f"{system}-0.npz" for system in ("beta", "zhang")}
        found = systems_report.picture_sheet(saved, "samples", width=3)  # truth, gray, beta; truth, zhang
        assert found.shape == (2 * (2 * 160 + 20 + 3 * 6), 3 * 166 + 6, 3)
        whole = systems_report.picture_sheet(saved, "samples")
        half, zhang = len(found) // 2, np.s_[:, 166:332]
        np.testing.assert_array_equal(found[:half], whole[:, : found.shape[1]])
        np.testing.assert_array_equal(found[half:][:, :166], whole[:, :166])
        np.testing.assert_array_equal(found[half:][zhang], whole[:, -172:-6])
        assert (found[half:][:, 338:] == 255).all()

    def test_seeds_are_averaged(self, tmp_path):
        for seed in (0, 1):
            made_result(tmp_path, "beta", seed)
        systems_report.report(tmp_path, list(SYSTEMS))
        assert f"| beta | {over_seeds([80.0, 81.0], 2)} |" in (tmp_path / "tables.md").read_text()
        assert over_seeds([80.0, 81.0], 2).startswith("80.50 ± ")

    def test_results_that_cannot_be_compared(self, tmp_path):
        with pytest.raises(InputError, match="has no result"):
            systems_report.report(tmp_path, list(SYSTEMS))
        made_result(tmp_path, "beta")
        made_result(tmp_path, "zhang", minutes=3.0)
        with pytest.raises(InputError, match="differ in `minutes`"):
            systems_report.report(tmp_path, list(SYSTEMS))


class TestCommand:
    def test_arguments_of_a_training(self):
        assert as_arguments({"batch_size": 16, "seed": None, "lambda": 0.8}) == [
            "--batch-size",
            "16",
            "--lambda",
            "0.8",
        ]

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["--only", "nothing"], "unknown system 'nothing'"),
            (["--minutes", 0], "--minutes must be above 0"),
            (["--limit", 0], "--limit must be above 0"),
        ],
    )
    def test_usage_errors(self, arguments, message, tmp_path, capsys):
        assert run(systems.main, "--dataset", "samples", "--output", tmp_path, *arguments) == 2
        assert message in capsys.readouterr().err

    def test_a_dataset_without_test_photographs_is_refused(self, tmp_path, capsys):
        write_photographs(tmp_path / "photos", ["3.png"])
        arguments = ["--dataset", tmp_path / "photos", "--output", tmp_path / "out", "--only", "valid8"]
        assert run(systems.main, *arguments) == 2
        assert "has no photograph in its" in capsys.readouterr().err

    def test_systems_are_whole(self):
        """Each has a network; those that see whole scenes have windows of one size."""
        for name, options in SYSTEMS.items():
            assert "network" in options
            assert ("patch" in options) == (name not in ("valid8", "patch_mlp"))
            assert options.get("patch", 128) == 128

    @pytest.mark.slow
    def test_a_small_study(self, photographs, tmp_path, monkeypatch, one_process):
        small = {"network": "valid8", "window": 20, "patch": 20, "batch_size": 2, "precision": "float32"}
        regression = small | {"network": "zhang", "width": 1 / 16, "patch": 32, "objective": "regression"}
        monkeypatch.setattr(systems, "SYSTEMS", {"valid8": small, "regression": regression})
        arguments = ["--dataset", photographs, "--minutes", 0.001, "--photos", 2, "--limit", 30, "--output", tmp_path]
        assert run(systems.main, *arguments) == 0
        found = {path.stem: json.loads(path.read_text()) for path in tmp_path.glob("*.json")}
        assert found.keys() == {"valid8-0", "regression-0"}
        for name, result in found.items():
            speed = json.loads((tmp_path / "speed" / f"{name.removesuffix('-0')}.json").read_text())
            assert result["steps"] == max(1, round(0.06 / speed["seconds_per_step"]))
            assert result["samples"] == 2 * result["steps"] and result["parameters"] > 0
            assert result["seconds_per_photo"] == speed["seconds_per_photo"] > 0
        assert (tmp_path / "sheet.png").exists()
        monkeypatch.setattr(systems, "do", None)
        assert run(systems.main, *arguments) == 0  # nothing is missing
        assert run(systems.main, *arguments, "--photos", 3) == 2  # made with other settings
