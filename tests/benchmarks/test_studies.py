"""The studies of activations and choices: statistics, data, networks, and the reports made of saved results."""

import gzip
import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from matplotlib.figure import Figure
from scipy import stats

from benchmarks.studies import MNIST_ACTIVATIONS, ablation, activations, mlp, mnist, processes
from benchmarks.studies.activation_report import report
from benchmarks.studies.mlp import Mlp, MlpTraining, inked_first
from benchmarks.studies.mnist import Digits
from benchmarks.studies.options import RunOptions
from benchmarks.studies.statistics import holm, mean_and_half_width, paired_differences
from tfcolor.ops import ACTIVATION_NAMES
from tfcolor.utils import console
from tfcolor.utils.errors import InputError, WorkError

RNG = np.random.default_rng(0)


class TestStatistics:
    def test_interval_of_a_table(self):
        """t(0.975, 4) = 2.776 in any table; the standard error of 1 ... 5 is sqrt(2.5 / 5)."""
        mean, half = mean_and_half_width([1, 2, 3, 4, 5])
        assert mean == 3
        assert half == pytest.approx(2.776 * np.sqrt(0.5), rel=1e-3)

    def test_holm_worked_by_hand(self):
        """Of 0.01, 0.04, 0.03, 0.005: times 4, 3, 2, 1 in order of size, and never falling."""
        assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
        assert holm([0.6, 0.7]) == [1, 1]

    def test_pairs_are_tested_as_scipy_does(self):
        values = {name: RNG.normal(mean, 1, 6).tolist() for name, mean in (("a", 0), ("b", 3), ("c", 0.1))}
        found = paired_differences(values)
        assert [(d.first, d.second) for d in found] == [("a", "b"), ("a", "c"), ("b", "c")]
        for d in found:
            assert d.p == pytest.approx(stats.ttest_rel(values[d.first], values[d.second]).pvalue)
            assert d.mean == pytest.approx(np.mean(values[d.first]) - np.mean(values[d.second]))
        assert [d.p_corrected for d in found] == pytest.approx(holm([d.p for d in found]))

    def test_pairing_sees_what_seeds_have_in_common(self):
        """All seeds differ more than the activations do, but each by the same amount."""
        seeds = np.array([1.0, 5.0, 9.0, 13.0])
        values = {"a": seeds.tolist(), "b": np.add(seeds, [0.1, 0.11, 0.09, 0.1]).tolist()}
        (d,) = paired_differences(values)
        assert d.is_significant
        assert d.mean == pytest.approx(-0.1)

    def test_runs_without_spread(self):
        """Equal ones do not differ; those that differ by the same amount each time do."""
        equal, shifted = paired_differences(
            {"a": [1.0, 2.0], "b": [1.0, 2.0], "c": [1.1, 2.1]}, [("a", "b"), ("a", "c")]
        )
        assert not equal.is_significant
        assert shifted.is_significant

    @pytest.mark.parametrize("values", [{"a": [1.0], "b": [2.0]}, {"a": [1.0, 2.0], "b": [1.0, 2.0, 3.0]}])
    def test_too_few_or_unpaired_runs_are_refused(self, values):
        with pytest.raises(ValueError, match="equally many and at least 2"):
            paired_differences(values)


@pytest.fixture
def made_mnist(tmp_path, monkeypatch):
    """A folder with two digits for each purpose, and their check sums in place of the real ones."""
    folder = tmp_path / "mnist"
    folder.mkdir()
    sums = {}
    for name in mnist.FILES:
        values = RNG.integers(0, 256, 2 * 784) if "images" in name else np.array([3, 7])
        content = bytes(16 if "images" in name else 8) + values.astype(np.uint8).tobytes()
        (folder / f"{name}.gz").write_bytes(gzip.compress(content))
        sums[name] = hashlib.sha256(content).hexdigest()
    monkeypatch.setattr(mnist, "FILES", sums)
    mnist.load.cache_clear()
    yield folder
    mnist.load.cache_clear()


