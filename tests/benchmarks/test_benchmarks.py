"""How measurements are summarized and written, and the pictures and bins that the benchmarks work on."""

import json
import sys

import numpy as np
import pytest

from benchmarks import material, measure
from benchmarks.measure import Scale, alternate, ratios, row, run_process
from tfcolor.data.scenes import SCENES_FOLDER
from tfcolor.photographs.pixels import read_size
from tfcolor.utils.errors import WorkError


@pytest.mark.parametrize(
    ("values", "bar", "holds"),
    [
        ([0.6, 0.8, 0.7], ">= 0.7", True),
        ([0.6, 0.69, 0.8], ">= 0.7", False),
        ([3.0], "< 3", False),
        ([2.9], "< 3", True),
        ([1.0], None, None),
    ],
)
def test_a_row_holds_where_its_median_does(values, bar, holds):
    result = row("a", values, "x", bar)
    assert result.holds is holds
    assert (result.value, result.low, result.high) == (np.median(values), min(values), max(values))


def test_ratios_pair_runs_that_followed_each_other():
    assert ratios([2.0, 9.0], [1.0, 3.0]) == [2.0, 3.0]


def test_contestants_run_in_turn():
    order = []
    seconds = alternate({"a": lambda: order.append("a"), "b": lambda: order.append("b")}, 2)
    assert order == ["a", "b"] * 3  # the first of each warms up
    assert [len(seconds[name]) for name in "ab"] == [2, 2]


def test_the_peak_memory_is_that_of_the_process():
    small, large = (run_process([sys.executable, "-c", f"bytearray({n})"])[1] for n in (1, 200_000_000))
    assert 190 < large - small < 230
    with pytest.raises(WorkError, match="status 3 of"):
        run_process([sys.executable, "-c", "raise SystemExit(3)"])


@pytest.mark.parametrize("scale", Scale)
def test_results_are_written_with_the_machine(tmp_path, capsys, scale):
    measure.report("made", [row("a thing", [1.0, 2.0, 4.0], "x", ">= 3", "a note")], scale, tmp_path)
    content = json.loads((tmp_path / "made.json").read_text())
    assert content["quick"] is (scale is not Scale.FULL)
    assert content["machine"]["cores"] >= 1
    (result,) = content["rows"]
    expected = {"name": "a thing", "value": 2.0, "unit": "x", "bar": ">= 3", "holds": False}
    assert expected.items() <= result.items()
    assert "a note" in capsys.readouterr().out


def test_photographs_have_the_size_asked_for(tmp_path):
    rgb = material.photograph(0.3)
    assert rgb.size / 3 == pytest.approx(0.3e6, rel=0.01) and rgb.dtype == np.uint8
    assert rgb.shape[1] / rgb.shape[0] == pytest.approx(4 / 3, rel=0.01)
    for path in material.squares(tmp_path, 2):
        assert read_size(path) == (256, 256)


def test_photographs_are_the_scenes_where_they_are_at_hand(tmp_path, monkeypatch):
    monkeypatch.setenv("TFCOLOR_DATA", str(tmp_path))
    tiny = material.photographs(tmp_path, Scale.TINY)
    assert {read_size(path) for path in tiny.paths} == {(64, 64)}
    assert all(tiny.split(split).files for split in ("train", "val"))
    (tmp_path / SCENES_FOLDER).mkdir()
    scene = tmp_path / SCENES_FOLDER / "coast_made.jpg"
    tiny.paths[0].rename(scene)
    assert material.photographs(tmp_path, Scale.FULL).paths == [scene]
    monkeypatch.setattr(material, "squares", lambda folder, count, side: [folder / f"{count} of {side}.jpg"])
    scene.unlink()
    assert material.photographs(tmp_path, Scale.FULL).files == ("400 of 256.jpg",)


@pytest.mark.parametrize("num_bins", [16, 200, 400])
def test_bins_of_any_number(num_bins):
    assert material.bins(num_bins).num_bins == num_bins


@pytest.mark.parametrize("path", sorted(measure.RESULTS.glob("*.json")), ids=lambda path: path.stem)
def test_results_in_the_repository_are_whole(path):
    content = json.loads(path.read_text())
    assert {"cpu", "cores", "tensorflow"} <= content["machine"].keys()
    for result in content["rows"]:
        again = row(result["name"], [result["value"]], result["unit"], result["bar"])
        needs = result.get("needs")
        is_shown = needs is None or needs in content["machine"]["vector units"]
        assert (again.holds if is_shown else None, again.value) == (result["holds"], result["value"])


def test_bars_that_this_machine_cannot_show_are_skipped(monkeypatch):
    monkeypatch.setattr(measure, "vector_units", lambda: ["avx2"])
    skipped, shown = (row("a thing", [1.0], "x", ">= 4", needs=needs) for needs in (measure.AMX, "avx2"))
    assert (skipped.holds, skipped.bar, skipped.needs) == (None, ">= 4", "amx_bf16")
    assert shown.holds is False
