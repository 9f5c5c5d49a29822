"""Encoding in segments. Each begins with a key frame and depends on no other, so that they can be joined."""

import io
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tfcolor.films.reading import Film, load_av
from tfcolor.utils.errors import InputError
from tfcolor.utils.files import read_npz, write_npz

# Encoders by the codec of the source. What is not here becomes H.264.
_ENCODERS = {"h264": "libx264", "hevc": "libx265", "vp9": "libvpx-vp9", "av1": "libsvtav1", "ffv1": "ffv1"}
_ENCODERS |= {"mpeg4": "mpeg4", "mpeg2video": "mpeg2video"}
_OTHERWISE = ("libx264", "libx265", "libvpx-vp9", "libsvtav1", "ffv1")  # the first that container and format allow
_LOSSLESS = ("libx264", "ffv1", "libvpx-vp9", "libx265", "libsvtav1")
_CODECS = {"libx264": "h264", "libx265": "hevc", "libvpx-vp9": "vp9", "libsvtav1": "av1"}  # else as the encoder
_TITLES = {"h264": "H.264", "hevc": "H.265", "vp9": "VP9", "av1": "AV1", "ffv1": "FFV1"}
_TITLES |= {"mpeg4": "MPEG-4 Part 2", "mpeg2video": "MPEG-2"}
_OPTIONS = {
    # Larger files than slower presets, of the same quality. With `mbtree`, frames below about 200 rows may get other
    # bytes in each run (measured), and an interrupted film must go on as if nothing had happened.
    "libx264": {"preset": "veryfast", "x264-params": "mbtree=0"},
    "libx265": {"preset": "veryfast", "x265-params": "log-level=none"},
    "libvpx-vp9": {"b": "0", "row-mt": "1", "deadline": "realtime", "cpu-used": "6"},
    "libsvtav1": {"preset": "10"},
    "ffv1": {"level": "3", "g": "1"},
}
_QP_SCALE = 6  # crf for each step of the quantizers of MPEG-2 and MPEG-4, which go from 1 to 31
# What FFmpeg's own list of the codecs of transport streams leaves out.
_TRANSPORT = ("h264", "hevc", "mpeg2video")
_MPEG2_RATES = tuple(Fraction(rate) for rate in ("24000/1001", 24, 25, "30000/1001", 30, 50, "60000/1001", 60))
_MOST_TICKS = 65_535  # of a second, in MPEG-4 Part 2: 16 bits


@dataclass(frozen=True)
class Encoding:
    """How frames are encoded.

    encoder: FFmpeg's name of the encoder.
    format: pixel format.
    options: the encoder's options, without those of the film.
    """

    encoder: str
    format: str
    options: dict[str, str]

    def __str__(self) -> str:
        """Say how, in a few words."""
        codec = _codec(self.encoder)
        title = _TITLES.get(codec, codec)
        if "crf" in self.options:
            return f"{title}, crf {self.options['crf']}"
        return f"{title}, quantizer {self.options['qmin']}" if "qmin" in self.options else f"{title}, lossless"


class Planes(NamedTuple):
    """A frame to encode: planes uint8 or uint16, its time and duration in units of the film's time base."""

    luma: np.ndarray
    chroma: tuple[np.ndarray, np.ndarray]
    pts: int
    duration: int


class Segment(NamedTuple):
    """Encoded frames, in the order of decoding.

    data: uint8, all packets one after the other.
    sizes: int64 [N], of the packets in bytes.
    pts, durations: int64 [N], in units of the film's time base.
    keys: bool [N], whether decoding may begin there.
    """

    data: np.ndarray
    sizes: np.ndarray
    pts: np.ndarray
    durations: np.ndarray
    keys: np.ndarray

    def save(self, path: Path) -> None:
        """Write the segment, whole or not at all."""
        write_npz(path, self._asdict())

    @classmethod
    def load(cls, path: Path) -> "Segment":
        """Read what `save` wrote; raise InputError if it is missing or broken."""
        return cls(**read_npz(path, set(cls._fields)))

    @staticmethod
    def load_times(path: Path) -> tuple[np.ndarray, np.ndarray]:
        """Read the times and durations alone of what `save` wrote; raise InputError if they are missing or broken."""
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                return arrays["pts"], arrays["durations"]
        except (OSError, ValueError, LookupError, EOFError, zipfile.BadZipFile) as error:
            raise InputError(f"{path} cannot be read: {error}") from error

    def packets(self) -> Iterator[bytes]:
        """Yield the packets."""
        start = 0
        for size in self.sizes:
            yield self.data[start : start + size].tobytes()
            start += size


def choose_encoding(film: Film, container: str, codecs: Iterable[str], crf: int, lossless: bool) -> Encoding:
    """Choose the encoder of a result: the source's codec, else the first that can, from H.264 on.

    Args:
        film: the source.
        container: FFmpeg's name of the result's container.
        codecs: the codecs that it holds.
        crf: quality from 0 (best) to 51.
        lossless: whether every level of luma is kept: H.264 or, where that is impossible, FFV1 or another.

    Raises:
        InputError: if no encoder is at hand.
    """
    held = {*codecs, *(_TRANSPORT if container == "mpegts" else ())}
    own = _ENCODERS.get(film.codec)
    for encoder in _LOSSLESS if lossless else (own, *_OTHERWISE):
        if encoder is None or _codec(encoder) not in held:
            continue
        for format in _formats_for(encoder, film):
            encoding = Encoding(encoder, format, _options(encoder, film, crf, lossless))
            if _begins(film, encoding, container):
                return encoding
    raise InputError(f"no encoder for {film.coding.bits} bits in {container} is at hand; make it a Matroska file first")


