"""Luma and chroma against FFmpeg's own conversion (swscale), and curves against published values."""

import numpy as np
import pytest

from tfcolor.films import coding
from tfcolor.films.coding import Coding, at_chroma

av = pytest.importorskip("av", reason="PyAV is not installed: pip install -r requirements-video.txt")
from skimage.color import lab2rgb, rgb2lab  # noqa: E402

MATRICES = {"bt709": 1, "bt601": 5, "bt2020": 9}


def to_rgb(planes, matrix, full_range):
    """R'G'B' uint8 of 4:4:4 planes, by the formulas that H.273 gives for decoding (eq. 38 and following, inverted)."""
    y, cb, cr = (plane.astype(float) for plane in planes)
    red, blue = coding._MATRICES[matrix]
    y, (cb, cr) = (
        (y, (cb, cr))
        if full_range
        else ((y - 16) * 255 / 219, ((cb - 128) * 255 / 224 + 128, (cr - 128) * 255 / 224 + 128))
    )
    r, b = y + 2 * (1 - red) * (cr - 128), y + 2 * (1 - blue) * (cb - 128)
    g = (y - red * r - blue * b) / (1 - red - blue)
    return np.stack([r, g, b], axis=-1)


def levels(rgb):
    """sRGB in [0, 1] as uint16."""
    return np.rint(rgb * 65535).astype(np.uint16)


def test_gray_levels_have_the_lightness_of_their_srgb():
    coded = Coding()
    luma = np.arange(16, 236, dtype=np.uint8)
    gray = (luma - 16.0) / 219
    expected = rgb2lab(np.repeat(gray[:, None], 3, axis=1))[:, 0]
    np.testing.assert_allclose(coded.lightness(luma), expected, atol=0.01)
    assert coded.lightness(np.uint8([0, 5, 255])).tolist() == pytest.approx([0, 0, 100], abs=1e-3)


@pytest.mark.parametrize("bits", [8, 10])
@pytest.mark.parametrize("full_range", [False, True])
def test_ten_bits_are_four_times_eight(bits, full_range):
    coded = Coding(bits, full_range)
    step = 2 ** (bits - 8)
    white = (255 * step + step - 1) if full_range else 235 * step
    black = 0 if full_range else 16 * step
    assert coded.lightness(np.array([black, white])).tolist() == pytest.approx([0, 100], abs=1e-3)
    cb, cr = coded.chroma(np.full([1, 3], 30_000, np.uint16))
    assert cb[0] == cr[0] == coded.gray == 128 * step and cb.dtype == (np.uint8 if bits == 8 else np.uint16)


@pytest.mark.parametrize("full_range", [False, True])
@pytest.mark.parametrize("matrix", MATRICES.values(), ids=MATRICES)
def test_colours_come_back(matrix, full_range):
    """Gray becomes a colour of the same luma; decoded, it has the wanted hue and chroma at about its lightness."""
    rng = np.random.default_rng(0)
    rgb = rng.uniform(0.15, 0.85, [500, 3])
    coded = Coding(8, full_range, *coding._MATRICES[matrix])
    cb, cr = coded.chroma(levels(rgb))
    red, blue = coding._MATRICES[matrix]
    luma = 255 * rgb @ [red, 1 - red - blue, blue]
    luma = luma if full_range else 16 + luma * 219 / 255
    found = to_rgb((luma, cb, cr), matrix, full_range)
    assert np.abs(found - 255 * rgb).max() < 2.5  # levels of chroma are rounded


def test_other_curves_have_their_published_values():
    """PQ: 0.5081 is 100 cd/m^2, 0.5807 is 203 (BT.2408); HLG: 0.75 is white, 0.5 is 1/12; both come back."""
    assert coding._to_light("pq", np.array([0.5081]))[0] * 203 == pytest.approx(100, rel=2e-3)
    assert coding._to_light("pq", np.array([0.5807]))[0] == pytest.approx(1, rel=2e-3)
    hlg = coding._to_light("hlg", np.array([0.5, 0.75])) * coding._HLG_WHITE
    assert hlg == pytest.approx([1 / 12, 0.265], rel=1e-2)
    for transfer in ("srgb", "linear", "gamma22", "gamma28", "pq", "hlg"):
        signal = np.linspace(0, 1, 50)
        np.testing.assert_allclose(coding._from_light(transfer, coding._to_light(transfer, signal)), signal, atol=1e-6)


