"""Films and animations on the command line: names, options, failures, and what a killed or full disk leaves."""

import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageSequence
from skimage import data

pytest.importorskip("av", reason="PyAV is not installed: pip install -r requirements-video.txt")
pytest.importorskip("cv2", reason="OpenCV is not installed: pip install -r requirements-video.txt")
import av

from benchmarks.clips import pan_and_zoom, write_clip
from tfcolor.films import reading
from tfcolor.utils.errors import InputError
from tfcolor.utils.files import temporary_prefix

REPOSITORY = Path(__file__).parents[2]


def clip(path: Path, count: int = 6) -> Path:
    path.parent.mkdir(exist_ok=True)
    write_clip(path, (frame for frame, _ in pan_and_zoom(data.coffee(), (48, 64), count)))
    return path


def gif(path: Path, durations=(100, 250, 40)) -> Path:
    first, *others = [
        Image.fromarray(frame).convert("L") for frame, _ in pan_and_zoom(data.coffee(), (24, 32), len(durations))
    ]
    first.save(path, save_all=True, append_images=others, duration=list(durations), loop=0)
    return path


def rgb_of(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as film:
        return [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)]


def test_films_are_coloured_among_photographs(predict, tmp_path, results):
    clip(tmp_path / "in" / "a.mp4")
    clip(tmp_path / "in" / "B.MKV")
    Image.fromarray(data.coffee()[:30, :40]).save(tmp_path / "in" / "c.png")
    outcome = predict("in")
    assert outcome.status == 0, outcome.err
    assert "1 photograph, 0.0 megapixels, and 2 films, 12 frames, coloured in" in outcome.out
    assert f"{Path('in/a.mp4')}: 6 frames, H.264, crf 18" in outcome.err
    assert sorted(path.name for path in results.iterdir()) == ["B.MKV", "a.mp4", "c.png"]
    assert np.ptp(rgb_of(results / "a.mp4")[3].astype(int), axis=-1).mean() > 5


def test_existing_films_are_kept_skipped_or_replaced(predict, tmp_path, results):
    clip(tmp_path / "a.mp4")
    assert predict("a.mp4").status == 0
    before = (results / "a.mp4").stat().st_mtime_ns
    outcome = predict("a.mp4")
    assert outcome.status == 2 and "a.mp4 exists; give --overwrite" in outcome.err
    assert "1 skipped" in predict("a.mp4", "--resume").out
    assert (results / "a.mp4").stat().st_mtime_ns == before
    assert predict("a.mp4", "--overwrite").status == 0
    assert (results / "a.mp4").stat().st_mtime_ns > before


def test_bad_films_stop_nothing(predict, tmp_path, results):
    folder = tmp_path / "in"
    clip(folder / "good.mp4")
    (folder / "text.mp4").write_text("no film at all, but text\n" * 50)
    (folder / "empty.mov").touch()
    outcome = predict("in")
    assert outcome.status == 1
    assert [path.name for path in results.iterdir()] == ["good.mp4"]
    lines = [line for line in outcome.err.splitlines() if line.startswith("cannot colour")]
    assert len(lines) == 2 and all(name in outcome.err for name in ("text.mp4", "empty.mov"))
    assert "Traceback" not in outcome.err and "2 failed" in outcome.out


def test_pipes_and_scripts_named_like_films(predict, tmp_path, results):
    folder = tmp_path / "in"
    clip(folder / "good.mp4")
    (folder / "module.ts").write_text("export const x = 1;\n")
    os.mkfifo(folder / "pipe.mp4")
    outcome = predict("in")
    assert outcome.status == 1 and "not a regular file" in outcome.err and "module.ts" not in outcome.err
    assert [path.name for path in results.iterdir()] == ["good.mp4"]


