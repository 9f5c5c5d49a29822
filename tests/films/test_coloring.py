"""Colouring of frames: as photographs without steadiness, and for all kinds of models."""

import numpy as np
import pytest
import tensorflow as tf

pytest.importorskip("cv2", reason="OpenCV is not installed: pip install -r requirements-video.txt")
from tests.films.test_flow import texture
from tests.made import made_bins, write_model
from tfcolor.color.decoding_options import Decoding
from tfcolor.colorizer import Colorizer
from tfcolor.films.coloring import FilmColorizer, colorize_frames
from tfcolor.films.hints import FilmHints
from tfcolor.films.seeing import seen
from tfcolor.networks.unet import UNet
from tfcolor.objectives.classification import Classification
from tfcolor.utils.errors import InputError


@pytest.fixture(scope="module", name="colorizer")
def _colorizer():
    """A network with a working size, whose colours differ."""
    network = UNet(16, seed=1)
    network.last.filter.assign(20 * network.last.filter)
    network.freeze()
    return Colorizer(network, Classification(made_bins(16)), working_size=64)


def gray_frames(count, height=80, width=100, step=2):
    """A picture that moves, uint8 [H, W, 3] each."""
    gray = texture(height, width)
    return [np.repeat(np.roll(gray, step * k, axis=1)[..., None], 3, axis=-1) for k in range(count)]


def ab_of(film, frames):
    """Colours at the size of the frames, whose L* is their level, one by one."""
    lightness = lambda frame: frame[..., 0] * np.float32(100 / 255)  # noqa: E731
    return [film.ab([each], lightness(each.item)[None])[0] for each in film.followed(frames, lightness)]


def test_outputs_are_a_linear_function_of_features(colorizer):
    lightness = np.random.default_rng(0).uniform(0, 100, [2, 64, 96, 1]).astype(np.float32)
    features = colorizer.features(lightness)
    expected = colorizer._forward(lightness)
    np.testing.assert_allclose(colorizer.outputs_of(features), expected, atol=1e-4)
    mean = colorizer.outputs_of(features[:1] * 0.3 + features[1:] * 0.7)
    np.testing.assert_allclose(mean, expected[:1] * 0.3 + expected[1:] * 0.7, atol=1e-4)


def test_without_steadiness_each_frame_is_coloured_as_a_photograph(colorizer):
    frames = gray_frames(6)
    found = list(colorize_frames(colorizer, frames, steadiness=0))
    for frame, result in zip(frames, found, strict=True):
        np.testing.assert_allclose(result.astype(int), colorizer.colorize(frame), atol=1)
    assert np.ptp(found[0], axis=-1).mean() > 5


def test_flicker_is_less_with_steadiness(colorizer):
    """Frames of a still scene with noise: colours change less from frame to frame."""
    rng = np.random.default_rng(0)
    frames = [
        np.repeat(np.uint8(np.clip(texture(80, 100) + rng.normal(0, 6, [80, 100]), 0, 255))[..., None], 3, axis=-1)
        for _ in range(12)
    ]
    flicker = {}
    for steadiness in (0, 0.7):
        colors = ab_of(FilmColorizer(colorizer, (80, 100), weight=steadiness), frames)
        flicker[steadiness] = np.square(np.diff(colors, axis=0)).mean()
    assert flicker[0.7] < 0.35 * flicker[0]


def test_batches_and_threads_change_no_bit(colorizer):
    frames = gray_frames(30)
    first = list(colorize_frames(colorizer, frames))
    again = list(colorize_frames(colorizer, iter(frames)))
    np.testing.assert_array_equal(first, again)


@pytest.mark.parametrize(
    ("network", "objective", "options"),
    [
        ("valid8", "classification", {}),
        ("zhang", "regression", {"width": 1 / 16}),
        ("beta", "regression", {"width": 1 / 16}),
        ("pix2pix", "adversarial", {"width": 1 / 16, "depth": 5}),
    ],
)
def test_any_model_colours_films(tmp_path, network, objective, options):
    colorizer = Colorizer.load(write_model(tmp_path / "m", network, objective=objective, **options), "float32")
    frames = gray_frames(3, 40, 56)
    found = list(colorize_frames(colorizer, frames))
    assert [each.shape for each in found] == [(40, 56, 3)] * 3
    assert np.isfinite(ab_of(FilmColorizer(colorizer, (40, 56)), frames)).all()


@pytest.mark.parametrize("sides", [(1, 1), (9, 300), (33, 47)], ids=str)
def test_frames_of_any_size(colorizer, sides):
    frames = [np.full([*sides, 3], 100 + k, np.uint16) for k in range(3)]
    found = list(colorize_frames(colorizer, frames))
    assert all(each.shape == (*sides, 3) and each.dtype == np.uint16 for each in found)


def test_wrong_frames_are_refused(colorizer):
    assert list(colorize_frames(colorizer, [])) == []
    with pytest.raises(ValueError, match="one size"):
        list(colorize_frames(colorizer, [np.zeros([20, 20, 3], np.uint8), np.zeros([20, 21, 3], np.uint8)]))
    with pytest.raises(ValueError):
        list(colorize_frames(colorizer, [np.zeros([20, 20], np.float64)]))


