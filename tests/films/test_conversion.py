"""Films from file to file: what stays, and what an interruption leaves."""

import json
import os
import socket
import weakref
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("av", reason="PyAV is not installed: pip install -r requirements-video.txt")
pytest.importorskip("cv2", reason="OpenCV is not installed: pip install -r requirements-video.txt")
import av
from skimage import data

from benchmarks.clips import pan_and_zoom, write_clip
from tests.made import write_model
from tfcolor.color.decoding_options import Decoding
from tfcolor.colorizer import Colorizer
from tfcolor.films import conversion, reading
from tfcolor.films.conversion import convert
from tfcolor.films.hints import NO_HINTS, FilmHints
from tfcolor.films.options import FilmOptions
from tfcolor.films.reading import read_film
from tfcolor.films.seeing import BATCH
from tfcolor.films.steady import CHUNK, LOOK_AHEAD
from tfcolor.utils.errors import InputError

OPTIONS = FilmOptions(Decoding(0.38))


@pytest.fixture(scope="module", name="colorizer")
def _colorizer(tmp_path_factory):
    return Colorizer.load(write_model(tmp_path_factory.mktemp("model") / "m"), "float32")


@pytest.fixture(scope="module", name="clip")
def _clip(tmp_path_factory):
    """Forty frames that pan over a photograph."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    write_clip(path, (frame for frame, _ in pan_and_zoom(data.coffee(), (48, 64), 40)))
    return path


@pytest.fixture(autouse=True)
def short_segments(monkeypatch):
    monkeypatch.setattr(conversion, "SEGMENT", 16)


def planes(path: Path) -> list[np.ndarray]:
    """All planes of all frames, as stored."""
    with av.open(str(path)) as container:
        return [frame.to_ndarray() for frame in container.decode(video=0)]


def test_luma_stays_and_colours_come(colorizer, clip, tmp_path):
    count, encoding, notes = convert(
        colorizer, read_film(clip), tmp_path / "a.mp4", FilmOptions(Decoding(), lossless=True)
    )
    assert (count, str(encoding), notes) == (40, "H.264, lossless", [])
    for before, after in zip(planes(clip), planes(tmp_path / "a.mp4"), strict=True):
        np.testing.assert_array_equal(after[:48], before[:48])
        assert np.ptp(after[48:].astype(int)) > 10
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"], "nothing is left beside it"


def test_colours_of_a_rotated_film_are_those_of_the_upright_one(colorizer, tmp_path):
    """The network sees frames as players show them; chroma is turned back."""
    upright = [frame for frame, _ in pan_and_zoom(data.coffee(), (64, 48), 6)]
    write_clip(tmp_path / "upright.mp4", iter(upright), lossless=True)
    stored = [np.ascontiguousarray(np.rot90(frame, -1)) for frame in upright]
    write_clip(tmp_path / "rotated.mp4", iter(stored), lossless=True, rotation=90)
    film = read_film(tmp_path / "rotated.mp4")
    assert film.rotation == 90 and film.upright == (64, 48)
    found = {}
    for name in ("upright", "rotated"):
        convert(
            colorizer,
            read_film(tmp_path / f"{name}.mp4"),
            tmp_path / f"{name}.mkv",
            FilmOptions(Decoding(), lossless=True),
        )
        with av.open(str(tmp_path / f"{name}.mkv")) as container:
            found[name] = [frame.to_ndarray(format="yuv444p") for frame in container.decode(video=0)]
    for upright, rotated in zip(found["upright"], found["rotated"], strict=True):
        turned = np.rot90(rotated, axes=(1, 2))[1:].astype(int)
        # Samples of chroma lie at even columns, and at the middle of two rows, which differs by the turn.
        assert np.abs(turned - upright[1:]).mean() < 1.5 < np.ptp(upright[1:].astype(int))


@pytest.mark.parametrize("suffix", [".mkv", ".webm", ".mov", ".ts", ".avi"])
def test_every_run_gives_the_same_bytes(colorizer, clip, tmp_path, suffix):
    for name in ("a", "b"):
        convert(colorizer, read_film(clip), tmp_path / f"{name}{suffix}", OPTIONS)
    assert (tmp_path / f"a{suffix}").read_bytes() == (tmp_path / f"b{suffix}").read_bytes()


def test_few_frames_are_in_memory_whatever_the_length(colorizer, tmp_path, monkeypatch):
    """Those that wait to be mixed, one batch, and what the threads have ahead."""
    write_clip(tmp_path / "long.mp4", (frame for frame, _ in pan_and_zoom(data.coffee(), (48, 64), 240)))
    film, kept, alive = read_film(tmp_path / "long.mp4"), [], []

    def frames(*arguments):
        for frame in reading.frames(*arguments):
            kept.append(weakref.ref(frame.luma))
            yield frame

    monkeypatch.setattr(conversion, "frames", frames)
    count = lambda done: alive.append(sum(luma() is not None for luma in kept))  # noqa: E731
    convert(colorizer, film, tmp_path / "a.mp4", OPTIONS, on_frame=count)
    assert len(kept) == 240 and max(alive) < CHUNK + LOOK_AHEAD + 3 * 8 + 3 * BATCH


class Stop(Exception):
    """Stands for anything that ends a run."""


@pytest.mark.parametrize("frame", [3, 16, 17, 39])
def test_an_interrupted_run_goes_on_to_the_same_bytes(colorizer, clip, tmp_path, frame):
    film = read_film(clip)
    convert(colorizer, film, tmp_path / "whole.mp4", OPTIONS)

    def stop(done):
        if done == frame:
            raise Stop

    with pytest.raises(Stop):
        convert(colorizer, film, tmp_path / "b.mp4", OPTIONS, on_frame=stop)
    assert not (tmp_path / "b.mp4").exists()
    seen = []
    convert(colorizer, film, tmp_path / "b.mp4", OPTIONS, on_frame=seen.append)
    assert (tmp_path / "b.mp4").read_bytes() == (tmp_path / "whole.mp4").read_bytes()
    assert seen[0] == frame // 16 * 16 + 1 and seen[-1] == 40
    assert {path.name for path in tmp_path.iterdir()} == {"whole.mp4", "b.mp4"}


def interrupted(colorizer, film, target, options=OPTIONS):
    """Stop in the second segment."""

    def stop(done):
        if done == 20:
            raise Stop

    with pytest.raises(Stop):
        convert(colorizer, film, target, options, on_frame=stop)
    (parts,) = target.parent.glob(".*.parts")
    assert (parts / "0.npz").exists()
    return parts


@pytest.mark.parametrize("change", ["options", "film", "model", "precision", "segment is missing", "state is broken"])
def test_parts_that_do_not_fit_are_not_used(colorizer, clip, tmp_path, change):
    film, options, seen = read_film(clip), OPTIONS, []
    parts = interrupted(colorizer, film, tmp_path / "b.mp4")
    if change == "options":
        options = FilmOptions(Decoding(0.9))
    elif change == "film":
        other = tmp_path / "other.mp4"
        other.write_bytes(clip.read_bytes())
        film = read_film(other)
    elif change == "model":
        colorizer = Colorizer.load(write_model(tmp_path / "m", seed=2), "float32")
    elif change == "precision":
        colorizer = Colorizer.load(write_model(tmp_path / "m"), "bfloat16")
    elif change == "segment is missing":
        (parts / "0.npz").unlink()
    else:
        (parts / "state.npz").write_bytes(b"broken")
    convert(colorizer, film, tmp_path / "b.mp4", options, on_frame=seen.append)
    assert seen[0] == 1 and not parts.exists()


def test_only_one_process_works_on_a_film(colorizer, clip, tmp_path):
    parts = interrupted(colorizer, read_film(clip), tmp_path / "b.mp4")
    owner = {"host": socket.gethostname(), "process": os.getppid()}
    (parts / "process.json").write_text(json.dumps(owner))
    with pytest.raises(InputError, match=f"process {os.getppid()} is already colouring it"):
        convert(colorizer, read_film(clip), tmp_path / "b.mp4", OPTIONS)
    assert (parts / "0.npz").exists()
    (parts / "process.json").write_text(json.dumps(owner | {"process": 2**22 + 1}))  # it was killed
    convert(colorizer, read_film(clip), tmp_path / "b.mp4", OPTIONS)


def test_mistakes_leave_no_parts(colorizer, clip, tmp_path):
    outside = FilmHints(np.zeros(1), np.array([[100.5, 3.5]]), np.zeros([1, 2], np.float32))
    with pytest.raises(InputError, match="no place for a hint"):
        convert(colorizer, read_film(clip), tmp_path / "a.mp4", OPTIONS, outside)

    def stop(done):
        raise Stop

    with pytest.raises(Stop):
        convert(colorizer, read_film(clip), tmp_path / "a.mp4", OPTIONS, on_frame=stop)
    (tmp_path / "folder.mp4").mkdir()
    for name, error in (("folder.mp4", IsADirectoryError), ("x" * 252 + ".mp4", OSError)):
        with pytest.raises(error):
            convert(colorizer, read_film(clip), tmp_path / name, OPTIONS)
    assert [path.name for path in tmp_path.iterdir()] == ["folder.mp4"]


def test_hints_count_time_from_the_first_frame(colorizer, clip, tmp_path):
    """A film whose time stamps begin at five seconds."""
    late = tmp_path / "late.mkv"
    with av.open(str(clip)) as source, av.open(str(late), "w") as result:
        stream = result.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                offset = round(5 / packet.time_base)
                packet.pts, packet.dts, packet.stream = packet.pts + offset, packet.dts + offset, stream
                result.mux(packet)
    assert read_film(late).start > 0
    hints = FilmHints(np.array([0.2]), np.array([[10.5, 10.5]]), np.float32([[60, 40]]))
    found = {}
    for given in (hints, NO_HINTS):
        convert(colorizer, read_film(late), tmp_path / "a.mkv", FilmOptions(Decoding(), lossless=True), given)
        found[given is hints] = planes(tmp_path / "a.mkv")
    changes = [np.abs(a.astype(int) - b).max() for a, b in zip(found[True], found[False], strict=True)]
    assert max(changes[:5]) == 0 < changes[5]


def test_a_truncated_film_is_coloured_as_far_as_it_can_be_read(colorizer, clip, tmp_path):
    whole = tmp_path / "whole.mkv"
    write_clip(whole, (frame for frame, _ in pan_and_zoom(data.coffee(), (48, 64), 40)))
    broken = tmp_path / "broken.mkv"
    broken.write_bytes(whole.read_bytes()[: whole.stat().st_size * 2 // 3])
    count, _, _ = convert(colorizer, read_film(broken), tmp_path / "b.mkv", OPTIONS)
    assert 5 < count < 40
    assert len(planes(tmp_path / "b.mkv")) == count


def test_hints_after_the_end_are_said(colorizer, clip, tmp_path):
    hints = FilmHints(np.array([0.0, 7.5]), np.array([[10.5, 10.5], [20.5, 20.5]]), np.zeros([2, 2], np.float32))
    _, _, notes = convert(colorizer, read_film(clip), tmp_path / "a.mp4", OPTIONS, hints)
    assert notes == ["hints at 7.5 s come after its end"]


def test_containers_that_cannot_hold_it_are_refused(colorizer, clip, tmp_path, monkeypatch):
    monkeypatch.setattr(conversion, "_codecs_of", lambda container: set())
    with pytest.raises(InputError, match="no encoder"):
        convert(colorizer, read_film(clip), tmp_path / "a.mp4", OPTIONS)
    assert not list(tmp_path.iterdir())
