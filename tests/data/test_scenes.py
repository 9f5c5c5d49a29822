"""The download of the scenes: it trusts neither the network nor the archive."""

import io
import re
import socket
import struct
import zipfile
from functools import partial
from pathlib import Path

import pytest
from PIL import Image

from tfcolor.data import datasets, scenes
from tfcolor.data.scenes import SCENES_COUNTS, SCENES_FOLDER, download_scenes
from tfcolor.utils.errors import InputError, WorkError

_FILE = io.BytesIO()
Image.linear_gradient("L").resize((9, 7)).save(_FILE, "JPEG")
JPEG = _FILE.getvalue()


def scenes_names(**changes: int) -> list[str]:
    counts = {**SCENES_COUNTS, **changes}
    return [f"{category}_{i}.jpg" for category, count in counts.items() for i in range(count)]


def zipped(entries: dict[str, bytes] | list[str]) -> bytes:
    contents = entries if isinstance(entries, dict) else dict.fromkeys(entries, JPEG)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in contents.items():
            deflated = zipfile.ZIP_DEFLATED if len(content) > 1000 else zipfile.ZIP_STORED
            archive.writestr(name, content, deflated)
    return file.getvalue()


def good_archive() -> bytes:
    return zipped(["Thumbs.db", *(f"{SCENES_FOLDER}/{name}" for name in scenes_names())])


@pytest.fixture
def few(monkeypatch):
    """Pretend that the scenes are few, for speed: 4 to 11 of a category, 60 in all."""
    for i, category in enumerate(SCENES_COUNTS):
        monkeypatch.setitem(SCENES_COUNTS, category, 4 + i)


def below(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def test_download(tmp_path, serve, few, monkeypatch):
    url = serve(good_archive())
    monkeypatch.setattr(datasets, "download_scenes", partial(download_scenes, url=url))
    root = tmp_path / "new" / "root"
    dataset = datasets.find("scenes", str(root))
    assert dataset.message.startswith("scenes: 60 photographs (coast 4, forest 5, highway 6,")
    assert dataset.paths[0].read_bytes() == JPEG
    assert below(root) == sorted([SCENES_FOLDER, *(f"{SCENES_FOLDER}/{name}" for name in scenes_names())])
    monkeypatch.setattr(datasets, "download_scenes", None)  # a second time nothing is downloaded
    assert datasets.find("street", str(root)).message == "street: 10 photographs"


def test_download_into_an_empty_folder_without_a_promised_length(tmp_path, serve, few):
    (tmp_path / SCENES_FOLDER).mkdir()
    folder = download_scenes(tmp_path, serve(good_archive(), length=None))
    assert len(list(folder.iterdir())) == 60
    assert [path.name for path in tmp_path.iterdir()] == [SCENES_FOLDER]


@pytest.mark.parametrize(
    ("url", "is_secure", "asked"),
    [
        ("http://host/http:/x.zip", False, ["https://host/http:/x.zip", "http://host/http:/x.zip"]),
        ("http://host/x.zip", True, ["https://host/x.zip"]),
        ("https://host/x.zip", True, ["https://host/x.zip"]),
        ("https://host/x.zip", False, ["https://host/x.zip"]),
    ],
)
def test_https_is_tried_first(url, is_secure, asked, tmp_path, few, monkeypatch):
    urls = []

    def download(url, path, title):
        urls.append(url)
        if url.startswith("https:") and not is_secure:
            raise ConnectionError("wrong version number")
        path.write_bytes(good_archive())

    monkeypatch.setattr(scenes, "download", download)
    if asked[-1].startswith("https:") and not is_secure:
        with pytest.raises(WorkError, match=re.escape(f"downloading {url} failed (wrong version number)")):
            download_scenes(tmp_path, url)
    else:
        assert len(below(download_scenes(tmp_path, url))) == 60
    assert urls == asked


def test_paths_in_the_archive_are_not_trusted(tmp_path, serve, few):
    prefixes = ["../../", f"{tmp_path}/evil/", "a/../../../", "C:/x/", ""]
    names = [prefixes[i % 5] + name for i, name in enumerate(scenes_names())]
    hostile = [
        "../../evil.jpg",
        f"{tmp_path}/forest_evil.jpg/x",
        "forest_dir.jpg/",
        "..\\forest_1.jpg",
        "x/forest_1.jpg\n",
    ]
    hostile += ["__MACOSX/._forest_1.jpg", "forest_a b.jpg", "FOREST_1.JPG", "forest_1.jpg.exe"]
    root = tmp_path / "outer" / "root"
    folder = download_scenes(root, serve(zipped(names + hostile)))
    assert below(folder) == sorted(scenes_names())
    assert len(below(tmp_path)) == 2 + 1 + 60


def lying_archive() -> bytes:
    """An entry that declares 1,000 bytes and unpacks to six million."""
    entries = {**dict.fromkeys(scenes_names(), b""), "coast_0.jpg": bytes(6_000_000)}
    return zipped(entries).replace(struct.pack("<I", 6_000_000), struct.pack("<I", 1_000))


def archive_with(content: bytes) -> bytes:
    return zipped({**dict.fromkeys(scenes_names(), JPEG), "forest_3.jpg": content})


ARCHIVES = {
    "one too few": (lambda: zipped(scenes_names(forest=4)), "holds 4 of 5 photographs of forest"),
    "one too many": (lambda: zipped(scenes_names(street=11)), "holds 11 of 10 photographs of street"),
    "empty": (lambda: zipped([]), "holds 0 of 4 photographs of coast"),
    "twice": (lambda: zipped([*scenes_names(), "other/forest_2.jpg"]), "holds forest_2.jpg twice"),
    "bomb": (lambda: zipped({"coast_0.jpg": bytes(6_000_000)}), "coast_0.jpg .* has 6,000,000 bytes"),
    "lie": (lying_archive, "Bad CRC-32"),
    "not a zip": (lambda: b"<html>Sign in to this network</html>", "not a zip file"),
    "nothing": (lambda: b"", "not a zip file"),
    "cut": (lambda: zipped(scenes_names())[:-10], "not a zip file"),
    "damaged": (lambda: zipped(scenes_names()).replace(b"JFIF", b"JFIG", 1), "Bad CRC-32"),
    "no photograph": (lambda: archive_with(b"\xff\xd8 tiny"), r"forest_3.jpg in the archive cannot be decoded: \w"),
    "a cut photograph": (lambda: archive_with(JPEG[:-20]), r"forest_3.jpg in the archive cannot be decoded: \w"),
}


@pytest.mark.parametrize("archive", ARCHIVES)
def test_bad_archive(archive, tmp_path, serve, few):
    make, reason = ARCHIVES[archive]
    url = serve(make())
    with pytest.raises(WorkError, match=reason) as caught:
        download_scenes(tmp_path, url)
    message = str(caught.value)
    assert message.startswith(f"downloading {url} failed") and "\n" not in message
    assert f"by hand and unpack it into {tmp_path / SCENES_FOLDER}" in message
    assert "TFCOLOR_DATA" in message and "`data_dir`" in message
    assert below(tmp_path) == []


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ({"body": b"gone", "status": 404}, "404 Client Error: Not Found"),
        ({"body": b"PK" * 100, "length": 5000}, "200 bytes read, 4800 more expected"),
        ({"body": b"PK", "length": "many"}, "many"),
    ],
)
def test_bad_server(answer, reason, tmp_path, serve):
    url = serve(**answer)
    with pytest.raises(WorkError, match=rf"^downloading {url} failed \(.*{reason}") as caught:
        download_scenes(tmp_path, url)
    assert "\n" not in str(caught.value)
    assert below(tmp_path) == []


