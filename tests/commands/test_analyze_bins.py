"""analyze_bins.py as a user runs it: four files, the numbers in them, and refusals that write nothing."""

import inspect
import json
import re
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage.color import rgb2lab

from tfcolor.color.bins import Bins
from tfcolor.data.datasets import find, split_of
from tfcolor.utils import console

SCRIPT = Path(__file__).parents[2] / "analyze_bins.py"
FILES = ["bins.json", "bins.npz", "bins.png", "density.png"]
Outcome = namedtuple("Outcome", "status out err")


@pytest.fixture
def analyze(tmp_path, monkeypatch, capsys):
    """Run the script in an empty folder; returns its exit status and what it printed."""
    from tfcolor.commands import analyze_bins

    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> Outcome:
        try:
            status = console.run(lambda: analyze_bins.main([str(argument) for argument in arguments]))
        except SystemExit as usage:
            status = usage.code
        return Outcome(status, *capsys.readouterr())

    return run


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def read(folder: Path) -> tuple[dict, dict]:
    with np.load(folder / "bins.npz", allow_pickle=False) as arrays:
        return dict(arrays), json.loads((folder / "bins.json").read_text())


def lab_of(folder: Path) -> np.ndarray:
    pixels = [np.asarray(Image.open(path)).reshape(-1, 3) for path in sorted(folder.glob("*.png"))]
    return rgb2lab(np.concatenate(pixels))


# What is written


@pytest.mark.parametrize("window", [10, 5])
def test_four_files_with_the_colours_of_a_folder(analyze, photo_folder, tmp_path, window):
    options = ["--window", window] if window != 10 else []
    outcome = analyze("--dataset", photo_folder, "--split", "all", *options)
    assert outcome.status == 0
    folder = tmp_path / "bins" / f"photographs-w{window}"
    assert names(folder) == FILES
    arrays, summary = read(folder)

    ab = lab_of(photo_folder)[:, 1:]
    edges = np.arange(-110, 111, window)
    counts = np.histogram2d(*ab.T, bins=(edges, edges))[0]
    # scikit-image's matrix is coarser, by 0.01 ab units: colours so near an edge may change sides.
    doubtful = (np.abs(ab / window - np.round(ab / window)) * window < 0.01).any(axis=1)
    assert np.abs(arrays["counts"] - counts).sum() <= 2 * doubtful.sum() < 0.02 * len(ab)
    assert summary["num_pixels"] == arrays["counts"].sum() == len(ab)
    assert summary["num_images"] == 6 and summary["num_cells"] == counts.size
    share = counts[counts > 0] / counts.sum()
    assert summary["entropy_bits"] == pytest.approx(-(share * np.log2(share)).sum(), abs=0.01)
    errors = np.linalg.norm(ab - (np.floor(ab / window) + 0.5) * window, axis=1)
    assert summary["mean_error_with_centres"] == pytest.approx(errors.mean(), abs=0.01)
    assert summary["mean_error_with_means"] < summary["mean_error_with_centres"]


def test_every_key_is_documented_and_the_sums_are_1(analyze, photo_folder, tmp_path):
    options = ["--lambda", 0.3, "--smoothing", 5, "--min-count", 2]
    analyze("--dataset", photo_folder, "--split", "all", "--output", "out", *options)
    arrays, summary = read(tmp_path / "out")
    documented = re.findall(r"^(\w+(?:, \w+)*): ", inspect.getdoc(Bins), re.MULTILINE)
    keys = {key for line in documented for key in line.split(", ")} - {"uniform_share", "codebook"} | {"lambda"}
    assert arrays.keys() == keys and len(keys) == 16
    assert arrays["prior"].sum() == pytest.approx(1, abs=1e-9)
    assert (arrays["prior"] * arrays["weights"]).sum() == pytest.approx(1, abs=1e-9)
    for key, value in {"lambda": 0.3, "smoothing": 5, "min_count": 2, "split": "all"}.items():
        assert arrays[key] == value == summary[key]
    cells = np.argwhere(arrays["counts"] >= 2)
    np.testing.assert_array_equal(arrays["cells"], cells)
    assert (np.abs(arrays["means"] - arrays["centres"]) <= 5).all()


