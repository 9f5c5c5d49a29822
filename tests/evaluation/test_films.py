"""Measures of films: against loops, SciPy, known motion and numbers worked by hand; and films as truth."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from scipy.spatial.distance import jensenshannon

from tests.made import write_model
from tfcolor.color.decoding_options import Decoding
from tfcolor.evaluation import metrics
from tfcolor.evaluation.measuring import Truth, lab_of
from tfcolor.photographs.pixels import UnreadableImage

av = pytest.importorskip("av", reason="PyAV is not installed: pip install -r requirements-video.txt")
pytest.importorskip("cv2", reason="OpenCV is not installed: pip install -r requirements-video.txt")
from benchmarks.clips import pan_and_zoom, write_clip  # noqa: E402
from tfcolor.colorizer import Colorizer  # noqa: E402
from tfcolor.evaluation import films, true_frames  # noqa: E402
from tfcolor.evaluation.films import Correspondence, FilmErrors, TrueFrame  # noqa: E402
from tfcolor.films.coding import Coding  # noqa: E402
from tfcolor.films.reading import Damaged  # noqa: E402


def texture(height=80, width=120, channels=3, seed=0, sigma=1.5):
    """Smooth noise, uint8 [H, W, C], which motion can be seen in."""
    noise = np.random.default_rng(seed).normal(size=[height, width, channels])
    smooth = gaussian_filter(noise, [sigma, sigma, 0])
    return np.clip(128 + 45 * smooth / smooth.std(), 0, 255).astype(np.uint8)


# Warp error


def test_warp_error_is_that_of_a_loop():
    rng = np.random.default_rng(0)
    height, width = 9, 11
    ab, before = rng.normal(0, 30, [2, height, width, 2]).astype(np.float32)
    flow = (rng.integers(-96, 97, [height, width, 2]) / 32).astype(np.float32)  # OpenCV's steps between pixels
    valid = rng.random([height, width]) < 0.7
    errors = []
    for y, x in np.argwhere(valid):
        column, row = np.clip(x + flow[y, x, 0], 0, width - 1), np.clip(y + flow[y, x, 1], 0, height - 1)
        left, top = int(column), int(row)
        right, below, share, down = min(left + 1, width - 1), min(top + 1, height - 1), column - left, row - top
        upper = (1 - share) * before[top, left] + share * before[top, right]
        lower = (1 - share) * before[below, left] + share * before[below, right]
        errors.append(np.sum((ab[y, x] - (1 - down) * upper - down * lower) ** 2))
    found = films.warp_error(ab, before, Correspondence(flow, valid))
    assert found == pytest.approx(np.mean(errors), rel=1e-5)
    assert films.warp_error(ab, before, Correspondence(flow, np.zeros_like(valid))) is None


def test_colours_that_move_with_the_picture_are_steady():
    """The second frame shows the same texture 3 pixels further right and 2 further down."""
    rgb = texture(100, 140)
    lab = lab_of(rgb)
    frame, before = lab[10:90, 10:130], lab[12:92, 13:133]
    flow = np.broadcast_to(np.float32([-3, -2]), [80, 120, 2])
    known = films.known_correspondence(flow)
    assert known.valid.sum() == 78 * 117 and not known.valid[:2].any() and not known.valid[:, :3].any()
    assert films.warp_error(frame[..., 1:], before[..., 1:], known) == 0
    found = films.correspondence(frame[..., 0], before[..., 0])
    inner = (slice(8, -8), slice(8, -8))
    assert np.abs(found.flow[inner] - flow[inner]).max() < 0.25 and found.valid[inner].mean() > 0.98
    assert found.valid[:, :2].mean() < 0.1, "it was outside of the frame before"
    stirred = np.mean((frame[..., 1:] - before[..., 1:]) ** 2) * 2
    assert films.warp_error(frame[..., 1:], before[..., 1:], found) < 0.03 * stirred


def test_a_change_of_all_colours_counts_with_its_square():
    lab = lab_of(texture())
    motion = films.correspondence(lab[..., 0], lab[..., 0])
    assert motion.valid.all() and not motion.flow.any()
    changed = lab[..., 1:] + np.float32([3, -4])
    assert films.warp_error(changed, lab[..., 1:], motion) == pytest.approx(25, rel=1e-5)


def test_motion_boundaries_are_steep_changes_of_flow():
    flow = np.zeros([6, 20, 2], np.float32)
    flow[:, 10:, 0] = 4  # gradients of 2 at two columns, against 0.01 x 16 + 0.002
    assert np.flatnonzero(films.motion_boundaries(flow).all(axis=0)).tolist() == [9, 10]
    zoom = np.zeros([6, 20, 2], np.float32)
    for change, is_boundary in ((0.044, False), (0.046, True)):  # 0.0447 squared is 0.002
        zoom[..., 1] = change * (np.arange(6)[:, None] - 2)
        assert films.motion_boundaries(zoom)[2].all() == is_boundary, "where there is no motion"


def test_what_becomes_hidden_and_motion_boundaries_are_not_valid():
    """A square moves by 6 pixels over a still ground: ground that it uncovers is not in the frame before."""
    ground, square = (lab_of(texture(seed=seed))[..., 0] for seed in (3, 4))
    before, frame = ground.copy(), ground.copy()
    before[20:60, 40:80], frame[20:60, 46:86] = square[:40, :40], square[:40, :40]
    found = films.correspondence(frame, before)
    boundary = films.motion_boundaries(found.flow)
    assert boundary[20:60, 40:92].any() and not (found.valid & boundary).any()
    assert found.valid[24:56, 40:46].mean() < 0.25, "uncovered"
    assert found.valid[26:54, 54:78].mean() > 0.9 and found.valid[:, :30].mean() > 0.9


# CDC


def test_cdc_is_what_scipy_gives():
    frames = [texture(20, 30, seed=seed, sigma=0.5 + seed / 4) for seed in range(7)]
    found = films.ColorDistribution()
    for frame in frames:
        found.add(frame)
    shares = [[np.histogram(frame[..., k], 256, (0, 256))[0] / 600 for k in range(3)] for frame in frames]
    expected = [
        np.mean([jensenshannon(shares[i][k], shares[i + d][k]) ** 2 for i in range(7 - d) for k in range(3)])
        for d in (1, 2, 4)
    ]
    assert found.value == pytest.approx(np.mean(expected), rel=1e-9)


def test_cdc_by_hand():
    """Black, white, black: ln 2 from frame to frame, 0 over two frames, and no frames at a distance of four."""
    found = films.ColorDistribution()
    assert found.value is None
    for level in (0, 255, 0):
        found.add(np.full([4, 5, 3], level, np.uint8))
    assert found.value == pytest.approx(np.log(2) / 2)


# A film


def test_truth_of_colours_is_what_the_metrics_of_photographs_give():
    pictures = [texture(seed=seed) for seed in range(3)]
    errors, distances, found = FilmErrors(), [], []
    for rgb in pictures:
        lab = lab_of(rgb)
        ab, painted = lab[..., 1:] * np.float32(0.5), rgb[::-1]
        errors.add(Truth(rgb, lab[..., 0], lab[..., 1:]), ab, painted, None)
        distances.append(np.linalg.norm(lab[..., 1:], axis=-1) / 2)
        found.append(10 * np.log10(255**2 / np.mean((rgb.astype(float) - painted) ** 2)))
    result = errors.to_json()
    assert result["raw_auc"] == pytest.approx(metrics.raw_auc(np.stack(distances)), abs=1e-4)
    assert result["psnr"] == pytest.approx(np.mean(found))
    assert result["colourfulness"] == pytest.approx(np.mean([metrics.colourfulness(rgb) for rgb in pictures]), rel=1e-6)
    assert result["warp_error"] is None


@pytest.fixture(scope="module")
def colorizer(tmp_path_factory):
    return Colorizer.load(write_model(tmp_path_factory.mktemp("film") / "model", "unet"), "float32")


def measured(colorizer, frames, weight=0.7, **options):
    return films.measure_film(colorizer, frames, Decoding(), weight, **options)


def test_a_film_is_measured_in_four_ways(colorizer):
    rng, still = np.random.default_rng(0), texture(64, 96).astype(int)
    noisy = [np.clip(still + rng.normal(0, 12, still.shape), 0, 255).astype(np.uint8) for _ in range(7)]
    count, found = measured(colorizer, map(TrueFrame, noisy))
    assert count == 7 and tuple(found) == films.WAYS
    assert all(tuple(each) == films.METRICS for each in found.values())
    gray, truth, alone, steady = found.values()
    assert gray["warp_error"] == gray["colourfulness"] == truth["dcf"] == 0
    assert gray["dcf"] == pytest.approx(truth["colourfulness"]) and truth["raw_auc"] == truth["psnr"] == 100
    assert alone["warp_ratio"] == 1 and 0 < steady["warp_ratio"] < 0.5
    assert steady["warp_ratio"] == pytest.approx(steady["warp_error"] / alone["warp_error"])
    _, same = measured(colorizer, map(TrueFrame, noisy), weight=0)
    assert same["steady"] == same["frame by frame"] == pytest.approx(alone)


def test_colours_frame_by_frame_are_those_of_photographs(colorizer):
    frames = [texture(64, 96, seed=seed) for seed in range(5)]
    _, found = films.measure_film(colorizer, map(TrueFrame, frames), Decoding(0.5), 0.7)
    distances = []
    for rgb in frames:
        lab = lab_of(rgb)
        distances.append(np.linalg.norm(colorizer.predict_ab(lab[..., 0], 0.5) - lab[..., 1:], axis=-1))
    assert found["frame by frame"]["raw_auc"] == pytest.approx(metrics.raw_auc(np.stack(distances)), abs=0.02)


def test_cuts_are_left_out(colorizer):
    """Two stills: within each nothing changes. The cut would count if its motion were given."""
    first, second = texture(64, 96, seed=1) // 2, 255 - texture(64, 96, seed=2) // 2
    film = [first] * 4 + [second] * 4
    _, found = measured(colorizer, map(TrueFrame, film))
    assert found["truth"]["warp_error"] == 0
    flow = np.zeros([64, 96, 2], np.float32)
    _, known = measured(colorizer, [TrueFrame(rgb, flow) for rgb in film])
    change = np.sum((lab_of(first)[..., 1:] - lab_of(second)[..., 1:]) ** 2, axis=-1).mean()
    assert known["truth"]["warp_error"] == pytest.approx(change / 7, rel=1e-4)


def test_known_motion_of_a_made_clip(colorizer):
    """The true colours move with the picture, except for what resampling changes."""
    clip = [TrueFrame(*pair) for pair in pan_and_zoom(texture(160, 280, sigma=4), (64, 96), 6)]
    _, found = measured(colorizer, clip)
    colors = np.stack([lab_of(frame.rgb)[..., 1:] for frame in clip])
    still = np.mean(np.sum(np.diff(colors, axis=0) ** 2, axis=-1))
    assert 0 < found["truth"]["warp_error"] < 0.02 * still


def test_memory_does_not_grow_with_the_film(colorizer):
    """No more than so many frames wait between decoding and measuring, and none is decoded twice."""
    made, waiting = [0], []

    def source():
        for number in range(90):
            made[0] += 1
            yield TrueFrame(texture(32, 32, seed=number % 3))

    count, _ = measured(colorizer, source(), on_frame=lambda done: waiting.append(made[0] - done))
    assert count == made[0] == 90 and max(waiting) <= 36


def test_one_frame_has_no_steadiness(colorizer):
    count, found = measured(colorizer, [TrueFrame(texture(32, 32))])
    assert count == 1
    for metric in ("warp_error", "warp_ratio", "cdc"):
        assert found["steady"][metric] is None
    assert films.means_of([found])["steady"]["cdc"] is None
    with pytest.raises(ValueError, match="at least one frame"):
        measured(colorizer, [])


def test_all_films_count_the_same():
    """The ratio is that of the means: 6 / 12; films have 2 / 4 and 10 / 20. dCF is the mean of 20, 0 and 10."""

    def film(alone, steady, colorful):
        found = {way: dict.fromkeys(films.METRICS, 1.0) for way in films.WAYS}
        found["frame by frame"]["warp_error"], found["steady"]["warp_error"] = alone, steady
        found["truth"]["colourfulness"], found["steady"]["colourfulness"] = 30.0, colorful
        found["steady"]["dcf"] = abs(colorful - 30)
        return found

    mean = films.means_of([film(4.0, 2.0, 10.0), film(20.0, 10.0, 30.0), film(None, None, 40.0)])
    assert mean["steady"] == dict.fromkeys(films.METRICS, 1.0) | {
        **{"warp_error": 6, "warp_ratio": 0.5, "colourfulness": 80 / 3, "dcf": 10}
    }


# Films as truth


def test_frames_have_the_colours_that_were_encoded(tmp_path):
    halves = np.zeros([32, 48, 3], np.uint8)
    halves[:, :24], halves[:, 24:] = (180, 60, 40), (40, 90, 170)
    write_clip(tmp_path / "x.mp4", iter([halves, halves[:, ::-1]]))
    film = true_frames.read_true_film(tmp_path / "x.mp4")
    found = list(true_frames.true_frames(film))
    for rgb, expected in zip(found, (halves, halves[:, ::-1]), strict=True):
        apart = np.abs(rgb.astype(int) - expected)
        assert rgb.dtype == np.uint8 and apart[:, [4, 12, 36, 44]].max() <= 4


def encode(path, planes, rotation=0, **context):
    """Write one frame of given luma, Cb and Cr, uint8 [H, W] each, as 4:4:4 without loss."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"qp": "0"})
        stream.height, stream.width, stream.pix_fmt = *planes[0].shape, "yuv444p"
        for name, value in context.items():
            setattr(stream.codec_context, name, value)
        if rotation:
            stream.set_display_rotation(rotation)
        frame = av.VideoFrame.from_ndarray(np.stack(planes), format="yuv444p")
        frame.pts = 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return true_frames.read_true_film(path)


