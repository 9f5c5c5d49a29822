"""Results as PyAV itself reads them: times, sound, subtitles, tags, and errors while writing."""

import errno
import io
import subprocess
import sys
from fractions import Fraction

import numpy as np
import pytest

av = pytest.importorskip("av", reason="PyAV is not installed: pip install -r requirements-video.txt")

from tests.films.made import convert, decoded, encoding_for, luma_of, make_film, sound  # noqa: E402
from tfcolor.films.encoding import Segment  # noqa: E402
from tfcolor.films.reading import frames, read_film  # noqa: E402
from tfcolor.films.writing import write_film  # noqa: E402

IRREGULAR = [0, 1, 3, 4, 10, 11, 12, 20, 21, 30, 31, 45]


def times_of(path):
    """Times and durations of all frames in seconds, as PyAV decodes them."""
    found = decoded(path)
    return [(frame.pts * frame.time_base, (frame.duration or 0) * frame.time_base) for frame in found]


def length_of(path):
    """Length of a film as its file says, in microseconds."""
    with av.open(str(path)) as container:
        return container.duration


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".ts", ".webm"])
@pytest.mark.parametrize("start", [0, 200])
def test_times_stay_frame_by_frame(tmp_path, suffix, start):
    encoder = "libvpx-vp9" if suffix == ".webm" else "libx264"
    start += 100 * (suffix == ".ts")  # they never begin at 0: decoding comes first
    pts = [start + time for time in IRREGULAR]
    source = make_film(tmp_path / f"a{suffix}", encoder, pts=pts, time_base=Fraction(1, 25), last_duration=7)
    convert(source, tmp_path / f"b{suffix}")
    wanted, found = times_of(source), times_of(tmp_path / f"b{suffix}")
    assert [time for time, _ in found] == [time for time, _ in wanted]
    if suffix in (".mp4", ".mov"):
        assert length_of(tmp_path / f"b{suffix}") == length_of(source)
        convert(source, tmp_path / f"b{suffix}", lossless=True)  # in the order of showing, so that durations are seen
        found = times_of(tmp_path / f"b{suffix}")
        assert found == wanted and found[-1][1] == Fraction(7, 25)


def test_fine_time_bases_stay_exact(tmp_path):
    pts = [90000 + n for n in (0, 3003, 6007, 9001, 12345, 15000, 18001, 30000, 30001, 30002, 45000, 90001)]
    for suffix in (".mp4", ".ts"):
        source = make_film(tmp_path / f"a{suffix}", pts=pts, time_base=Fraction(1, 90000), rate=30)
        convert(source, tmp_path / f"b{suffix}")
        assert [time for time, _ in times_of(tmp_path / f"b{suffix}")] == [time for time, _ in times_of(source)]


@pytest.mark.parametrize("encoder", ["mpeg4", "mpeg2video"])
def test_old_codecs_keep_times_that_they_cannot_count(tmp_path, encoder):
    source = make_film(tmp_path / "a.mp4", encoder, pts=range(0, 30, 2), time_base=Fraction(1, 25))
    finer = make_film(tmp_path / "fine.mp4", pts=[0, 3600, 7201, 10800], time_base=Fraction(1, 90000))
    convert(source, tmp_path / "b.mp4")
    assert times_of(tmp_path / "b.mp4") == times_of(source)
    film = read_film(finer)
    assert film.time_base == Fraction(1, 90000)
    object.__setattr__(film, "codec", encoder)
    encoding = encoding_for(film, tmp_path / "c.mp4")
    assert encoding.encoder == encoder


