"""Files that are not photographs, full disks, and random pictures: no crash, no partial result, no wrong pixel."""

import contextlib
import errno
import functools
import importlib.util
import io
import logging
import os
import re
import resource
import shutil
import signal
import struct
import subprocess
import tempfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from skimage.color import rgb2lab

from benchmarks.faults.files import HEIGHT, WIDTH, by_pillow, by_tifffile, gray, rgb, whole_files
from tfcolor.photographs.formats import result_name
from tfcolor.photographs.pixels import UnreadableImage

HAS_OPENCV = importlib.util.find_spec("cv2") is not None

LONG_NAME = "n" * 246 + ".png"  # 5 bytes less than most file systems take
SETTINGS = settings(max_examples=40, deadline=None, derandomize=True)


def is_tiff(content: bytes) -> bool:
    return content[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def decoded(content: bytes) -> list[np.ndarray]:
    """The pictures in a file, by foreign decoders, which raise for broken ones."""
    if is_tiff(content):
        with tifffile.TiffFile(io.BytesIO(content)) as tiff:
            return [page.asarray() for page in tiff.pages]
    with Image.open(io.BytesIO(content)) as image:
        image.load()
        is_deep_png = image.format == "PNG" and content[24] == 16  # the depth of samples in the chunk IHDR
        return [imagecodecs.png_decode(content) if is_deep_png else np.asarray(image)]


def holds_all_of(cut: bytes, whole: bytes) -> bool:
    """Whether every pixel is still there: only padding or later frames may be cut off."""
    try:
        found = decoded(cut)
    except Exception:
        return False
    expected = decoded(whole)
    return len(found) == len(expected) and all(map(np.array_equal, found, expected))


def page_ends(content: bytes) -> list[int]:
    """Where the pages of a TIFF end, except the last."""
    with tifffile.TiffFile(io.BytesIO(content)) as tiff:
        return [page.offset for page in tiff.pages][1:]


# Bad files, as bytes


def png_chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png(width: int, height: int, rows: bytes, *chunks: bytes) -> bytes:
    """A gray PNG of 8 bits; `rows` are compressed."""
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(chunks) + png_chunk(b"IDAT", rows) + png_chunk(b"IEND", b"")


def bmp(width: int, height: int) -> bytes:
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, 0, 2835, 2835, 0, 0)
    return struct.pack("<2sIHHI", b"BM", 154, 0, 0, 54) + header + bytes(100)


def tiff(width: int, height: int, data: bytes, compression: int = 1, next_page: int = 0) -> bytes:
    """A gray TIFF of 8 bits in one strip (TIFF 6.0, section 4)."""
    tags = {256: width, 257: height, 258: 8, 259: compression, 262: 1}
    tags |= {273: 8, 277: 1, 278: max(height, 1), 279: len(data)}
    entries = b"".join(struct.pack("<HHII", code, 4, 1, value) for code, value in tags.items())
    begin = struct.pack("<2sHI", b"II", 42, 8 + len(data))
    return begin + data + struct.pack("<H", len(tags)) + entries + struct.pack("<I", next_page)


def without_tag(content: bytes, code: int) -> bytes:
    """Give a tag of a little-endian TIFF a number that means nothing."""
    place = content.index(struct.pack("<H", code), struct.unpack_from("<I", content, 4)[0])
    return content[:place] + struct.pack("<H", 65_000) + content[place + 2 :]


def odd_planes() -> bytes:
    """A TIFF whose arrangement of channels is neither of the two there are (TIFF 6.0, PlanarConfiguration)."""
    content = whole_files()["plain.tif"]
    place = content.index(struct.pack("<HHI", 284, 3, 1), struct.unpack_from("<I", content, 4)[0]) + 8
    return content[:place] + struct.pack("<H", 65_407) + content[place + 2 :]


def gif(width: int, height: int) -> bytes:
    content, sides, old = (
        whole_files()["still.gif"],
        struct.pack("<HH", width, height),
        struct.pack("<HH", WIDTH, HEIGHT),
    )
    frame = content.index(b"," + bytes(4) + old) + 5  # the sides in the image descriptor (GIF89a, section 20)
    return content[:6] + sides + content[10:frame] + sides + content[frame + 4 :]


