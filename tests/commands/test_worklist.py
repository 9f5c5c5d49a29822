"""Batches: which photographs are found, how results are named, what is refused, and how a stopped batch goes on."""

import binascii
import importlib.util
import itertools
import re
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tfcolor.commands import worklist
from tfcolor.data import datasets
from tfcolor.utils.errors import InputError
from tfcolor.utils.files import temporary_prefix

REPOSITORY = Path(__file__).parents[2]
OUTPUT = Path("colorized")


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def touch(*paths: str) -> None:
    """Files that are only found: nothing is decoded before it is coloured."""
    for path in map(Path, paths):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"pixels")


def save(*paths: str, height: int = 9, width: int = 12) -> None:
    """Photographs of noise."""
    noise = np.random.default_rng(0).integers(0, 256, [height, width, 3], np.uint8)
    for path in map(Path, paths):
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(noise).save(path)


def find(
    *inputs: str | Path,
    output: str | Path = OUTPUT,
    format: str | None = None,
    compare: bool = False,
    **options: object,
) -> worklist.Worklist:
    outputs = worklist.Outputs(format=format, compare=compare)
    return worklist.find([str(text) for text in inputs], Path(output), outputs, **options)


def targets(*inputs: str | Path, output: str | Path = OUTPUT, **options: object) -> list[str]:
    """The results that would be written, below the output folder."""
    jobs = find(*inputs, output=output, **options).jobs
    return [target.relative_to(output).as_posix() for job in jobs for target in job.targets]


def tree(folder: Path | str) -> list[str]:
    """All files below a folder, hidden ones included."""
    return sorted(path.relative_to(folder).as_posix() for path in Path(folder).rglob("*") if not path.is_dir())


def mtimes(folder: Path) -> dict[str, int]:
    return {name: (folder / name).stat().st_mtime_ns for name in tree(folder)}


def refused(outcome: tuple, message: str) -> bool:
    return outcome[:2] == (2, "") and re.fullmatch(f"error: .*{message}.*\n", outcome.err) is not None


def failures(outcome: tuple) -> dict[str, str]:
    """Photographs that are reported, with the reasons."""
    lines = re.findall("^cannot colour (.+?): (.+)$", outcome.err, re.MULTILINE)
    assert len({path for path, _ in lines}) == len(lines)
    return dict(lines)


# What is found, and how its results are named


def test_a_folder_is_searched_to_any_depth_only_when_asked():
    touch("in/b.jpg", "in/a.png", "in/notes.txt", "in/sub/c.tif", "in/sub/deep/d.gif")
    assert targets("in") == ["a.png", "b.jpg"]
    assert targets("in", recursive=True) == ["a.png", "b.jpg", "sub/c.tif", "sub/deep/d.gif.png"]


def test_the_tree_is_kept_in_the_output(predict, results):
    save("in/a.png", "in/sub/a.png", "in/sub/deep/b.png", "in/empty.txt/c.png")
    outcome = predict("in", "--recursive", "--compare")
    assert outcome.status == 0
    expected = ["a.png", "empty.txt/c.png", "sub/a.png", "sub/deep/b.png"]
    assert tree(results) == sorted(name + end for name in expected for end in ("", "-compare.png"))


@pytest.mark.parametrize("output", ["in/colorized", "{cwd}/in/colorized", "in/../in/colorized", "link"])
@pytest.mark.parametrize("source", ["in", "{cwd}/in", "other"])
def test_results_inside_the_input_folder_are_not_searched(tmp_path, source, output):
    touch("in/a.png", "in/sub/b.png", "in/colorized/old.png", "in/colorized/sub/older.png", "in/sub/colorized/c.png")
    Path("link").symlink_to("in/colorized")
    Path("other").symlink_to("in")
    source, output = (text.format(cwd=tmp_path) for text in (source, output))
    Path("in/linked").symlink_to("colorized/sub")
    assert targets(source, output=output, recursive=True) == ["a.png", "sub/b.png", "sub/colorized/c.png"]


def test_linked_folders_are_searched_once_and_hidden_ones_never():
    touch("in/a.png", "in/sub/b.png", "in/.hidden.png", "in/.trash/c.png", "elsewhere/d.png", "elsewhere/deep/e.png")
    for link, target in {"up": "..", "far": "../elsewhere", "far2": "../elsewhere", "self": "self"}.items():
        Path("in", link).symlink_to(target)
    Path("elsewhere/back").symlink_to("../in")
    assert targets("in", recursive=True) == ["a.png", "far/d.png", "far/deep/e.png", "sub/b.png"]
    assert targets("in") == ["a.png"]
    assert targets("in/.hidden.png") == [".hidden.png"]  # a file that is named is meant