def test_a_broken_packet_costs_only_its_frames(predict, tmp_path, results):
    whole = clip(tmp_path / "a.mkv", 60)
    content = bytearray(whole.read_bytes())
    with av.open(str(whole)) as film:
        packet = sorted((packet for packet in film.demux(video=0) if packet.size), key=lambda packet: packet.size)[-2]
        place = content.index(bytes(packet))
        content[place : place + packet.size] = bytes(packet.size)
    whole.write_bytes(content)
    outcome = predict("a.mkv")
    assert outcome.status == 0, outcome.err
    assert "1 of its packets cannot be decoded, so that frames are missing" in outcome.err
    assert len(rgb_of(results / "a.mkv")) > 50


def test_a_truncated_film_is_coloured_to_where_it_can_be_read(predict, tmp_path, results):
    whole = clip(tmp_path / "in" / "a.mkv", 30)
    whole.write_bytes(whole.read_bytes()[: whole.stat().st_size * 5 // 6])
    outcome = predict("in")
    assert outcome.status == 0 and outcome.err.count("note: ") == 1
    assert 0 < len(rgb_of(results / "a.mkv")) < 30


def test_hints_have_times_in_films(predict, tmp_path, results):
    clip(tmp_path / "a.mp4", 8)
    assert predict("a.mp4", "--hint", "0.16s,30,20,#ff3000", "--lossless").status == 0
    hinted = rgb_of(results / "a.mp4")
    assert predict("a.mp4", "--lossless", "--overwrite").status == 0
    plain = rgb_of(results / "a.mp4")
    change = [np.abs(a.astype(int) - b).mean() for a, b in zip(hinted, plain, strict=True)]
    assert max(change[:4]) == 0 < 2 < min(change[4:])


def test_hints_of_a_film_in_a_csv(predict, tmp_path, results):
    clip(tmp_path / "a.mp4", 4)
    Image.fromarray(data.coffee()[:30, :40]).save(tmp_path / "b.png")
    (tmp_path / "hints.csv").write_text("a.mp4,0.08s,30,20,#ff3000\nb.png,10,10,#0000ff\n")
    assert predict("a.mp4", "b.png", "--hints", "hints.csv").status == 0
    (tmp_path / "hints.csv").write_text("b.png,2s,10,10,#0000ff\n")
    outcome = predict("a.mp4", "b.png", "--hints", "hints.csv", "--overwrite")
    assert outcome.status == 1 and "hints with a time are for films" in outcome.err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--compare"], "--compare is for photographs"),
        (["--sweep", "1,0"], "sheets, candidates and plots are for photographs"),
        (["--suggest", "1,1"], "--suggest is for photographs"),
        (["--hint", "900,20,#ff0000"], "64x48 pixels, so there is no place for a hint at 900,20"),
    ],
)
def test_what_is_not_for_films(predict, tmp_path, results, options, message):
    clip(tmp_path / "a.mp4")
    outcome = predict("a.mp4", *options)
    assert outcome.status == (1 if "--hint" in options else 2)
    assert message in outcome.err and "Traceback" not in outcome.err
    assert not list(results.rglob("*"))


def test_films_are_left_out_where_options_are_for_photographs(predict, tmp_path, results):
    clip(tmp_path / "in" / "a.mp4")
    Image.fromarray(data.coffee()[:30, :40]).save(tmp_path / "in" / "c.png")
    outcome = predict("in", "--compare")
    assert outcome.status == 0 and "note: films are left out: --compare is for photographs" in outcome.err
    assert sorted(path.name for path in results.iterdir()) == ["c.png", "c.png-compare.png"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--crf", "60"], "--crf must be in [0, 51], got 60"),
        (["--steadiness", "1"], "--steadiness must be at least 0 and below 1, got 1"),
    ],
)
def test_options_out_of_range(predict, tmp_path, results, options, message):
    outcome = predict(clip(tmp_path / "a.mp4"), *options)
    assert outcome.status == 2 and message in outcome.err and not results.exists()


