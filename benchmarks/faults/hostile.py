"""Hostile model directories and archives: one line each, status 2, and little memory.

They run in one process, because each start takes seconds: python -m benchmarks.faults.hostile FOLDER prints JSON.
"""

import contextlib
import io
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import traceback
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from benchmarks.faults.rounds import Found
from benchmarks.measure import ROOT, forget_peak, peak_megabytes

SECONDS = 60  # after which loading a model hangs
MEGABYTES = 600  # that refusing a model may take
MODELS = 100
_HUGE = 10**11
_CODE = b"cos\nsystem\n(S'touch executed'\ntR."  # a pickle that would run a command


def arrays_of(path: Path) -> dict[str, np.ndarray]:
    """All arrays of an archive."""
    with np.load(path) as arrays:
        return dict(arrays.items())


def change_array(folder: Path, file: str, change: Callable[[np.ndarray], np.ndarray], rng: random.Random) -> None:
    """Change one array of an archive; several are taken in turn."""
    arrays = arrays_of(folder / file)
    name = rng.choice([name for name, array in arrays.items() if array.dtype.kind in "fi" and array.ndim])
    np.savez(folder / file, **(arrays | {name: change(arrays[name])}))


def change_entry(folder: Path, file: str, content: bytes, name: str | None = None) -> None:
    """Replace the bytes of an entry of an archive, or add one of another name."""
    with zipfile.ZipFile(folder / file) as archive:
        entries = {each: archive.read(each) for each in archive.namelist()}
    entries[name or next(iter(entries))] = content
    with zipfile.ZipFile(folder / file, "w", zipfile.ZIP_DEFLATED) as archive:
        for each, data in entries.items():
            archive.writestr(each, data)


