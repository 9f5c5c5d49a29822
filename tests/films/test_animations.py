"""Animations against Pillow: the same pixels, times and loops, and errors in words."""

import numpy as np
import pytest
from PIL import Image, ImageSequence

from tfcolor.films.animations import Animation, check_savable, is_animation, read_animation, write_animation
from tfcolor.photographs.formats import Unsavable
from tfcolor.photographs.pixels import MAX_PIXELS, UnreadableImage

DURATIONS = [40, 100, 20, 300, 70]


def make_gif(path, disposal=1, loop=0, transparent=True, durations=DURATIONS):
    """A square that wanders over a transparent or plain ground, in few colours."""
    frames = []
    for number in range(len(durations)):
        rgba = np.zeros([24, 32, 4], np.uint8)
        rgba[..., 3] = 0 if transparent else 255
        rgba[4 + number : 12 + number, 3 * number : 3 * number + 10] = (250, 40 * number, 30, 255)
        frames.append(Image.fromarray(rgba))
    more = {} if loop is None else {"loop": loop}
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=durations, disposal=disposal, **more)
    return path


def shown(path):
    """Frames as Pillow shows them: uint8 [N, H, W, 4], and durations."""
    with Image.open(path) as image:
        found = [(np.asarray(f.convert("RGBA")), f.info.get("duration", 0)) for f in ImageSequence.Iterator(image)]
    return np.stack([frame for frame, _ in found]), [duration for _, duration in found]


def alike(first, second):
    """Whether frames are equal where they are seen at all."""
    seen = first[..., 3:] > 0
    return np.array_equal(first[..., 3], second[..., 3]) and np.array_equal(first * seen, second * seen)


@pytest.mark.parametrize("disposal", [1, 2, 3])
@pytest.mark.parametrize("transparent", [False, True])
@pytest.mark.parametrize("loop", [None, 0, 3])
def test_a_gif_becomes_a_webp_that_shows_the_same(tmp_path, disposal, transparent, loop):
    source = make_gif(tmp_path / "a.gif", disposal, loop, transparent)
    animation = read_animation(source, MAX_PIXELS)
    frames, durations = shown(source)
    assert np.array_equal(animation.frames, frames) and animation.durations == durations == DURATIONS
    write_animation(tmp_path / "b.webp", animation)
    assert is_animation(source) and is_animation(tmp_path / "b.webp")
    found, times = shown(tmp_path / "b.webp")
    assert alike(frames, found) and times == DURATIONS
    with Image.open(tmp_path / "b.webp") as image:
        # Without a count a GIF is shown once; n repetitions of a GIF are n + 1 showings, which WebP counts.
        assert image.info["loop"] == {None: 1, 0: 0, 3: 4}[loop]


def test_a_webp_stays_as_it_is(tmp_path):
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 256, [4, 16, 20, 4], np.uint8)
    write_animation(tmp_path / "a.webp", Animation(frames, [10, 20, 30, 40], 5))
    again = read_animation(tmp_path / "a.webp", MAX_PIXELS)
    assert alike(again.frames, frames) and (again.durations, again.loops) == ([10, 20, 30, 40], 5)


def test_equal_frames_keep_the_time_they_take(tmp_path):
    frames = np.full([4, 8, 8, 4], 200, np.uint8)
    frames[3, 2:4] = 255
    write_animation(tmp_path / "a.webp", Animation(frames, [50, 60, 70, 80], 0))
    again = read_animation(tmp_path / "a.webp", MAX_PIXELS)
    assert again.durations[-1] == 80 and sum(again.durations) == 260
    assert np.array_equal(again.frames[[0, -1]], frames[[0, -1]])


@pytest.mark.parametrize("share", [0.5, 0.8, 0.95])
def test_broken_animations_are_refused_in_one_line(tmp_path, share):
    noise = np.random.default_rng(0).integers(0, 256, [5, 40, 40, 3], np.uint8)
    first, *others = (Image.fromarray(frame) for frame in noise)
    for name in ("a.gif", "a.webp"):
        first.save(tmp_path / name, save_all=True, append_images=others, duration=50)
        data = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(data[: int(len(data) * share)])
        with pytest.raises(UnreadableImage) as caught:
            read_animation(tmp_path / name, MAX_PIXELS)
        assert str(caught.value) and "\n" not in str(caught.value)


def test_a_gif_cut_anywhere_is_refused(tmp_path):
    """Only a cut between two blocks, which leaves whole frames, cannot be told from a GIF that ends there."""
    data, taken = make_gif(tmp_path / "a.gif").read_bytes(), []
    for size in range(30, len(data)):
        (tmp_path / "b.gif").write_bytes(data[:size])
        try:
            taken.append((size, len(read_animation(tmp_path / "b.gif", MAX_PIXELS).frames)))
        except UnreadableImage:
            continue
    assert len(taken) <= 2 * len(DURATIONS) and taken[-1] == (len(data) - 1, len(DURATIONS))


def test_only_files_of_several_frames_are_animations(tmp_path):
    still = Image.fromarray(np.zeros([8, 8, 3], np.uint8))
    for name in ("a.gif", "a.webp", "a.png"):
        still.save(tmp_path / name)
        assert not is_animation(tmp_path / name)
    make_gif(tmp_path / "b.GIF".lower()).rename(tmp_path / "B.GIF")
    assert is_animation(tmp_path / "B.GIF")
    (tmp_path / "text.gif").write_text("GIF89a, but not really")
    (tmp_path / "empty.webp").write_bytes(b"")
    (tmp_path / "folder.gif").mkdir()
    for name in ("text.gif", "empty.webp", "folder.gif", "missing.gif"):
        assert not is_animation(tmp_path / name)


def test_large_animations_are_refused(tmp_path):
    source = make_gif(tmp_path / "a.gif")
    with pytest.raises(UnreadableImage, match="more than 700"):
        read_animation(source, 700)


def test_a_full_disk_leaves_no_animation(tmp_path, monkeypatch):
    import errno
    import os

    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(errno.ENOSPC, "No space left on device")))
    with pytest.raises(OSError, match="No space") as caught:
        write_animation(tmp_path / "a.webp", Animation(np.zeros([2, 4, 4, 4], np.uint8), [10, 10], 0))
    assert caught.value.errno == errno.ENOSPC and list(tmp_path.iterdir()) == []


def test_sides_that_webp_cannot_have_are_refused(tmp_path):
    check_savable(16_383, 16_383)
    with pytest.raises(Unsavable, match="16384x1 pixels, and WEBP has at most 16,383 a side"):
        check_savable(16_384, 1)
    with pytest.raises(Unsavable):
        write_animation(tmp_path / "a.webp", Animation(np.zeros([2, 1, 16_384, 4], np.uint8), [10, 10], 0))
    assert not list(tmp_path.iterdir())
