"""Downloads from a local server: what arrives, what is printed, and how failures are said."""

import logging
import re
import socket
import sys

import pooch
import pytest

from tfcolor.utils import console
from tfcolor.utils.download import download

MB = 1_000_000


@pytest.mark.parametrize("length", [-1, None])
@pytest.mark.parametrize(("size", "shown"), [(2 * MB + 1, 3), (2 * MB, 2), (5, 1)])
def test_the_file_arrives_with_its_progress(size, shown, length, serve, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(console, "PLAIN_SECONDS", 0.0)  # every step has its line
    content = bytes(range(250)) * (size // 250) + bytes(size % 250)
    download(serve(content, length=length) + "/a file.bin", tmp_path / "file", "fetching")
    assert (tmp_path / "file").read_bytes() == content
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    out, err = capsys.readouterr()
    assert out == ""
    of = "" if length is None else f"/{shown}"
    expected = [f"fetching: {done}{of} MB, " for done in range(1, shown + 1)]
    assert [re.match(r"fetching: \S+ MB, ", line)[0] for line in err.splitlines()] == expected


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ({"body": b"gone", "status": 404}, "^404 Client Error: Not Found for url"),
        ({"body": b"PK" * 100, "length": 5000}, "200 bytes read, 4800 more expected"),
        ({"body": b"PK", "length": "many"}, "'many'"),
    ],
)
def test_a_failure_is_one_line_and_leaves_nothing(answer, reason, serve, tmp_path, capsys):
    with pytest.raises(ConnectionError, match=reason) as caught:
        download(serve(**answer), tmp_path / "file", "fetching")
    assert "\n" not in str(caught.value)
    assert capsys.readouterr() == ("", "")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("url", "reason"),
    [("http://127.0.0.1:{port}", r"^\[Errno \d+\] Connection refused$"), ("gopher://x", "'gopher://x'")],
)
def test_no_server_is_one_line_too(url, reason, tmp_path, monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with socket.socket() as unused:  # bound and not listening: connections are refused
        unused.bind(("127.0.0.1", 0))
        with pytest.raises(ConnectionError, match=reason):
            download(url.format(port=unused.getsockname()[1]), tmp_path / "file", "fetching")


def test_a_full_disk_is_no_fault_of_the_network(serve, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OSError) as caught:
        download(serve(b"content"), tmp_path / "file" / "below", "fetching")
    assert not isinstance(caught.value, ConnectionError)


@pytest.mark.parametrize("level", [logging.NOTSET, logging.DEBUG])
def test_the_log_of_pooch_is_left_as_it_was(level, serve, tmp_path):
    logger = pooch.get_logger()
    before = logger.level
    try:
        logger.setLevel(level)
        download(serve(b"content"), tmp_path / "file", "fetching")
        assert logger.level == level
        with pytest.raises(ConnectionError):
            download(serve(b"", status=500), tmp_path / "other", "fetching")
        assert logger.level == level
    finally:
        logger.setLevel(before)


def test_pooch_is_imported_only_for_a_download(monkeypatch):
    for name in ("pooch", "tfcolor.utils.download"):
        monkeypatch.delitem(sys.modules, name)
    import tfcolor.utils.download  # noqa: F401

    assert "pooch" not in sys.modules
