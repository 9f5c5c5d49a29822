"""The studies of optimizers and of domains: what they record, their tables and pictures."""

import json

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from benchmarks.studies import domains, optimizers
from benchmarks.studies.curves import CurveRecorder, read_lines
from benchmarks.studies.domains import DOMAINS, DomainRun
from benchmarks.studies.optimizers import BATCH, BATCHES, BEST, OPTIMIZERS, OptimizerRun
from benchmarks.studies.training import trained
from tfcolor.color.lab import levels_to_lab
from tfcolor.data import datasets
from tfcolor.data.datasets import split_of
from tfcolor.models.directory import load_model
from tfcolor.utils import console
from tfcolor.utils.errors import InputError
from tfcolor.utils.files import write_npz

RNG = np.random.default_rng(0)
SMALL = {"network": "zhang", "width": 1 / 16, "objective": "regression", "patch": 32, "precision": "float32"}


def run(main, *arguments):
    return console.run(lambda: main([str(argument) for argument in arguments]))


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    """Of two kinds, with 8 photographs for training, 2 for validation and 2 for testing each."""
    folder = tmp_path_factory.mktemp("data") / "photos"
    for kind in ("faces", "hills"):
        left = {"train": 8, "val": 2, "test": 2}
        (folder / kind).mkdir(parents=True)
        for number in range(1000):
            name = f"{kind}/{number}.png"
            if left[split_of(name)]:
                left[split_of(name)] -= 1
                coarse = RNG.integers(90, 166, (4, 5, 3), dtype=np.uint8)
                Image.fromarray(coarse).resize((44, 36), Image.Resampling.BICUBIC).save(folder / name)
    return folder


