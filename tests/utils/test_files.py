"""Files and folders that are complete or not there; other functions of `files` are tested with photographs."""

import re
import stat
import subprocess
import sys
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest

from tfcolor.utils import files
from tfcolor.utils.errors import InputError
from tfcolor.utils.strips import by_rows


def test_a_new_folder_gets_its_name_when_it_is_complete(tmp_path):
    with files.new_folder(tmp_path / "new") as folder:
        (folder / "a.txt").write_text("a")
        assert not (tmp_path / "new").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["new"]
    assert (tmp_path / "new" / "a.txt").read_text() == "a"
    (tmp_path / "plain").mkdir()
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("new", "plain")]
    assert modes[0] == modes[1]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_what_fails_leaves_nothing(error, tmp_path):
    (tmp_path / "old").write_bytes(b"old")
    with pytest.raises(error), files.new_folder(tmp_path / "new") as folder:
        (folder / "a.txt").write_text("a")
        raise error
    with pytest.raises(error), files.replacing(tmp_path / "old") as file:
        file.write(b"new")
        raise error
    assert [path.name for path in tmp_path.iterdir()] == ["old"]
    assert (tmp_path / "old").read_bytes() == b"old"


def folder_with(path, text):
    path.mkdir()
    (path / "a.txt").write_text(text)
    return path


@pytest.mark.parametrize("through_link", [False, True])
def test_an_old_folder_is_replaced_when_the_new_one_is_complete(tmp_path, through_link):
    old = path = folder_with(tmp_path / "it", "old")
    if through_link:
        path = tmp_path / "link"
        path.symlink_to("it")
    with files.new_folder(path, replace=True) as folder:
        (folder / "b.txt").write_text("new")
        assert (path / "a.txt").read_text() == "old"
    assert [file.name for file in old.iterdir()] == ["b.txt"] and path.is_symlink() == through_link
    assert {entry.name for entry in tmp_path.iterdir()} == {"it", path.name}


def test_a_folder_that_is_in_the_way_stays_unless_it_may_be_replaced(tmp_path):
    path = folder_with(tmp_path / "it", "old")
    with pytest.raises(OSError), files.new_folder(path) as folder:
        (folder / "a.txt").write_text("new")
    assert [entry.name for entry in tmp_path.iterdir()] == ["it"] and (path / "a.txt").read_text() == "old"


@pytest.mark.parametrize("failing", [1, 2])
def test_a_replacement_that_fails_leaves_the_old_folder(tmp_path, monkeypatch, failing):
    path, renames, rename = folder_with(tmp_path / "it", "old"), [], Path.rename

    def interrupted(self, target):
        renames.append(target)
        if len(renames) == failing:
            raise KeyboardInterrupt
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", interrupted)
    with pytest.raises(KeyboardInterrupt), files.new_folder(path, replace=True) as folder:
        (folder / "a.txt").write_text("new")
    assert [entry.name for entry in tmp_path.iterdir()] == ["it"] and (path / "a.txt").read_text() == "old"


KILLED = """
import os, pathlib, shutil, sys
from tfcolor.utils import files
calls = []
def killed(function):
    def call(*arguments, **options):
        calls.append(function)
        if len(calls) == int(sys.argv[2]):
            os.kill(os.getpid(), 9)
        return function(*arguments, **options)
    return call
with files.new_folder(pathlib.Path(sys.argv[1]), replace=True) as folder:
    (folder / "a.txt").write_text("new")
    pathlib.Path.rename, shutil.rmtree = killed(pathlib.Path.rename), killed(shutil.rmtree)
"""


@pytest.mark.parametrize("call", [1, 2, 3])
def test_a_kill_during_a_replacement_loses_neither_folder(tmp_path, call):
    path = folder_with(tmp_path / "it", "old")
    assert subprocess.run([sys.executable, "-c", KILLED, path, str(call)], check=False).returncode == -9
    found = {file.read_text() for file in tmp_path.rglob("a.txt")}
    assert found == {"old", "new"}
    assert path.exists() == (call != 2)