def test_strength_and_smoothing_count(colorizer):
    frames = gray_frames(2)
    pale, plain = (next(colorize_frames(colorizer, frames, Decoding(0.38, strength=s))) for s in (0, 1))
    assert np.ptp(pale, axis=-1).max() <= 1 < np.ptp(plain, axis=-1).mean()
    smooth = next(colorize_frames(colorizer, frames, Decoding(0.38, smoothing=4)))
    assert (smooth != plain).any()


class TestHints:
    """A hint holds from its time on, follows what moves, and ends at a cut."""

    RED = np.float32([60, 40])

    def colors(self, colorizer, frames, times, points, steadiness=0.7):
        hints = FilmHints(np.array(times, float), np.array(points) + 0.5, np.float32([self.RED] * len(times)))
        film = FilmColorizer(colorizer, frames[0].shape[:2], weight=steadiness, hints=hints)
        lightness = lambda item: item[1][..., 0] * np.float32(100 / 255)  # noqa: E731
        return [
            (each.hints, film.ab([each], lightness(each.item)[None])[0])
            for each in film.followed(enumerate(frames), lightness, lambda item: item[0] / 25)
        ]

    def test_it_follows_the_motion_from_its_time_on(self, colorizer):
        found = self.colors(colorizer, gray_frames(8, step=3), [2 / 25], [(30, 40)])
        assert [len(hints) for hints, _ in found] == [0, 0, 1, 1, 1, 1, 1, 1]
        for k, (hints, ab) in enumerate(found[2:]):
            (x, y) = hints.points[0]
            assert abs(x - (30 + 3 * k)) <= 2 and abs(y - 40) <= 1
            np.testing.assert_allclose(ab[y, x], self.RED, atol=2)
        plain = ab_of(FilmColorizer(colorizer, (80, 100)), gray_frames(8, step=3))
        np.testing.assert_array_equal(found[1][1], plain[1], "nothing before its time")

    def test_it_ends_at_a_cut(self, colorizer):
        frames = gray_frames(3) + [255 - frame // 3 for frame in gray_frames(3)]
        found = self.colors(colorizer, frames, [0], [(30, 40)])
        assert [len(hints) for hints, _ in found] == [1, 1, 1, 0, 0, 0]

    def test_it_moves_to_its_like_when_it_is_covered(self, colorizer):
        """The surface around the hint stays in sight."""
        gray = np.full([80, 100], 60, np.uint8) + texture(80, 100) // 8
        covered = gray.copy()
        covered[34:46, 24:36] = 250
        frames = [np.repeat(each[..., None], 3, axis=-1) for each in (gray, gray, covered, covered)]
        found = self.colors(colorizer, frames, [0], [(30, 40)])
        assert len(found[3][0]) == 1
        (x, y) = found[3][0].points[0]
        assert covered[y, x] < 100 and np.hypot(x - 30, y - 40) < 30

    def test_going_on_from_a_state_changes_nothing(self, colorizer):
        frames = gray_frames(24, step=1)
        hints = FilmHints(np.array([0.1]), np.array([[30.5, 40.5]]), self.RED[None])
        lightness = lambda item: item[1][..., 0] * np.float32(100 / 255)  # noqa: E731
        make = lambda: FilmColorizer(colorizer, (80, 100), hints=hints)  # noqa: E731
        film, whole, state = make(), [], None
        for each in film.followed(enumerate(frames), lightness, lambda item: item[0] / 25):
            whole.append(film.ab([each], lightness(each.item)[None])[0])
            if each.item[0] == 15:
                state = film.state_after(each)
        film = make()
        rest = list(enumerate(frames))[16:]
        found = [
            film.ab([each], lightness(each.item)[None])[0]
            for each in film.followed(rest, lightness, lambda item: item[0] / 25, state)
        ]
        np.testing.assert_array_equal(found, whole[16:])

    def test_wrong_hints_are_refused(self, colorizer, tmp_path):
        outside = FilmHints(np.zeros(1), np.array([[100.5, 3.5]]), self.RED[None])
        with pytest.raises(InputError, match="100x80 pixels, so there is no place for a hint at 100,3"):
            FilmColorizer(colorizer, (80, 100), hints=outside)
        model = write_model(tmp_path / "m", "zhang", objective="regression", width=1 / 16)
        inside = FilmHints(np.zeros(1), np.array([[10.5, 3.5]]), self.RED[None])
        with pytest.raises(InputError, match="hints are for models that predict distributions"):
            FilmColorizer(Colorizer.load(model, "float32"), (80, 100), hints=inside)


def test_the_network_sees_whole_batches_and_the_rest(colorizer):
    lightness = np.random.default_rng(0).uniform(0, 100, [6, 40, 56]).astype(np.float32)
    found = list(seen(colorizer, range(6), lambda k: lightness[k]))
    assert [item for item, _ in found] == list(range(6))
    for item, cells in found:
        ((_, alone),) = seen(colorizer, [item], lambda k: lightness[k])
        np.testing.assert_array_equal(cells.features, alone.features)
        expected = tf.nn.avg_pool2d(lightness[item][None, ..., None], 4, 4, "VALID")[0, ..., 0]
        np.testing.assert_allclose(cells.lightness[:10, :14], expected, atol=1e-4)