def jpeg(width: int, height: int) -> bytes:
    content = whole_files()["gray.jpg"]
    begin = content.index(b"\xff\xc0") + 5  # the frame header: marker, length, precision (ITU T.81, B.2.2)
    return content[:begin] + struct.pack(">HH", height, width) + content[begin + 4 :]


def webp(width: int, height: int) -> bytes:
    """An animation whose canvas has this size."""
    content = whole_files()["frames.webp"]
    assert content[12:16] == b"VP8X"
    sides = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return content[:24] + sides + content[30:]


@functools.cache
def compressed_zeros() -> bytes:
    """400 MB in 400 kB: 20,000 rows of 20,000 black pixels, each row after PNG's filter byte."""
    packer, block = zlib.compressobj(), bytes(20_001_000)
    return b"".join(packer.compress(block) for _ in range(20)) + packer.flush()


def bad_files() -> dict[str, bytes]:
    """Files that are no pictures, broken, or too large, by their names."""
    kinds = ("jpg", "jpeg", "png", "tif", "tiff", "webp", "bmp", "gif", "ppm", "pgm")
    files = {f"empty-{kind}.{kind}": b"" for kind in kinds}
    files |= {f"text-{kind}.{kind}": b"This is no photograph.\n" for kind in kinds}
    files |= {f"page-{kind}.{kind}": b"<!doctype html><title>404</title><p>Not found" for kind in kinds}
    files |= {f"header-of-{name}": content[:12] for name, content in whole_files().items()}
    row = zlib.compress(bytes(60_001))
    files |= {
        "huge.png": png(60_000, 60_000, row),
        "huge.bmp": bmp(60_000, 60_000),
        "huge.ppm": b"P6\n60000 60000\n255\n" + bytes(1000),
        "huge-gray.pgm": b"P5\n60000 60000\n65535\n" + bytes(1000),
        "huge-bits.pbm": b"P4\n60000 60000\n" + bytes(1000),
        "huge.tif": tiff(60_000, 60_000, bytes(1000)),
        "huge-deflate.tif": tiff(60_000, 60_000, row, compression=8),
        "huge-canvas.gif": gif(60_000, 60_000),
        "huge.jpg": jpeg(60_000, 60_000),
        "huge.webp": webp(20_000, 20_000),
        "bomb.png": png(20_000, 20_000, compressed_zeros()),
        "bomb.tif": tiff(20_000, 20_000, compressed_zeros(), compression=8),
    }
    files |= {
        "zero.png": png(0, 0, row),
        "flat.png": png(5, 0, row),
        "zero.bmp": bmp(0, 0),
        "zero.ppm": b"P6\n0 0\n255\n",
        "flat.pgm": b"P5\n5 0\n255\n",
        "zero.tif": tiff(0, 0, b""),
        "flat.tif": tiff(5, 0, bytes(5)),
        "zero-canvas.gif": gif(0, 0),
        "zero.jpg": jpeg(0, 0),
        "flat.jpg": jpeg(WIDTH, 0),
    }
    floats = gray().astype(np.float32)
    files |= {
        "nan.tif": by_tifffile(np.where(gray() < 99, np.nan, floats)),
        "all-nan.tif": by_tifffile(floats * np.nan),
        "half.tif": by_tifffile(floats.astype(np.float16)),
        "double.tif": by_tifffile(floats.astype(np.float64)),
        "complex.tif": by_tifffile(floats.astype(np.complex64)),
        "signed.tif": by_tifffile(gray().astype(np.int16) - 99),
        "wide.tif": by_tifffile(gray().astype(np.uint32) * 9999),
        "second-page-nan.tif": by_tifffile(gray(), floats * np.nan),
        "five-channels.tif": by_tifffile(np.dstack([rgb(), rgb()])[..., :5], extrasamples=[0] * 4),
        "no-sizes-of-tiles.tif": without_tag(whole_files()["tiled.tif"], 325),
        "odd-planes.tif": odd_planes(),
        "no-end.tif": tiff(0, 0, bytes(4), next_page=12),
        "control.tif": tiff(4, 4, bytes(16)).replace(struct.pack("<HHI", 262, 4, 1), struct.pack("<HHI", 262, 7, 1)),
    }
    files["a\nnew line.jpg"] = files["🌲 no forest.jpg"] = files["bad" + LONG_NAME[3:]] = b"no photograph"
    return files


