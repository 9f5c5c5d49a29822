"""The study of steadiness, in its smallest form."""

import numpy as np
import pytest

from tests.made import write_model
from tfcolor.utils import console

pytest.importorskip("av", reason="PyAV is not installed: pip install -r requirements-video.txt")
pytest.importorskip("cv2", reason="OpenCV is not installed: pip install -r requirements-video.txt")
from benchmarks.clips import write_clip
from benchmarks.studies import films


def test_weights_are_compared_on_made_clips_and_films(forest_data, tmp_path, capsys):
    rng = np.random.default_rng(0)
    write_clip(tmp_path / "film.mp4", (rng.integers(0, 256, [32, 48, 3], np.uint8) for _ in range(3)))
    arguments = ["--dataset", "forest", "--data-dir", forest_data, "--model", write_model(tmp_path / "model", "unet")]
    arguments += ["--weights", "0,0.6", "--frames", "5", "--sides", "32,48", "--output", tmp_path / "out"]
    run = lambda *more: console.run(lambda: films.main([str(argument) for argument in (*arguments, *more)]))  # noqa: E731
    assert run("--video", tmp_path / "film.mp4") == 0
    made, film = (tmp_path / "out" / "films.md").read_text().split("**film.mp4")
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in made.splitlines() if line.startswith("| ")]
    assert rows[0] == films.COLUMNS and [row[0] for row in rows[2:]] == ["gray", "truth", "0", "0.6"]
    found = {row[0]: dict(zip(films.COLUMNS[1:], map(float, row[1:]), strict=True)) for row in rows[2:]}
    assert found["truth"]["raw AuC"] == 100 and found["0"]["ratio"] == 1 and found["gray"]["CF"] == 0
    assert found["0.6"]["ratio"] < 1
    assert "| 0.6 | " in film
    assert "made clips of 5 frames, forest, val split" in capsys.readouterr().out
    (tmp_path / "broken.mp4").write_bytes(b"no film")
    assert run("--video", tmp_path / "broken.mp4") == 2 and "broken.mp4 cannot be read" in capsys.readouterr().err
    assert run("--sides", "32") == 2 and run("--weights", "1") == 2
