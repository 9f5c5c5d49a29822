"""The API reference: pdoc makes it without a warning, and its links lead somewhere."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
COMMAND = re.compile(r"^PDOC_ALLOW_EXEC=1 python (-m pdoc .*) --output-directory docs/api$", re.MULTILINE)


@pytest.fixture(scope="module")
def pages(tmp_path_factory) -> Path:
    """The pages that the command in contributing.md makes."""
    (arguments,) = COMMAND.findall((ROOT / "docs" / "contributing.md").read_text())
    folder = tmp_path_factory.mktemp("api")
    command = [sys.executable, "-W", "error", *shlex.split(arguments), "--output-directory", str(folder)]
    environment = os.environ | {"PDOC_ALLOW_EXEC": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.slow
def test_it_has_a_page_for_what_users_import(pages):
    text = (pages / "tfcolor" / "colorizer.html").read_text()
    assert "Colorizer.colorize" in text
    assert (pages / "tfcolor" / "ops" / "rrelu.html").exists()


@pytest.mark.slow
def test_every_link_leads_somewhere(pages):
    links = 0
    for page in pages.rglob("*.html"):
        for link in re.findall(r'href="([^"#]+)(?:#[^"]*)?"', page.read_text()):
            if not link.startswith(("http", "data:", "${")):  # the last is in a script
                assert (page.parent / link).exists(), (page, link)
                links += 1
    assert links > 20
