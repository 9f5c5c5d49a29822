"""Luma after encoding and decoding, and which encoder is chosen. The authority is PyAV's own decoding."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

av = pytest.importorskip("av", reason="PyAV is not installed: pip install -r requirements-video.txt")

from tests.films.made import codecs_of, convert, decoded, encoding_for, luma_of, make_film  # noqa: E402
from tfcolor.films.encoding import Encoding, Segment  # noqa: E402
from tfcolor.films.formats import subsampling_of  # noqa: E402
from tfcolor.films.names import CONTAINERS  # noqa: E402
from tfcolor.films.reading import frames, read_film  # noqa: E402
from tfcolor.utils.errors import InputError  # noqa: E402

TARGETS = (".mp4", ".mov", ".mkv", ".avi", ".ts", ".webm")
# Encoder and pixel format of the source, its size, and what it is decoded to.
SOURCES = [
    ("libx264", "yuv420p", (64, 48)),
    ("libx264", "yuvj420p", (64, 48)),
    ("libx264", "yuv422p", (64, 48)),
    ("libx264", "yuv444p", (65, 47)),
    ("libx264", "yuv420p10le", (64, 48)),
    ("libx264", "yuv422p10le", (64, 48)),
    ("libx265", "yuv420p12le", (64, 48)),
    ("ffv1", "yuv420p", (65, 47)),
    ("ffv1", "yuv420p10le", (65, 47)),
    ("ffv1", "yuv411p", (64, 48)),
    ("ffv1", "yuv440p", (65, 47)),
    ("ffv1", "yuva420p", (64, 48)),
    ("ffv1", "gray", (65, 47)),
    ("ffv1", "gray10le", (64, 48)),
    ("ffv1", "gray16le", (64, 48)),
    ("rawvideo", "nv12", (65, 47)),
    ("rawvideo", "yuyv422", (64, 48)),
    ("mjpeg", "yuvj444p", (65, 47)),
    ("libx264rgb", "bgr0", (65, 47)),
    ("ffv1", "gbrp10le", (65, 47)),
]


@pytest.mark.parametrize(("encoder", "format", "size"), SOURCES, ids=["-".join(map(str, each)) for each in SOURCES])
def test_lossless_keeps_every_level_of_luma(tmp_path, encoder, format, size):
    source = make_film(tmp_path / "a.mkv", encoder, format, size, range(4), full=format.startswith("yuvj"))
    film = read_film(source)
    wanted, direct = [frame.luma for frame in frames(film)], decoded(source)
    if not film.converts:
        assert all((a == luma_of(b)).all() for a, b in zip(wanted, direct, strict=True))
    written = 0
    for suffix in TARGETS:
        target = tmp_path / f"b{suffix}"
        try:
            encoding = encoding_for(film, target, lossless=True)
        except InputError as reason:
            assert film.coding.bits > 10 and suffix in (".mov", ".ts", ".webm"), reason
            continue
        assert str(encoding).endswith("lossless")
        convert(source, target, lossless=True, segment=3)
        found = [luma_of(frame) for frame in decoded(target)]
        assert all((a == b).all() for a, b in zip(wanted, found, strict=True)), (suffix, encoding)
        assert read_film(target).coding == film.coding
        written += 1
    assert written >= 3


@pytest.mark.parametrize("bits", [8, 10])
@pytest.mark.parametrize("full", [False, True])
def test_chroma_is_where_it_belongs(tmp_path, bits, full):
    """Constant chroma survives losslessly, in both ranges and at odd sides, where a format of more chroma is taken."""
    format = "yuv420p" if bits == 8 else "yuv420p10le"
    source = make_film(tmp_path / "a.mkv", "ffv1", format, (65, 47), range(3), full=full)
    convert(source, tmp_path / "b.mp4", lossless=True)
    frame = decoded(tmp_path / "b.mp4")[0]
    step, dtype = 2 ** (bits - 8), np.uint8 if bits == 8 else np.uint16
    for plane, level in zip(frame.planes[1:], (100, 160), strict=True):
        rows = np.frombuffer(memoryview(plane), dtype).reshape(-1, plane.line_size // np.dtype(dtype).itemsize)
        assert (rows[: plane.height, : plane.width] == level * step).all()
    assert read_film(tmp_path / "b.mp4").coding.full_range == full


def test_lossy_results_are_close_and_smaller(tmp_path):
    source = make_film(tmp_path / "a.mp4")
    convert(source, tmp_path / "b.mp4")
    convert(source, tmp_path / "c.mp4", lossless=True)
    errors = [
        np.abs(luma_of(a).astype(float) - luma_of(b)).mean()
        for a, b in zip(decoded(source), decoded(tmp_path / "b.mp4"), strict=True)
    ]
    assert 0 < max(errors) < 3
    assert (tmp_path / "b.mp4").stat().st_size < (tmp_path / "c.mp4").stat().st_size


@pytest.mark.parametrize(
    ("encoder", "suffix", "chosen", "said"),
    [
        ("libx264", ".mp4", "libx264", "H.264, crf 18"),
        ("libx265", ".mp4", "libx265", "H.265, crf 18"),
        ("libx265", ".avi", "libx264", "H.264, crf 18"),
        ("libvpx-vp9", ".webm", "libvpx-vp9", "VP9, crf 18"),
        ("libvpx-vp9", ".mov", "libx264", "H.264, crf 18"),
        ("libsvtav1", ".mkv", "libsvtav1", "AV1, crf 18"),
        ("libsvtav1", ".ts", "libx264", "H.264, crf 18"),
        ("mpeg4", ".avi", "mpeg4", "MPEG-4 Part 2, quantizer 3"),
        ("mpeg2video", ".ts", "mpeg2video", "MPEG-2, quantizer 3"),
        ("ffv1", ".mkv", "ffv1", "FFV1, lossless"),
        ("ffv1", ".mov", "libx264", "H.264, crf 18"),
        ("mjpeg", ".mkv", "libx264", "H.264, crf 18"),
        ("libx264", ".webm", "libvpx-vp9", "VP9, crf 18"),
    ],
)
def test_encoders_follow_the_source(tmp_path, encoder, suffix, chosen, said):
    format = "yuvj420p" if encoder == "mjpeg" else "yuv420p"
    source = make_film(tmp_path / "a.mkv", encoder, format, pts=range(4))
    encoding = encoding_for(read_film(source), tmp_path / f"b{suffix}")
    assert (encoding.encoder, str(encoding)) == (chosen, said)
    convert(source, tmp_path / f"b{suffix}")
    with av.open(str(tmp_path / f"b{suffix}")) as container:
        assert len(list(container.decode(video=0))) == 4
        assert container.streams.video[0].codec_context.codec.canonical_name in (
            chosen.removeprefix("lib"),
            *({"libx264": ["h264"], "libx265": ["hevc"], "libvpx-vp9": ["vp9"], "libsvtav1": ["av1"]}.get(chosen, [])),
        )


def test_depths_find_an_encoder_that_takes_them(tmp_path):
    film = read_film(make_film(tmp_path / "a.mkv", pts=range(2)))
    chosen = {
        (bits, suffix): encoding_for(replace(film, format=f"yuv420p{bits}le"), tmp_path / f"b{suffix}").encoder
        for bits, suffix in [(10, ".mp4"), (10, ".webm"), (12, ".mp4"), (12, ".ts"), (12, ".mkv"), (16, ".mkv")]
    }
    assert chosen == {
        (10, ".mp4"): "libx264",
        (10, ".webm"): "libsvtav1",
        (12, ".mp4"): "libx265",
        (12, ".ts"): "libx265",
        (12, ".mkv"): "libx265",
        (16, ".mkv"): "ffv1",
    }
    with pytest.raises(InputError, match="no encoder"):
        encoding_for(replace(film, format="yuv420p16le"), tmp_path / "b.mov")


def test_odd_sides_take_a_format_that_has_them(tmp_path):
    film = replace(read_film(make_film(tmp_path / "a.mkv", pts=range(2))), width=65)
    assert encoding_for(film, tmp_path / "b.mp4").format == "yuv444p"
    assert encoding_for(film, tmp_path / "b.webm").format == "yuv420p"
    assert encoding_for(replace(film, codec="mpeg4"), tmp_path / "b.mp4") == Encoding(
        "mpeg4", "yuv420p", {"qmin": "3", "qmax": "3"}
    )


@pytest.mark.parametrize("rate", [0.5, 15.37, 23.976, 29.97, 59.94, 1000, 12800])
def test_every_rate_finds_an_encoder(tmp_path, rate):
    film = read_film(make_film(tmp_path / "a.mkv", pts=range(2)))
    for codec in ("h264", "mpeg4", "mpeg2video"):
        changed = replace(film, codec=codec, rate=Fraction(rate).limit_denominator(1001))
        encoding = encoding_for(changed, tmp_path / "b.mkv")
        assert encoding.encoder == {"h264": "libx264"}.get(codec, codec)


def test_broken_segments_are_said(tmp_path):
    path = tmp_path / "0.npz"
    Segment(*(np.zeros(0, np.int64) for _ in range(5))).save(path)
    assert [len(part) for part in Segment.load_times(path)] == [0, 0]
    path.write_bytes(path.read_bytes()[:100])
    for load in (Segment.load, Segment.load_times):
        with pytest.raises(InputError, match=r"0\.npz cannot be read"):
            load(path)


def test_subsampling_is_read_from_the_name():
    names = {"yuv420p": (2, 2), "yuv422p10le": (2, 1), "yuv444p": (1, 1), "yuv440p": (1, 2), "yuv411p": (4, 1)}
    assert {name: subsampling_of(name) for name in names} == names
    assert set(CONTAINERS.values()) and all(codecs_of(container) for container in ("mp4", "webm"))