class TestMnist:
    def test_files_are_read(self, made_mnist):
        training, test = mnist.load(str(made_mnist.parent))
        for digits in (training, test):
            assert (digits.images.shape, digits.images.dtype) == ((2, 784), np.uint8)
            assert digits.labels.tolist() == [3, 7]

    @pytest.mark.parametrize(
        "content", [b"", b"no archive", gzip.compress(b"another content")], ids=["empty", "no archive", "another"]
    )
    def test_a_wrong_file_is_named(self, made_mnist, content):
        (made_mnist / "train-labels-idx1-ubyte.gz").write_bytes(content)
        with pytest.raises(InputError, match=r"train-labels-idx1-ubyte.gz does not hold MNIST's .* move it away"):
            mnist.load(str(made_mnist.parent))

    def test_a_missing_file_is_downloaded_and_checked(self, made_mnist, serve, monkeypatch):
        path = made_mnist / "t10k-labels-idx1-ubyte.gz"
        packed = path.read_bytes()
        path.unlink()
        monkeypatch.setattr(mnist, "URL", serve(packed) + "/")
        assert mnist.load(str(made_mnist.parent))[1].labels.tolist() == [3, 7]
        assert path.read_bytes() == packed
        assert len(list(made_mnist.iterdir())) == 4

    def test_a_bad_download_leaves_nothing(self, made_mnist, serve, monkeypatch):
        (made_mnist / "t10k-labels-idx1-ubyte.gz").unlink()
        monkeypatch.setattr(mnist, "URL", serve(gzip.compress(b"something else")) + "/")
        with pytest.raises(WorkError, match=r"downloading .*t10k-labels.* failed .* by hand"):
            mnist.load(str(made_mnist.parent))
        assert len(list(made_mnist.iterdir())) == 3

    @pytest.mark.realdata
    def test_the_real_ones(self, data_root):
        if not (data_root / "mnist").is_dir():
            pytest.skip("no MNIST under $TFCOLOR_DATA")
        training, test = mnist.load(str(data_root))
        assert (len(training.images), len(test.images)) == (60_000, 10_000)
        # LeCun's page: the first digits are a five and a seven.
        assert (training.labels[0], test.labels[0]) == (5, 7)
        assert training.images.mean() / 255 == pytest.approx(0.1307, abs=1e-4)  # as everyone normalizes by


def made_digits(count=600, seed=0):
    """Ten patterns of 784 pixels with noise; the last 100 pixels have ink only in testing."""
    random = np.random.default_rng(seed)
    patterns = np.random.default_rng(9).integers(0, 200, [10, 784])
    labels = random.integers(0, 10, count).astype(np.int32)
    images = patterns[labels] + random.integers(0, 50, [count, 784])
    return Digits(images.astype(np.uint8), labels)


@pytest.fixture(scope="module")
def digits():
    training, test = made_digits(), made_digits(200, seed=1)
    training.images[:, -100:] = 0
    return training, test


