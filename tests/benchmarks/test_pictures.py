"""The pictures of the documentation are those of the model that is shipped."""

import json
from pathlib import Path

import pytest
from PIL import Image

from benchmarks import pictures
from tfcolor.utils import console

DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_they_were_made_with_the_shipped_model():
    made = json.loads((DOCS / "pictures.json").read_text())
    assert made == pictures.fingerprint(), "make them again: python -m benchmarks.pictures"


def test_they_are_small():
    for path in [*DOCS.glob("*.jpg"), *DOCS.glob("*.png")]:
        assert path.stat().st_size <= 150_000 or path.name.startswith("growth"), path.name


@pytest.mark.slow
def test_the_command_makes_all(tmp_path):
    for module in ("av", "cv2"):
        pytest.importorskip(module, reason="not installed: pip install -r requirements-video.txt")
    assert console.run(lambda: pictures.main(["--output", str(tmp_path)])) == 0
    names = {
        "colored.jpg",
        "limits.jpg",
        "hints.jpg",
        "temperature.jpg",
        "candidates.jpg",
        "explain.jpg",
        "steady.jpg",
        "pictures.json",
    }
    assert {path.name for path in tmp_path.iterdir()} == names
    for name in names - {"pictures.json"}:
        with Image.open(tmp_path / name) as made, Image.open(DOCS / name) as kept:
            assert made.size == kept.size