def test_avi_keeps_places_and_says_when_it_cannot(tmp_path):
    source = make_film(tmp_path / "a.avi", pts=[0, 1, 2, 4, 5, 8])
    assert [frame.pts for frame in frames(read_film(source))] == [0, 1, 2, 4, 5, 8]
    assert convert(source, tmp_path / "b.avi") == []
    assert times_of(tmp_path / "b.avi") == times_of(source)
    assert [frame.pts for frame in frames(read_film(tmp_path / "b.avi"))] == [0, 1, 2, 4, 5, 8]
    uneven = make_film(tmp_path / "a.mkv", pts=[0, 1, 2, 50, 51, 52], time_base=Fraction(1, 1000), rate=25)
    assert any("even rate" in note for note in convert(uneven, tmp_path / "c.avi"))
    assert len(decoded(tmp_path / "c.avi")) == 6


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts"])
def test_segments_join_with_frames_that_refer_to_later_ones(tmp_path, suffix):
    source = make_film(tmp_path / f"a{suffix}", pts=list(range(1000, 1037)))
    convert(source, tmp_path / f"b{suffix}", segment=13)
    with av.open(str(tmp_path / f"b{suffix}")) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
    assert any(packet.pts != packet.dts for packet in packets), "there are no frames that refer to later ones"
    assert [n for n, packet in enumerate(packets) if packet.is_keyframe] == [0, 13, 26]
    if suffix != ".mkv":  # which has no times of decoding
        assert all(packet.pts >= packet.dts for packet in packets)
        assert np.all(np.diff([packet.dts for packet in packets]) > 0)
    wanted, found = decoded(source), decoded(tmp_path / f"b{suffix}")
    assert [frame.pts * frame.time_base for frame in found] == [frame.pts * frame.time_base for frame in wanted]
    errors = [np.abs(luma_of(a).astype(float) - luma_of(b)).mean() for a, b in zip(wanted, found, strict=True)]
    assert max(errors) < 3  # neighbours differ by more
    assert np.abs(luma_of(wanted[0]).astype(float) - luma_of(wanted[1])).mean() > 4


def words(container):
    """Add subtitles; returns their packets."""
    text = "1\n00:00:00,100 --> 00:00:00,250\nGood morning.\n\n2\n00:00:00,300 --> 00:00:00,450\nAnd good night.\n"
    with av.open(io.BytesIO(text.encode()), format="srt") as source:
        stream = container.add_stream_from_template(source.streams[0])
        packets = [packet for packet in source.demux() if packet.size]
    for packet in packets:
        packet.stream = stream
    return packets


def packets_of(path, kind):
    """Bytes and times in seconds of the packets of all streams of a kind."""
    with av.open(str(path)) as container:
        found = {stream.index: [] for stream in container.streams if stream.type == kind}
        for packet in container.demux():
            if packet.size and packet.stream_index in found:
                found[packet.stream_index].append((bytes(packet), packet.pts * packet.time_base))
    return list(found.values())


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".ts", ".avi"])
@pytest.mark.parametrize("start", [0, 0.3])
def test_sound_is_copied_byte_for_byte(tmp_path, suffix, start):
    if suffix == ".avi":
        add = lambda container, video: sound(container, 0, 1.2, "pcm_s16le")  # noqa: E731
    else:
        add = lambda container, video: [*sound(container, start, 1.2), *sound(container, 0, 0.2, language="fra")]  # noqa: E731
    source = make_film(tmp_path / f"a{suffix}", finish=add)
    notes = convert(source, tmp_path / f"b{suffix}")
    wanted, found = packets_of(source, "audio"), packets_of(tmp_path / f"b{suffix}", "audio")
    assert notes == [] and len(found) == len(wanted) == (1 if suffix == ".avi" else 2)
    if suffix == ".ts":  # begins with decoding: sound and pictures move together
        shift = times_of(tmp_path / "b.ts")[0][0] - times_of(source)[0][0]
        found = [[(data, time - shift) for data, time in stream] for stream in found]
    assert found == wanted
    if suffix != ".avi":
        with av.open(str(tmp_path / f"b{suffix}")) as container:
            assert container.streams.audio[1].metadata["language"] == "fra"


def test_subtitles_are_copied(tmp_path):
    source = make_film(tmp_path / "a.mkv", finish=lambda container, video: words(container))
    assert convert(source, tmp_path / "b.mkv") == []
    found = packets_of(tmp_path / "b.mkv", "subtitle")
    assert found == packets_of(source, "subtitle")
    assert found[0] == [(b"Good morning.", Fraction(1, 10)), (b"And good night.", Fraction(3, 10))]