class TestMlp:
    def test_names_and_layers_match(self):
        assert tuple(mlp.ACTIVATIONS) == MNIST_ACTIVATIONS

    @pytest.mark.parametrize("batch_norm", [False, True])
    def test_initial_weights_do_not_depend_on_the_activation(self, batch_norm):
        networks = [Mlp(name, batch_norm, seed=4) for name in MNIST_ACTIVATIONS]
        for k in (1, 2, 3):
            for network in networks[1:]:
                key = f"layer{k}/weight"
                np.testing.assert_array_equal(network.weights[key], networks[0].weights[key])

    def test_it_computes_what_numpy_does(self):
        network = Mlp("LReLU(5.5)", False, seed=1)
        images = RNG.integers(0, 256, [5, 784]).astype(np.uint8)
        x = images / 255
        for k in (1, 2, 3):
            x = x @ network.weights[f"layer{k}/weight"].numpy().T
            x = x if k == 3 else np.where(x < 0, x / 5.5, x)
        np.testing.assert_allclose(network(tf.constant(images)), x, rtol=1e-4, atol=1e-5)

    def test_the_multiplying_variant_draws_one_number_for_a_layer(self):
        layer = mlp.ACTIVATIONS["times U(3, 8)"](4, 1)
        passes = [mlp.TrainingPass(tf.constant([0, k])) for k in range(200)]
        factors = -np.array([layer(-tf.ones([3, 4]), training) for training in passes])
        assert (factors.min(axis=(1, 2)) == factors.max(axis=(1, 2))).all()
        assert stats.kstest(factors[:, 0, 0], stats.uniform(3, 5).cdf).pvalue > 1e-3
        np.testing.assert_array_equal(layer(tf.constant([-2.0, 3.0]), None), [-11, 3])

    def test_pixels_without_ink_come_last(self):
        images = np.zeros([3, 40], np.uint8)
        images[1, [5, 39]] = 9
        order, used = inked_first(images)
        assert order[:2].tolist() == [5, 39]
        assert sorted(order) == list(range(40))
        assert used == 16

    def test_leaving_out_pixels_without_ink_changes_nothing(self, digits, monkeypatch):
        curves = []
        for used in (True, False):
            if not used:
                monkeypatch.setattr(mlp, "inked_first", lambda images: (inked_first(images)[0], 784))
            curves.append(MlpTraining("ReLU", False, *digits).run(seed=0, epochs=2))
        np.testing.assert_allclose(curves[0].training_loss, curves[1].training_loss, rtol=1e-4)
        np.testing.assert_allclose(curves[0].test_accuracy, curves[1].test_accuracy, atol=0.011)

    @pytest.mark.parametrize("activation", ["RReLU(3, 8)", pytest.param("PReLU", marks=pytest.mark.slow)])
    def test_a_run_learns_and_repeats_whatever_came_before(self, digits, activation):
        training = MlpTraining(activation, True, *digits)
        first = training.run(seed=1, epochs=5)
        other = training.run(seed=2, epochs=1)
        again = training.run(seed=1, epochs=5)
        assert first.training_loss == again.training_loss
        assert first.test_accuracy == again.test_accuracy
        assert first.training_loss[0] != other.training_loss[0]
        assert first.training_loss[-1] < first.training_loss[0] / 2
        assert first.test_accuracy[-1] > 0.5


def save_runs(folder, seeds=3, epochs=4):
    for batch_norm in (False, True):
        for number, activation in enumerate(MNIST_ACTIVATIONS):
            for seed in range(seeds):
                run = activations.MnistRun(activation, batch_norm, seed, epochs, folder)
                accuracy = 0.9 + 0.01 * number + 0.001 * seed
                curves = {
                    "test_accuracy": [0.8, 0.85, 0.88, accuracy],
                    "training_loss": [1.0, 0.5, 0.2, 0.1 + seed / 99],
                }
                curves = {name: values[-epochs:] for name, values in curves.items()}
                run.path.write_text(json.dumps(run.settings | curves))
    for number, activation in enumerate(ACTIVATION_NAMES):
        for seed in range(seeds):
            run = activations.ForestRun(activation, seed, 60, folder)
            numbers = {"raw_auc": 88 + number + seed / 50, "rebalanced_auc": 60 + number / 10 + (seed * number) % 3}
            numbers |= {"training_loss": [5 - k / 3 + seed / 9 for k in range(6)], "seconds": 1}
            run.path.write_text(json.dumps(run.settings | numbers))


@pytest.fixture
def no_drawing(monkeypatch):
    """Figures are files without content, which takes less time."""
    monkeypatch.setattr(Figure, "savefig", lambda self, file, **options: file.write(b"a figure"))