def test_what_is_not_specified_is_guessed_from_the_size():
    of = lambda width, height, matrix: Coding.of(width, height, 8, 0, matrix, 2, 2)  # noqa: E731
    assert of(1280, 720, 2).red == of(640, 360, 1).red == 0.2126
    assert of(640, 360, 2).red == 0.299
    assert Coding.of(1920, 1080, 10, 2, 9, 16, 9) == Coding(10, True, 0.2627, 0.0593, "pq", wide=True)


def test_ffmpeg_decodes_what_was_meant():
    """swscale's own conversion of coloured planes, both ranges."""
    lab = np.float32([[60, 30, -20], [45, -25, 30], [70, 5, 40]]).repeat(64, axis=0).reshape(3, 8, 8, 3)
    lab = np.concatenate(list(lab), axis=1)  # [8, 24, 3]
    wanted = 255 * lab2rgb(lab)
    coded = Coding(8, False, *coding._MATRICES[5])
    cb, cr = coded.chroma(levels(wanted / 255))
    luma = np.rint(16 + (wanted @ [0.299, 0.587, 0.114]) * 219 / 255).astype(np.uint8)
    frame = av.VideoFrame.from_ndarray(np.stack([luma, cb, cr]), format="yuv444p")
    frame.colorspace, frame.color_range = 5, 1
    found = frame.reformat(format="rgb24").to_ndarray()
    assert np.abs(found - wanted).max() < 4


@pytest.mark.parametrize("matrix", [1, 5, 9], ids=["bt709", "bt601", "bt2020"])
@pytest.mark.parametrize("bits", [8, 10])
def test_chroma_is_that_of_swscale(matrix, bits):
    """The planes that FFmpeg makes of RGB, in limited range, by the same matrix."""
    rgb = np.random.default_rng(1).integers(0, 65536, [1, 40, 3], np.uint16).repeat(16, 0).repeat(2, 1)
    format = "yuv444p" if bits == 8 else "yuv444p10le"
    names = {1: "ITU709", 5: "ITU601", 9: "BT2020"}
    frame = av.VideoFrame.from_ndarray(rgb, format="rgb48le")
    frame = frame.reformat(format=format, dst_colorspace=names[matrix], dst_color_range="MPEG", threads=1)
    found = Coding(bits, False, *coding._MATRICES[matrix]).chroma(rgb)
    for plane, levels_of in zip(frame.planes[1:], found, strict=True):
        rows = np.frombuffer(memoryview(plane), levels_of.dtype).reshape(16, -1)[:, :80]
        assert np.abs(rows.astype(int) - levels_of).max() <= (1 if bits == 8 else 2)  # coefficients of 15 bits


@pytest.mark.parametrize("subsampling", [(2, 2), (2, 1), (1, 1), (1, 2), (4, 1), (4, 4)])
def test_centred_chroma_is_the_mean_of_its_pixels(subsampling):
    across, down = subsampling
    lightness = np.random.default_rng(0).uniform(0, 100, [7, 9]).astype(np.float32)
    found = at_chroma(lightness, subsampling, centred=True)
    assert found.shape == (-(-7 // down), -(-9 // across)) and found.dtype == np.float32
    for (row, column), value in np.ndenumerate(found):
        rows = np.minimum(np.arange(row * down, (row + 1) * down), 6)
        columns = np.minimum(np.arange(column * across, (column + 1) * across), 8)
        assert value == pytest.approx(lightness[np.ix_(rows, columns)].mean(), rel=1e-5)


@pytest.mark.parametrize("down", [1, 2])
def test_chroma_at_the_left_is_where_h273_puts_it(down):
    """Type 0: at even columns, half way between rows. A ramp across is sampled at 0, 2, 4; one down is averaged."""
    ramp = np.arange(12, dtype=np.float32)
    across = at_chroma(np.tile(ramp, [4, 1]), (2, down), centred=False)
    assert across[0, 1:].tolist() == [2, 4, 6, 8, 10]
    assert across[0, 0] == pytest.approx(0.25)  # the edge is repeated
    below = at_chroma(np.tile(ramp[:4, None], [1, 12]), (2, down), centred=False)
    assert below[:, 0].tolist() == ([0.5, 2.5] if down == 2 else [0, 1, 2, 3])