def odd_files() -> dict[str, bytes]:
    """Small pictures in odd files. They may be read or refused, in little memory, and no decoder may complain."""
    rows = zlib.compress(bytes(101 * 100))
    return {
        "too-many-rows.png": png(100, 100, compressed_zeros()),
        "long-text.png": png(100, 100, rows, png_chunk(b"zTXt", b"Comment\0\0" + compressed_zeros())),
        "long-profile.png": png(100, 100, rows, png_chunk(b"iCCP", b"profile\0\0" + compressed_zeros())),
        "too-many-rows.tif": tiff(100, 100, compressed_zeros(), compression=8),
        "ring.tif": tiff(4, 4, bytes(16), next_page=24),
        "odd-tag.tif": changed("deflate.tif", 52, 1),
        "odd-exif.jpg": by_pillow(rgb(), "JPEG", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\x09\x01\x0f"),
    }


def changed(name: str, place: int, flips: int) -> bytes:
    content = bytearray(whole_files()[name])
    content[place] ^= flips
    return bytes(content)


# One batch of all of them


@dataclass
class Batch:
    """A folder of files, by what should become of them."""

    folder: Path
    good: set[str] = field(default_factory=set)
    bad: set[str] = field(default_factory=set)
    either: set[str] = field(default_factory=set)

    def add(self, kind: set[str], files: dict[str, bytes]) -> None:
        kind.update(files)
        for name, content in files.items():
            (self.folder / name).write_bytes(content)

    def add_good(self) -> None:
        self.add(self.good, whole_files())
        content = whole_files()["rgb8.png"]
        self.add(self.good, dict.fromkeys(("🌲.png", "new\nline.png", "\udcff.png", LONG_NAME), content))

    def add_truncated(self) -> None:
        for name, whole in whole_files().items():
            cuts = {f"{tenths}-tenths-of-{name}": len(whole) * tenths // 10 for tenths in range(1, 10)}
            if name.startswith("pages"):
                cuts |= {f"{page}-pages-of-{name}": end for page, end in enumerate(page_ends(whole), start=1)}
            for cut_name, length in cuts.items():
                cut = whole[:length]
                self.add(self.either if holds_all_of(cut, whole) else self.bad, {cut_name: cut})

    def add_no_files(self) -> None:
        (self.folder / "x.jpg").mkdir()
        os.mkfifo(self.folder / "pipe.jpg")
        for name, target in {
            "nowhere.jpg": "missing",
            "endless.png": "/dev/zero",
            "folder.png": "x.jpg",
        }.items():
            (self.folder / name).symlink_to(target)
        self.bad |= {"x.jpg", "pipe.jpg", "nowhere.jpg", "endless.png", "folder.png"}


@dataclass(frozen=True)
class Run:
    """What a run of the command did.

    printed: all that came to standard error, also from decoders in C and from loggers.
    megabytes: by which memory grew at most; None if the system does not say.
    """

    status: int
    out: str
    err: str
    megabytes: float | None
    results: Path

    @functools.cached_property
    def failures(self) -> list[tuple[str, str]]:
        """File names as printed, and reasons."""
        lines = re.findall(r"^cannot colour in/(.*?): (.*)$", self.err, re.MULTILINE)
        return [(name, reason) for name, reason in lines]


@contextlib.contextmanager
def everything_printed() -> Iterator[tuple[io.StringIO, Callable[[], str]]]:
    """Capture standard output, and standard error with what decoders print past Python.

    Yields the captured output, and a function that reads the captured errors.
    """
    with tempfile.TemporaryFile("w+", encoding="utf-8") as err, contextlib.ExitStack() as stack:
        out = stack.enter_context(contextlib.redirect_stdout(io.StringIO()))
        stack.enter_context(contextlib.redirect_stderr(err))
        descriptor = os.dup(2)
        os.dup2(err.fileno(), 2)
        stack.callback(os.close, descriptor)
        stack.callback(os.dup2, descriptor, 2)
        handler = logging.StreamHandler(err)
        logging.getLogger().addHandler(handler)
        stack.callback(logging.getLogger().removeHandler, handler)

        def read() -> str:
            err.flush()
            err.seek(0)
            return err.read()

        yield out, read


@contextlib.contextmanager
def no_longer_than(seconds: int) -> Iterator[None]:
    """Fail a test whose block hangs."""

    def stop(*arguments):
        pytest.fail(f"not over after {seconds} s")  # no error that the command would catch

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def memory(name: str) -> float:
    """Megabytes of this process (proc(5)): 'VmRSS' are used now, 'VmHWM' were at most."""
    return int(re.search(rf"^{name}:\s+(\d+) kB$", Path("/proc/self/status").read_text(), re.MULTILINE)[1]) / 1000


def forget_peak() -> bool:
    """Let the peak of this process's memory begin anew, if the system can (proc(5), clear_refs)."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return False
    return True


@pytest.fixture(scope="module")
def color(small_model, load_once) -> Callable[..., Run]:
    """Runs the command in a folder, with arguments."""
    from tfcolor.colorizer import Colorizer
    from tfcolor.commands import colorize
    from tfcolor.utils import console

    def run(folder: Path, *arguments: str) -> Run:
        given = [*arguments, "--model", str(small_model)]
        with pytest.MonkeyPatch.context() as patch, everything_printed() as (out, err), no_longer_than(100):
            patch.chdir(folder)
            patch.setattr(Colorizer, "load", load_once)
            before = memory("VmRSS") if forget_peak() else None
            status = console.run(lambda: colorize.main(given))
            grown = None if before is None else memory("VmHWM") - before
            return Run(status, out.getvalue(), err(), grown, folder / "colorized")

    return run


@pytest.fixture(scope="module")
def batch(tmp_path_factory) -> Batch:
    batch = Batch(tmp_path_factory.mktemp("batch") / "in")
    batch.folder.mkdir()
    batch.add_good()
    batch.add_truncated()
    batch.add(batch.bad, bad_files())
    batch.add(batch.either, odd_files())
    batch.add_no_files()
    names = batch.good | batch.bad | batch.either
    assert len(names) == len({name_of(name) for name in names})  # else some would meet in one result
    return batch


@pytest.fixture(scope="module")
def outcome(batch, color, outcome_of_good_files) -> Run:
    """Comes after the good files, whose run makes all that stays in memory."""
    return color(batch.folder.parent, "in", "--max-megapixels", "100")


@pytest.fixture(scope="module")
def outcome_of_good_files(tmp_path_factory, color) -> Run:
    batch = Batch(tmp_path_factory.mktemp("good") / "in")
    batch.folder.mkdir()
    batch.add_good()
    return color(batch.folder.parent, "in", "--max-megapixels", "100")


def name_of(name: str) -> str:
    """The name of a result; the only GIF with several whole frames becomes a WebP, if that can be done here."""
    return result_name(name, animated=HAS_OPENCV and name == "frames.gif")


def printed(name: str) -> str:
    """A name in one line: only what would break the line is escaped."""
    return name.replace("\n", "\\n").replace("\udcff", "\\udcff")


def coloured(names: set[str], results: Path) -> set[str]:
    return {name for name in names if os.path.lexists(results / name_of(name))}


def test_there_are_enough_bad_files(batch):
    assert len(batch.bad) >= 200 and len(batch.good) >= 20
    assert len(batch.either) < 30


def test_bad_files_do_not_keep_good_ones_from_being_coloured(batch, outcome):
    assert outcome.status == 1
    assert coloured(batch.good, outcome.results) == batch.good
    for name in batch.good:
        path = outcome.results / name_of(name)
        first = decoded(path.read_bytes())[0][..., :3]  # animations have alpha as well
        assert first.shape == (HEIGHT, WIDTH, 3) and np.ptp(first, axis=-1).any(), name


def test_each_bad_file_gets_exactly_one_line(batch, outcome):
    said = Counter(name for name, _ in outcome.failures)
    assert {name for name, count in said.items() if count > 1} == set()
    assert {printed(name) for name in batch.bad} - said.keys() == set()
    assert said.keys() - {printed(name) for name in batch.bad | batch.either} == set()


def test_every_reason_is_in_words(outcome):
    """A file's content must not reach a terminal, which would obey control characters."""
    reasons = [reason for _, reason in outcome.failures]
    assert [reason for reason in reasons if not re.search("[a-z]{3}", reason) or not reason.isprintable()] == []


def test_there_is_no_note_on_what_is_not_coloured(outcome):
    failed = {name for name, _ in outcome.failures}
    assert failed & set(re.findall("^note: in/(.*?): ", outcome.err, re.MULTILINE)) == set()


def test_nothing_else_is_printed(outcome):
    """No traceback, and no warning of a decoder."""
    known = ("cannot colour in/", "note: in/", "colouring: ", "frames.gif: 3/3 ", "frames.webp: 3/3 ")
    assert [line for line in outcome.err.splitlines() if not line.startswith(known)] == []


def test_nothing_is_coloured_from_missing_pixels(batch, outcome):
    assert coloured(batch.bad, outcome.results) == set()


def test_no_partial_and_no_temporary_file_is_left(batch, outcome):
    done = coloured(batch.good | batch.either, outcome.results)
    assert {path.name for path in outcome.results.iterdir()} == {name_of(name) for name in done}
    failed = {name for name, _ in outcome.failures}
    assert {printed(name) for name in done} & failed == set()
    assert {printed(name) for name in batch.either - done} <= failed


def test_the_summary_counts_them(batch, outcome):
    done = coloured(batch.good | batch.either, outcome.results)
    films = {"frames.gif", "frames.webp"}
    assert films <= done
    counts = (
        f"{len(done - films)} photographs, .*, and 2 films, 6 frames, " if HAS_OPENCV else f"{len(done)} photographs, "
    )
    assert re.fullmatch(rf"{counts}.*; {len(outcome.failures)} failed\n", outcome.out)


def test_bombs_do_not_fill_the_memory(outcome, outcome_of_good_files):
    assert outcome_of_good_files.status == 0, outcome_of_good_files.err
    if outcome.megabytes is None:
        pytest.skip("this system does not say how much memory a process took at most")
    assert outcome.megabytes < 300  # a bomb has 400


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(predict, tmp_path, results):
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(whole_files()["rgb8.png"])
    (tmp_path / "a.png").chmod(0)
    outcome = predict("a.png", "b.png")
    assert outcome.status == 1
    assert f"cannot colour a.png: {os.strerror(errno.EACCES)}" in outcome.err
    assert [path.name for path in results.iterdir()] == ["b.png"]


def test_a_name_too_long_for_its_result_is_one_failure(predict, tmp_path, results):
    """The comparison's name would be too long."""
    for name in ("a.png", LONG_NAME):
        (tmp_path / name).write_bytes(whole_files()["rgb8.png"])
    outcome = predict("a.png", LONG_NAME, "--compare")
    assert outcome.status == 1
    assert len(re.findall(f"^cannot colour {LONG_NAME}: .*{os.strerror(errno.ENAMETOOLONG)}$", outcome.err, re.M)) == 1
    assert sorted(path.name for path in results.iterdir()) == ["a.png", "a.png-compare.png"]


# No space for a result


BIG = {
    "a.jpg": lambda: by_pillow(rgb(255, 120, 160), "JPEG", quality=95),
    "a.png": lambda: by_pillow(gray(255, 120, 160), "PNG"),
    "deep.png": lambda: by_pillow(gray(65535, 120, 160), "PNG"),
    "a.tif": lambda: by_tifffile(gray(255, 120, 160)),
    "pages.tif": lambda: by_tifffile(gray(), gray(255, 120, 160), gray()),
    "a.webp": lambda: by_pillow(gray(255, 120, 160), "WEBP", lossless=True),
    "a.bmp": lambda: by_pillow(gray(255, 120, 160), "BMP"),
    "a.ppm": lambda: by_pillow(rgb(255, 120, 160), "PPM"),
}
FEW_BYTES = 16_384


def lines_of(err: str) -> list[str]:
    return [line for line in err.splitlines() if not line.startswith("colouring: ")]


@pytest.fixture(scope="module")
def limited(tmp_path_factory, color) -> tuple[Path, dict[str, Run]]:
    """A folder, and what came of replacing a result of each format there while no file could grow beyond a limit."""
    folder = tmp_path_factory.mktemp("limited")
    (folder / "small.png").write_bytes(whole_files()["rgb8.png"])
    (folder / "colorized").mkdir()
    for name, content in BIG.items():
        (folder / name).write_bytes(content())
        (folder / "colorized" / name).write_bytes(b"before")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (FEW_BYTES, before[1]))
    try:
        runs = {name: color(folder, name, "--overwrite") for name in BIG}
        runs["two"] = color(folder, "a.png", "small.png", "--overwrite")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    return folder, runs


@pytest.mark.parametrize("name", BIG)
def test_a_result_that_cannot_be_written_whole_gets_one_line(limited, name):
    outcome = limited[1][name]
    reason = f"colorized/{name} cannot be written: {os.strerror(errno.EFBIG)}"
    assert lines_of(outcome.err) == [f"cannot colour {name}: {reason}"]
    assert outcome.status == 1
    assert re.fullmatch(r"0 photographs, .*; 1 failed\n", outcome.out)


@pytest.mark.parametrize("name", BIG)
def test_a_result_that_cannot_be_replaced_stays_as_it_was(limited, name):
    assert (limited[0] / "colorized" / name).read_bytes() == b"before"


def test_what_cannot_be_written_leaves_no_temporary_file(limited):
    assert {path.name for path in (limited[0] / "colorized").iterdir()} == {*BIG, "small.png"}


def test_others_are_written_where_one_cannot(limited):
    outcome = limited[1]["two"]
    assert outcome.status == 1 and re.fullmatch(r"1 photograph, .*; 1 failed\n", outcome.out)
    assert decoded((limited[0] / "colorized" / "small.png").read_bytes())[0].shape == (HEIGHT, WIDTH, 3)


@pytest.fixture
def small_disk(tmp_path) -> Iterator[Path]:
    """A file system that has room for little."""
    if os.geteuid() or not shutil.which("mount"):
        pytest.skip("mounting a file system needs root")
    folder = tmp_path / "disk"
    folder.mkdir()
    options = ["-t", "tmpfs", "-o", f"size={FEW_BYTES}", "tmpfs"]
    mounted = subprocess.run(["mount", *options, folder], capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "deep.png", "a.tif", "pages.tif", "a.webp"])
