"""Films as read, against PyAV's own decoding: every frame once, from any place on, and as far as a file goes."""

import contextlib

import numpy as np
import pytest

av = pytest.importorskip("av", reason="PyAV is not installed: pip install -r requirements-video.txt")

from tests.films.made import decoded, luma_of, make_film, sound  # noqa: E402
from tfcolor.films.coding import Coding  # noqa: E402
from tfcolor.films.formats import layout_of  # noqa: E402
from tfcolor.films.reading import Damaged, frames, read_film  # noqa: E402
from tfcolor.photographs.pixels import UnreadableImage  # noqa: E402

LONG = {"preset": "veryfast", "bf": "3", "qp": "18"}


@pytest.mark.parametrize(
    ("suffix", "encoder"),
    [
        *((suffix, "libx264") for suffix in (".mp4", ".mov", ".mkv", ".avi", ".ts")),
        *((suffix, "libx265") for suffix in (".mp4", ".mkv")),
        *((".webm", encoder) for encoder in ("libvpx-vp9", "libsvtav1")),
        *((suffix, "mpeg4") for suffix in (".avi", ".mp4")),
        *((suffix, "mpeg2video") for suffix in (".ts", ".mpg")),
    ],
)
def test_reading_goes_on_after_any_frame(tmp_path, suffix, encoder):
    options = LONG if encoder == "libx264" and suffix != ".avi" else {}
    pts = [number + (number > 9) * 3 for number in range(24)] if suffix not in (".avi", ".mpg") else range(24)
    values = {"gop_size": 8, **({"max_b_frames": 2} if encoder == "mpeg2video" else {})}
    source = make_film(tmp_path / f"a{suffix}", encoder, pts=pts, context_values=values, options=options)
    film = read_film(source)
    whole, direct = list(frames(film)), decoded(source)
    assert len(whole) == 24 and np.all(np.diff([frame.pts for frame in whole]) > 0)
    assert all((frame.luma == luma_of(other)).all() for frame, other in zip(whole, direct, strict=True))
    if suffix not in (".avi", ".mpg"):
        assert [frame.pts for frame in whole] == [frame.pts for frame in direct]
    for number, frame in enumerate(whole):
        rest = list(frames(film, after=frame.pts))
        assert [each.pts for each in rest] == [each.pts for each in whole[number + 1 :]]
        assert all((a.luma == b.luma).all() for a, b in zip(rest, whole[number + 1 :], strict=True))


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".avi", ".ts", ".webm"])
def test_a_cut_film_gives_what_is_left(tmp_path, suffix, share):
    encoder = "libvpx-vp9" if suffix == ".webm" else "libx264"
    options = {"movflags": "faststart"} if suffix == ".mp4" else {}
    source = make_film(tmp_path / f"a{suffix}", encoder, pts=range(40), container_options=options)
    data, whole = source.read_bytes(), [frame.luma for frame in frames(read_film(source))]
    cut = tmp_path / f"b{suffix}"
    cut.write_bytes(data[: int(len(data) * share)])
    film, found = read_film(cut), []
    if suffix == ".ts":  # which does not say how long it is
        found = list(frames(film))
    else:
        with pytest.raises(Damaged, match=r"^it (ends after|can be read only up to) \d+\.\d\d"):
            found.extend(frame for frame in frames(film))
    count = len(found)
    assert 0.25 * share * 40 < count < 40
    assert all((a.luma == b).all() for a, b in zip(found[:-1], whole, strict=False))
    with pytest.raises(Damaged) if suffix != ".ts" else contextlib.nullcontext():
        list(frames(film, after=found[count // 2].pts))


def test_a_whole_film_is_not_called_damaged(tmp_path):
    """Neither with a long last frame, nor with gaps, nor with more sound than pictures."""
    for suffix in (".mp4", ".mkv", ".avi", ".ts"):
        pts = [0, 1, 2, 30, 31, 60] if suffix != ".avi" else range(6)
        add = lambda container, video: sound(container, 0, 5, "mp2")  # noqa: E731
        source = make_film(tmp_path / f"a{suffix}", pts=pts, last_duration=None if suffix == ".avi" else 20, finish=add)
        assert len(list(frames(read_film(source)))) == 6


def test_a_break_inside_ends_the_film_there(tmp_path):
    source = make_film(tmp_path / "a.mkv", "ffv1", pts=range(20))
    data = bytearray(source.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 3000] = bytes(3000)
    (tmp_path / "b.mkv").write_bytes(data)
    found = []
    try:
        for frame in frames(read_film(tmp_path / "b.mkv")):
            found.append(frame)
    except Damaged as error:
        assert "\n" not in str(error)
    assert len(found) >= 8 and np.all(np.diff([frame.pts for frame in found]) > 0)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("garbage.mp4", bytes(range(256)) * 40),
        ("garbage.avi", b"RIFF" + bytes(range(256)) * 10),
        ("garbage.ts", (b"\x47" + bytes(187)) * 50),
        ("empty.mp4", b""),
        ("empty.mkv", b""),
        ("text.mp4", b"Not a film at all.\n" * 30),
        ("text.ts", b"Not a film at all.\n" * 300),
    ],
)
def test_no_films_are_refused_in_one_line(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UnreadableImage) as caught:
        read_film(tmp_path / name)
    assert str(caught.value) and "\n" not in str(caught.value) and "Errno" not in str(caught.value)


def test_folders_and_sound_alone_are_refused(tmp_path):
    (tmp_path / "folder.mp4").mkdir()
    with pytest.raises(UnreadableImage, match="a folder, not a film"):
        read_film(tmp_path / "folder.mp4")
    with pytest.raises(UnreadableImage, match="no such file"):
        read_film(tmp_path / "missing.mp4")
    with av.open(str(tmp_path / "sound.mp4"), "w") as container:
        for packet in sound(container):
            container.mux(packet)
    with pytest.raises(UnreadableImage, match="no moving pictures"):
        read_film(tmp_path / "sound.mp4")


@pytest.mark.parametrize(
    ("name", "format", "converts", "bits"),
    [
        ("yuv420p", "yuv420p", "", 8),
        ("yuvj422p", "yuv422p", "", 8),
        ("yuva444p10le", "yuv444p10le", "", 10),
        ("gray", "yuv420p", "", 8),
        ("gray12le", "yuv420p12le", "", 12),
        ("gray16be", "yuv420p16le", "gray16le", 16),
        ("ya8", "yuv420p", "gray", 8),
        ("monow", "yuv420p", "gray", 8),
        ("nv12", "yuv420p", "yuv420p", 8),
        ("nv24", "yuv444p", "yuv444p", 8),
        ("p010le", "yuv420p10le", "yuv420p10le", 10),
        ("y210le", "yuv422p10le", "yuv422p10le", 10),
        ("uyyvyy411", "yuv411p", "yuv411p", 8),
        ("yuv422p10be", "yuv422p10le", "yuv422p10le", 10),
        ("rgb24", "yuv444p", "yuv444p", 8),
        ("pal8", "yuv444p", "yuv444p", 8),
        ("gbrp10le", "yuv444p10le", "yuv444p10le", 10),
        ("rgb48le", "yuv444p12le", "yuv444p12le", 12),
    ],
)
def test_pixel_formats_keep_their_luma(name, format, converts, bits):
    layout = layout_of(av, name)
    assert (layout.format, layout.converts, layout.bits) == (format, converts, bits)


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize(("name", "step"), [("nv12", 1), ("yuyv422", 2), ("uyvy422", 2), ("nv21", 1)])
def test_interleaved_luma_is_only_moved(tmp_path, name, step, full):
    source = make_film(tmp_path / "a.mkv", "rawvideo", name, pts=range(2), full=full)
    film = read_film(source)
    for frame, direct in zip(frames(film), decoded(source), strict=True):
        plane = direct.planes[0]
        rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
        assert (frame.luma == rows[:48, (name == "uyvy422") : 64 * step : step]).all()


@pytest.mark.parametrize(("size", "weights"), [((64, 48), (0.299, 0.114)), ((1280, 16), (0.2126, 0.0722))])
def test_luma_of_rgb_is_by_the_matrix_that_is_said(tmp_path, size, weights):
    """H.273, eq. 1 and the matrix by size; the result says which."""
    rgb = np.random.default_rng(0).integers(0, 256, [3, 1, 1, 3], np.uint8).repeat(size[1], 1).repeat(size[0], 2)
    with av.open(str(tmp_path / "a.mkv"), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = *size, "bgr0"
        for picture in rgb:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="bgr0")))
        container.mux(stream.encode(None))
    film = read_film(tmp_path / "a.mkv")
    red, blue = weights
    assert film.tags[0] == (1 if red == 0.2126 else 6)
    assert film.coding == Coding(8, False, red, blue)
    for frame, picture in zip(frames(film), rgb, strict=True):
        wanted = 16 + 219 / 255 * (picture[0, 0] @ [red, 1 - red - blue, blue])
        assert np.abs(frame.luma - wanted).max() <= 1


def test_transparency_is_said(tmp_path):
    assert read_film(make_film(tmp_path / "a.mkv", "ffv1", "yuva420p")).notes == ("its transparency is not kept",)
    assert read_film(make_film(tmp_path / "b.mkv", "ffv1", "yuv420p")).notes == ()


def test_gray_takes_all_levels_unless_it_says_otherwise(tmp_path):
    for full in (False, True):
        film = read_film(make_film(tmp_path / "a.mkv", "ffv1", "gray", full=full))
        assert film.coding.full_range == full and film.format == "yuv420p"