@pytest.mark.parametrize("url", ["http://127.0.0.1:{port}/x.zip", "gopher://x", "nonsense"])
def test_no_server(url, tmp_path, monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with socket.socket() as unused:  # bound and not listening: connections are refused
        unused.bind(("127.0.0.1", 0))
        with pytest.raises(WorkError, match=r"^downloading .* failed \((.*refused|.*'(gopher://x|nonsense)')"):
            download_scenes(tmp_path, url.format(port=unused.getsockname()[1]))
    assert below(tmp_path) == []


@pytest.mark.parametrize("step", ["_fetch", "_unpack", "_check_photographs", "scene_files"])
def test_interrupted_download_leaves_nothing(step, tmp_path, serve, few, monkeypatch):
    def interrupt(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(scenes, step, interrupt)
    with pytest.raises(KeyboardInterrupt):
        download_scenes(tmp_path, serve(good_archive()))
    assert below(tmp_path) == []


def test_another_process_was_faster(tmp_path, serve, few, monkeypatch):
    fetch = scenes._fetch

    def slow_fetch(url, archive):
        fetch(url, archive)
        (tmp_path / SCENES_FOLDER).mkdir()
        (tmp_path / SCENES_FOLDER / "forest_0.jpg").write_bytes(JPEG)

    monkeypatch.setattr(scenes, "_fetch", slow_fetch)
    folder = download_scenes(tmp_path, serve(good_archive()))
    assert below(folder) == ["forest_0.jpg"]
    assert [path.name for path in tmp_path.iterdir()] == [SCENES_FOLDER]


def test_foreign_files_are_not_replaced(tmp_path, offline):
    (tmp_path / SCENES_FOLDER).mkdir()
    (tmp_path / SCENES_FOLDER / "notes.txt").write_bytes(b"x")
    with pytest.raises(InputError, match="is not empty: move it away"):
        datasets.find("scenes", str(tmp_path))
    assert below(tmp_path) == [SCENES_FOLDER, f"{SCENES_FOLDER}/notes.txt"]


def test_root_that_cannot_be_written(tmp_path, offline):
    (tmp_path / "file").write_bytes(b"x")
    for root in ("file", "file/below"):
        with pytest.raises(InputError, match=f"cannot write to .*{root} .*`data_dir`"):
            datasets.find("scenes", str(tmp_path / root))