def test_what_a_container_cannot_hold_is_said(tmp_path):
    add = lambda container, video: [*words(container), *sound(container)]  # noqa: E731
    source = make_film(tmp_path / "a.mkv", finish=add)
    (note,) = convert(source, tmp_path / "b.mp4")
    assert "subtitle" in note
    assert packets_of(tmp_path / "b.mp4", "audio") == packets_of(source, "audio")
    notes = convert(source, tmp_path / "b.webm")
    assert len(notes) == 2 and len(decoded(tmp_path / "b.webm")) == 12


@pytest.mark.parametrize("codec", ["flac", "pcm_s16le", "ac3", "libmp3lame", "libopus"])
def test_sound_is_kept_or_said_in_every_container(tmp_path, codec):
    source = make_film(tmp_path / "a.mkv", finish=lambda container, video: sound(container, 0, 0.5, codec))
    wanted = b"".join(data for data, _ in packets_of(source, "audio")[0])  # PCM is cut into other packets
    for suffix in (".mp4", ".mov", ".mkv", ".avi", ".ts", ".webm"):
        notes, found = convert(source, tmp_path / f"b{suffix}"), packets_of(tmp_path / f"b{suffix}", "audio")
        assert len(notes) + len(found) == 1, (suffix, notes)
        if found and (codec, suffix) != ("libopus", ".ts"):  # whose packets have a head there
            assert b"".join(data for data, _ in found[0]) == wanted, suffix


def test_fonts_stay_in_matroska(tmp_path):
    add = lambda container, video: container.add_attachment("a.ttf", "font/ttf", b"letters") and None  # noqa: E731
    source = make_film(tmp_path / "a.mkv", finish=add)
    assert convert(source, tmp_path / "b.mkv") == []
    with av.open(str(tmp_path / "b.mkv")) as container:
        assert container.streams[1].metadata["filename"] == "a.ttf"
    assert len(convert(source, tmp_path / "b.mp4")) == 1


def test_pictures_and_sound_alternate(tmp_path):
    source = make_film(tmp_path / "a.mp4", pts=range(50), finish=lambda container, video: sound(container, 0, 2.0))
    convert(source, tmp_path / "b.mp4")
    with av.open(str(tmp_path / "b.mp4")) as container:
        order = sorted((packet.pos, packet.dts * packet.time_base) for packet in container.demux() if packet.size)
    times = [time for _, time in order]
    assert max(max(times[: n + 1]) - time for n, time in enumerate(times)) < 0.5


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_tags_rotation_aspect_metadata_and_chapters_stay(tmp_path, suffix):
    def describe(container, video):
        container.metadata["title"] = "A street"
        video.metadata["language"] = "deu"
        container.set_chapters(
            [{"id": 1, "start": 0, "end": 200, "time_base": Fraction(1, 1000), "metadata": {"title": "First"}}]
        )

    for rotation in (0, 90, 180, 270):
        source = make_film(
            tmp_path / f"a{rotation}{suffix}",
            context_values={"sample_aspect_ratio": Fraction(4, 3)},
            rotation=rotation,
            tags=(1, 1, 1),
            finish=describe,
        )
        target = tmp_path / f"b{rotation}{suffix}"
        assert convert(source, target) == []
        before, after = read_film(source), read_film(target)
        assert after.rotation % 360 == before.rotation % 360 == rotation
        assert (after.tags, after.aspect, after.coding) == (before.tags, Fraction(4, 3), before.coding)
        assert after.tags == (1, 1, 1)
        with av.open(str(target)) as container:
            assert container.metadata["title"] == "A street"
            assert suffix == ".mov" or container.streams.video[0].metadata["language"] == "deu"
            (chapter,) = container.chapters()
            assert chapter["metadata"] == {"title": "First"}
            assert chapter["end"] * chapter["time_base"] == Fraction(1, 5)


