"""Every part of the benchmarks is run, in its smallest form."""

import importlib
import json
import math
import re
import runpy
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from benchmarks import measure
from benchmarks.__main__ import APART, PARTS, main
from benchmarks.measure import RESULTS, ROOT, Row, Scale, row
from benchmarks.rivals import has_torch
from tfcolor.utils import console

WITH_PROCESSES = ("cluster", "films", "growth", "predict", "scan", "start")
WITHOUT_PROCESSES = ("ops", "pack", "pix2pix", "train", "unet", "zhang")
_SLOW = ("cluster", "growth", "pix2pix", "train", "unet", "zhang")  # they trace training steps, or start workers


def marked(parts):
    needs = {"films": ("av", "cv2", "video"), "cluster": ("distributed", "psutil", "cluster")}
    marks = {part: [pytest.mark.slow] * (part in _SLOW) for part in parts}
    for part, (*modules, extra) in needs.items():
        is_missing, reason = not all(map(find_spec, modules)), f"pip install -r requirements-{extra}.txt"
        marks.setdefault(part, []).append(pytest.mark.skipif(is_missing, reason=reason))
    return [pytest.param(part, marks=marks[part]) for part in parts]


@pytest.fixture
def run_here(monkeypatch):
    """Run in this process what parts run in others, which take seconds to import TensorFlow."""

    def run_process(command):
        interpreter, program, *arguments = command
        assert interpreter == sys.executable
        with monkeypatch.context() as patch:
            if program == "-c":
                code, *arguments = arguments
                patch.setattr(sys, "argv", ["-c", *arguments])
                exec(code, {"__name__": "__main__"})
            else:
                patch.setattr(sys, "argv", [program, *arguments])
                with pytest.raises(SystemExit) as end:
                    runpy.run_path(str(ROOT / program), run_name="__main__")
                assert not end.value.code
        return 2.0, 500.0

    for part in WITH_PROCESSES:
        module = {"predict": "predict_files"}.get(part, part)
        monkeypatch.setattr(f"benchmarks.{module}.run_process", run_process)


def kinds(names_and_units):
    """What is measured, whatever the sizes."""
    return {(re.sub(r"\d[\d,.]*", "N", name), unit) for name, unit in names_and_units}


def check(part: str, folder: Path, output: Path) -> dict[str, Row]:
    """Run a part, check its rows, and that all rows of the results in the repository are among them."""
    rows = importlib.import_module(f"benchmarks.{part}").measure(folder, Scale.TINY)
    for each in rows:
        assert all(math.isfinite(value) and value >= 0 for value in (each.value, each.low, each.high)), each
        assert each.bar is None or re.fullmatch(r"(>=|<) [\d.]+", each.bar), each
    known = json.loads((RESULTS / f"{part}.json").read_text())["rows"]
    expected = [(each["name"], each["unit"]) for each in known if has_torch() or "PyTorch" not in each["name"]]
    assert kinds((each.name, each.unit) for each in rows) >= kinds(expected)
    assert has_torch() or not any("PyTorch" in each.name for each in rows)
    measure.report(part, rows, Scale.TINY, output)
    written = json.loads((output / f"{part}.json").read_text())
    assert written["quick"] is True
    assert [Row(**each) for each in written["rows"]] == rows
    if len(expected) < len(known):
        pytest.skip("PyTorch is not installed: all rows were measured except those that compare with it")
    return {each.name: each for each in rows}


@pytest.fixture
def folders(tmp_path):
    for name in ("work", "output"):
        (tmp_path / name).mkdir()
    return tmp_path / "work", tmp_path / "output"


@pytest.mark.parametrize("part", marked(WITHOUT_PROCESSES))
def test_a_part_measures_what_its_published_results_say(part, folders):
    check(part, *folders)


@pytest.mark.parametrize("part", marked(WITH_PROCESSES))
def test_a_part_that_starts_processes_measures_what_its_published_results_say(part, folders, run_here):
    rows = check(part, *folders)
    if part == "growth":
        published = {path.name for path in (ROOT / "docs").glob("growth-*.png")}
        assert {path.name for path in folders[0].glob("*.png")} == published
    if part == "scan":
        assert rows["pixels that it counts elsewhere, exact grays aside"].holds
    if part == "predict":
        assert rows["largest difference to PyTorch float32"].holds


@pytest.mark.slow
@pytest.mark.parametrize("part", ["predict", "scan", "start"])  # growth starts the same command as predict
def test_the_processes_of_a_part_run(part, folders):
    rows = check(part, *folders)
    if part == "start":
        assert rows["import tensorflow"].value > rows["predict.py --help"].value


class TestCommand:
    @pytest.fixture(autouse=True)
    def parts(self, monkeypatch):
        """Parts that take no time, and a rival that is there."""
        monkeypatch.setattr("benchmarks.__main__.has_torch", lambda: True)
        self.scales = []

        def part(folder, scale):
            self.scales.append(scale)
            (folder / "growth-made.png").write_bytes(b"a figure")
            return [row("a thing", [1.0], "x")]

        for name in (*PARTS, *APART):
            monkeypatch.setattr(f"benchmarks.{name}.measure", part)

    def test_all_parts_write_their_results(self, tmp_path, capsys):
        assert console.run(lambda: main(["all", "--quick", "--output", str(tmp_path / "new")])) == 0
        assert {path.name for path in (tmp_path / "new").iterdir()} == {f"{part}.json" for part in PARTS}
        assert self.scales == [Scale.QUICK] * len(PARTS)
        assert capsys.readouterr().out.count("a thing") == len(PARTS)

    def test_figures_come_along(self, tmp_path):
        assert console.run(lambda: main(["growth", "--output", str(tmp_path)])) == 0
        assert (tmp_path / "growth-made.png").read_bytes() == b"a figure"
        assert json.loads((tmp_path / "growth.json").read_text())["quick"] is False

    def test_results_go_into_the_repository_where_nothing_else_is_said(self, tmp_path, monkeypatch):
        monkeypatch.setattr(measure, "RESULTS", tmp_path)
        assert console.run(lambda: main(["ops"])) == 0
        assert (tmp_path / "ops.json").exists()

    def test_without_pytorch_the_command_says_what_to_install(self, tmp_path, monkeypatch, capsys):
        monkeypatch.setattr("benchmarks.__main__.has_torch", lambda: False)
        assert console.run(lambda: main(["ops", "--output", str(tmp_path)])) == 2
        assert "pip install -r benchmarks/rivals/requirements.txt" in capsys.readouterr().err
        assert not list(tmp_path.iterdir())