@pytest.mark.parametrize(("width", "red", "blue"), [(48, 0.299, 0.114), (1280, 0.2126, 0.0722)], ids=["SD", "HD"])
def test_without_a_named_matrix_that_of_the_size_is_taken(tmp_path, width, red, blue):
    color = np.array([180, 60, 40])
    luma = 16 + 219 / 255 * color @ [red, 1 - red - blue, blue]
    cb, cr = (plane[0] for plane in Coding(8, False, red, blue).chroma(np.uint16([color * 257])))
    film = encode(tmp_path / "x.mp4", [np.full([32, width], round(level), np.uint8) for level in (luma, cb, cr)])
    (rgb,) = true_frames.true_frames(film)
    assert np.abs(rgb.astype(int) - color).max() <= 3


def test_frames_are_upright(tmp_path):
    planes = [texture(32, 48, 1, seed=seed)[..., 0] for seed in range(3)]
    (plain,) = true_frames.true_frames(encode(tmp_path / "plain.mp4", planes))
    for degrees in (90, 180):
        film = encode(tmp_path / f"{degrees}.mp4", planes, degrees)
        (rgb,) = true_frames.true_frames(film)
        assert film.rotation % 360 == degrees and rgb.shape[:2] == film.upright
        np.testing.assert_array_equal(rgb, np.rot90(plain, degrees // 90))


def test_what_cannot_be_a_truth_is_refused(tmp_path):
    planes = [np.full([32, 48], 128, np.uint8)] * 3
    with pytest.raises(UnreadableImage, match="HDR"):
        encode(tmp_path / "hdr.mp4", planes, color_trc=16)
    with pytest.raises(UnreadableImage, match="48x8 pixels; the least side is 16"):
        encode(tmp_path / "small.mp4", [plane[:8] for plane in planes])
    (tmp_path / "text.mp4").write_text("no film")
    with pytest.raises(UnreadableImage):
        true_frames.read_true_film(tmp_path / "text.mp4")


def test_a_film_that_ends_early_is_damaged(tmp_path):
    write_clip(tmp_path / "x.mp4", (texture(32, 48, seed=seed) for seed in range(8)))
    film = true_frames.read_true_film(tmp_path / "x.mp4")
    (tmp_path / "x.mp4").write_bytes(b"")
    with pytest.raises(Damaged, match="cannot be read to its end"):
        list(true_frames.true_frames(film))