def test_a_folder_that_cannot_be_read_is_a_failure(monkeypatch):
    from tfcolor.photographs import folders

    scan = folders.os.scandir

    def refuse(folder):
        if Path(folder).name == "closed":
            raise PermissionError(13, "Permission denied", str(folder))
        return scan(folder)

    monkeypatch.setattr(folders.os, "scandir", refuse)
    touch("in/a.png", "in/closed/b.png", "closed/c.png")
    reason = "a folder that cannot be read (Permission denied)"
    found = find("in", "closed", recursive=True)
    assert [job.source for job in found.jobs] == [Path("in/a.png")]
    assert found.failures == [(Path("in/closed"), reason), (Path("closed"), reason)]
    with pytest.raises(InputError, match=f"^nothing to colour: closed is {re.escape(reason)}$"):
        find("closed")


def test_a_batch_whose_output_is_in_its_input_can_be_run_again(predict):
    save("in/a.png", "in/sub/b.png")
    for _ in range(2):
        outcome = predict("in", "--recursive", "--resume", "--output", "in/out")
        assert outcome.status == 0
    assert "0 photographs" in outcome.out and "2 skipped" in outcome.out
    assert tree("in") == ["a.png", "out/a.png", "out/sub/b.png", "sub/b.png"]


def test_globs_match_files_in_sorted_order():
    touch("in/c.png", "in/a.png", "in/b.jpg", "in/sub/d.png")
    assert targets("in/*.png") == ["a.png", "c.png"]
    assert targets("in/**/*.png") == ["a.png", "c.png", "d.png"]
    assert targets("in/?.*") == ["a.png", "b.jpg", "c.png"]


def test_a_glob_passes_over_folders():
    touch("in/a.png", "in/sub/b.png")
    assert targets("in/*") == ["a.png"]


def test_every_order_of_inputs_gives_the_same_names():
    touch("x/a.png", "x/sub/b.png", "c.jpg")
    inputs = ["x", "c.jpg"]
    assert sorted(targets(*inputs, recursive=True)) == sorted(targets(*inputs[::-1], recursive=True))


def test_the_name_of_a_result_does_not_depend_on_what_else_is_there():
    touch("in/a.jpg", "in/b.gif")
    before = set(targets("in", compare=True))
    touch("in/a (1).jpg", "in/c.jpg", "in/0.png", "in/a.png", "in/a.tif", "in/a", "in/b.png", "in/b.pgm")
    assert before < set(targets("in", compare=True))


def test_neighbours_that_differ_in_their_suffix_do_not_meet():
    touch("in/a.png", "in/a.gif", "in/a.ppm", "in/a.pgm", "in/a.jpg", "in/a.jpeg")
    found = find("in", compare=True)
    assert found.failures == []
    names = [target.name for job in found.jobs for target in job.targets]
    results = ["a.gif.png", "a.jpeg", "a.jpg", "a.pgm.ppm", "a.png", "a.ppm"]
    sheets = [f"{path.name}-compare.png" for path in Path("in").iterdir()]
    assert sorted(names) == sorted(results + sheets)
    assert find("in", format="png").failures == []


@pytest.mark.parametrize(
    ("name", "outputs", "expected"),
    [
        ("a.jpg", {}, ["a.jpg"]),
        ("a.jpg", {"compare": True}, ["a.jpg", "a.jpg-compare.png"]),
        ("a.jpg", {"compare": True, "format": "png"}, ["a.jpg.png", "a.jpg-compare.png"]),
        ("a.jpg", {"sweep": (1.0, 0.0)}, ["a.jpg-sweep.png"]),
        ("a.jpg", {"explain": (1, 2)}, ["a.jpg-explain.png"]),
        ("a.jpg", {"candidates": 2}, ["a.jpg-1.jpg", "a.jpg-2.jpg"]),
        ("a.JPEG", {"candidates": 2}, ["a.JPEG-1.JPEG", "a.JPEG-2.JPEG"]),
        ("a.gif", {"candidates": 2}, ["a.gif-1.png", "a.gif-2.png"]),
        ("a.pgm", {"candidates": 1}, ["a.pgm-1.ppm"]),
        ("a.png", {"candidates": 1, "format": "jpeg"}, ["a.png-1.jpg"]),
        ("a", {"candidates": 1}, ["a-1.png"]),
        (
            "a.b.tif",
            {"sweep": (1.0,), "explain": (0, 0), "candidates": 1},
            ["a.b.tif-sweep.png", "a.b.tif-explain.png", "a.b.tif-1.tif"],
        ),
    ],
)
def test_what_is_made_of_a_photograph_is_named_after_it(name, outputs, expected):
    assert worklist.Outputs(**outputs).names(name) == expected