def array_header(shape: tuple[int, ...], descr: str = "<f4") -> bytes:
    """The head of an array as NumPy writes it (NEP 1)."""
    text = repr({"descr": descr, "fortran_order": False, "shape": shape}).encode()
    text += b" " * (-(len(text) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text


def change_json(folder: Path, change: Callable[[dict], object]) -> None:
    """Change the content of `model.json`."""
    path = folder / "model.json"
    content = json.loads(path.read_text())
    changed = change(content)
    path.write_text(json.dumps(content if changed is None else changed))


def cut(path: Path, rng: random.Random) -> None:
    """Cut the end of a file off."""
    content = path.read_bytes()
    path.write_bytes(content[: rng.randrange(len(content))])


def flip(path: Path, rng: random.Random) -> None:
    """Flip bits; in an archive, the check sums tell."""
    content = bytearray(path.read_bytes())
    for _ in range(200):
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    path.write_bytes(bytes(content))


ARCHIVES = ("weights.npz", "bins.npz")
_NAN = float("nan")
Attack = Callable[[Path, str, random.Random], object]


def in_array(change: Callable[[np.ndarray], np.ndarray]) -> Attack:
    """Change an array."""
    return lambda folder, archive, rng: change_array(folder, archive, change, rng)


def as_entry(content: bytes, name: str | None = None) -> Attack:
    """Put bytes in the place of an array, or beside all."""
    return lambda folder, archive, rng: change_entry(folder, archive, content, name)


def as_file(make: Callable[[Path], object]) -> Attack:
    """Put something else in the place of an archive."""

    def attack(folder, archive, rng):
        (folder / archive).unlink()
        make(folder / archive)

    return attack


def in_json(**changes: object) -> Attack:
    """Change fields of `model.json`."""
    return lambda folder, archive, rng: change_json(folder, lambda content: content.update(changes))


_SMALL = array_header((1,)) + bytes(4)
# Each spoils a copy of a model, whose files it may read and write.
ATTACKS: dict[str, Attack] = {
    "another shape": in_array(lambda x: x[..., :-1]),
    "a dimension more": in_array(lambda x: x[None]),
    "nothing in an array": in_array(lambda x: x[:0]),
    "numbers that are none": in_array(lambda x: np.full_like(x, np.nan, float)),
    "infinite numbers": in_array(lambda x: np.full_like(x, np.inf, float)),
    "text for numbers": in_array(lambda x: np.full(x.shape, "x")),
    "objects": in_array(lambda x: np.full(x.shape, None)),
    "complex numbers": in_array(lambda x: x.astype(complex)),
    "a huge size": as_entry(array_header((_HUGE,)) + bytes(8)),
    "huge sides": as_entry(array_header((2**31, 2**31, 2**31)) + bytes(8)),
    "a size below 0": as_entry(array_header((-1,)) + bytes(8)),
    "a bomb": lambda folder, archive, rng: change_entry(folder, archive, array_header((2**27,)) + bytes(2**29)),
    "a pickle": as_entry(array_header((1,), "|O") + _CODE),
    "a pickle for an archive": as_file(lambda path: path.write_bytes(_CODE)),
    "a head without an end": as_entry(_SMALL[:20]),
    "a head that is code": as_entry(b"\x93NUMPY\x01\x00\x20\x00" + b"__import__('os').abort()      \n"),
    "a path upwards": as_entry(_SMALL, "../../escaped.npy"),
    "an absolute path": as_entry(_SMALL, "/tmp/escaped.npy"),
    "an entry more": as_entry(_SMALL, "more.npy"),
    "an archive that is cut": lambda folder, archive, rng: cut(folder / archive, rng),
    "flipped bits": lambda folder, archive, rng: flip(folder / archive, rng),
    "an empty archive": as_file(lambda path: path.write_bytes(b"")),
    "a missing archive": as_file(lambda path: None),
    "a folder for an archive": as_file(lambda path: path.mkdir()),
    "a link in a circle": as_file(lambda path: path.symlink_to(path.name)),
    "an endless file": as_file(lambda path: path.symlink_to("/dev/zero")),
    "a pipe": as_file(os.mkfifo),
    "no JSON": lambda folder, archive, rng: (folder / "model.json").write_bytes(b"\xff{"),
    "JSON that is a list": lambda folder, archive, rng: change_json(folder, lambda content: [content]),
    "JSON a million deep": lambda folder, archive, rng: (folder / "model.json").write_text("[" * 10**6),
    "a network that is a path": in_json(network={"name": "../../../etc/passwd"}),
    "a network that is a module": in_json(network={"name": "os.system"}),
    "a width of a million": in_json(network={"name": "zhang", "width": 10**6}),
    "the largest width": in_json(network={"name": "zhang", "width": 8}),
    "a width that is none": in_json(network={"name": "zhang", "width": _NAN}),
    "the deepest network": in_json(network={"name": "pix2pix", "depth": 9, "width": 8}),
    "a version of text": in_json(format_version="2; rm -rf /"),
    "a T that is none": in_json(decoding={"temperature": _NAN}),
    "a huge smoothing": in_json(decoding={"smoothing": 10**9}),
    "an objective that is a number": in_json(objective=7),
    "specialists elsewhere": in_json(format="routed", specialists=["../..", "/"], threshold=0.5, encoder="lite2"),
}


def attacks(number: int) -> Iterator[tuple[str, str]]:
    """The attacks by their names, and the archive of each; those on an archive are done on both."""
    pairs = [(name, archive) for name in ATTACKS for archive in ARCHIVES]
    for place in range(number):
        yield pairs[place % len(pairs)]


def main(folder: Path, number: int) -> None:
    """Load hostile models; print what was found as JSON."""
    from tfcolor.commands import colorize
    from tfcolor.models.directory import SHIPPED
    from tfcolor.utils import console

    found = Found()
    console.load_tensorflow()
    (folder / "photo.png").write_bytes(_photograph())
    for place, (name, archive) in enumerate(attacks(number)):
        model = folder / f"model-{place}"
        shutil.copytree(SHIPPED / "forest", model)
        ATTACKS[name](model, archive, random.Random(place))
        forget_peak()
        before, errors = peak_megabytes(), io.StringIO()
        words = [str(folder / "photo.png"), "--model", str(model), "--output", str(folder / f"out-{place}")]
        status: int | None = None
        try:
            with contextlib.redirect_stderr(errors), contextlib.redirect_stdout(io.StringIO()), _limit():
                status = console.run(lambda words=words: colorize.main(words))
        except TimeoutError:
            found.count("hangs", f"{name} in {archive}")
        except BaseException:
            found.count("tracebacks", f"{name} in {archive}: {traceback.format_exc()[-1500:]}")
        else:
            lines = errors.getvalue().splitlines()
            if status != 2 or len(lines) != 1 or not lines[0].startswith("error: "):
                found.count("wrong", f"{name} in {archive}: status {status}, {errors.getvalue()[:500]!r}")
        found.tried += 1
        grown = peak_megabytes() - before
        found.megabytes = max(found.megabytes, grown)
        if grown > MEGABYTES:
            found.count("wrong", f"{name} in {archive} took {grown:.0f} MB")
        if [path for path in (Path("executed"), folder / "executed", Path("/tmp/escaped.npy")) if path.exists()]:
            found.count("wrong", f"{name} in {archive} wrote a file")
        shutil.rmtree(model)
    print(json.dumps(vars(found)))


@contextlib.contextmanager
def _limit() -> Iterator[None]:
    def stop(*arguments):
        raise TimeoutError

    signal.signal(signal.SIGALRM, stop)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)


def _photograph() -> bytes:
    from benchmarks.faults.files import whole_files

    return whole_files()["gray8.png"]


def one_round(number: int, folder: Path, models: int = MODELS) -> Found:
    """Do all attacks in a process of their own."""
    command = [sys.executable, "-m", "benchmarks.faults.hostile", str(folder), str(models)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        found = Found(tried=models)
        found.count("tracebacks", done.stderr[-3000:])
        return found
    return Found(**json.loads(done.stdout.splitlines()[-1]))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
