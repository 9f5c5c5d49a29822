"""docs/extending.md, followed to the letter in a copy of the project."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "extending.md").read_text()


def blocks(language: str) -> list[str]:
    fenced = re.findall(r"^```(\w*)\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    return [text for found, text in fenced if found == language]


@pytest.fixture(scope="module")
def extended(tmp_path_factory) -> Path:
    """A copy of the project with the files and the entries of the page."""
    copy = tmp_path_factory.mktemp("extended")
    for folder in ("tfcolor", "tests", "ops"):
        shutil.copytree(ROOT / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__", "golden"))
    for file in ("train.py", "predict.py", "pyproject.toml"):
        shutil.copy(ROOT / file, copy)
    for block in blocks("python"):
        first, _, rest = block.partition("\n")
        registry = re.fullmatch(r"# (\w+) in (\S+)", first)
        if not registry:
            path = copy / first.removeprefix("# ")
            assert not path.exists()
            path.write_text(rest)
            continue
        path = copy / registry[2]
        head, found, tail = path.read_text().partition(f"{registry[1]} = {{\n")
        assert found
        path.write_text(head + found + rest + tail)
    return copy


def command_lines() -> list[list[str]]:
    """Those of the page, by this Python; without brackets, since the page has none."""
    lines = [shlex.split(line) for block in blocks("") for line in block.splitlines()]
    assert all(line[0] == "python" for line in lines)
    return [[sys.executable, *line[1:]] for line in lines]


@pytest.mark.slow
def test_the_page_is_followed_to_the_letter(extended):
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | {"TF_CPP_MIN_LOG_LEVEL": "2"}
    results = []
    for line in command_lines():
        done = subprocess.run(line, cwd=extended, env=environment, capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, f"{line}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        results.append(done.stdout)
    assert len(list((extended / "runs" / "half-colorized").iterdir())) == 6
    assert "half" in results[4] and "bounded" in results[4]
    passed = re.search(r"(\d+) passed", results[-1])
    here = "TestEveryNetwork::test_every_weight_gets_a_gradient[half]"
    listing = [sys.executable, "-m", "pytest", "--collect-only", "-q", "tests/networks/test_networks.py"]
    listed = subprocess.run(listing, cwd=extended, env=environment, capture_output=True, text=True, timeout=120)
    assert passed and here in listed.stdout


def test_the_page_names_what_is_there():
    for path in re.findall(r"`(?:tfcolor/)?((?:networks|objectives)/\w+\.py)`", PAGE):
        is_example = path in ("networks/half.py", "objectives/median.py")
        assert (ROOT / "tfcolor" / path).exists() != is_example, path
    assert len(blocks("python")) == 4 and len(command_lines()) == 6