@pytest.fixture(scope="module")
def recorded(photographs, tmp_path_factory):
    """A run of 30 steps whose recorder measures at every report."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    dataset = datasets.find(str(photographs))
    options = SMALL | {"dataset": photographs, "steps": 30, "batch_size": 2}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("benchmarks.studies.curves.EVERY_SECONDS", 0.0)
        trained(options, folder, lambda *arguments: CurveRecorder(*arguments, dataset=dataset))
    return folder, dataset


class TestCurves:
    def test_losses_of_training_and_validation(self, recorded):
        folder, _ = recorded
        curves = optimizers.curves_of(read_lines(folder / "losses.jsonl"))
        assert curves["training_loss"]["steps"] == [10, 20, 30]
        assert curves["validation_loss"]["steps"] == [0, 10, 20, 30, 30]
        for curve in curves.values():
            assert sorted(curve["seconds"]) == curve["seconds"]
            assert all(0 < loss < 100 for loss in curve["losses"])

    def test_the_last_validation_loss_is_that_of_the_model(self, recorded):
        """The mean over the middles of the validation photographs, from the model on the disk."""
        folder, dataset = recorded
        network, objective, _ = load_model(folder)
        found = []
        for path in dataset.split("val").paths:
            rgb = np.asarray(Image.open(path))[2:34, 6:38]  # the middle
            inputs, target = objective.batch(levels_to_lab(tf.constant(rgb[None])), network)
            found.append(np.mean(objective.pixel_loss(network(inputs), target).values))
        last = read_lines(folder / "losses.jsonl")[-1]
        assert last["validation_loss"] == pytest.approx(np.mean(found), rel=1e-4)

    def test_a_half_written_line_is_left_out(self, tmp_path):
        (tmp_path / "losses.jsonl").write_text('{"step": 10, "seconds": 1.5}\n{"step": 2')
        assert read_lines(tmp_path / "losses.jsonl") == [{"step": 10, "seconds": 1.5}]
        assert read_lines(tmp_path / "nothing") == []

    @pytest.mark.slow
    def test_a_stopped_run_has_each_step_once(self, photographs, tmp_path, monkeypatch):
        dataset = datasets.find(str(photographs))
        options = SMALL | {"dataset": photographs, "steps": 70, "batch_size": 2}
        usual = CurveRecorder.report

        def stop(self, state, numbers):
            usual(self, state, numbers)
            if state.step == 60:
                raise KeyboardInterrupt

        make = lambda *arguments: CurveRecorder(*arguments, dataset=dataset)  # noqa: E731
        monkeypatch.setattr(CurveRecorder, "report", stop)
        with pytest.raises(KeyboardInterrupt):
            trained(options, tmp_path / "run", make)
        before = read_lines(tmp_path / "run" / "losses.jsonl")
        assert before[-1]["step"] == 60  # the checkpoint is of step 50
        monkeypatch.undo()
        trained(options, tmp_path / "run", make)
        curve = optimizers.curves_of(read_lines(tmp_path / "run" / "losses.jsonl"))["training_loss"]
        assert curve["steps"] == [10, 20, 30, 40, 50, 60, 70]
        first = optimizers.curves_of(before)["training_loss"]
        assert curve["losses"][:6] == pytest.approx(first["losses"], rel=1e-5)


def made_curves(folder, optimizer, batch, minutes=5.0):
    result = OptimizerRun(optimizer, batch, "photos", "abc", minutes, folder)
    seconds = [30.0, 200.0, 250.0, 300.0]
    training = {"steps": [10, 20, 30, 40], "seconds": seconds, "losses": [4.0, 3.0, 2.0, 1.0]}
    validation = {"steps": [0, 40], "seconds": [0.0, 300.0], "losses": [5.0, 1.25]}
    content = result.settings | {"steps": 40, "batch_size": batch, "samples": 40 * batch, "seconds": 300.0}
    result.path.write_text(json.dumps(content | {"training_loss": training, "validation_loss": validation}))


class TestOptimizers:
    def test_each_optimizer_and_each_batch_size_once(self):
        pairs = optimizers.pairs()
        assert len(set(pairs)) == len(pairs) == len(OPTIMIZERS) + len(BATCHES) - 1 == 8
        assert {batch for name, batch in pairs if name == BEST} == set(BATCHES)
        assert {name for name, batch in pairs if batch == BATCH} == set(OPTIMIZERS)

    def test_table_and_curves(self, tmp_path, capsys):
        for name, batch in optimizers.pairs()[:-1]:  # an unfinished study is reported, too
            made_curves(tmp_path, name, batch)
        arguments = ["--dataset", "anything", "--output", tmp_path, "--figure", tmp_path / "docs.png", "report"]
        assert run(optimizers.main, *arguments) == 0
        text = (tmp_path / "tables.md").read_text()
        # All have seen 640 windows: after 10 steps of 64, or after 40 of 16.
        assert "losses after 640 windows" in text
        assert "| sgd, batch 64 | 0.01 | 40 | 2,560 | 4.0000 | 5.0000 | 5.0000 |" in text
        assert "| adam, batch 16 | 0.001 | 40 | 640 | 1.0000 | 1.2500 | 1.2500 |" in text
        assert "adam, batch 256" not in text
        for name in ("curves.png", "docs.png"):
            assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")

    def test_results_that_cannot_be_compared(self, tmp_path):
        with pytest.raises(InputError, match="has no result"):
            optimizers.report(tmp_path)
        made_curves(tmp_path, "sgd", 64)
        made_curves(tmp_path, "adam", 64, minutes=6.0)
        with pytest.raises(InputError, match="different settings"):
            optimizers.report(tmp_path)

    @pytest.mark.slow
    def test_a_small_study(self, photographs, tmp_path, monkeypatch, one_process):
        monkeypatch.setattr(optimizers, "BASE", SMALL)
        monkeypatch.setattr(optimizers, "OPTIMIZERS", {"adam": {"learning_rate": 1e-3}})
        monkeypatch.setattr(optimizers, "BATCHES", (2, 4))
        monkeypatch.setattr(optimizers, "BATCH", 4)
        arguments = ["--dataset", photographs, "--minutes", 0.001, "--output", tmp_path]
        assert run(optimizers.main, *arguments) == 0
        text = (tmp_path / "tables.md").read_text()
        assert "| adam, batch 4 | 0.001 | 20 | 80 |" in text
        assert "| adam, batch 2 | 0.001 | 20 | 40 |" in text
        assert (tmp_path / "curves.png").exists()


class TestDomains:
    def options(self, photographs, output, *more):
        return ["--dataset", photographs, "--faces", "faces/", "--landscapes", "hills/", "--output", output, *more]

    def test_both_have_as_many_training_photographs(self, photographs, tmp_path):
        (photographs / "faces" / "more.png").write_bytes((photographs / "faces" / "0.png").read_bytes())
        args = domains.parse([str(o) for o in self.options(photographs, tmp_path, "--limit", 7)])
        found = domains.domains(args)
        assert list(found) == list(DOMAINS)
        for dataset, kind in zip(found.values(), ("faces", "hills"), strict=True):
            assert len(dataset.split("train").files) == 7
            assert {file.split("/")[0] for file in dataset.files} == {kind}
        (photographs / "faces" / "more.png").unlink()

    def test_a_domain_without_photographs_is_refused(self, photographs, tmp_path, capsys):
        arguments = [*self.options(photographs, tmp_path), "--faces", "nothing/"]
        assert run(domains.main, *arguments, "--system", "valid8") == 2
        assert "--faces has no photograph in its train split" in capsys.readouterr().err

    def test_table(self, tmp_path):
        for number, domain in enumerate(DOMAINS):
            result = DomainRun(domain, "valid8", ("a", "b"), 2.0, 9, tmp_path)
            judged = {}
            for place, other in enumerate(DOMAINS):
                metrics = dict.fromkeys(("raw_auc", "bounded_auc", "psnr", "ciede2000", "brown", "colored"), 1.0)
                metrics |= {"raw_auc": 90.0 + number + place / 4, "true_brown": 1.0, "true_colored": 1.0}
                metrics |= {"colourfulness": 20.0, "true_colourfulness": 25.0}
                judged[other] = {"measured": {"0.38": metrics}, "gray": metrics | {"raw_auc": 80.0 + place}}
                path = domains.pictures_path(tmp_path, domain, other)
                path.parent.mkdir(exist_ok=True)
                squares = np.full([4, 160, 160, 3], 60 * number + 30 * place, np.uint8)
                write_npz(path, {"test": squares, "test/truth": squares, "test/gray": squares})
            result.path.write_text(json.dumps(result.settings | {"judged": judged}))
        assert run(domains.main, "--dataset", "anything", "--output", tmp_path, "report") == 0
        text = (tmp_path / "tables.md").read_text()
        assert "**valid8, 2 minutes of training each: raw AuC, %**" in text
        assert "| trained on | judged on faces | judged on landscapes |" in text
        assert "| faces | 90.00 | 90.25 |\n| landscapes | 91.00 | 91.25 |\n| (gray pictures) | 80.00 | 81.00 |" in text
        assert "| faces | -5.0 | -5.0 |" in text
        picture = np.asarray(Image.open(tmp_path / "sheet.png"))
        assert picture.shape == (6 * 160 + 20 + 7 * 6, 4 * 166 + 6, 3)
        assert picture[30, -20].tolist() == [60] * 3  # trained on landscapes, of faces
        assert picture[-20, -20].tolist() == [90] * 3

    def test_a_missing_result_is_named(self, tmp_path):
        with pytest.raises(InputError, match="no result for faces"):
            domains.report(tmp_path)

    @pytest.mark.slow
    def test_a_small_study(self, photographs, tmp_path, monkeypatch, one_process):
        monkeypatch.setitem(domains.SYSTEMS, "valid8", SMALL | {"batch_size": 2})
        more = ["--system", "valid8", "--minutes", 0.001, "--photos", 2]
        assert run(domains.main, *self.options(photographs, tmp_path, *more)) == 0
        assert "| landscapes | " in (tmp_path / "tables.md").read_text()
        assert (tmp_path / "sheet.png").exists()
        monkeypatch.setattr(domains, "do", None)
        assert run(domains.main, *self.options(photographs, tmp_path, *more)) == 0  # nothing is missing