def test_the_report_says_what_the_file_says(analyze, photo_folder, tmp_path):
    outcome = analyze("--dataset", photo_folder, "--split", "all")
    arrays, summary = read(tmp_path / "bins" / "photographs-w10")
    table = dict(re.findall(r"│ (\S.*?) +│ +(\S.*?) │", outcome.out))
    assert table["images"] == "6 (0 skipped)"
    assert table["pixels"] == f"{len(lab_of(photo_folder)):,}"
    assert table["Q, occupied bins"] == f"{len(arrays['cells'])} of 484 cells"
    assert table["entropy of the prior"].startswith(f"{summary['entropy_bits']:.2f} bits")
    assert table["mean ab error, bin centres"] == f"{summary['mean_error_with_centres']:.2f}"
    assert table["mean ab error, bin means"] == f"{summary['mean_error_with_means']:.2f}"
    commonest = arrays["prior"].argmax()
    np.testing.assert_allclose(summary["commonest"][0]["ab"], arrays["means"][commonest], atol=0.051)


@pytest.mark.parametrize("codebook", ["som", "kmeans"])
def test_a_codebook_of_units_instead_of_cells(analyze, photo_folder, tmp_path, codebook):
    outcome = analyze("--dataset", photo_folder, "--split", "all", "--codebook", codebook, "--units", 9)
    assert outcome.status == 0
    folder = tmp_path / "bins" / f"photographs-{codebook}9"
    assert names(folder) == FILES
    arrays, summary = read(folder)
    assert (arrays["codebook"], summary["codebook"], summary["num_bins"]) == (codebook, codebook, 9)
    ab = lab_of(photo_folder)[:, 1:]
    distances = np.linalg.norm(ab[:, None] - arrays["centres"], axis=-1)
    assert summary["mean_error_with_centres"] == pytest.approx(distances.min(axis=1).mean(), abs=0.02)
    np.testing.assert_allclose(arrays["prior"], np.bincount(distances.argmin(axis=1), minlength=9) / len(ab), atol=0.01)
    near = (np.linalg.norm(arrays["centres"], axis=1) <= 10).sum()
    assert summary["near_gray"] == near
    assert f"9, {near} within 10 ab units of gray" in outcome.out


