"""Packs: every photograph is in them as Pillow reads it, and windows come out as promised."""

import json
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tfcolor.commands import pack
from tfcolor.data import packs
from tfcolor.data.batches import training_batches
from tfcolor.data.datasets import Dataset
from tfcolor.data.packs import Pack, _decoded, windows_of, write_pack
from tfcolor.data.windows import Windows
from tfcolor.photographs.pixels import read_photo
from tfcolor.utils import console
from tfcolor.utils.errors import InputError, WorkError

ALONE = tf.distribute.InputContext()


def smooth(seed, size=(40, 50)):
    coarse = np.random.default_rng(seed).integers(0, 256, (5, 6, 3), np.uint8)
    return Image.fromarray(coarse).resize(size[::-1], Image.Resampling.BICUBIC)


@pytest.fixture(name="folder")
def _folder(tmp_path):
    """Photographs of many kinds, one of them broken."""
    folder = tmp_path / "photographs"
    folder.mkdir()
    smooth(0).save(folder / "a.jpg", quality=90, subsampling=2)
    smooth(1).save(folder / "b.jpg", quality=95, subsampling=0)
    smooth(2).save(folder / "c.png")
    smooth(3).convert("L").save(folder / "d.jpg")
    smooth(4).convert("P").save(folder / "e.png")
    smooth(5).save(folder / "f.tif")
    turned = Image.Exif()
    turned[0x0112] = 6
    smooth(6, (30, 60)).save(folder / "g.jpg", exif=turned)
    smooth(7).convert("CMYK").save(folder / "h.jpg")
    (folder / "broken.jpg").write_bytes(b"no image")
    return folder


def dataset_of(folder):
    return Dataset("made", folder, tuple(sorted(path.name for path in folder.iterdir())))


def records(found):
    for shard in found.shards:
        for record in tf.data.TFRecordDataset(str(shard)):
            features = tf.train.Example.FromString(record.numpy()).features.feature
            yield features["file"].bytes_list.value[0].decode(), features["image"].bytes_list.value[0]


def test_all_that_can_be_read_is_there_as_pillow_reads_it(folder, tmp_path):
    said = []
    (tmp_path / "pack").mkdir()
    found = write_pack(dataset_of(folder), "all", tmp_path / "pack", 3, lambda done, reason: said.append(reason))
    content = dict(records(found))
    assert content.keys() == {path.name for path in folder.iterdir()} - {"broken.jpg"}
    for name, encoded in content.items():
        np.testing.assert_array_equal(_decoded(encoded), read_photo(folder / name).rgb, err_msg=name)
    for name in ("a.jpg", "b.jpg", "c.png"):
        assert content[name] == (folder / name).read_bytes()
    assert [line for line in said if line] == [f"skipping {folder / 'broken.jpg'}: not an image that can be read"]
    assert Pack.load(tmp_path / "pack") == found
    assert sum(found.records) == 8


def test_a_full_disk_is_said_in_one_line(folder, tmp_path):
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full, which is a disk that is always full")
    (tmp_path / "pack").mkdir()
    (tmp_path / "pack" / "00000-of-00001.tfrecord").symlink_to("/dev/full")
    with pytest.raises(WorkError, match=r"pack cannot be written: .*00000-of-00001"):
        write_pack(dataset_of(folder), "all", tmp_path / "pack", 1, lambda done, reason: None)


@pytest.fixture(name="numbered")
def _numbered(tmp_path):
    """A pack of 21 pictures of 6x9 pixels: red is the picture's number, green the row, blue the column."""
    folder = tmp_path / "numbered"
    folder.mkdir()
    rows, columns = np.indices([6, 9])
    for number in range(21):
        rgb = np.stack([np.full_like(rows, number), rows, columns], axis=-1)
        Image.fromarray(rgb.astype(np.uint8)).save(folder / f"{number:02d}.png")
    (tmp_path / "pack").mkdir()
    return write_pack(dataset_of(folder), "all", tmp_path / "pack", 4, lambda done, reason: None)