class TestReport:
    def test_tables_and_figures(self, tmp_path, capsys):
        save_runs(tmp_path)
        report(tmp_path)
        text = (tmp_path / "tables.md").read_text()
        mean, half = mean_and_half_width([90, 90.1, 90.2])
        assert f"| ReLU | {mean:.2f} ± {half:.2f} |" in text
        assert "of 49 differences are significant" in text  # 2 * 21 pairs, 7 with against without
        assert "| rrelu | " in text
        assert "MNIST after 4 epochs" in capsys.readouterr().out
        for name in ("mnist.png", "forest.png"):
            assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")

    def test_an_unfinished_study_is_reported_without_comparisons(self, tmp_path, no_drawing):
        save_runs(tmp_path)
        next(tmp_path.glob("mnist-elu-bn-*.json")).unlink()
        for path in tmp_path.glob("forest-*.json"):
            path.unlink()
        report(tmp_path)
        text = (tmp_path / "tables.md").read_text()
        assert "| ELU | " in text
        assert "significant" not in text
        assert not (tmp_path / "forest.png").exists()

    def test_the_published_results_give_the_published_tables(self, tmp_path, no_drawing):
        """`docs/activations.md` quotes `tables.md`, which comes from the results beside it."""
        folder = Path(__file__).parents[2] / "docs" / "activations"
        quoted = folder.with_suffix(".md").read_text()
        shutil.copytree(folder, tmp_path / "made")
        report(tmp_path / "made")
        assert (tmp_path / "made" / "tables.md").read_text() == (folder / "tables.md").read_text()
        rows = [line for line in (folder / "tables.md").read_text().splitlines() if line.startswith("| ")]
        assert rows
        assert all(row in quoted for row in rows)


class TestActivationsCommand:
    def test_the_published_results_are_those_of_its_runs(self):
        folder = Path(__file__).parents[2] / "docs" / "activations"
        runs = [activations.ForestRun(name, seed, 200, folder) for name in ACTIVATION_NAMES for seed in range(3)]
        runs += [
            activations.MnistRun(name, batch_norm, seed, 10, folder)
            for name in MNIST_ACTIVATIONS
            for batch_norm in (False, True)
            for seed in range(5)
        ]
        assert processes.unfinished(runs) == []

    def run(self, *arguments):
        return console.run(lambda: activations.main([str(argument) for argument in arguments]))

    @pytest.mark.parametrize("option", ["--seeds", "--forest-seeds"])
    def test_one_seed_is_refused(self, option, tmp_path, capsys):
        assert self.run(option, 1, "--output", tmp_path) == 2
        assert f"error: {option} must be at least 2, got 1" in capsys.readouterr().err

    def test_results_of_other_settings_are_not_mixed(self, tmp_path, capsys):
        save_runs(tmp_path, seeds=2)
        assert self.run("--seeds", 2, "--epochs", 5, "--output", tmp_path) == 2
        assert "was made with other settings" in capsys.readouterr().err

    def test_a_finished_study_trains_nothing(self, tmp_path, monkeypatch, no_drawing):
        save_runs(tmp_path, seeds=2)
        monkeypatch.setattr(processes, "ProcessPoolExecutor", None)
        before = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*.json")}
        assert self.run("mnist", "--seeds", 2, "--epochs", 4, "--output", tmp_path) == 0
        assert {path: path.stat().st_mtime_ns for path in tmp_path.glob("*.json")} == before

    @pytest.mark.slow
    @pytest.mark.realdata
    def test_a_missing_run_is_made_in_another_process(self, data_root, tmp_path):
        if not (data_root / "mnist").is_dir():
            pytest.skip(f"no MNIST in {data_root / 'mnist'}")
        save_runs(tmp_path, seeds=2, epochs=1)
        missing = tmp_path / "mnist-rrelu-3-8-bn-1.json"
        missing.unlink()
        assert self.run("--seeds", 2, "--epochs", 1, "--output", tmp_path, "--data-dir", data_root) == 0
        result = json.loads(missing.read_text())
        assert result["activation"] == "RReLU(3, 8)"
        assert result["test_accuracy"][0] > 0.9


