"""The area under the curve of errors, and the trivial predictors that a network has to beat."""

import numpy as np
import pytest
from PIL import Image
from skimage.color import lab2lch, rgb2lab

from tfcolor.data import datasets
from tfcolor.data.scan import scan
from tfcolor.evaluation.baselines import MeanGivenLightness, raw_aucs
from tfcolor.evaluation.measuring import truths
from tfcolor.evaluation.metrics import brown_pixels, raw_auc, rebalanced_auc
from tfcolor.utils.errors import WorkError


def gray(lightness):
    return np.zeros([*lightness.shape, 2])


@pytest.mark.parametrize(
    ("distances", "auc"),
    [
        ([0], 100),
        ([75], 50),
        ([150], 0),
        ([1e9], 0),
        ([0, 30], 90),
        ([15, 300], 45),
        ([[10, 20], [0, 0]], 95),
    ],
)
def test_auc_worked_by_hand(distances, auc):
    assert raw_auc(np.array(distances, float)) == pytest.approx(auc)


def test_rebalanced_auc_worked_by_hand():
    """0 ab units counting three times and 75 once: (3 * 100 + 50) / 4. Weights of 0 do not count at all."""
    distances = np.array([0.0, 75.0, 150.0])
    assert rebalanced_auc(distances, np.array([3.0, 1.0, 0.0])) == pytest.approx(87.5)
    assert rebalanced_auc(distances, np.full(3, 7.0)) == pytest.approx(raw_auc(distances))


def test_auc_equals_the_area_under_the_curve():
    """Zhang et al. 2016, section 3.1: the share within t, integrated over t = 0 ... 150."""
    distances = np.random.default_rng(0).gamma(2, 25, 2000).astype(np.float32)
    t = np.linspace(0, 150, 15_001)
    within = np.searchsorted(np.sort(distances), t, side="right") / len(distances)
    assert raw_auc(distances) == pytest.approx(100 * np.trapezoid(within, t) / 150, abs=1e-2)


def test_auc_of_many_float32_distances_does_not_drift():
    assert raw_auc(np.full([3000, 3000], 30.1, np.float32)) == pytest.approx(100 * (1 - 30.1 / 150), abs=1e-5)


@pytest.fixture
def pictures(tmp_path):
    rng = np.random.default_rng(1)
    paths = [tmp_path / f"{i}.png" for i in range(3)]
    for path, size in zip(paths, [(20, 30), (7, 5), (40, 8)], strict=True):
        Image.fromarray(rng.integers(0, 256, [*size, 3], np.uint8)).save(path)
    paths[1:1] = [tmp_path / "missing.png"]
    return paths


def test_truths(pictures):
    found = [truth for _, truth in truths(pictures)]
    assert [truth.lightness.shape for truth in found] == [(20, 30), (7, 5), (40, 8)]
    lab = rgb2lab(np.asarray(Image.open(pictures[0])))
    np.testing.assert_allclose(found[0].lightness, lab[..., 0], atol=1e-2)
    np.testing.assert_allclose(found[0].ab, lab[..., 1:], atol=1e-2)


def test_mean_given_lightness_worked_by_hand(tmp_path):
    """Two colours of one lightness level, and gray."""
    rgb = np.uint8([[[200, 100, 100], [128, 128, 128]], [[100, 130, 100], [0, 0, 0]]])
    Image.fromarray(rgb).save(tmp_path / "a.png")
    lab = rgb2lab(rgb)
    assert np.round(lab[..., 0]).tolist() == [[54, 54], [51, 0]]
    mean = MeanGivenLightness(scan([tmp_path / "a.png"]))
    result = mean(np.array([[54.4, 53.6, 51.0, 50.6], [0.0, 99.0, 100.0, 30.0]], np.float32))
    assert result.shape == (2, 4, 2)
    of_54 = lab[0, :, 1:].mean(axis=0)
    expected = [of_54, of_54, lab[1, 0, 1:], lab[1, 0, 1:], *np.zeros([4, 2])]  # nothing seen: gray
    np.testing.assert_allclose(result.reshape(-1, 2), expected, atol=1e-2)


def test_raw_aucs_weigh_pixels_and_leave_out_what_cannot_be_read(pictures):
    done = []
    predictors = {"gray": gray, "red": lambda lightness: np.array([50, 0]) + gray(lightness)}
    result = raw_aucs(predictors, pictures, done.append)
    readable = [path for path in pictures if path.exists()]
    ab = np.concatenate([rgb2lab(np.asarray(Image.open(path)))[..., 1:].reshape(-1, 2) for path in readable])
    assert result["gray"] == pytest.approx(raw_auc(np.linalg.norm(ab, axis=1)), abs=1e-2)
    assert result["red"] == pytest.approx(raw_auc(np.linalg.norm(ab - [50, 0], axis=1)), abs=1e-2)
    assert done[-1] == 3


def test_nothing_to_measure_is_an_error(tmp_path):
    with pytest.raises(WorkError, match="none of 1 photographs can be read"):
        raw_aucs({"gray": gray}, [tmp_path / "missing.png"])


@pytest.mark.slow
@pytest.mark.realdata
def test_trivial_predictors_on_the_forest_photographs(data_root):
    """Measured once before with scikit-image: gray 85.06, mean ab given L 89.08."""
    forest = datasets.find("forest", str(data_root), download=False)
    test = forest.split("test").paths
    assert len(test) == 53
    predictors = {"gray": gray, "mean given L": MeanGivenLightness(scan(forest.split("train").paths))}
    assert raw_aucs(predictors, test) == pytest.approx({"gray": 85.06, "mean given L": 89.08}, abs=0.02)


@pytest.mark.parametrize(
    ("name", "rgb", "expected"),
    [
        ("saddlebrown", (139, 69, 19), (1, 1)),
        ("sienna", (160, 82, 45), (1, 1)),
        ("tan", (210, 180, 140), (1, 1)),
        ("coral", (255, 127, 80), (1, 1)),  # hue 46: colours between red and yellow count, however bright
        ("red", (255, 0, 0), (0, 1)),  # hue 39.999
        ("yellow", (255, 255, 0), (0, 1)),
        ("forestgreen", (34, 139, 34), (0, 1)),
        ("steelblue", (70, 130, 180), (0, 1)),
        ("gray", (128, 128, 128), (0, 0)),
        ("nearly gray", (140, 130, 120), (0, 0)),  # a brown hue, but chroma 7
    ],
)
def test_brown_is_what_has_a_brown_hue_and_enough_chroma(name, rgb, expected):
    lab = rgb2lab(np.uint8([[rgb]]))
    assert brown_pixels(lab[..., 1:]) == expected
    _, chroma, hue = lab2lch(lab)[0, 0]
    is_colored = chroma > 10
    assert expected == (is_colored and 40 <= np.degrees(hue) <= 80, is_colored)


def test_brown_pixels_are_counted():
    ab = np.float32([[[20, 30], [0, 0], [-20, -30]], [[9, 9], [5, 5], [30, 20]]])  # hues 56, -, 236; 45, 45, 34
    assert brown_pixels(ab) == (2, 4)