def take(found, count, first=0, seed=1, pipeline=ALONE, patch=5):
    windows = windows_of(found, patch, 1, seed=seed, first_example=first, pipeline=pipeline)
    return np.concatenate(list(windows.take(count).as_numpy_iterator()))


def test_windows_are_cut_out_of_the_photographs_and_may_be_mirrored(numbered):
    places = set()
    for window in take(numbered, 400):
        number, top, left = window[0, 0]
        mirrored = window[0, 1, 2] < left
        left = window[0, -1, 2] if mirrored else left
        rows, columns = np.indices([5, 5])
        expected = np.stack([0 * rows + number, rows + top, columns + left], axis=-1)
        np.testing.assert_array_equal(window[:, ::-1] if mirrored else window, expected)
        places.add((int(top), int(left), bool(mirrored)))
    assert places == {(top, left, mirrored) for top in range(2) for left in range(5) for mirrored in (False, True)}


@pytest.fixture(params=["files", "pack"])
def zoomed(request, tmp_path):
    """240 windows of 16 pixels, of twice and half the size, of a picture of 24x40 whose ramps tell where they are."""
    rows, columns = np.indices([24, 40])
    Image.fromarray(np.stack([0 * rows, 10 * rows, 6 * columns], axis=-1).astype(np.uint8)).save(tmp_path / "ramp.png")
    if request.param == "files":
        dataset = training_batches(
            Windows([tmp_path / "ramp.png"], 16, zoom=2.0), lambda x: x, seed=0, first_step=0, global_batch=1
        )
        return np.concatenate(list(dataset.take(240).as_numpy_iterator())).astype(float)
    (tmp_path / "pack").mkdir()
    found = write_pack(Dataset("made", tmp_path, ("ramp.png",)), "all", tmp_path / "pack", 1, lambda done, reason: None)
    windows = windows_of(found, 16, 1, seed=0, first_example=0, pipeline=ALONE, zoom=2.0)
    return np.concatenate(list(windows.take(240).as_numpy_iterator())).astype(float)


def test_zoomed_windows_are_smaller_and_larger_parts_of_photographs(zoomed):
    inner = zoomed[:, 4:-4, 4:-4]  # where no border bends the ramp
    down, right = np.diff(inner[..., 1], axis=1).mean((1, 2)) / 10, np.diff(inner[..., 2], axis=2).mean((1, 2)) / 6
    mirrored = right < 0
    np.testing.assert_allclose(np.abs(right), down, atol=0.05)  # the same on both axes
    sides = 16 * down
    assert 8 <= sides.min() + 0.5 < 10 and 23 < sides.max() < 24.5  # of 8 ... 32, as far as 24 pixels go
    # Log-uniform from half to twice the size: a half is smaller, and log2(2 / 1.5) / 2 as large as can be.
    assert np.mean(sides < 16) == pytest.approx(0.5, abs=0.1)
    assert np.mean(sides > 23.5) == pytest.approx(np.log2(2 / 1.5) / 2, abs=0.08)
    middle = zoomed[:, 7:9, 7:9].mean((1, 2)) / [1, 10, 6]  # row and column, half a pixel before their pixel's centre
    assert 0.3 < mirrored.mean() < 0.7
    for axis, length in ((1, 24), (2, 40)):
        edges = middle[:, axis] + 0.5 - sides / 2, middle[:, axis] + 0.5 + sides / 2
        assert -0.6 < edges[0].min() < 1.5 and length - 1.5 < edges[1].max() < length + 0.6


def test_an_epoch_has_every_photograph_once_in_an_order_of_its_own(numbered):
    numbers = take(numbered, 5 * 21)[:, 0, 0, 0].reshape(5, 21)
    np.testing.assert_array_equal(np.sort(numbers), np.tile(range(21), [5, 1]))
    assert len({tuple(epoch) for epoch in numbers}) == 5
    assert not np.array_equal(take(numbered, 21, seed=2)[:, 0, 0, 0], numbers[0])


