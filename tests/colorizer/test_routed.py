"""A routed model: one specialist's colours bit for bit, blends as computed by hand, and clear refusals."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.made import made_bins, write_model
from tfcolor.color.decoding_options import Decoding
from tfcolor.color.lab import levels_to_lightness
from tfcolor.colorizer import Colorizer, RoutedColorizer, load_colorizer
from tfcolor.colorizer.features import PhotographFeatures, encoder_of
from tfcolor.colorizer.painting import painted
from tfcolor.colorizer.tiles import Uncolored
from tfcolor.models.directory import SHIPPED, read_info
from tfcolor.models.routed import OwnDecoding, Router, read_routed, shares_of, write_routed
from tfcolor.utils.errors import InputError
from tfcolor.utils.files import read_json, read_npz, write_json, write_npz

NAMES = ("first", "second")
DECODINGS = {"first": {"temperature": 0.3, "smoothing": 2}, "second": {"temperature": 1.0}}


def picture(low: int, high: int, seed: int = 0, size: tuple[int, int] = (40, 52)) -> np.ndarray:
    """uint8 [H, W, 3] between two levels."""
    return np.random.default_rng(seed).integers(low, high, [*size, 3], np.uint8)


DARK, BRIGHT = picture(0, 60), picture(190, 256)


def lightness_of(rgb: np.ndarray) -> np.ndarray:
    return levels_to_lightness(rgb).numpy()


@pytest.fixture(scope="module")
def encoder(tmp_path_factory) -> Path:
    """The weights of the encoder of the default model."""
    path = tmp_path_factory.mktemp("encoder") / "encoder.npz"
    write_npz(path, encoder_of(read_info(SHIPPED / "general"))[1])
    return path


@pytest.fixture(scope="module")
def see(encoder) -> PhotographFeatures:
    return PhotographFeatures("lite2", encoder)


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> dict[str, Path]:
    """Two tiny models with different bins, so that their colours differ."""
    root = tmp_path_factory.mktemp("models")
    bins = {"first": made_bins(16, seed=4), "second": made_bins(20, seed=5)}
    return {
        name: write_model(root / name, bins=bins[name], seed=k, description={"decoding": DECODINGS[name]})
        for k, name in enumerate(NAMES, start=1)
    }


def router_between(see: PhotographFeatures, threshold: float, steepness: float = 30.0) -> Router:
    """Sends what looks like DARK to the first, and what looks like BRIGHT to the second specialist."""
    dark, bright = (see(lightness_of(rgb)) for rgb in (DARK, BRIGHT))
    middle, direction = (dark + bright) / 2, bright - dark
    weights = steepness * np.stack([-direction, direction], axis=1) / (direction @ direction)
    return Router(middle, np.ones_like(middle), weights, np.zeros(2), threshold)


def routed_folder(folder: Path, models, encoder: Path, router: Router) -> Path:
    folder.mkdir()
    shutil.copyfile(encoder, folder / "encoder.npz")
    write_routed(folder, models, "lite2", router, {"description": "made"})
    return folder


@pytest.fixture(scope="module")
def sure(tmp_path_factory, models, encoder, see) -> Path:
    """A routed model that is always sure. It must not be changed."""
    return routed_folder(tmp_path_factory.mktemp("sure") / "routed", models, encoder, router_between(see, 0.9))


@pytest.fixture(scope="module")
def always_sure(sure) -> RoutedColorizer:
    return load_colorizer(sure, "float32")


@pytest.fixture(scope="module")
def always_blending(tmp_path_factory, models, encoder, see) -> RoutedColorizer:
    router = router_between(see, 1.0, steepness=0.8)
    folder = routed_folder(tmp_path_factory.mktemp("blending") / "routed", models, encoder, router)
    return load_colorizer(folder, "float32")


@pytest.fixture(scope="module")
def specialists(models) -> dict[str, Colorizer]:
    return {name: Colorizer.load(folder, "float32") for name, folder in models.items()}


def test_dark_goes_to_one_and_bright_to_the_other_bit_for_bit(always_sure, specialists):
    colorizer = always_sure
    pictures = [DARK, BRIGHT, picture(0, 60, 7), picture(190, 256, 8)]
    found = colorizer.colorize_all(Uncolored(lightness_of(rgb)) for rgb in pictures)
    for rgb, result, name in zip(pictures, found, [*NAMES, *NAMES], strict=True):
        np.testing.assert_array_equal(result, specialists[name].colorize(rgb))
        assert str(colorizer.choice) == f"coloured by {name} (1.00)" and colorizer.choice.shares == {name: 1}
    colors = [each.predict_ab(lightness_of(DARK)) for each in (colorizer, *specialists.values())]
    np.testing.assert_array_equal(colors[0], colors[1])
    assert np.abs(colors[0] - colors[2]).min() > 1  # the other specialist would have been seen


def test_a_specialist_is_loaded_when_it_is_first_needed(sure, monkeypatch):
    loaded, load = [], Colorizer.load
    monkeypatch.setattr(Colorizer, "load", lambda folder, *rest: loaded.append(folder.name) or load(folder, *rest))
    colorizer = load_colorizer(sure, "float32")
    for rgb, so_far in ((BRIGHT, ["second"]), (BRIGHT, ["second"]), (DARK, ["second", "first"])):
        colorizer.colorize(rgb)
        assert loaded == so_far


@pytest.mark.parametrize("tile", [17, 256])
def test_a_blend_is_the_mean_of_the_colours_by_probability(always_blending, specialists, see, tile):
    colorizer, router = always_blending, always_blending.info.router
    lightness = lightness_of(DARK)
    logits = (see(lightness) - router.mean) @ router.weights
    share = 1 / (1 + np.exp(logits[1] - logits[0]))  # the logistic function, for two specialists
    assert 0.6 < share < 0.9
    colors = [specialists[name].predict_ab(lightness, **DECODINGS[name]) for name in NAMES]
    expected = share * colors[0] + (1 - share) * colors[1]
    np.testing.assert_allclose(colorizer.predict_ab(lightness, tile=tile), expected, atol=1e-3)
    difference = colorizer.colorize(DARK, tile=tile).astype(int) - painted(lightness, expected.astype(np.float32))
    assert np.abs(difference).max() <= 1 and np.abs(colors[0] - colors[1]).max() > 4
    assert str(colorizer.choice) == f"blend of first {share:.2f}, second {1 - share:.2f}"


def test_others_in_the_batch_change_nothing(always_blending):
    colorizer, dtype = always_blending, np.uint16
    pictures = [Uncolored(lightness_of(rgb), dtype) for rgb in (DARK, BRIGHT, DARK)]
    done = []
    together = list(colorizer.colorize_all(pictures, tile=20, on_tile=done.append))
    assert done == list(range(1, 19))  # each has two rows of three tiles
    for each, result in zip(pictures, together, strict=True):
        np.testing.assert_array_equal(next(colorizer.colorize_all([each], tile=20)), result)


def test_what_is_given_replaces_the_specialists_own_decoding(always_blending, specialists):
    colorizer, lightness = always_blending, lightness_of(DARK)
    shares = list(colorizer.choose(lightness).shares.values())
    given = {"temperature": 0.7, "strength": 0.5}
    colors = [
        specialists["first"].predict_ab(lightness, smoothing=2, **given),
        specialists["second"].predict_ab(lightness, smoothing=0, **given),
    ]
    expected = shares[0] * colors[0] + shares[1] * colors[1]
    np.testing.assert_allclose(colorizer.predict_ab(lightness, **given), expected, atol=1e-3)
    (found,) = colorizer.predict_many(lightness, [OwnDecoding().replace(**given)])
    np.testing.assert_array_equal(found, colorizer.predict_ab(lightness, **given))
    (same,) = colorizer.predict_many(lightness, [Decoding(0.7, 0.5, 1)])
    colors = [specialists[name].predict_ab(lightness, smoothing=1, **given) for name in NAMES]
    np.testing.assert_allclose(same, shares[0] * colors[0] + shares[1] * colors[1], atol=1e-3)
    with pytest.raises(InputError, match=r"`temperature` must be in \[0, 1\], got 2"):
        OwnDecoding(temperature=2)


def test_shares_by_hand():
    probabilities = np.array([[0.7, 0.26, 0.04], [0.5, 0.3, 0.2]])
    np.testing.assert_array_equal(shares_of(probabilities, 0.7), [[1, 0, 0], [0.5, 0.3, 0.2]])
    np.testing.assert_array_equal(shares_of(probabilities, 0.0), [[1, 0, 0], [1, 0, 0]])
    np.testing.assert_allclose(shares_of(probabilities, 1.0), [[0.7 / 0.96, 0.26 / 0.96, 0], [0.5, 0.3, 0.2]])


def test_features_do_not_depend_on_what_lies_around(see):
    """A picture of any size has features, and an enlarged one nearly the same, since large ones are reduced."""
    assert see(np.full([1, 1], 50, np.float32)).shape == (352,)  # 1.1 times lite0's 320, in multiples of 8
    smooth = np.outer(np.linspace(10, 90, 256), np.ones(288)).astype(np.float32)
    twice = np.repeat(np.repeat(smooth, 2, axis=0), 2, axis=1)
    np.testing.assert_allclose(see(twice), see(smooth), atol=1e-4 * np.abs(see(smooth)).max())


def test_a_moved_directory_is_whole(sure, specialists, tmp_path):
    moved = tmp_path / "elsewhere" / "other name"
    shutil.copytree(sure, moved)
    np.testing.assert_array_equal(load_colorizer(moved, "float32").colorize(DARK), specialists["first"].colorize(DARK))
    for path in moved.rglob("*"):
        assert path.suffix in ("", ".json", ".npz") and not path.is_symlink()


def test_what_needs_one_distribution_is_refused_in_one_line(sure, always_sure):
    with pytest.raises(InputError, match=r"is a routed model, which has no single distribution: .*specialists"):
        Colorizer.load(sure)
    with pytest.raises(InputError, match=r"`working_size` is for models that have a working size, and first has none"):
        RoutedColorizer.load(sure, "float32", working_size=64)
    hinted = Uncolored(lightness_of(DARK), np.uint8, [(1, 1, "red")])
    with pytest.raises(InputError, match="hints need one distribution"):
        next(always_sure.colorize_all([hinted]))
    info = read_routed(sure)
    for name in ("hint", "hints", "suggest", "candidates", "explain"):
        with pytest.raises(InputError, match=f"`{name}` needs one distribution, and .*specialists/first"):
            info.check_predicts_distribution({"temperature": None, name: 1})
    info.check_predicts_distribution({"temperature": 0.3, "uniform_share": 0.5, "sweep": "1,0", "hint": None})


def test_options_of_distributions_need_them_in_all_specialists(tmp_path, models, encoder, see):
    colors = write_model(tmp_path / "colors", network="zhang", objective="regression", width=1 / 16)
    folder = routed_folder(
        tmp_path / "routed", {"first": models["first"], "colors": colors}, encoder, router_between(see, 1)
    )
    with pytest.raises(InputError, match=r"`temperature` chooses from a predicted distribution, but .*colors"):
        read_routed(folder).check_predicts_distribution({"temperature": 0.3})
    result = load_colorizer(folder, "float32").colorize(DARK)
    assert result.shape == DARK.shape


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format_version": 9}, "format version 9, not 1"),
        ({"specialists": ["first"]}, "at least two"),
        ({"specialists": ["first", "../first"]}, "names of at least two folders"),
        ({"specialists": ["first", "third"]}, "third.*is missing"),
        ({"specialists": ["first", "second", "third"]}, "does not fit 3 specialists"),
        ({"threshold": 1.5}, r"threshold must be in \[0, 1\], got 1.5"),
        ({"threshold": True}, "threshold must be"),
        ({"encoder": None}, "encoder must be a name"),
    ],
)
def test_a_broken_description_is_refused(sure, tmp_path, change, message):
    folder = shutil.copytree(sure, tmp_path / "routed")
    write_json(folder / "model.json", read_json(folder / "model.json") | change)
    with pytest.raises(InputError, match=message):
        read_routed(folder)


def test_broken_arrays_are_refused(sure, tmp_path):
    folder = shutil.copytree(sure, tmp_path / "routed")
    arrays = read_npz(folder / "router.npz")
    write_npz(folder / "router.npz", arrays | {"offsets": np.array([np.nan, 0])})
    with pytest.raises(InputError, match=r"router.npz does not fit"):
        read_routed(folder)
    write_npz(folder / "router.npz", arrays)
    (folder / "encoder.npz").unlink()
    with pytest.raises(InputError, match=r"encoder.npz is missing"):
        read_routed(folder)
    write_npz(folder / "encoder.npz", {"other": np.zeros(3)})
    with pytest.raises(InputError, match=r"encoder.npz does not fit"):
        load_colorizer(folder)
