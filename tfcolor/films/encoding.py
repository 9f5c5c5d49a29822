"""Encoding in segments. Each begins with a key frame and depends on no other, so that they can be joined."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tfcolor.films.reading import Film, load_av
from tfcolor.utils.errors import InputError
from tfcolor.utils.files import read_npz, write_npz

# Encoders by the codec of the source. What is not here becomes H.264.
_ENCODERS = {"h264": "libx264", "hevc": "libx265", "vp9": "libvpx-vp9", "av1": "libsvtav1", "ffv1": "ffv1"}
_ENCODERS |= {"mpeg4": "mpeg4", "mpeg2video": "mpeg2video"}
_OTHERWISE = ("libx264", "libvpx-vp9", "ffv1")  # the first that the container and the format allow
_LOSSLESS = ("libx264", "ffv1", "libvpx-vp9", "libx265")
_CODECS = {"libx264": "h264", "libx265": "hevc", "libvpx-vp9": "vp9", "libsvtav1": "av1"}  # else as the encoder
_OPTIONS = {
    "libx264": {"preset": "veryfast"},  # larger files than slower ones, of the same quality
    "libx265": {"preset": "veryfast", "x265-params": "log-level=none"},
    "libvpx-vp9": {"b": "0", "row-mt": "1", "deadline": "realtime", "cpu-used": "6"},
    "libsvtav1": {"preset": "10"},
}
_QP_SCALE = 6  # crf for each step of the quantizers of MPEG-2 and MPEG-4, which go from 1 to 31
_THREADED = (
    2**16
)  # pixels: with several threads, x264 does not always give the same bytes for smaller frames (measured)
# Containers, by suffix, that FFmpeg's own list of codecs leaves out.
_TRANSPORT = ("h264", "hevc", "mpeg2video")


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
        codec = {"h264": "H.264", "hevc": "H.265", "vp9": "VP9", "av1": "AV1", "ffv1": "FFV1"}.get(
            _codec(self.encoder), self.encoder
        )
        if "crf" in self.options:
            return f"{codec}, crf {self.options['crf']}"
        return f"{codec}, quantizer {self.options['qmin']}" if "qmin" in self.options else f"{codec}, lossless"


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

    def packets(self) -> Iterator[bytes]:
        """Yield the packets."""
        start = 0
        for size in self.sizes:
            yield self.data[start : start + size].tobytes()
            start += size


def choose_encoding(film: Film, container: str, codecs: Iterable[str], crf: int, lossless: bool) -> Encoding:
    """Choose the encoder of a result: the source's codec, else H.264, else what its container can hold.

    Args:
        film: the source.
        container: FFmpeg's name of the result's container.
        codecs: the codecs that it holds.
        crf: quality from 0 (best) to 51.
        lossless: whether every level of luma is kept: H.264 or, where that is impossible, FFV1.

    Raises:
        InputError: if no encoder is at hand.
    """
    held = {*codecs, *(_TRANSPORT if container == "mpegts" else ())}
    own = _ENCODERS.get(film.codec)
    for encoder in _LOSSLESS if lossless else (own, *_OTHERWISE):
        if encoder is None or _codec(encoder) not in held:
            continue
        format = _format_for(encoder, film)
        if format:
            return Encoding(encoder, format, _options(encoder, crf, lossless))
    raise InputError(f"no encoder for {film.coding.bits} bits in {container} is at hand; make it a Matroska file first")


def _codec(encoder):
    return _CODECS.get(encoder, encoder)


def _format_for(encoder, film):
    """The film's pixel format, or one of as many bits with the most chroma that the encoder takes; None if none."""
    av = load_av()
    if encoder not in av.codecs_available:
        return None
    known = {each.name for each in av.Codec(encoder, "w").video_formats or ()}
    ending = film.format.partition("p")[2]
    return next((f for f in (film.format, *(f"yuv{k}p{ending}" for k in (444, 422, 420))) if f in known), None)


def _options(encoder, crf, lossless):
    options = _OPTIONS.get(encoder, {})
    if encoder == "ffv1":
        return options | {"level": "3", "g": "1"}
    if lossless:
        exact = {"libx264": {"qp": "0"}, "libx265": {"x265-params": "lossless=1:log-level=none"}}
        return options | exact.get(encoder, {"lossless": "1"})
    if encoder in ("mpeg4", "mpeg2video"):
        quantizer = str(max(1, round(crf / _QP_SCALE)))
        return options | {"qmin": quantizer, "qmax": quantizer}
    return options | {"crf": str(crf)}


def set_up(context: Any, film: Film, encoding: Encoding, container: str) -> None:
    """Set up the context of an encoder, in the same way for each segment and for the result."""
    from av.codec.context import Flags

    context.width, context.height, context.pix_fmt = film.width, film.height, encoding.format
    context.time_base, context.framerate = film.time_base, film.rate
    context.options = dict(encoding.options)
    context.color_range = 2 if film.coding.full_range else 1
    context.colorspace, context.color_trc, context.color_primaries = film.tags
    if film.width * film.height < _THREADED:
        context.thread_count = 1
    if film.aspect:
        context.sample_aspect_ratio = film.aspect
    if container == "avi" or encoding.encoder in ("mpeg4", "mpeg2video"):
        context.max_b_frames = 0  # AVI has no time stamps
    if container not in ("mpegts", "avi"):
        context.flags |= Flags.global_header


def encode(film: Film, encoding: Encoding, container: str, frames: Iterable[Planes]) -> Segment:
    """Encode frames that follow each other."""
    av = load_av()
    context = av.CodecContext.create(encoding.encoder, "w")
    set_up(context, film, encoding, container)
    durations, packets = {}, []
    for planes in frames:
        durations[planes.pts] = planes.duration
        packets += context.encode(_frame(av, film, encoding.format, planes))
    packets += context.encode(None)
    return Segment(
        np.frombuffer(b"".join(bytes(packet) for packet in packets), np.uint8),
        np.array([packet.size for packet in packets], np.int64),
        np.array([packet.pts for packet in packets], np.int64),
        np.array([durations.get(packet.pts, 0) for packet in packets], np.int64),
        np.array([packet.is_keyframe for packet in packets], bool),
    )


def _frame(av, film, format, planes):
    frame = av.VideoFrame(film.width, film.height, format)
    for plane, values in zip(frame.planes, (planes.luma, *planes.chroma), strict=True):
        rows = np.frombuffer(memoryview(plane), values.dtype).reshape(-1, plane.line_size // values.itemsize)
        rows[: len(values), : values.shape[1]] = values
    frame.pts, frame.time_base, frame.duration = planes.pts, film.time_base, planes.duration
    return frame