@pytest.mark.parametrize("has_opencv", [True, False])
def test_animations_need_opencv(monkeypatch, has_opencv):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object() if has_opencv else None)
    frames = [Image.fromarray(np.full([9, 12], level, np.uint8)) for level in (50, 200)]
    frames[0].save("a.gif", save_all=True, append_images=frames[1:])
    assert targets("a.gif") == ["a.gif.webp" if has_opencv else "a.gif.png"]
    assert targets("a.gif", compare=True) == ["a.gif.png", "a.gif-compare.png"]


def test_a_photograph_given_twice_is_coloured_once():
    touch("in/a.png")
    assert targets("in/a.png", "in", "./in/a.png", "in/*.png") == ["a.png"]


# Results that exist


def test_an_existing_result_is_refused_before_anything_is_written(predict, results):
    save("in/a.png", "in/sub/b.png", "in/sub/deep/c.png")
    touch("colorized/sub/b.png")
    outcome = predict("in", "--recursive")
    assert refused(outcome, "colorized/sub/b.png exists; give --overwrite")
    assert tree(results) == ["sub/b.png"] and (results / "sub" / "b.png").read_bytes() == b"pixels"
    assert not (results / "sub" / "deep").exists()


def test_resume_skips_what_exists_and_says_how_many(predict, results):
    save("in/a.png", "in/b.png")
    assert predict("in").status == 0
    before = mtimes(results)
    save("in/c.png")
    outcome = predict("in", "--resume")
    assert outcome.status == 0
    assert re.fullmatch(r"1 photograph, .*; 2 skipped, their results exist\n", outcome.out)
    after = mtimes(results)
    assert sorted(after) == ["a.png", "b.png", "c.png"] and before.items() < after.items()


def test_where_all_exists_resume_does_nothing(predict, results):
    save("in/a.png")
    touch("colorized/a.png")
    outcome = predict("in", "--resume")
    assert outcome.status == 0
    assert re.fullmatch(r"0 photographs, .*; 1 skipped, their results exist\n", outcome.out)
    assert (results / "a.png").read_bytes() == b"pixels"


def test_overwrite_replaces(predict, results):
    save("in/a.png")
    touch("colorized/a.png", "colorized/other.png")
    outcome = predict("in", "--overwrite")
    assert outcome.status == 0 and "skipped" not in outcome.out
    with Image.open(results / "a.png") as image:
        assert image.size == (12, 9)
    assert (results / "other.png").read_bytes() == b"pixels"


def test_the_summary_counts_what_was_coloured_skipped_and_failed(predict, results):
    save("in/a.png", "in/b.png", "in/c.png")
    touch("colorized/c.png", "in/d.png", "in/e.png", "in/f.png")
    outcome = predict("in", "--resume")
    assert outcome.status == 1
    assert re.fullmatch(r"2 photographs, .*; 1 skipped, their results exist; 3 failed\n", outcome.out)
    failures = [line for line in outcome.err.splitlines() if line.startswith("cannot colour ")]
    assert [re.fullmatch(r"cannot colour in/(.)\.png: .+", line)[1] for line in failures] == ["d", "e", "f"]


def test_a_failure_is_tried_again_by_resume(predict, results):
    save("in/a.png")
    touch("in/b.png")
    assert predict("in").status == 1
    save("in/b.png")
    assert predict("in", "--resume").status == 0
    assert tree(results) == ["a.png", "b.png"]


@pytest.mark.parametrize("options", [["--resume", "--overwrite"], ["--format", "gif"], ["--workers", "many"]])
def test_options_that_cannot_be_are_usage_errors(predict, results, options):
    save("a.png")
    with pytest.raises(SystemExit) as stopped:
        predict("a.png", *options)
    assert stopped.value.code == 2 and not results.exists()


def test_among_photographs_an_argument_that_is_not_there_stops_all(predict, results):
    save("a.png")
    assert refused(predict("a.png", "missing.png"), "missing.png matches no file")
    assert not results.exists()


# Shares


def many(number: int = 60) -> list[str]:
    """Names of photographs in a tree."""
    return [f"in/{'sub/' * (i % 3)}photo{i}.png" for i in range(number)]