def test_fewer_photographs_wait_in_memory_where_they_are_large(numbered, monkeypatch):
    first = {seed: take(numbered, 1, seed=seed)[0, 0, 0, 0] for seed in range(8)}
    monkeypatch.setattr(packs, "_SHUFFLED_BYTES", 1)
    monkeypatch.setattr(packs, "_INTERLEAVED", 1)
    np.testing.assert_array_equal(np.sort(take(numbered, 21)[:, 0, 0, 0]), range(21))
    for seed in range(8):  # of one that waits, the draw is the first record of a shard
        assert take(numbered, 1, seed=seed)[0, 0, 0, 0] in _firsts(numbered)
    assert not set(first.values()) <= _firsts(numbered)


def _firsts(found):
    """The numbers of the pictures that shards begin with."""
    shards = [tf.data.TFRecordDataset(str(shard)) for shard in found.shards]
    examples = [tf.train.Example.FromString(next(iter(shard)).numpy()) for shard in shards]
    names = [example.features.feature["file"].bytes_list.value[0].decode() for example in examples]
    return {int(name[:2]) for name in names}


@pytest.mark.parametrize("first", [1, 20, 21, 50])
def test_it_goes_on_from_any_place(numbered, first):
    np.testing.assert_array_equal(take(numbered, 30, first=first), take(numbered, 30 + first)[first:])


def test_machines_read_shards_of_their_own(numbered):
    seen = []
    for index in range(2):
        pipeline = tf.distribute.InputContext(2, index, 2)
        count = sum(numbered.records[index::2])
        seen.append(take(numbered, count, pipeline=pipeline)[:, 0, 0, 0])
    np.testing.assert_array_equal(np.sort(np.concatenate(seen)), range(21))
    with pytest.raises(InputError, match="has 4 shards, fewer than the 5 machines"):
        take(numbered, 1, pipeline=tf.distribute.InputContext(5, 0, 5))


def test_small_photographs_are_extended_by_reflection(numbered):
    window = take(numbered, 1, patch=16)[0]
    rows = [0, 1, 2, 3, 4, 5, 4, 3, 2, 1, 0, 1, 2, 3, 4, 5]
    np.testing.assert_array_equal(window[:, 0, 1], rows)
    assert set(window[0, :, 2]) == set(range(9))


def run(*arguments):
    return console.run(lambda: pack.main([str(argument) for argument in arguments]))


def test_the_program_writes_a_pack_and_replaces_none_unasked(folder, tmp_path, capsys):
    (folder / "broken.jpg").unlink()
    options = ["--dataset", folder, "--split", "all", "--shards", 2, "--output", tmp_path / "packs" / "p"]
    assert run(*options) == 0
    assert "8 photographs in 2 shards" in capsys.readouterr().out
    assert {path.name for path in (tmp_path / "packs").iterdir()} == {"p"}
    first = json.loads((tmp_path / "packs" / "p" / "pack.json").read_text())
    assert run(*options) == 2
    assert "give --overwrite to replace it" in capsys.readouterr().err
    assert run(*options, "--overwrite") == 0
    assert json.loads((tmp_path / "packs" / "p" / "pack.json").read_text()) == first


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--shards", 0], "--shards must be in 1 ... 10000, got 0"),
        (["--shards", 99], "has 9 photographs in split all"),
        (["--output", "{folder}"], "exists and is not a pack"),
    ],
)
def test_what_cannot_be_packed_is_refused(folder, tmp_path, capsys, options, message):
    options = [str(option).format(folder=folder) for option in options]
    assert run("--dataset", folder, "--split", "all", "--output", tmp_path / "p", *options) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "p").exists()


@pytest.mark.parametrize("name", ["pack.json", "00001-of-00004.tfrecord"])
def test_a_pack_that_is_not_whole_is_refused(numbered, name):
    (numbered.folder / name).unlink()
    with pytest.raises(InputError, match=f"{name} is missing"):
        Pack.load(numbered.folder)
