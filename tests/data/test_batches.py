"""Batches: windows whose pixels tell which photograph and which place they come from."""

import logging
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tfcolor.color.lab import levels_to_lightness
from tfcolor.data import windows as windows_module
from tfcolor.data.batches import training_batches
from tfcolor.data.windows import Windows
from tfcolor.photographs.pixels import read_photo
from tfcolor.utils.errors import WorkError

PATCH = 9
ORIGIN = {"dataset": "made", "split": "train", "num_images": 1, "num_pixels": 1}


@pytest.fixture
def paths(tmp_path):
    """Six photographs of 12x14 pixels: red is the photograph's number, green the row, blue the column."""
    rows, columns = np.indices([12, 14])
    for i in range(6):
        rgb = np.stack([np.full_like(rows, i), rows, columns], axis=-1)
        Image.fromarray(rgb.astype(np.uint8)).save(tmp_path / f"{i}.png")
    return sorted(tmp_path.glob("*.png"))


def batches(paths, steps, first_step=0, global_batch=4, seed=1, pipeline=None, **options):
    windows = Windows(paths, PATCH, **options)
    dataset = training_batches(
        windows,
        lambda rgb: rgb,
        seed=seed,
        first_step=first_step,
        global_batch=global_batch,
        pipeline=pipeline,
    )
    return [batch.numpy() for batch in dataset.take(steps)]


def sources(windows):
    """(photograph, top, left, flipped) of each window, after a look at all of its pixels."""
    found = []
    for window in np.concatenate(windows):
        number, top, left = window[0, 0]
        flipped = window[0, 1, 2] < left
        left = window[0, -1, 2] if flipped else left
        rows, columns = np.indices([PATCH, PATCH])
        expected = np.stack([0 * rows + number, rows + top, columns + left], axis=-1)
        np.testing.assert_array_equal(window[:, ::-1] if flipped else window, expected)
        found.append((int(number), int(top), int(left), bool(flipped)))
    return found


def test_a_step_has_the_same_batch_whenever_it_is_asked_for(paths):
    whole = batches(paths, 8)
    assert whole[0].shape == (4, PATCH, PATCH, 3)
    np.testing.assert_array_equal(batches(paths, 3, first_step=5), whole[5:])
    np.testing.assert_array_equal(batches(paths, 8, cache_bytes=0), whole)
    assert sources(batches(paths, 8, seed=2)) != sources(whole)


def test_an_epoch_visits_every_photograph_once_in_a_new_order(paths):
    # 4 examples a step and 6 photographs: epochs do not end where steps do.
    numbers = np.array([number for number, *_ in sources(batches(paths, 15))]).reshape(10, 6)
    np.testing.assert_array_equal(np.sort(numbers), np.tile(range(6), [10, 1]))
    assert len({tuple(epoch) for epoch in numbers}) > 5


def test_every_step_has_new_windows(paths):
    places = {}
    for number, *place in sources(batches(paths, 30)):
        places.setdefault(number, set()).add(tuple(place))
    assert all(len(different) > 10 for different in places.values())  # of 20 epochs, and 4 * 6 * 2 windows


def test_windows_come_from_everywhere_and_half_of_them_are_flipped(paths):
    found = sources(batches(paths, 60, global_batch=32))
    count = len(found)
    rows, columns = 12 - PATCH + 1, 14 - PATCH + 1
    places = np.bincount([top * columns + left for _, top, left, _ in found], minlength=rows * columns)
    # Each place, the corners too, within 5 standard deviations of a uniform draw's count.
    expected = count / (rows * columns)
    assert np.abs(places - expected).max() < 5 * np.sqrt(expected)
    flipped = sum(flip for *_, flip in found)
    assert abs(flipped - count / 2) < 5 * np.sqrt(count / 4)


