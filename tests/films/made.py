"""Small films made for tests, and the way from a film to its result with chroma that is made up."""

import io
import itertools
from fractions import Fraction
from pathlib import Path

import numpy as np

from tfcolor.films.encoding import Encoding, Planes, choose_encoding, encode
from tfcolor.films.names import CONTAINERS
from tfcolor.films.reading import Film, frames, load_av, read_film, subsampling_of
from tfcolor.films.writing import write_film

QUICK = {
    "libx264": {"preset": "ultrafast", "qp": "0"},
    "libx264rgb": {"preset": "ultrafast", "qp": "0"},
    "libx265": {"preset": "ultrafast", "x265-params": "log-level=none"},
    "libvpx-vp9": {"deadline": "realtime", "cpu-used": "8"},
    "libsvtav1": {"preset": "12", "svtav1-params": "lp=1"},
}


def picture(width: int, height: int, number: int, bits: int = 8) -> np.ndarray:
    """Luma with stripes that move and some noise, uint8 or uint16 [H, W], inside the limited range."""
    stripes = np.linspace(40, 180, width) + 20 * ((np.arange(width) + 2 * number) % 16 < 8)
    luma = (stripes + np.random.default_rng(0).uniform(0, 20, [height, 1])) * 2 ** (bits - 8)
    return np.rint(luma).astype(np.uint8 if bits == 8 else np.uint16)


def make_film(
    path: Path,
    encoder: str = "libx264",
    format: str = "yuv420p",
    size: tuple[int, int] = (64, 48),
    pts: list[int] = tuple(range(12)),
    time_base: Fraction = Fraction(1, 25),
    rate: int = 25,
    last_duration: int | None = None,
    context_values: dict | None = None,
    options: dict | None = None,
    container_options: dict | None = None,
    rotation: int = 0,
    full: bool = False,
    tags: tuple[int, int, int] = (2, 2, 2),
    finish=lambda container, video: None,
) -> Path:
    """Write a film of noise without motion. `finish` is called before the header, and may return packets to add."""
    av = load_av()
    with av.open(str(path), "w", format=CONTAINERS.get(path.suffix), options=container_options or {}) as container:
        stream = container.add_stream(encoder, rate=rate, options={**QUICK.get(encoder, {}), **(options or {})})
        stream.width, stream.height = size
        stream.pix_fmt = format
        context = stream.codec_context
        context.time_base, context.framerate = time_base, Fraction(rate)
        if path.suffix == ".avi":
            context.max_b_frames = 0
        context.color_range = 2 if full else 1
        context.colorspace, context.color_trc, context.color_primaries = tags
        for name, value in (context_values or {}).items():
            setattr(context, name, value)
        stream.time_base = time_base
        if rotation:
            stream.set_display_rotation(rotation)
        others = finish(container, stream) or ()
        packets = []
        for number, time in enumerate(pts):
            frame = source_frame(av, format, size, number)
            frame.pts, frame.time_base = time, time_base
            frame.color_range = 2 if full else 1
            after = pts[number + 1] if number + 1 < len(pts) else time + (last_duration or 1)
            frame.duration = after - time
            packets += stream.encode(frame)
        packets += stream.encode(None)
        if last_duration:
            for packet in packets:
                if packet.pts == pts[-1]:
                    packet.duration = last_duration
        for packet in sorted((*packets, *others), key=lambda packet: packet.dts * packet.time_base):
            container.mux(packet)
    return path