@pytest.mark.parametrize("tags", [(9, 16, 9), (9, 18, 9), (5, 6, 5), (1, 13, 1)])
@pytest.mark.parametrize("full", [False, True])
def test_colour_tags_stay(tmp_path, tags, full):
    for suffix in (".mp4", ".mkv", ".ts"):
        source = make_film(tmp_path / f"a{suffix}", tags=tags, full=full)
        convert(source, tmp_path / f"b{suffix}")
        before, after = read_film(source), read_film(tmp_path / f"b{suffix}")
        assert before.tags == after.tags == tags
        assert before.coding == after.coding and after.coding.full_range == full


def test_a_turned_film_in_avi_is_said(tmp_path):
    source = make_film(tmp_path / "a.mp4", rotation=90)
    assert any("turn" in note for note in convert(source, tmp_path / "b.avi"))


HDR = "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50)"


def test_hdr_displays_are_kept_or_said(tmp_path):
    options = {"x265-params": f"log-level=none:hdr10=1:master-display={HDR}:max-cll=1000,400"}
    source = make_film(tmp_path / "a.mp4", "libx265", "yuv420p10le", tags=(9, 16, 9), options=options, pts=[0, 1, 2])
    film = read_film(source)
    assert film.display.luminance == (Fraction(5, 1000), 1000) and film.display.light == (1000, 400)
    assert film.display.points[:2] == (Fraction(68, 100), Fraction(32, 100))
    assert convert(source, tmp_path / "b.mp4") == []
    assert read_film(tmp_path / "b.mp4").display == film.display
    assert any("HDR" in note for note in convert(source, tmp_path / "b.avi"))
    assert convert(source, tmp_path / "b.webm") == []  # AV1
    found = read_film(tmp_path / "b.webm").display
    assert found.light == (1000, 400) and np.allclose(
        np.float64(found.points), np.float64(film.display.points), atol=1e-4
    )


LIMITED = """
import resource, signal, sys
from pathlib import Path
from tests.films.made import encoding_for
from tfcolor.films.names import CONTAINERS
from tfcolor.films.reading import read_film
from tfcolor.films.writing import write_film
source, target, *segments = map(Path, sys.argv[2:])
film = read_film(source)
encoding = encoding_for(film, target, lossless=True)
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), -1))
try:
    write_film(film, target, CONTAINERS[target.suffix], encoding, segments)
except OSError as error:
    print(type(error).__name__, error.errno)
"""


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".avi", ".ts"])
def test_a_full_disk_leaves_nothing(tmp_path, suffix):
    source = make_film(tmp_path / f"a{suffix}", pts=range(30))
    convert(source, tmp_path / f"b{suffix}", lossless=True, segment=10)
    segments = sorted(tmp_path.glob("*.npz"))
    size = (tmp_path / f"b{suffix}").stat().st_size
    before = set(tmp_path.iterdir())
    for limit in (1, size // 2, size - 10):
        run = [sys.executable, "-c", LIMITED, str(limit), source, tmp_path / f"c{suffix}", *segments]
        done = subprocess.run(run, capture_output=True, text=True, timeout=60)
        assert (done.stdout.split(), done.stderr) == (["OSError", str(errno.EFBIG)], ""), limit
    assert set(tmp_path.iterdir()) == before


def test_segments_are_loaded_one_at_a_time(tmp_path, monkeypatch):
    source = make_film(tmp_path / "a.mp4")
    convert(source, tmp_path / "b.mp4", segment=3)
    loaded, load = [], Segment.load
    monkeypatch.setattr(Segment, "load", lambda path: loaded.append(path) or load(path))
    film, paths = read_film(source), sorted(tmp_path.glob("*.npz"))
    write_film(film, tmp_path / "c.mp4", "mp4", encoding_for(film, tmp_path / "c.mp4"), paths)
    assert loaded == paths and len(paths) == 4
    assert len(list(frames(read_film(tmp_path / "c.mp4")))) == 12