@pytest.mark.parametrize("replicas", [1, 2])
@pytest.mark.parametrize("first_step", [0, 3])
def test_two_workers_share_the_batches_of_one(paths, replicas, first_step):
    options = {"steps": 5, "first_step": first_step, "global_batch": 8}
    alone = batches(paths, **options)
    shares = []
    for worker in range(2):
        context = tf.distribute.InputContext(2, worker, num_replicas_in_sync=2 * replicas)
        parts = batches(paths, **options | {"steps": 5 * replicas, "pipeline": context})
        assert all(len(part) == 8 // (2 * replicas) for part in parts)
        shares.append(np.concatenate(parts).reshape(5, 4, PATCH, PATCH, 3))
    np.testing.assert_array_equal(np.concatenate(shares, axis=1), alone)


def test_one_photograph_is_enough(paths):
    found = sources(batches(paths[2:3], 5))
    assert {number for number, *_ in found} == {2}
    assert len(set(found)) > 5


@pytest.mark.parametrize("size", [(1, 1), (3, 20), (20, 3), (9, 9)])
def test_small_photographs_are_extended_by_reflection(tmp_path, size):
    rgb = np.random.default_rng(0).integers(0, 256, [*size, 3], np.uint8)
    Image.fromarray(rgb).save(tmp_path / "small.png")
    window = Windows([tmp_path / "small.png"], PATCH).cut(0, np.float32([0, 0]))
    # Forward and back again without repeating the ends: 0 1 2 1 0 1 2 ...
    places = [[i % (2 * n - 2 or 1) for i in range(PATCH)] for n in size]
    places = [[min(i, 2 * n - 2 - i) for i in p] for p, n in zip(places, size, strict=True)]
    np.testing.assert_array_equal(window, rgb[np.ix_(*places)])


def test_unreadable_photographs_are_skipped_and_named(paths, caplog):
    paths[1].write_bytes(b"no image")
    paths[4].unlink()
    with caplog.at_level(logging.WARNING):
        found = sources(batches(paths, 10))
    assert {number for number, *_ in found} == {0, 2, 3, 5}
    for path in (paths[1], paths[4]):
        assert any(str(path) in record.getMessage() for record in caplog.records)


@pytest.fixture
def slow_reads(monkeypatch):
    """Makes decoding so slow that threads which ask for one photograph overlap; lists what was decoded."""
    decoded = []
    read = read_photo

    def slowly(path):
        decoded.append(path)
        time.sleep(0.05)
        return read(path)

    monkeypatch.setattr(windows_module, "read_photo", slowly)
    return decoded


def cut_in_threads(windows, index, threads=4):
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(lambda _: windows.cut(index, np.float32([0, 0])), range(threads)))


def test_photographs_stay_decoded_as_far_as_memory_is_granted(paths, slow_reads):
    windows = Windows(paths, PATCH, cache_bytes=2 * 12 * 14 * 3)  # two photographs
    for index in (0, 1, 0, 1, 2, 2):
        windows.cut(index, np.float32([0, 0]))
    assert slow_reads == [paths[0], paths[1], paths[2], paths[2]]


def test_threads_that_ask_at_once_use_up_memory_once(paths, slow_reads):
    windows = Windows(paths, PATCH, cache_bytes=3 * 12 * 14 * 3)  # three photographs
    cut_in_threads(windows, 1)
    for index in (0, 2, 0, 2):
        windows.cut(index, np.float32([0, 0]))
    assert slow_reads.count(paths[0]) == slow_reads.count(paths[2]) == 1


def test_threads_that_ask_at_once_give_one_warning(paths, slow_reads, caplog):
    paths[3].write_bytes(b"no image")
    windows = Windows(paths, PATCH)
    for window in cut_in_threads(windows, 3):
        assert window[0, 0, 0] == 4  # the next photograph
    assert len(caplog.records) == 1


def test_without_any_readable_photograph_there_is_an_error(paths):
    for path in paths:
        path.write_bytes(b"")
    with pytest.raises(WorkError, match="none of the 6 photographs for training can be read"):
        Windows(paths, PATCH)


def degraded_batches(paths, steps, first_step=0):
    """Windows and what the network sees of them, of the first steps."""
    dataset = training_batches(
        Windows(paths, PATCH),
        lambda rgb, lightness: (rgb, lightness),
        seed=1,
        first_step=first_step,
        global_batch=4,
        degrade=0.5,
    )
    return [(rgb.numpy(), lightness.numpy()) for rgb, lightness in dataset.take(steps)]


def test_degraded_inputs_come_with_the_same_windows_and_are_resumed(paths):
    whole = degraded_batches(paths, 8)
    for rgb, expected in zip((rgb for rgb, _ in whole), batches(paths, 8), strict=True):
        np.testing.assert_array_equal(rgb, expected)
    for (_, seen), (_, expected) in zip(degraded_batches(paths, 5, first_step=3), whole[3:], strict=True):
        np.testing.assert_array_equal(seen, expected)


def test_about_the_given_share_of_inputs_is_degraded(paths):
    found = degraded_batches(paths, 40)
    same = [
        np.abs(seen[k, ..., 0] - levels_to_lightness(rgb[k])).max() < 1e-2
        for rgb, seen in found
        for k in range(len(rgb))
    ]
    assert 0.35 < np.mean(same) < 0.7
    assert all(seen.shape == (4, PATCH, PATCH, 1) and seen.min() >= 0 and seen.max() <= 100 for _, seen in found)