class TestAblation:
    """Each choice against a base of the same arithmetic."""

    def test_the_cost_of_a_step_worked_by_hand(self):
        """16 bins, units of 2 channels: 9 * 2 * (18^2 + 2*4 ... ) with windows of 20: sides 18, 16, ... 4."""
        channels, sides = [1, 2, 4, 6, 8, 10, 12, 14, 16], [18, 16, 14, 12, 10, 8, 6, 4]
        by_hand = sum(9 * channels[k] * channels[k + 1] * sides[k] ** 2 for k in range(8))
        assert ablation.step_cost(RunOptions(patch=20, batch=3), 16) == 3 * by_hand

    def test_smaller_networks_take_more_steps_and_longer_runs_four_times_as_many(self, tmp_path):
        steps = {choice: ablation.AblationRun(choice, 0, 100, tmp_path).own_steps for choice in ablation.CHOICES}
        assert steps["base"](ablation.BASE_BINS) == 100
        assert steps["4 windows a step"](ablation.BASE_BINS) == 400
        assert steps["window 20"](52) > 350
        assert ablation.AblationRun(ablation.LONGER, 0, 100, tmp_path).own_steps(ablation.BASE_BINS) == 400

    def test_choices_differ_from_the_base_in_one_thing(self):
        for choice, setting in ablation.CHOICES.items():
            differing = [name for name in vars(setting) if getattr(setting, name) != getattr(ablation.BASE, name)]
            # Windows of another size come in another number, so that a step colours about as many pixels.
            assert len(differing) == (choice != "base") or differing == ["patch", "batch"]

    def test_effects_worked_by_hand(self, tmp_path, capsys):
        for choice, values in (("base", (88.0, 89.0)), ("RReLU", (88.5, 88.7))):
            for seed, value in enumerate(values):
                run = ablation.AblationRun(choice, seed, 10, tmp_path)
                measured = {T: {"raw_auc": value, "rebalanced_auc": value - 20, "dcf": 9.0} for T in ("1", "0.38")}
                found = {"bins": 104, "steps": 10, "measured": measured}
                run.path.write_text(json.dumps(run.settings | found))
        ablation.report(tmp_path)
        text = (tmp_path / "table.md").read_text()
        assert "| base | 104 | 10 | 88.50 (88.00, 89.00) | 68.50 (68.00, 69.00) | 9.00 (9.00, 9.00) |" in text
        assert "| RReLU | 104 | 10 | +0.10 (+0.50, -0.30) |" in text
        assert "RReLU" in capsys.readouterr().out

    def test_usage_errors(self, tmp_path, capsys):
        status = console.run(lambda: ablation.main(["--steps", "0", "--output", str(tmp_path)]))
        assert status == 2 and "--steps must be at least 1, got 0" in capsys.readouterr().err

    def test_a_report_needs_results(self, tmp_path, capsys):
        (tmp_path / "other.json").write_text('{"study": "mnist"}')
        assert console.run(lambda: ablation.main(["report", "--output", str(tmp_path)])) == 2
        assert "holds no run of the base" in capsys.readouterr().err
        assert not (tmp_path / "table.md").exists()

    def test_the_published_results_are_those_of_its_runs(self):
        folder = Path(__file__).parents[2] / "docs" / "ablation"
        choices = (*ablation.CHOICES, ablation.LONGER)
        runs = [ablation.AblationRun(choice, seed, 400, folder) for choice in choices for seed in (0, 1)]
        assert processes.unfinished(runs) == []
        for run in runs:
            result = json.loads(run.path.read_text())
            assert result["steps"] == run.own_steps(result["bins"])

    def test_the_published_results_give_the_published_table(self, tmp_path):
        """`docs/ablation.md` quotes what `table.md` says of T = 1; the table comes from the results beside it."""
        folder = Path(__file__).parents[2] / "docs" / "ablation"
        shutil.copytree(folder, tmp_path / "made")
        ablation.report(tmp_path / "made")
        table = (folder / "table.md").read_text()
        assert (tmp_path / "made" / "table.md").read_text() == table
        page = folder.with_suffix(".md").read_text()
        rows = [line.split(" | ")[:6] for line in table.splitlines() if line.startswith("| ")][2:]
        assert len(rows) == len(ablation.CHOICES) + 1
        assert all(" | ".join(row) + " |" in page for row in rows)