def test_a_full_disk(predict, tmp_path, small_disk, name):
    (tmp_path / name).write_bytes(BIG[name]())
    (small_disk / name).write_bytes(b"before")
    outcome = predict(name, "--overwrite", "--output", "disk")
    assert outcome.status == 1
    reason = f"cannot colour {name}: disk/{name} cannot be written: {os.strerror(errno.ENOSPC)}"
    lines = lines_of(outcome.err)
    assert lines[0] == reason and all(re.match("error: no space left", line) for line in lines[1:])
    assert len(lines) <= 2
    assert [path.name for path in small_disk.iterdir()] == [name]
    assert (small_disk / name).read_bytes() == b"before"


def test_what_was_written_before_the_disk_was_full_is_whole(predict, tmp_path, small_disk):
    for name in ("1.png", "2.png", "big.png", "z.png"):
        content = BIG["a.png"]() if name == "big.png" else whole_files()["rgb8.png"]
        (tmp_path / "in" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "in" / name).write_bytes(content)
    assert predict("in", "--output", "disk").status == 1
    names = {path.name for path in small_disk.iterdir()}
    assert {"1.png", "2.png"} <= names <= {"1.png", "2.png", "z.png"}
    for path in small_disk.iterdir():
        assert decoded(path.read_bytes())[0].shape == (HEIGHT, WIDTH, 3)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_output_folder(predict, tmp_path, results):
    (tmp_path / "a.png").write_bytes(whole_files()["rgb8.png"])
    results.mkdir()
    results.chmod(0o555)
    outcome = predict("a.png")
    assert outcome.status == 2 and len(outcome.err.splitlines()) == 1
    assert "cannot write to folder colorized" in outcome.err