def shares(source: str | Path, number: int, **options: object) -> list[list[str]]:
    return [targets(source, recursive=True, shard=(i, number), **options) for i in range(1, number + 1)]


@pytest.mark.parametrize("number", [1, 2, 5, 40])
def test_shares_are_disjoint_and_complete(number):
    touch(*many(30))
    everything = targets("in", recursive=True)
    assert sorted(itertools.chain.from_iterable(shares("in", number))) == everything
    assert len(everything) == 30


def test_shares_are_about_equal():
    touch(*many(200))
    assert all(30 <= len(share) <= 70 for share in shares("in", 4))


def test_a_photograph_stays_in_its_share_when_others_come():
    touch(*many(30))
    before = shares("in", 3)
    touch(*many(60), "in/0.png", "in/sub/more/zz.png")
    assert all(set(old) <= set(new) for old, new in zip(before, shares("in", 3), strict=True))


@pytest.mark.parametrize("source", ["./in", "in/", "{cwd}/in", "link", "in/sub/..", "{cwd}/in/../link/."])
def test_shares_do_not_depend_on_how_the_folder_is_written(tmp_path, source):
    touch(*many())
    Path("link").symlink_to("in")
    assert shares(source.format(cwd=tmp_path), 4) == shares("in", 4)


def test_shares_do_not_depend_on_how_the_output_is_written(tmp_path):
    touch(*many())
    assert shares("in", 4, output=tmp_path / "elsewhere") == shares("in", 4)


def test_every_process_finds_the_same_share():
    """The result's path decides, by its CRC-32: Python's own hashes differ from one process to the next."""
    assert datasets.share_of("123456789", 2**32) == 0xCBF43926  # the check value in catalogues of CRCs
    touch(*many(12), "in/x.gif")
    for i, share in enumerate(shares("in", 3)):
        assert all(binascii.crc32(name.encode()) % 3 == i for name in share)


def test_shares_make_the_whole(predict, results):
    names = many(9)
    save(*names)
    before: dict[str, int] = {}
    for i in (1, 2, 3):
        assert predict("in", "--recursive", "--shard", f"{i}/3").status == 0
        assert before.items() <= mtimes(results).items()
        before = mtimes(results)
    assert sorted(before) == sorted(name.removeprefix("in/") for name in names)


def test_a_share_may_be_empty(predict):
    save("a.png")
    outcomes = [predict("a.png", "--shard", f"{i}/2") for i in (1, 2)]
    assert [outcome.status for outcome in outcomes] == [0, 0]
    assert sorted(outcome.out.split(",")[0] for outcome in outcomes) == ["0 photographs", "1 photograph"]


# Killed, and started again