def test_without_pyav_films_fail_in_one_line_and_photographs_are_coloured(predict, tmp_path, results, monkeypatch):
    def missing():
        raise InputError("films need PyAV: pip install -r requirements-video.txt")

    clip(tmp_path / "in" / "a.mp4")
    Image.fromarray(data.coffee()[:30, :40]).save(tmp_path / "in" / "c.png")
    monkeypatch.setattr(reading, "load_av", missing)
    outcome = predict("in")
    assert outcome.status == 1 and "films need PyAV: pip install -r requirements-video.txt" in outcome.err
    assert [path.name for path in results.iterdir()] == ["c.png"]


def test_an_animation_becomes_a_lossless_webp_with_its_timing(predict, tmp_path, results):
    gif(tmp_path / "a.gif")
    Image.fromarray(data.coffee()[:30, :40, 0]).save(tmp_path / "still.gif")
    outcome = predict("a.gif", "still.gif")
    assert outcome.status == 0 and "1 photograph, 0.0 megapixels, and 1 film, 3 frames" in outcome.out
    assert sorted(path.name for path in results.iterdir()) == ["a.gif.webp", "still.gif.png"]
    with Image.open(results / "a.gif.webp") as image:
        frames = [(np.asarray(frame.convert("RGB")), frame.info["duration"]) for frame in ImageSequence.Iterator(image)]
    assert [duration for _, duration in frames] == [100, 250, 40]
    assert all(np.ptp(rgb.astype(int), axis=-1).mean() > 5 for rgb, _ in frames)
    outcome = predict("a.gif", "--format", "png")
    assert (results / "a.gif.png").exists() and "only the first of its 3 frames is coloured" in outcome.err


def colour(folder: Path, *options: object, model: Path, **arguments: object) -> subprocess.Popen:
    command = [sys.executable, "-m", "tfcolor", "colorize", "long.mp4", "--model", str(model), *map(str, options)]
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY), "TF_CPP_MIN_LOG_LEVEL": "3"}
    return subprocess.Popen(command, cwd=folder, env=environment, stderr=subprocess.PIPE, text=True, **arguments)


@pytest.mark.slow
def test_killed_runs_go_on_to_the_same_film(tmp_path, small_model):
    """SIGKILL after each segment, each time gone on with --resume."""
    clip(tmp_path / "long.mp4", 1000)  # four whole segments, so that the last kill, too, comes in time
    result = tmp_path / "colorized" / "long.mp4"
    with colour(tmp_path, "--output", "whole", "--precision", "float32", model=small_model) as process:
        assert process.wait() == 0
    state = Path(tmp_path, "colorized", f"{temporary_prefix(result.name)}parts", "state.npz")
    for number in range(1, 4):
        with colour(tmp_path, "--resume", "--precision", "float32", model=small_model) as process:
            while segments(state) < number:
                assert process.poll() is None
                time.sleep(0.01)
            time.sleep(0.05 * number)  # into the next segment
            process.send_signal(signal.SIGKILL)
        assert not result.exists()
    with colour(tmp_path, "--resume", "--precision", "float32", model=small_model) as process:
        assert process.wait() == 0
    assert result.read_bytes() == (tmp_path / "whole" / "long.mp4").read_bytes()
    assert [path.name for path in result.parent.iterdir()] == ["long.mp4"]


def segments(state: Path) -> int:
    return int(np.load(state)["num_segments"]) if state.exists() else 0


@pytest.mark.slow
def test_a_full_disk_leaves_nothing_half_written(tmp_path, small_model):
    """No file may grow beyond 20 kB, as when the disk is full."""
    clip(tmp_path / "long.mp4", 60)
    limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))  # noqa: E731
    with colour(tmp_path, "--crf", 0, model=small_model, preexec_fn=limit) as process:
        _, errors = process.communicate()
    assert process.returncode == 1 and "cannot be written" in errors and "Traceback" not in errors
    assert not (tmp_path / "colorized" / "long.mp4").exists()
