"""Which photographs are found in folders: names, links, hidden and closed folders, and the order."""

import os
from pathlib import Path

import pytest

from tfcolor.photographs.folders import find_images


def touch(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")
    return folder


def link(folder: Path, **targets: str) -> None:
    for name, target in targets.items():
        (folder / name).symlink_to(target)


def test_names_at_any_depth_are_sorted(tmp_path):
    names = ["b.jpg", "a.PNG", "sub/c.tif", "sub/deep/d.gif", "sub.jpg/e.webp", "a b/é.pgm"]
    touch(tmp_path, *names, "notes.txt", "jpg", "sub/e.jpg.part")
    assert find_images(tmp_path) == sorted(names)
    assert find_images(tmp_path) == find_images(tmp_path / "sub" / "..")


def test_without_subfolders(tmp_path):
    touch(tmp_path, "b.jpg", "a.png", "sub/c.png", "sub.jpg/e.png")
    assert find_images(tmp_path, recursive=False, only_files=True) == ["a.png", "b.jpg"]
    # A folder that is not searched is what it is called.
    assert find_images(tmp_path, recursive=False) == ["a.png", "b.jpg", "sub.jpg"]


def test_an_empty_folder(tmp_path):
    assert find_images(tmp_path) == []


@pytest.mark.parametrize("recursive", [True, False])
def test_hidden_files_and_folders_are_left_out(tmp_path, recursive):
    touch(tmp_path, "a.png", ".hidden.png", "._a.png", ".git/b.png", "sub/.cache/c.png", "sub/.d.png")
    link(tmp_path, **{".link": "sub", ".link.png": "a.png"})
    assert find_images(tmp_path, recursive) == ["a.png"]


def test_a_hidden_folder_can_be_searched_itself(tmp_path):
    assert find_images(touch(tmp_path / ".photos", "a.png")) == ["a.png"]


def test_links_to_files_are_files(tmp_path):
    touch(tmp_path, "a.png", "notes.txt")
    link(tmp_path, **{"b.png": "a.png", "c.png": "notes.txt", "notes2.txt": "a.png"})
    for recursive in (True, False):
        assert find_images(tmp_path, recursive, only_files=True) == ["a.png", "b.png", "c.png"]


def test_each_folder_is_read_once_and_by_its_own_path(tmp_path):
    touch(tmp_path, "outside.jpg", "elsewhere/far.jpg", "photos/z/near.jpg", "photos/z/back/deep.jpg")
    photos = tmp_path / "photos"
    link(photos, up="..", same=".", alias="z", far="../elsewhere", far2="far")
    link(photos / "z" / "back", up="../..")
    link(tmp_path / "elsewhere", photos="../photos")
    assert find_images(photos) == ["far/far.jpg", "z/back/deep.jpg", "z/near.jpg"]
    link(tmp_path, photos2="photos")
    assert find_images(tmp_path / "photos2") == find_images(photos)


def test_links_in_circles_end(tmp_path):
    touch(tmp_path, "a/x.png", "b/y.png")
    link(tmp_path / "a", b="../b")
    link(tmp_path / "b", a="../a")
    link(tmp_path, self="self", one="two", two="one")
    assert find_images(tmp_path) == ["a/x.png", "b/y.png"]
    assert find_images(tmp_path / "a") == ["b/y.png", "x.png"]


def test_what_is_no_file_is_listed_by_its_name_unless_only_files_are_asked_for(tmp_path):
    touch(tmp_path, "a.png")
    link(tmp_path, **{"circle.png": "circle.png", "nowhere.png": "missing", "endless.png": "/dev/zero"})
    os.mkfifo(tmp_path / "pipe.png")
    odd = ["circle.png", "endless.png", "nowhere.png", "pipe.png"]
    for recursive in (True, False):
        assert find_images(tmp_path, recursive) == ["a.png", *odd]
        assert find_images(tmp_path, recursive, only_files=True) == ["a.png"]


@pytest.mark.parametrize("excluded", ["in/out", "in/../in/out", "link"])
def test_a_folder_can_be_excluded_however_it_is_reached(tmp_path, excluded):
    touch(tmp_path, "in/a.png", "in/out/b.png", "in/out/sub/c.png", "in/sub/out/d.png")
    link(tmp_path, link="in/out")
    link(tmp_path / "in", whole="out", part="out/sub")
    assert find_images(tmp_path / "in", excluded=tmp_path / excluded) == ["a.png", "sub/out/d.png"]


def test_a_folder_inside_the_excluded_one_is_searched(tmp_path):
    touch(tmp_path, "out/a.png", "out/sub/b.png")
    assert find_images(tmp_path / "out", excluded=tmp_path / "out") == ["a.png", "sub/b.png"]
    assert find_images(tmp_path / "out" / "sub", excluded=tmp_path / "out") == ["b.png"]


def test_an_excluded_folder_need_not_be_there(tmp_path):
    assert find_images(touch(tmp_path, "a.png"), excluded=tmp_path / "missing" / "deep") == ["a.png"]


@pytest.fixture
def closed(monkeypatch):
    """Folders called 'closed' cannot be read, not even by root."""
    scan = os.scandir

    def refuse(folder):
        if Path(folder).name == "closed":
            raise PermissionError(13, "Permission denied", str(folder))
        return scan(folder)

    monkeypatch.setattr(os, "scandir", refuse)


def test_a_folder_that_cannot_be_read_is_reported_once(tmp_path, closed):
    touch(tmp_path, "a.png", "closed/b.png", "sub/c.png", "sub/closed/d.png")
    link(tmp_path, link="closed")
    errors: list[OSError] = []
    assert find_images(tmp_path, on_unreadable=errors.append) == ["a.png", "sub/c.png"]
    assert sorted(Path(error.filename) for error in errors) == [tmp_path / "closed", tmp_path / "sub" / "closed"]


def test_a_folder_that_cannot_be_read_is_an_error_where_nobody_asks_for_it(tmp_path, closed):
    touch(tmp_path, "a.png", "closed/b.png")
    with pytest.raises(PermissionError):
        find_images(tmp_path)
    with pytest.raises(FileNotFoundError):
        find_images(tmp_path / "missing")


def test_names_that_are_not_utf8(tmp_path):
    name = os.fsdecode(b"caf\xe9.jpg")
    try:
        touch(tmp_path, f"sub/{name}")
    except OSError:
        pytest.skip("this file system takes only UTF-8 names")
    assert find_images(tmp_path) == [f"sub/{name}"]
