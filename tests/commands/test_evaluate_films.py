"""`evaluate --video` as a user runs it, on made clips."""

import json
import sys

import numpy as np
import pytest

from tests.made import write_model
from tfcolor.commands import evaluate
from tfcolor.utils import console

pytest.importorskip("av", reason="PyAV is not installed: pip install -r requirements-video.txt")
pytest.importorskip("cv2", reason="OpenCV is not installed: pip install -r requirements-video.txt")
from benchmarks.clips import pan_and_zoom, write_clip


def clip(path, seed=0, count=6):
    coarse = np.random.default_rng(seed).integers(110, 140, [12, 20, 3], np.uint8)
    write_clip(path, (rgb for rgb, _ in pan_and_zoom(coarse.repeat(8, 0).repeat(8, 1), (48, 64), count)))


@pytest.fixture
def run(tmp_path, monkeypatch, capsys, small_model):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")

    def run(*arguments, model=small_model):
        given = [*map(str, arguments), "--model", str(model)]
        return console.run(lambda: evaluate.main(given)), *capsys.readouterr()

    return run


@pytest.fixture
def folder(tmp_path):
    """Two clips, a file that is no film, and a film that cannot be read."""
    folder = tmp_path / "films"
    folder.mkdir()
    clip(folder / "b.mp4")
    clip(folder / "a_rather_long_name_of_a_film_2024.mp4", seed=1, count=3)
    (folder / "broken.mp4").write_bytes(b"no film")
    (folder / "notes.txt").write_text("no film either")
    return folder


def test_a_folder_of_films(run, folder, tmp_path):
    status, out, err = run("--video", folder, "--output", "out", "--T", "0.5", "--lambda", "0.4", "--steadiness", "0.6")
    assert status == 0, err
    assert [line for line in err.splitlines() if "cannot read" in line] == [
        next(line for line in err.splitlines() if line.startswith(f"cannot read {folder / 'broken.mp4'}: "))
    ]
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["video.json"]
    found = json.loads((tmp_path / "out" / "video.json").read_text())
    assert (found["T"], found["lambda"], found["steadiness"]) == (0.5, 0.4, 0.6)
    assert {name: film["frames"] for name, film in found["films"].items()} == {
        "a_rather_long_name_of_a_film_2024.mp4": 3,
        "b.mp4": 6,
    }
    for way, mean in found["mean"].items():
        for metric, value in mean.items():
            each = [film["results"][way][metric] for film in found["films"].values()]
            if metric != "warp_ratio":  # that of the means
                assert value == pytest.approx(np.mean(each)), (way, metric)
    assert found["mean"]["truth"]["raw_auc"] == 100 and found["mean"]["gray"]["colourfulness"] == 0
    assert max(map(len, out.splitlines())) <= 80 and "…" not in out
    assert out.count("dCF") == 2 and "it rewards gray" in out
    for way in ("gray", "truth", "frame by frame", "steady"):
        (line,) = (line for line in out.splitlines() if line.startswith(f"│ {way} "))
        assert f"{found['mean'][way]['raw_auc']:.2f}" in line and f"{found['mean'][way]['cdc']:.6f}" in line
    alone, steady = (found["films"]["b.mp4"]["results"][way] for way in ("frame by frame", "steady"))
    assert f"{alone['raw_auc']:.2f} -> {steady['raw_auc']:.2f}" in out


def test_one_film_has_one_table_and_its_results_are_kept(run, folder, tmp_path):
    status, out, err = run("--video", folder / "b.mp4", "--output", "out")
    assert status == 0, err
    assert out.count("dCF") == 1 and "b.mp4, 6 frames" in out
    assert "6/6 frames" in err
    before = (tmp_path / "out" / "video.json").read_bytes()
    status, _, err = run("--video", folder / "b.mp4", "--output", "out", "--steadiness", "0")
    assert status == 2 and "video.json exists; give --overwrite" in err
    assert (tmp_path / "out" / "video.json").read_bytes() == before
    assert run("--video", folder / "b.mp4", "--output", "out", "--steadiness", "0", "--overwrite")[0] == 0
    found = json.loads((tmp_path / "out" / "video.json").read_text())
    assert found["mean"]["steady"] == found["mean"]["frame by frame"]


def test_nothing_that_can_be_measured(run, folder, tmp_path):
    status, _, err = run("--video", folder / "broken.mp4", "--output", "out")
    assert status == 1 and err.splitlines()[-1] == "error: no film can be measured"
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("option", "message"),
    [
        *(
            ((name, value), f"{name} does not go with --video; leave one out")
            for name, value in (
                *(("--dataset", "scenes"), ("--split", "test"), ("--predictions", "films"), ("--classifier", "lite1")),
                *(("--shard", "1/2"), ("--tile", "64")),
            )
        ),
        (("--hints",), "--hints does not go with --video; leave one out"),
        (("--T", "1,0.5"), "--video is measured at one temperature; --T got 1,0.5"),
        (("--steadiness", "1"), "--steadiness must be at least 0 and below 1, got 1"),
        (("--video", "nowhere.mp4"), "--video takes a film or a folder of films, and there is no nowhere.mp4"),
        (("--video", "empty"), "there is no film in empty"),
    ],
    ids=str,
)
def test_mistakes_are_usage_errors(run, tmp_path, option, message):
    clip(tmp_path / "x.mp4", count=2)
    (tmp_path / "empty").mkdir()
    status, _, err = run("--video", "x.mp4", *option)
    assert status == 2 and err == f"error: {message}\n"
    assert not (tmp_path / "evaluations").exists()


def test_models_that_do_not_fit(run, tmp_path):
    clip(tmp_path / "x.mp4", count=2)
    (tmp_path / "routed").mkdir()
    (tmp_path / "routed" / "model.json").write_text('{"format": "routed"}')
    status, _, err = run("--video", "x.mp4", model=tmp_path / "routed")
    assert status == 2 and "is a routed model" in err and err.count("\n") == 1
    model = write_model(tmp_path / "model", "zhang", objective="regression", width=1 / 16)
    status, _, err = run("--video", "x.mp4", "--T", "0.5", model=model)
    assert status == 2 and "--T" in err


@pytest.mark.parametrize(("module", "name"), [("av", "PyAV"), ("cv2", "OpenCV")])
def test_a_missing_library_is_named(run, tmp_path, monkeypatch, module, name):
    clip(tmp_path / "x.mp4", count=2)
    monkeypatch.setitem(sys.modules, module, None)
    status, _, err = run("--video", "x.mp4")
    assert status == 2 and err == f"error: films need {name}: pip install -r requirements-video.txt\n"


def test_steadiness_is_for_films(run):
    status, _, err = run("--steadiness", "0.5")
    assert status == 2 and err == "error: --steadiness is for --video\n"
