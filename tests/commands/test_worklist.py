"""Batches: what is found, what its results are called, what is refused, and how a stopped batch goes on."""

import itertools
import os
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
from tfcolor.utils.errors import InputError
from tfcolor.utils.files import temporary_prefix

REPOSITORY = Path(__file__).parents[2]
OUTPUT = Path("colorized")


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def touch(*paths: str) -> None:
    """Files that are found: nothing decodes them before they are coloured."""
    for path in map(Path, paths):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"pixels")


def save(*paths: str, height: int = 9, width: int = 12) -> None:
    """Photographs of noise."""
    noise = np.random.default_rng(0).integers(0, 256, [height, width, 3], np.uint8)
    for path in map(Path, paths):
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(noise).save(path)


def find(*inputs: str | Path, output: str | Path = OUTPUT, compare: bool = False, **options: object):
    outputs = worklist.Outputs(compare=compare)
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


# What is found, and what its results are called


def test_a_folder_is_searched_to_any_depth_only_when_asked():
    touch("in/b.jpg", "in/a.png", "in/notes.txt", "in/sub/c.tif", "in/sub/deep/d.gif")
    assert targets("in") == ["a.png", "b.jpg"]
    assert sorted(targets("in", recursive=True)) == ["a.png", "b.jpg", "sub/c.tif", "sub/deep/d.png"]


def test_the_tree_is_kept_in_the_output(predict, results):
    save("in/a.png", "in/sub/a.png", "in/sub/deep/b.png", "in/empty.txt/c.png")
    outcome = predict("in", "--recursive", "--compare")
    assert outcome.status == 0
    expected = ["a", "empty.txt/c", "sub/a", "sub/deep/b"]
    assert tree(results) == sorted(f"{name}{end}.png" for name in expected for end in ("", "-compare"))


@pytest.mark.parametrize("output", ["in/colorized", "{cwd}/in/colorized", "in/../in/colorized", "link"])
@pytest.mark.parametrize("source", ["in", "{cwd}/in", "other"])
def test_results_inside_the_input_folder_are_not_searched(tmp_path, source, output):
    touch("in/a.png", "in/sub/b.png", "in/colorized/old.png", "in/colorized/sub/older.png", "in/sub/colorized/c.png")
    Path("link").symlink_to("in/colorized")
    Path("other").symlink_to("in")
    source, output = (text.format(cwd=tmp_path) for text in (source, output))
    found = targets(source, output=output, recursive=True)
    assert sorted(found) == ["a.png", "sub/b.png", "sub/colorized/c.png"]


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
    before = set(targets("in"))
    touch("in/a (1).jpg", "in/c.jpg", "in/0.png")
    assert before < set(targets("in"))


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


@pytest.mark.parametrize("number", [1, 2, 5, 100])
def test_shares_are_disjoint_and_complete(number):
    touch(*many())
    everything = targets("in", recursive=True)
    assert sorted(itertools.chain.from_iterable(shares("in", number))) == sorted(everything)
    assert len(everything) == 60


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
    """Python's own hashes of strings differ from one process to the next."""
    touch(*many())
    script = "from pathlib import Path; from tfcolor.worklist import *"
    script += "; print([str(job.targets[0]) for job in find(['in'], Path('out'), Outputs(), True, (1, 3)).jobs])"
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    printed = {
        subprocess.run(
            [sys.executable, "-c", script],
            env=environment | {"PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
            timeout=60,
        ).stdout
        for seed in "123"
    }
    assert len(printed) == 1


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
def test_a_killed_batch_goes_on_where_it_was(predict, model_folder, results):
    names = [f"photo{i:02}.png" for i in range(40)]
    save(*(f"in/{name}" for name in names), height=180, width=240)
    kill_in_the_middle(model_folder)
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
    path = path.with_name(f"{temporary_prefix(path)}{process}.tmp")
    path.write_bytes(b"half")
    return path


def test_resume_removes_what_a_killed_process_left():
    touch("in/a.png", "in/sub/b.png")
    rests = [leftover("colorized/a.png"), leftover("colorized/a.png", 17), leftover("colorized/sub/b-compare.png")]
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


# Never onto an input, never two onto one


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


@pytest.mark.parametrize("shard", [(1, 2), (2, 2)])
def test_a_result_never_lands_on_an_input_of_another_share(shard):
    touch("in/a.png", "in/sub/a.gif")
    with pytest.raises(InputError, match="is an input"):
        find("in/sub/a.gif", "in/a.png", output="in", shard=shard, existing="replace", compare=False)


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
    "inputs",
    [
        ["x/a.png", "y/a.png"],
        ["x", "y"],
        ["*/a.png"],
        ["x/a.png", "x/a.gif"],
        ["x/*"],
    ],
    ids=" ".join,
)
def test_two_photographs_with_one_result_are_refused(predict, results, inputs):
    save("x/a.png", "x/a.gif", "y/a.png")
    for options in ((), ("--overwrite",), ("--resume",)):
        assert refused(predict(*inputs, *options), "would both be written to colorized/a.png")
    assert not results.exists()


def test_two_of_one_name_in_a_tree_are_not_mistaken(predict, results):
    save("in/x/a.png", "in/y/a.png")
    assert predict("in", "--recursive").status == 0
    assert tree(results) == ["x/a.png", "y/a.png"]


def test_linked_folders_do_not_lead_two_results_onto_one(predict):
    save("in/a.png", "in/sub/a.png")
    OUTPUT.mkdir()
    (OUTPUT / "sub").symlink_to(".")
    assert refused(predict("in", "--recursive", "--overwrite"), "would both be written to")
    assert tree(OUTPUT) == []
