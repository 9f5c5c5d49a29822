"""Mixing of frames: along the motion, within a scene, forwards and backwards."""

import numpy as np
import pytest

pytest.importorskip("cv2", reason="OpenCV is not installed: pip install -r requirements-video.txt")
from skimage import data
from skimage.transform import resize

from tests.films.test_flow import texture
from tfcolor.films import steady
from tfcolor.films.steady import CHUNK, LOOK_AHEAD, Cells

RNG = np.random.default_rng(0)


def still(count, channels=3, gray=None):
    """Frames of one picture whose features are noise: (number, cells)."""
    gray = texture(32, 48) if gray is None else gray
    lightness = np.zeros([8, 12], np.float32)
    features = RNG.normal(size=[count, 8, 12, channels]).astype(np.float32)
    return [(number, Cells(each, lightness, gray)) for number, each in enumerate(features)]


def smoothed(values, weight):
    """The definition, for a scene that does not move: exponential smoothing forwards, then backwards."""
    found = values.copy()
    for k in range(1, len(found)):
        found[k] += weight * (found[k - 1] - found[k])
    for k in reversed(range(len(found) - 1)):
        found[k] += weight * (found[k + 1] - found[k])
    return found


def features(frames):
    return np.stack([frame.cells.features for frame in frames])


@pytest.mark.parametrize("weight", [0.5, 0.8])
def test_a_still_scene_is_smoothed_in_time(weight):
    frames = still(CHUNK + LOOK_AHEAD - 1)  # all are known before the first is finished
    found = list(steady.steadied(frames, weight=weight))
    assert [frame.item for frame in found] == [number for number, _ in frames]
    expected = smoothed(np.stack([cells.features for _, cells in frames]), weight)
    np.testing.assert_allclose(features(found), expected, atol=1e-5)


def test_long_scenes_differ_little_from_looking_at_all():
    frames = still(3 * CHUNK + 5)
    found = features(steady.steadied(frames, weight=0.5))
    expected = smoothed(np.stack([cells.features for _, cells in frames]), 0.5)
    assert np.abs(found - expected).max() < 5 * 0.5**LOOK_AHEAD


def test_weight_0_changes_nothing():
    frames = still(5)
    for follow in (True, False):
        found = features(steady.steadied(frames, weight=0, follow=follow))
        np.testing.assert_array_equal(found, np.stack([cells.features for _, cells in frames]))


def test_features_follow_the_motion():
    """The picture moves right by two cells; features move along, so that mixing them changes nothing."""
    gray = texture(64, 96)
    whole = RNG.normal(size=[16, 24, 2]).astype(np.float32)
    frames = [
        (k, Cells(np.roll(whole, 2 * k, axis=1), np.zeros([16, 24], np.float32), np.roll(gray, 8 * k, axis=1)))
        for k in range(4)
    ]
    found = list(steady.steadied(frames, weight=0.8))
    inside = (slice(2, -2), slice(9, -9))
    for frame, (_, cells) in zip(found, frames, strict=True):
        error = np.abs(frame.cells.features - cells.features)[inside]
        assert np.median(error) < 0.1
    plain = np.abs(smoothed(np.stack([cells.features for _, cells in frames]), 0.8)[1] - frames[1][1].features)
    assert np.median(plain[inside]) > 0.3, "without the motion they would be mixed with others"


def test_scenes_share_nothing():
    """Photographs one after the other: what comes before and after a cut has no influence."""
    names = ("astronaut", "chelsea", "coffee", "rocket")
    scenes = [np.uint8(255 * resize(getattr(data, name)().mean(axis=-1) / 255, (64, 96))) for name in names]
    frames = [(gray, cells) for gray in scenes for _, cells in still(3, gray=np.uint8(gray))]
    frames = [
        (k, cells._replace(features=RNG.normal(size=[16, 24, 2]).astype(np.float32), lightness=np.zeros([16, 24])))
        for k, (_, cells) in enumerate(frames)
    ]
    together = features(steady.steadied(frames, weight=0.8))
    for first in range(0, len(frames), 3):
        alone = features(steady.steadied(frames[first : first + 3], weight=0.8))
        np.testing.assert_array_equal(together[first : first + 3], alone)


def test_what_is_out_of_sight_is_not_mixed():
    """A brighter square appears: its features are its own."""
    before = texture(64, 96) // 2
    after = before.copy()
    after[16:48, 32:64] = 128 + texture(32, 32, seed=5) // 2
    cells = [Cells(np.full([16, 24, 1], k, np.float32), np.zeros([16, 24], np.float32), gray)
             for k, gray in enumerate((before, after))]  # fmt: skip
    (_, second) = steady.steadied(enumerate(cells), weight=0.8)
    middle, around = second.cells.features[6:10, 10:14, 0], second.cells.features[:, :6, 0]
    assert middle.mean() > 0.8 and around.mean() == pytest.approx(0.2, abs=0.02)


def test_going_on_from_a_state_changes_nothing():
    """After whole chunks, as films are divided."""
    frames = still(CHUNK * 2 + 9)
    whole = list(steady.steadied(frames, weight=0.7))
    rest = list(steady.steadied(frames[CHUNK:], whole[CHUNK - 1].state, 0.7))
    np.testing.assert_array_equal(features(whole[CHUNK:]), features(rest))


def test_only_so_many_frames_are_waiting():
    read = []

    def source():
        for frame in still(4 * CHUNK):
            read.append(frame[0])
            yield frame

    for frame in steady.steadied(source(), weight=0.7):
        assert read[-1] - frame.item <= CHUNK + LOOK_AHEAD
