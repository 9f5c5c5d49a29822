"""The sheet of what a network learns: which epochs it shows, what the pictures are, and interrupted runs."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tfcolor.color.lab import levels_to_lab, visible
from tfcolor.commands import train
from tfcolor.data.datasets import split_of
from tfcolor.models.directory import load_model
from tfcolor.training.preview_sheet import MOST_COLUMNS, EpochColumns, SheetRecorder, first_spacing
from tfcolor.utils import console
from tfcolor.utils.sheets import sheet

# 20 epochs are 50 steps.
OPTIONS = ["--window", 20, "--batch-size", 4, "--patch", 20, "--precision", "float32", "--preview-sheet"]


@pytest.fixture(scope="module")
def photos_folder(tmp_path_factory):
    """Ten photographs for training, two for validation."""
    folder = tmp_path_factory.mktemp("photographs")
    random, left = np.random.default_rng(0), {"train": 10, "val": 2, "test": 0}
    for number in range(1000):
        name = f"{number}.png"
        if left[split_of(name)]:
            left[split_of(name)] -= 1
            coarse = random.integers(90, 166, (4, 5, 3), dtype=np.uint8)
            Image.fromarray(coarse).resize((60, 48), Image.Resampling.BICUBIC).save(folder / name)
    return folder


def run(folder, output, *options):
    arguments = ["--dataset", folder, "--output", output, *OPTIONS, *options]
    return console.run(lambda: train.main([str(argument) for argument in arguments]))


def arrays_of(path):
    with np.load(path) as arrays:
        return dict(arrays)


@pytest.fixture(scope="module")
def finished(photos_folder, tmp_path_factory):
    output = tmp_path_factory.mktemp("runs") / "finished"
    assert run(photos_folder, output, "--steps", 130) == 0
    return output


def test_columns_come_every_five_epochs_then_half_as_often():
    found = EpochColumns(np.zeros([1, 2, 2, 3], np.uint8), 1, 5)
    shown = []
    for epochs in np.arange(0, 131, 0.4):
        if found.is_due(epochs):
            found.add(epochs, np.zeros([1, 2, 2, 3], np.uint8))
            shown.append([round(each) for each in found.epochs])
    assert shown[11] == [0, 5, 10, 15, 20, 25, 30, 35, 40, 45, 50, 55]
    assert shown[12] == [0, 10, 20, 30, 40, 50, 60]
    assert shown[-1] == [0, 20, 40, 60, 80, 100, 120]
    assert max(map(len, shown)) == MOST_COLUMNS
    found.forget_after(59.9)
    assert [round(each) for each in found.epochs] == [0, 20, 40]


def test_few_photographs_do_not_make_a_column_every_moment():
    assert first_spacing(64 / 20_000) == 5
    assert first_spacing(4 / 10) == 20  # 50 steps
    assert first_spacing(4 / 9) == 25  # 50 steps are 22 epochs


def test_columns_of_a_run_and_their_captions(finished):
    arrays = arrays_of(finished / "previews" / "sheet.npz")
    # 2.5 steps an epoch: at steps 0, 50 and 100, and at the end.
    assert arrays["epochs"].tolist() == [0, 20, 40, 52]
    assert arrays["num_seen"] == 3
    assert arrays["columns"].shape == (4, 5, 128, 128, 3)
    picture = np.asarray(Image.open(finished / "previews" / "sheet.png"))
    height = 5 * 128 + 2 * 20 + 6 * 6  # two rows have captions
    assert picture.shape == (height, 6 * 128 + 7 * 6, 3)
    steps = {path.name for path in (finished / "previews").glob("step-*.png")}
    assert steps == {"step-0000130.png"}


def test_the_last_column_is_what_the_model_makes_of_the_photographs(finished):
    network, objective, _ = load_model(finished)
    arrays = arrays_of(finished / "previews" / "sheet.npz")
    for rgb, colored in zip(arrays["photographs"], arrays["columns"][-1], strict=True):
        lab = levels_to_lab(tf.constant(rgb[None]))
        ab = objective.to_ab(network(lab[..., :1]), 0.38)
        inner = lab[0, 8:-8, 8:-8, :1]  # valid8 sees 8 pixels around each
        expected = visible(np.concatenate([inner, ab[0]], axis=-1)).numpy().astype(int)
        assert np.abs(expected - colored).max() <= 1
    assert (arrays["columns"][0] != arrays["columns"][-1]).any()


def test_the_first_rows_are_training_photographs(finished, photos_folder):
    photographs = arrays_of(finished / "previews" / "sheet.npz")["photographs"]
    for number, square in enumerate(photographs):
        middle = square[60:-60, 60:-60].astype(int)
        distances = {}
        for path in photos_folder.iterdir():
            image = Image.open(path).resize((180, 144), Image.Resampling.BICUBIC)  # 144 pixels high, as the squares
            rgb = np.asarray(image).astype(int)[:, 18:-18]
            distances[path] = np.abs(rgb[60:-60, 60:-60] - middle).mean()
        best = min(distances, key=distances.get)
        assert distances[best] < 1
        assert split_of(best.name) == ("train" if number < 3 else "val")


def test_a_resumed_run_makes_the_same_sheet(finished, photos_folder, tmp_path, monkeypatch):
    usual = SheetRecorder.report

    def stop(self, state, numbers):
        if state.step == 110:  # the column of step 100 was made after the last checkpoint that was written
            raise KeyboardInterrupt
        usual(self, state, numbers)

    monkeypatch.setattr(SheetRecorder, "report", stop)
    monkeypatch.setattr(SheetRecorder, "checkpoint", keep_no_later(SheetRecorder.checkpoint, 50))
    assert run(photos_folder, tmp_path / "run", "--steps", 130) == 130
    assert arrays_of(tmp_path / "run" / "previews" / "sheet.npz")["epochs"].tolist() == [0, 20, 40]
    monkeypatch.undo()
    assert run(photos_folder, tmp_path / "run", "--resume") == 0
    for name in ("weights.npz", "previews/sheet.npz"):
        resumed, whole = (arrays_of(folder / name) for folder in (tmp_path / "run", finished))
        assert resumed.keys() == whole.keys()
        for key, value in whole.items():
            np.testing.assert_array_equal(resumed[key], value, err_msg=key)
    assert not list(Path(tmp_path / "run" / "previews").glob(".*"))


def keep_no_later(checkpoint, last):
    """Checkpoints up to a step only, as if the disk had come too late."""
    return lambda self, state: checkpoint(self, state) if state.step <= last else None


def test_the_sheet_does_not_change_the_training(finished, photos_folder, tmp_path):
    arguments = [*OPTIONS[:-1], "--dataset", photos_folder, "--output", tmp_path, "--steps", 130]
    assert console.run(lambda: train.main([str(argument) for argument in arguments])) == 0
    assert not (tmp_path / "previews" / "sheet.png").exists()
    weights = arrays_of(tmp_path / "weights.npz")
    for name, value in arrays_of(finished / "weights.npz").items():
        np.testing.assert_array_equal(weights[name], value, err_msg=name)


def test_a_short_run_has_its_beginning_and_its_end(photos_folder, tmp_path):
    assert run(photos_folder, tmp_path / "run", "--steps", 4) == 0
    assert arrays_of(tmp_path / "run" / "previews" / "sheet.npz")["epochs"] == pytest.approx([0, 1.6])


def test_it_is_not_for_learning_by_heart(photos_folder, tmp_path, capsys):
    assert run(photos_folder, tmp_path / "run", "--overfit", 1) == 2
    assert "give --overfit or --preview-sheet, not both" in capsys.readouterr().err


def test_rows_without_captions_lie_close_under_the_one_above():
    gray = np.full([10, 20, 3], 128, np.uint8)
    with_captions, without = sheet([[("a", gray)], [("b", gray)]]), sheet([[("a", gray)], [("", gray)]])
    assert with_captions.shape[0] - without.shape[0] == 20
    assert (without[-16:-6, 6:26] == 128).all()
    assert (without[-32:-22, 6:26] == 128).all()