def _codec(encoder):
    return _CODECS.get(encoder, encoder)


def _formats_for(encoder, film):
    """The film's pixel format, and others of as many bits from most to least chroma, as far as the encoder takes them.

    H.264 and H.265 need the others where chroma is reduced and a side is odd.
    """
    av = load_av()
    if encoder not in av.codecs_available:
        return []
    known = {each.name for each in av.Codec(encoder, "w").video_formats or ()}
    if encoder == "libvpx-vp9":
        known.discard("yuv440p")  # MP4 has no number for it, and FFmpeg does not read what it writes
    ending = film.format.partition("p")[2]
    wanted = dict.fromkeys((film.format, *(f"yuv{k}p{ending}" for k in (444, 422, 420))))
    return [format for format in wanted if format in known]


def _begins(film, encoding, container):
    """Whether the encoder takes the film's sides, rate and format, and the container its stream: tried in memory."""
    av = load_av()
    try:
        with av.open(io.BytesIO(), "w", format=container) as probe:
            stream = probe.add_stream(encoding.encoder, rate=film.rate)
            set_up(stream.codec_context, film, encoding, container)
            probe.start_encoding()
        return True
    except (av.FFmpegError, ValueError):
        return False


def _options(encoder, film, crf, lossless):
    options = dict(_OPTIONS.get(encoder, {}))
    if encoder == "ffv1":
        return options
    said = film.display and {"libx265": film.display.x265, "libsvtav1": film.display.svtav1}.get(encoder, str)()
    if encoder == "libx265":
        options["x265-params"] = ":".join(filter(None, ("lossless=1" if lossless else "", "log-level=none", said)))
    elif encoder == "libsvtav1" and (said or lossless):
        options["svtav1-params"] = ":".join(filter(None, ("lossless=1" if lossless else "", said)))
    if lossless:
        return options | {"libx264": {"qp": "0"}, "libvpx-vp9": {"lossless": "1"}}.get(encoder, {})
    if encoder in ("mpeg4", "mpeg2video"):
        quantizer = str(max(1, round(crf / _QP_SCALE)))
        return options | {"qmin": quantizer, "qmax": quantizer}
    return options | {"crf": str(crf)}


def keeps_display(encoding: Encoding) -> bool:
    """Tell whether the encoder writes down what the film says about its display."""
    return encoding.encoder in ("libx265", "libsvtav1")


def set_up(context: Any, film: Film, encoding: Encoding, container: str) -> None:
    """Set up the context of an encoder, in the same way for each segment and for the result.

    Encoders count frames: some cannot count in the film's time base. The times are put back afterwards.
    """
    from av.codec.context import Flags

    context.width, context.height, context.pix_fmt = film.width, film.height, encoding.format
    context.framerate = _rate_for(encoding.encoder, film.rate)
    context.time_base = 1 / context.framerate
    context.options = dict(encoding.options)
    context.color_range = 2 if film.coding.full_range else 1
    context.colorspace, context.color_trc, context.color_primaries = film.tags
    if film.aspect:
        context.sample_aspect_ratio = film.aspect
    if container == "avi" or encoding.encoder in ("mpeg4", "mpeg2video"):
        context.max_b_frames = 0  # AVI has no time stamps
    if container not in ("mpegts", "avi"):
        context.flags |= Flags.global_header


def _rate_for(encoder, rate):
    """The frames a second that an encoder is told."""
    if encoder == "mpeg2video":
        return min(_MPEG2_RATES, key=lambda known: abs(known - rate))
    rate = rate.limit_denominator(1001)
    return rate if 0 < rate.numerator <= _MOST_TICKS else Fraction(min(max(1, round(rate)), _MOST_TICKS))


def encode(film: Film, encoding: Encoding, container: str, frames: Iterable[Planes]) -> Segment:
    """Encode frames that follow each other."""
    av = load_av()
    context = av.CodecContext.create(encoding.encoder, "w")
    set_up(context, film, encoding, container)
    times, packets = [], []
    for planes in frames:
        packets += context.encode(_frame(av, film, encoding.format, planes, len(times), context.time_base))
        times.append((planes.pts, planes.duration))
    packets += context.encode(None)
    times = np.array([times[packet.pts] for packet in packets], np.int64).reshape(-1, 2)
    return Segment(
        np.frombuffer(b"".join(bytes(packet) for packet in packets), np.uint8),
        np.array([packet.size for packet in packets], np.int64),
        *times.T,
        np.array([packet.is_keyframe for packet in packets], bool),
    )


def _frame(av, film, format, planes, number, time_base):
    frame = av.VideoFrame(film.width, film.height, format)
    for plane, values in zip(frame.planes, (planes.luma, *planes.chroma), strict=True):
        rows = np.frombuffer(memoryview(plane), values.dtype).reshape(-1, plane.line_size // values.itemsize)
        rows[: len(values), : values.shape[1]] = values
    frame.color_range = 2 if film.coding.full_range else 1
    frame.pts, frame.time_base = number, time_base
    return frame