def test_leftovers_are_removed_and_other_files_stay(tmp_path):
    for name in ("a.json", ".hidden", "b.tmp"):
        (tmp_path / name).touch()
    with files.replacing(tmp_path / "a.json"):  # a killed process would leave its file behind
        (left,) = tmp_path.glob(".*.tmp")
        files.remove_leftovers(tmp_path)
        assert sorted(path.name for path in tmp_path.iterdir()) == [".hidden", "a.json", "b.tmp"]
        left.touch()


def test_a_new_path_is_checked_before_the_work(tmp_path):
    (tmp_path / "file").touch()
    files.check_new(tmp_path / "new")
    files.check_folder(tmp_path / "deep" / "new")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    with pytest.raises(InputError, match=r"file exists; remove it, or give another `output`$"):
        files.check_new(tmp_path / "file")
    with pytest.raises(InputError, match=r"new cannot be written: there is no folder .*deep$"):
        files.check_new(tmp_path / "deep" / "new")
    with pytest.raises(InputError, match=r"cannot write to folder .*below: .*file is not a folder$"):
        files.check_folder(tmp_path / "file" / "below")


def test_a_file_without_descriptor_is_a_file_otherwise(tmp_path):
    with (tmp_path / "file").open("w+b") as file:
        wrapped = files.WithoutDescriptor(file)
        assert wrapped.readable() and wrapped.writable() and wrapped.seekable()
        wrapped.write(b"abc")
        wrapped.seek(1)
        assert (wrapped.read(), wrapped.tell()) == (b"bc", 3)
        with pytest.raises(OSError):
            wrapped.fileno()


@pytest.mark.parametrize("shape", [(1, 1), (7, 2**18), (5, 2**20 + 3)])
def test_strips_give_the_result_of_the_whole(shape):
    picture = np.arange(np.prod(shape), dtype=np.uint32).reshape(shape).astype(np.uint8)
    other = picture // 3
    heights = []

    def function(strip, other):
        heights.append(len(strip))
        return np.stack([strip, strip ^ other], axis=-1)

    np.testing.assert_array_equal(by_rows(function, picture, other), np.stack([picture, picture ^ other], axis=-1))
    assert sum(heights) == shape[0]
    assert max(heights) * shape[1] <= max(2**20, shape[1])


def npz(path: Path, **entries: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(f"{name}.npy", content)
    return path


def npy(shape: tuple[int, ...], content: bytes, descr: str = "<f4") -> bytes:
    """An array as NumPy writes it (NEP 1), whose header may say anything."""
    header = repr({"descr": descr, "fortran_order": False, "shape": shape}).encode()
    header += b" " * (-(len(header) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + content


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        (npy((10**11,), bytes(8)), "a.npy declares 400,000,000,000 bytes, and has 8"),
        (npy((1,), bytes(8)), "a.npy declares 4 bytes, and has 8"),
        (npy((-1, -2), bytes(8)), "a.npy is no array"),
        (npy((2,), bytes(16), "|O"), "a.npy is no array"),
        (npy((2**27,), bytes(2**29)), "it unpacks"),
        (b"neither", "cannot be read"),
    ],
)
def test_what_an_archive_claims_takes_no_memory(tmp_path, entry, reason):
    path = npz(tmp_path / "a.npz", a=entry)
    del entry
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match=re.escape(reason)):
            files.read_npz(path)
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()


def test_archives_of_zeros_can_be_read(tmp_path):
    np.savez_compressed(tmp_path / "a.npz", zeros=np.zeros([1000, 1000]))
    np.testing.assert_array_equal(files.read_npz(tmp_path / "a.npz")["zeros"], np.zeros([1000, 1000]))


@pytest.mark.parametrize("read", [files.read_json, files.read_npz])
def test_a_folder_in_place_of_a_file_is_said_in_words(read, tmp_path):
    with pytest.raises(InputError) as raised:
        read(tmp_path)
    message = str(raised.value)
    assert message.startswith(f"{tmp_path} cannot be read: ") and "Errno" not in message  # words depend on the system