def test_the_samples_from_the_shell(tmp_path):
    command = [sys.executable, SCRIPT, "--dataset", "samples", "--split", "all"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert names(tmp_path / "bins" / "samples-w10") == FILES
    # 512x512 + 451x300 + 600x400 + 640x427 pixels.
    assert "910,724" in done.stdout and "bins.npz" in done.stdout
    # No bar, no colours, nothing from TensorFlow.
    assert "\x1b" not in done.stdout
    assert re.fullmatch(r"scanning: 4/4 images, .* images/s\n", done.stderr)


# Files that are not photographs


def spoil(folder: Path) -> list[str]:
    """Add a truncated JPEG, a text and an empty file to a folder."""
    photo = sorted(folder.glob("*.png"))[0]
    Image.open(photo).save(folder / "truncated.jpg", quality=95)
    content = (folder / "truncated.jpg").read_bytes()
    (folder / "truncated.jpg").write_bytes(content[: len(content) // 2])
    (folder / "text.jpg").write_text("no photograph")
    (folder / "empty.jpg").touch()
    return ["empty.jpg", "text.jpg", "truncated.jpg"]


def test_broken_files_are_named_counted_and_skipped(analyze, photo_folder, tmp_path):
    analyze("--dataset", photo_folder, "--split", "all", "--output", "before")
    broken = spoil(photo_folder)
    outcome = analyze("--dataset", photo_folder, "--split", "all", "--output", "after")
    assert outcome.status == 0
    said = [line for line in outcome.err.splitlines() if line.startswith("skipped")]
    arrays, summary = read(tmp_path / "after")
    for lines in (said, summary["skipped"]):
        assert len(lines) == 3
        for name, line in zip(broken, lines, strict=True):
            assert re.search(rf"{photo_folder / name}: \w+", line)
    assert "6 (3 skipped)" in outcome.out
    for key, value in read(tmp_path / "before")[0].items():
        np.testing.assert_array_equal(arrays[key], value)


def test_a_folder_of_broken_files_alone_is_an_error(analyze, photo_folder, tmp_path):
    spoil(photo_folder)
    for photo in photo_folder.glob("*.png"):
        photo.unlink()
    outcome = analyze("--dataset", photo_folder, "--split", "all", "--output", "out")
    assert outcome.status == 2
    errors = [line for line in outcome.err.splitlines() if line.startswith("error:")]
    assert len(errors) == 1 and "none of the 3 files could be read" in errors[0]
    assert outcome.err.endswith(errors[0] + "\n")
    assert not (tmp_path / "out").exists() or not names(tmp_path / "out")


# Refusals


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--window", "7"], "window must divide 220 .*got 7"),
        (["--window", "0"], "window must divide 220 .*got 0"),
        (["--lambda", "2"], r"--lambda must be in \[0, 1\], got 2"),
        (["--lambda", "nan"], r"--lambda must be in \[0, 1\], got nan"),
        (["--smoothing", "-1"], "--smoothing must be .*, got -1"),
        (["--min-count", "0"], "--min-count must be at least 1, got 0"),
        (["--codebook", "som", "--units", "5"], "--units of a self-organising map must be a square number .*got 5"),
        (["--codebook", "kmeans", "--units", "1"], r"--units must be in \[2, 400\], got 1"),
        (["--codebook", "som", "--window", "5"], "--window is for --codebook cells, not som; leave it out"),
        (["--codebook", "kmeans", "--min-count", "3"], "--min-count is for --codebook cells, not kmeans; leave it out"),
        (["--codebook", "som", "--seed", "1"], "--seed is for --codebook kmeans, not som; leave it out"),
        (["--units", "9"], "--units is for --codebook som or kmeans, not cells; leave it out"),
        (["--dataset", "forrest"], "unknown dataset 'forrest'.* scenes, coast, forest, .* samples"),
        (["--dataset", "empty"], "no images in folder 'empty'"),
        (["--split", "test"], "photographs: none of its 6 photographs is in split test"),
        (["--output", "file"], "cannot write to folder file"),
        (["--output", "file/deeper"], "cannot write to folder file/deeper"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_refused_in_one_line_and_nothing_written(analyze, photo_folder, tmp_path, arguments, message):
    for number, path in enumerate(sorted(photo_folder.iterdir())):  # names that are all in split train
        free = (f"{i}.png" for i in range(number * 1000, 10**6) if split_of(f"{i}.png") == "train")
        path.rename(photo_folder / next(free))
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("in the way")
    before = sorted(tmp_path.rglob("*"))
    outcome = analyze("--dataset", photo_folder, *arguments)
    assert outcome.status == 2
    assert re.fullmatch(f"error: .*{message}.*\n", outcome.err)
    assert sorted(tmp_path.rglob("*")) == before
    assert (tmp_path / "file").read_text() == "in the way"


def test_results_are_replaced_only_when_asked(analyze, photo_folder, tmp_path):
    arguments = ["--dataset", photo_folder, "--split", "all", "--output", "out"]
    assert analyze(*arguments).status == 0
    before = {name: (tmp_path / "out" / name).read_bytes() for name in FILES}
    outcome = analyze(*arguments, "--lambda", 1)
    assert outcome.status == 2
    assert re.fullmatch("error: out/bins.npz exists; give --overwrite .*\n", outcome.err)
    assert {name: (tmp_path / "out" / name).read_bytes() for name in FILES} == before
    assert analyze(*arguments, "--lambda", 1, "--overwrite").status == 0
    np.testing.assert_allclose(read(tmp_path / "out")[0]["weights"], 1)
    assert names(tmp_path / "out") == FILES


def test_a_single_result_is_enough_to_refuse(analyze, photo_folder, tmp_path):
    (tmp_path / "density.png").write_text("mine")
    outcome = analyze("--dataset", photo_folder, "--split", "all", "--output", tmp_path)
    assert outcome.status == 2 and "density.png exists" in outcome.err
    assert names(tmp_path) == ["density.png", "photographs"]


def test_no_bin_at_all_is_an_error(analyze, photo_folder):
    outcome = analyze("--dataset", photo_folder, "--split", "all", "--min-count", 10**9)
    assert outcome.status == 2
    assert "min-count 1000000000 leaves no bin" in outcome.err.splitlines()[-1]


# Real photographs


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("dataset", "window", "num_bins", "errors"),
    [
        ("forest", 10, 165, (3.943, 3.614)),
        ("forest", 5, 586, (1.936, 1.854)),
        pytest.param("scenes", 10, 188, (3.962, 3.568), marks=pytest.mark.slow),
        pytest.param("scenes", 5, 661, (1.938, 1.870), marks=pytest.mark.slow),
    ],
)
def test_the_scenes(analyze, data_root, tmp_path, dataset, window, num_bins, errors):
    """The numbers are those of `skimage.color.rgb2lab` in float64, with ab = 0 for R = G = B."""
    if dataset == "scenes" and (count := len(find("scenes", str(data_root)).files)) != 1076:
        pytest.skip(f"counted on 1,076 photographs of coast, forest, street and mountain, here are {count}")
    options = ["--window", window, "--split", "all", "--data-dir", data_root, "--output", "out"]
    assert analyze("--dataset", dataset, *options).status == 0
    summary = read(tmp_path / "out")[1]
    assert summary["num_bins"] == pytest.approx(num_bins, abs=1)  # a colour at an edge may go either way
    found = (summary["mean_error_with_centres"], summary["mean_error_with_means"])
    assert found == pytest.approx(errors, abs=0.01)