def wait_until_busy(results: Path, count: int) -> None:
    """Wait until some results are there, and another one is being written."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        endings = Counter(path.suffix for path in results.glob("*"))
        if endings[".png"] >= count and endings[".tmp"]:
            return
        time.sleep(0.001)
    raise TimeoutError("no results in two minutes")


def kill_in_the_middle(model: Path, *options: str) -> None:
    command = [sys.executable, REPOSITORY / "predict.py", "in", "--model", model, *options]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until_busy(OUTPUT, 4)
    finally:
        process.kill()
        process.wait()


@pytest.mark.slow
def test_a_killed_batch_goes_on_where_it_was(predict, small_model, results):
    names = [f"photo{i:02}.png" for i in range(40)]
    save(*(f"in/{name}" for name in names), height=180, width=240)
    kill_in_the_middle(small_model)
    done = {name: mtime for name, mtime in mtimes(results).items() if name.endswith(".png")}
    assert 4 <= len(done) < len(names)
    for name in done:
        with Image.open(results / name) as image:
            image.load()  # whole, or not there
    outcome = predict("in", "--resume")
    assert outcome.status == 0
    assert f"{len(names) - len(done)} photographs" in outcome.out and f"{len(done)} skipped" in outcome.out
    after = mtimes(results)
    assert sorted(after) == names and done.items() <= after.items()


def leftover(result: str, process: int = 4242) -> Path:
    """What a killed process leaves that was writing a result."""
    path = Path(result)
    path.parent.mkdir(parents=True, exist_ok=True)
    path = path.with_name(f"{temporary_prefix(path.name)}{process}.tmp")
    path.write_bytes(b"half")
    return path


def test_resume_removes_what_a_killed_process_left():
    touch("in/a.png", "in/sub/b.png")
    rests = [leftover("colorized/a.png"), leftover("colorized/a.png", 17), leftover("colorized/sub/b.png-compare.png")]
    find("in", recursive=True, compare=True, existing="skip")
    assert not any(map(Path.exists, rests))


def test_resume_removes_what_a_process_left_that_was_killed_while_it_replaced():
    touch("in/a.png", "colorized/a.png")
    rest = leftover("colorized/a.png")
    assert find("in", existing="skip").skipped == 1
    assert not rest.exists() and Path("colorized/a.png").read_bytes() == b"pixels"


def test_resume_leaves_what_other_shares_are_writing():
    touch(*many())
    mine, others = (targets("in", recursive=True, shard=(i, 2)) for i in (1, 2))
    own, foreign = leftover(f"colorized/{mine[0]}"), leftover(f"colorized/{others[0]}")
    find("in", recursive=True, shard=(1, 2), existing="skip")
    assert not own.exists() and foreign.exists()


def test_resume_leaves_the_hidden_files_of_others():
    touch("in/a.png", "colorized/.cache.tmp", "colorized/.12345678.note")
    find("in", existing="skip")
    assert tree(OUTPUT) == [".12345678.note", ".cache.tmp"]


def test_a_link_to_itself_is_one_failure(predict, results):
    save("in/a.png")
    Path("in/b.png").symlink_to("b.png")
    outcome = predict("in")
    assert outcome.status == 1
    assert len(re.findall("^cannot colour in/b.png: .+$", outcome.err, re.MULTILINE)) == 1
    assert tree(results) == ["a.png"]


# Never onto an input, never two in one


@pytest.mark.parametrize(
    ("source", "output"),
    [
        ("in", "in"),
        ("in/a.png", "in"),
        ("in", "{cwd}/in"),
        ("in", "in/sub/.."),
        ("in", "link"),
        ("link", "in"),
        ("link", "{cwd}/link"),
        ("link/a.png", "in"),
        ("linked/a.png", "in"),
        ("in/*.png", "link"),
    ],
)
def test_a_result_never_lands_on_an_input(predict, tmp_path, source, output):
    save("in/a.png", "in/sub/b.png")
    before = Path("in/a.png").read_bytes()
    Path("link").symlink_to("in")
    Path("linked").mkdir()
    Path("linked/a.png").symlink_to("../in/a.png")
    source, output = (text.format(cwd=tmp_path) for text in (source, output))
    for options in ((), ("--overwrite",), ("--resume",)):
        assert refused(predict(source, "--output", output, *options), "is an input")
    assert tree("in") == ["a.png", "sub/b.png"] and Path("in/a.png").read_bytes() == before


def test_a_linked_folder_among_the_results_does_not_lead_onto_an_input(predict):
    save("in/a.png", "in/sub/b.png")
    OUTPUT.mkdir()
    (OUTPUT / "sub").symlink_to("../in/sub")
    assert refused(predict("in", "--recursive", "--overwrite"), "sub/b.png is an input")
    assert tree(OUTPUT) == []


@pytest.mark.parametrize("shard", [(1, 3), (2, 3), (3, 3)])
def test_a_result_never_lands_on_an_input_of_another_share(shard):
    touch("in/sub/b.gif", "out/sub/b.gif.png")
    assert datasets.share_of("sub/b.gif.png", 3) != datasets.share_of("b.gif.png", 3)
    with pytest.raises(InputError, match=r"out/sub/b\.gif\.png is an input"):
        find("in", "out/sub/b.gif.png", output="out", recursive=True, shard=shard, existing="replace")


@pytest.mark.parametrize("shard", [(1, 1), (1, 2), (2, 2)])
def test_inputs_stay_safe_when_results_clash(shard):
    touch("x/a.png", "y/a.png", "out/a.png")
    with pytest.raises(InputError, match=r"out/a\.png is an input"):
        find("x/a.png", "y/a.png", "out/a.png", output="out", shard=shard, existing="replace")


def test_a_linked_result_does_not_lead_onto_an_input(predict):
    save("in/a.png")
    OUTPUT.mkdir()
    (OUTPUT / "a.png").symlink_to("../in/a.png")
    before = Path("in/a.png").read_bytes()
    predict("in", "--overwrite")
    assert Path("in/a.png").read_bytes() == before


def test_a_linked_output_folder_works(predict):
    save("in/a.png", "in/sub/b.png")
    Path("real").mkdir()
    Path("link").symlink_to("real")
    for options in ((), ("--resume",), ("--overwrite",)):
        assert predict("in", "--recursive", "--output", "link", *options).status == 0
    assert Path("link").is_symlink() and tree("real") == ["a.png", "sub/b.png"]


@pytest.mark.parametrize(
    "inputs", [["x/a.png", "y/a.png", "b.png"], ["x", "y", "."], ["*/a.png", "b.png"]], ids=" ".join
)
@pytest.mark.parametrize("option", [None, "--overwrite", "--resume"])
def test_two_photographs_with_one_result_are_failures_and_others_are_coloured(predict, results, inputs, option):
    save("x/a.png", "y/a.png", "b.png")
    outcome = predict(*inputs, *([option] if option else []))
    assert outcome.status == 1
    assert failures(outcome) == {
        "x/a.png": "colorized/a.png would also be a result of y/a.png; write one of them to another --output",
        "y/a.png": "colorized/a.png would also be a result of x/a.png; write one of them to another --output",
    }
    assert re.fullmatch("1 photograph, .*; 2 failed\n", outcome.out)
    assert tree(results) == ["b.png"]


def test_each_of_many_that_clash_is_a_failure():
    touch("x/a.png", "y/a.png", "z/a.png", "b.gif", "w/b.gif.png", "c.png")
    found = find("x/a.png", "y/a.png", "./y/a.png", "z/a.png", "b.gif", "w/b.gif.png", "c.png")
    assert [job.source for job in found.jobs] == [Path("c.png")]
    assert {path: reason.split(" would also be a result of ") for path, reason in found.failures} == {
        Path("x/a.png"): ["colorized/a.png", "y/a.png; write one of them to another --output"],
        Path("y/a.png"): ["colorized/a.png", "x/a.png; write one of them to another --output"],
        Path("z/a.png"): ["colorized/a.png", "x/a.png; write one of them to another --output"],
        Path("b.gif"): ["colorized/b.gif.png", "w/b.gif.png; write one of them to another --output"],
        Path("w/b.gif.png"): ["colorized/b.gif.png", "b.gif; write one of them to another --output"],
    }
    assert len(found.failures) == 5


def test_a_result_that_is_named_like_a_comparison():
    touch("a.jpg", "a.jpg-compare.png", "b.jpg")
    names = ["a.jpg", "a.jpg-compare.png", "b.jpg"]
    assert [path.name for path, _ in find(*names, compare=True).failures] == names[:2]
    assert find(*names).failures == []


def test_clashing_results_are_a_failure_of_their_own_share():
    touch("a.gif", "w/a.gif.png", *(f"in/{i}.png" for i in range(9)))
    found = [find("a.gif", "w/a.gif.png", "in", shard=(i, 3)) for i in (1, 2, 3)]
    assert sorted(len(share.failures) for share in found) == [0, 0, 2]
    assert sum(len(share.jobs) for share in found) == 9


def test_clashing_results_are_not_refused_because_they_exist():
    touch("x/a.png", "y/a.png", "colorized/a.png")
    assert len(find("x/a.png", "y/a.png").failures) == 2


def test_if_all_clash_nothing_is_coloured(predict, results):
    save("x/a.png", "y/a.png")
    outcome = predict("x/a.png", "y/a.png")
    assert outcome.status == 1 and len(failures(outcome)) == 2
    assert re.fullmatch("0 photographs, .*; 2 failed\n", outcome.out) and tree(results) == []
    assert "colouring" not in outcome.err


def test_a_name_that_clashes_is_printed_in_one_line(predict):
    save("x/new\nline.png", "y/new\nline.png")
    assert set(failures(predict("x", "y"))) == {"x/new\\nline.png", "y/new\\nline.png"}


def test_two_of_one_name_in_a_tree_are_not_mistaken(predict, results):
    save("in/x/a.png", "in/y/a.png")
    assert predict("in", "--recursive").status == 0
    assert tree(results) == ["x/a.png", "y/a.png"]


def test_linked_folders_do_not_lead_two_results_onto_one(predict, results):
    save("in/a.png", "in/sub/a.png", "in/b.png")
    results.mkdir()
    (results / "sub").symlink_to(".")
    outcome = predict("in", "--recursive", "--overwrite")
    assert outcome.status == 1
    assert failures(outcome) == {
        "in/a.png": "colorized/a.png would also be a result of in/sub/a.png; write one of them to another --output",
        "in/sub/a.png": "colorized/sub/a.png would also be a result of in/a.png; write one of them to another --output",
    }
    assert [path.name for path in results.iterdir() if not path.is_symlink()] == ["b.png"]