def test_an_output_path_that_is_a_file(predict, tmp_path):
    (tmp_path / "a.png").write_bytes(whole_files()["rgb8.png"])
    (tmp_path / "file").write_text("mine")
    for output in ("file", "file/below"):
        outcome = predict("a.png", "--output", output)
        assert outcome[:2] == (2, "")
        assert re.fullmatch(f"error: cannot write to folder {output}: .*file is not a folder\n", outcome.err)
    assert (tmp_path / "file").read_text() == "mine"


def test_a_file_where_a_folder_of_the_results_should_be(predict, tmp_path, results):
    for name in ("in/a.png", "in/sub/b.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(whole_files()["rgb8.png"])
    results.mkdir()
    (results / "sub").write_text("mine")
    outcome = predict("in", "--recursive")
    assert outcome.status == 1
    assert len(lines_of(outcome.err)) == 1
    assert re.match("cannot colour in/sub/b.png: colorized/sub.* cannot be written: .+", lines_of(outcome.err)[0])
    assert sorted(path.name for path in results.iterdir()) == ["a.png", "sub"]
    assert (results / "sub").read_text() == "mine"


def test_a_folder_where_a_result_should_be(predict, tmp_path, results):
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(whole_files()["rgb8.png"])
    (results / "a.png" / "mine").mkdir(parents=True)
    outcome = predict("a.png", "b.png", "--overwrite")
    assert outcome.status == 1
    reason = f"cannot colour a.png: colorized/a.png cannot be written: {os.strerror(errno.EISDIR)}"
    assert lines_of(outcome.err) == [reason]
    assert sorted(path.name for path in results.iterdir()) == ["a.png", "b.png"]
    assert (results / "a.png" / "mine").is_dir()


# Any picture


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("pictures")


# The modes that Pillow can write in each format.
MODES = {
    "PNG": ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"),
    "JPEG": ("L", "RGB", "CMYK"),
    "TIFF": ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16"),
    "WEBP": ("L", "LA", "P", "RGB", "RGBA"),
    "BMP": ("1", "L", "P", "RGB"),
    "GIF": ("1", "L", "P"),
}
KINDS = [(format, mode) for format, modes in MODES.items() for mode in modes]


def image_of(mode: str, height: int, width: int, rng: np.random.Generator) -> Image.Image:
    """Noise of any mode."""
    if mode == "1":
        return Image.fromarray(rng.integers(0, 2, [height, width]) == 1)
    if mode == "I;16":
        return Image.fromarray(rng.integers(0, 65536, [height, width]).astype(np.uint16))
    bands = [
        Image.fromarray(rng.integers(0, 256, [height, width], np.uint8)) for _ in Image.new(mode, (1, 1)).getbands()
    ]
    if mode == "P":
        bands[0].putpalette(rng.integers(0, 256, 768, np.uint8).tobytes())
    return bands[0] if len(bands) == 1 else Image.merge(mode, bands)


def lab_lightness(colors: np.ndarray) -> np.ndarray:
    """L* by scikit-image, of sRGB in [0, 1]."""
    return rgb2lab(colors)[..., 0]


def lightness_and_alpha(path: Path) -> tuple[np.ndarray, np.ndarray | None]:
    """By Pillow and scikit-image."""
    with Image.open(path) as image:
        image.load()
        levels, alpha = np.asarray(image) / (65535 if image.mode == "I;16" else 255), None
        if image.mode == "CMYK":
            return lab_lightness((1 - levels[..., :3]) * (1 - levels[..., 3:])), None  # each ink takes its share
        if image.mode == "I;16":
            return lab_lightness(np.repeat(levels[..., None], 3, axis=-1)), None
        if image.has_transparency_data:
            alpha = np.asarray(image.convert("RGBA").getchannel("A"))
        return lab_lightness(np.asarray(image.convert("RGB")) / 255), alpha


sides = st.integers(1, 40)
seeds = st.integers(0, 2**32 - 1)


@SETTINGS
@given(kind=st.sampled_from(KINDS), height=sides, width=sides, seed=seeds)
def test_any_picture_is_read_as_other_programs_read_it(folder, kind, height, width, seed):
    from tfcolor.photographs.decoding import read_header
    from tfcolor.photographs.reading import read_page

    format, mode = kind
    path = folder / f"read.{format.lower()}"
    image_of(mode, height, width, np.random.default_rng(seed)).save(path, format)
    header = read_header(path, 40 * 40)
    page = read_page(header)
    lightness, alpha = lightness_and_alpha(path)
    assert (header.num_pages, header.num_pixels) == (1, height * width)
    assert page.lightness.dtype == np.float32 and page.lightness.shape == (height, width)
    assert page.lightness.min() >= 0 and page.lightness.max() <= 100
    slack = 0.3 if mode == "CMYK" else 0.01  # inks make levels that are rounded
    np.testing.assert_allclose(page.lightness, lightness, rtol=0, atol=slack)
    assert (page.alpha is None) == (alpha is None)
    if alpha is not None:
        np.testing.assert_array_equal(page.alpha, alpha)


@SETTINGS
@given(kind=st.sampled_from(KINDS), height=sides, width=sides, seed=seeds)
def test_any_colouring_keeps_size_lightness_and_alpha(folder, kind, height, width, seed):
    from tfcolor.colorizer.painting import painted
    from tfcolor.photographs.decoding import read_header
    from tfcolor.photographs.reading import read_page
    from tfcolor.photographs.writing import levels_of, saving

    rng = np.random.default_rng(seed)
    path, target = folder / "source", folder / "result"
    image_of(kind[1], height, width, rng).save(path, kind[0])
    header = read_header(path, 40 * 40)
    page, format = read_page(header), header.format or "png"
    ab = rng.uniform(-80, 80, [height, width, 2]).astype(np.float32)
    with saving(target, format, height * width * 8, 100 if format == "jpeg" else None) as add_page:
        add_page(painted(page.lightness, ab, levels_of(page, format)), page)
    (levels,) = decoded(target.read_bytes())
    assert levels.shape == (height, width, 3 if page.alpha is None else 4)
    assert levels.dtype == page.dtype
    if page.alpha is not None:
        np.testing.assert_array_equal(levels[..., 3], page.alpha)
    check_lightness(levels[..., :3].astype(float), page.lightness, np.iinfo(page.dtype).max, format == "jpeg")


def check_lightness(colors, lightness, highest, is_lossy):
    """Before it was rounded, the result was within half a level of each channel."""
    if is_lossy:  # at quality 100
        assert np.abs(lab_lightness(colors / highest) - lightness).mean() < 1
        return
    below, above = (lab_lightness(np.clip(colors + half, 0, highest) / highest) for half in (-0.51, 0.51))
    assert (below - 0.01 <= lightness).all() and (lightness <= above + 0.01).all()


# Any bytes


def read_whole(path: Path, content: bytes) -> bool:
    """Whether a file can be read; nothing except UnreadableImage may be raised."""
    from tfcolor.photographs.decoding import read_header
    from tfcolor.photographs.reading import read_page

    path.write_bytes(content)
    try:
        header = read_header(path, 1_000_000)
        pages = [read_page(header, index, with_truth=True) for index in range(min(header.num_pages, 4))]
    except UnreadableImage as error:
        assert str(error).strip() and str(error).isprintable()
        return False
    for page in pages:
        assert page.lightness.min() >= 0 and page.lightness.max() <= 100  # and so no NaN
    return True


MAGICS = [b"", *sorted({content[:4] for content in whole_files().values()}), b"RIFF\0\0\0\0WEBPVP8 ", b"P6\n9 9\n255\n"]


@SETTINGS
@given(magic=st.sampled_from(MAGICS), rest=st.binary(max_size=300))
def test_random_bytes_are_refused_or_read(folder, magic, rest):
    read_whole(folder / "bytes", magic + rest)


# Offsets from the beginning, where headers are, or from the end, where a TIFF may have its headers.
places = st.integers(0, 150) | st.integers(-250, -1) | st.integers(0, 10**5)


@SETTINGS
@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@pytest.mark.parametrize("name", whole_files())
@given(changes=st.lists(st.tuples(places, st.integers(1, 255)), min_size=1, max_size=6))
def test_mutations_are_refused_or_read(folder, name, changes):
    content = bytearray(whole_files()[name])
    for place, flips in changes:
        content[place % len(content)] ^= flips
    read_whole(folder / "mutation", bytes(content))


def test_without_mutations_they_are_read(folder):
    assert all(read_whole(folder / "whole", content) for content in whole_files().values())