def source_frame(av, format, size, number):
    """A frame of a pixel format; the formats without planes of luma are converted from RGB."""
    planar = format.startswith(("yuv", "gray")) and format not in ("yuyv422",)
    if not planar:
        gray = picture(*size, number)
        rgb = np.stack([gray, gray, gray], axis=-1)
        return av.VideoFrame.from_ndarray(rgb, format="rgb24").reformat(format=format)
    frame = av.VideoFrame(*size, format)
    deep = frame.format.components[0].bits
    for index, plane in enumerate(frame.planes):
        dtype = np.uint8 if deep == 8 else np.uint16
        rows = np.frombuffer(memoryview(plane), dtype).reshape(-1, plane.line_size // np.dtype(dtype).itemsize)
        rows[:] = 128 * 2 ** (deep - 8)
        if index == 0:
            rows[: size[1], : size[0]] = picture(*size, number, deep)
    return frame


def sound(container, start=0.0, seconds=1.0, codec="aac", language=None):
    """Add a stream of noise; returns its packets."""
    av = load_av()
    stream = container.add_stream(codec, rate=48000)
    stream.layout = "mono"
    if language:
        stream.metadata["language"] = language
    rng, packets = np.random.default_rng(len(container.streams)), []
    size = {"aac": 1024, "mp2": 1152}.get(codec, 960)
    kind = {"aac": "fltp", "libopus": "flt"}.get(codec, "s16")
    dtype = np.int16 if kind == "s16" else np.float32
    for number in range(round(seconds * 48000 / size)):
        frame = av.AudioFrame.from_ndarray(
            (rng.uniform(-0.1, 0.1, [1, size]) * (3e4 if kind == "s16" else 1)).astype(dtype),
            format=kind,
            layout="mono",
        )
        frame.sample_rate, frame.pts = 48000, round(start * 48000) + number * size
        frame.time_base = Fraction(1, 48000)
        packets += stream.encode(frame)
    return packets + stream.encode(None)


def codecs_of(container: str) -> set[str]:
    """What FFmpeg says a container can hold."""
    with load_av().open(io.BytesIO(), "w", format=container) as probe:
        return set(probe.supported_codecs)


def encoding_for(film: Film, target: Path, lossless: bool = False, crf: int = 18) -> Encoding:
    """The encoding that a film gets in a file of a name."""
    container = CONTAINERS[target.suffix]
    return choose_encoding(film, container, codecs_of(container), crf, lossless)


def convert(source: Path, target: Path, lossless: bool = False, segment: int = 5) -> list[str]:
    """Turn a film into its result with constant chroma, in segments of a few frames. Returns the notes."""
    film = read_film(source)
    encoding, container = encoding_for(film, target, lossless), CONTAINERS[target.suffix]
    paths, pictures = [], coloured(film, encoding, frames(film))
    for first in pictures:
        paths.append(target.with_name(f"{target.name}.{len(paths)}.npz"))
        part = itertools.chain([first], itertools.islice(pictures, segment - 1))
        encode(film, encoding, container, part).save(paths[-1])
    return [*film.notes, *write_film(film, target, container, encoding, paths)]


def coloured(film: Film, encoding: Encoding, source):
    """Planes of frames with constant chroma, away from gray."""
    across, down = subsampling_of(encoding.format)
    sides = [-(-film.height // down), -(-film.width // across)]
    step, dtype = 2 ** (film.coding.bits - 8), np.uint8 if film.coding.bits == 8 else np.uint16
    chroma = (np.full(sides, 100 * step, dtype), np.full(sides, 160 * step, dtype))
    for frame in source:
        yield Planes(frame.luma, chroma, frame.pts, frame.duration)


def decoded(path: Path) -> list:
    """All frames of a film by PyAV alone, sorted by time where there are times."""
    with load_av().open(str(path)) as container:
        found = list(container.decode(video=0))
    return sorted(found, key=lambda frame: frame.pts) if all(f.pts is not None for f in found) else found


def luma_of(frame) -> np.ndarray:
    """The first plane of a planar frame, by PyAV's own conversion to an array where it has one."""
    deep = frame.format.components[0].bits > 8
    plane = frame.planes[0]
    rows = np.frombuffer(memoryview(plane), np.uint16 if deep else np.uint8)
    return rows.reshape(-1, plane.line_size // (2 if deep else 1))[: frame.height, : frame.width]
