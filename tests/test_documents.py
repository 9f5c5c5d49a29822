"""README.md and docs: every command in them parses, every link leads somewhere, and README's commands run."""

import importlib
import importlib.util
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import skimage.data
from PIL import Image

from tfcolor.__main__ import COMMANDS
from tfcolor.data.scenes import SCENES_FOLDER
from tfcolor.models.directory import SHIPPED, shipped_models

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
DOCUMENTS = [README, *sorted((ROOT / "docs").glob("*.md"))]
FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
PROGRAMS = ("python", "tfcolor", "pip", "tensorboard")
SCRIPTS = {"train.py": "train", "predict.py": "colorize", "analyze_bins.py": "analyze_bins"}
MODULES = {name: f"tfcolor.commands.{module}" for name, (module, _) in COMMANDS.items()}
OTHERS = ("pip", "tensorboard", "python -m pytest", "python -m pdoc", "python -m build")  # not ours to parse


def commands(document: Path) -> list[str]:
    """The command lines of a document, in fenced blocks and between backticks."""
    text = document.read_text()
    lines = [line for language, block in FENCED.findall(text) if not language for line in block.splitlines()]
    lines += [" ".join(found.split()) for found in re.findall(r"`([^`]+)`", FENCED.sub("", text))]
    is_command = re.compile(rf"(?:\w+='[^']*' )?(?:{'|'.join(PROGRAMS)}) \S").match
    return [line for line in lines if is_command(line) and "..." not in line]


def parts(line: str) -> list[list[str]]:
    """The programs that a line starts, with their arguments."""
    calls = [shlex.split(call, comments=True) for call in line.split(" && ")]
    return [[word for k, word in enumerate(call) if k or "=" not in word] for call in calls]


def module_of(call: list[str]) -> tuple[str, list[str]]:
    """The module with the parser of a program, and the arguments for it."""
    words = call[1:] if call[0] == "python" else call
    if words[0] in SCRIPTS:
        return f"tfcolor.commands.{SCRIPTS[words[0]]}", words[1:]
    if words[:2] == ["-m", "tfcolor"]:
        words = words[1:]
    if words[0] == "tfcolor":
        return MODULES[words[1]], words[2:]
    assert words[0] == "-m" and words[1].startswith("benchmarks"), call
    return words[1] if "." in words[1] else f"{words[1]}.__main__", words[2:]


def test_the_commands_are_found():
    found = commands(README)
    assert "pip install -r requirements.txt && python predict.py" in found
    assert "python train.py --dataset my-photos --bins bins/my-photos-w10/bins.npz" in found
    assert len(found) > 10


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_command_parses(document):
    if document.name == "extending.md":
        pytest.skip("its commands name an example; test_extending.py runs them")
    for line in commands(document):
        for call in parts(line):
            if not " ".join(call).startswith(OTHERS):
                module, arguments = module_of(call)
                parse = importlib.import_module(module).parse
                if arguments:  # else only the command's name is mentioned
                    try:
                        parse(arguments)
                    except SystemExit:
                        pytest.fail(f"{document.name}: {line}")


@pytest.mark.parametrize("model", shipped_models())
def test_the_commands_in_shipped_models_parse(model):
    content = json.loads((SHIPPED / model / "model.json").read_text())
    found = [value for value in content.values() if isinstance(value, str) and value.startswith("python ")]
    assert found
    for line in found:
        module, arguments = module_of(shlex.split(line))
        importlib.import_module(module).parse(arguments)


def options(module: str, capsys) -> set[str]:
    with pytest.raises(SystemExit):
        importlib.import_module(module).parse(["--help"])
    return set(re.findall(r"--[\w-]+", capsys.readouterr().out))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_option_exists(document, capsys):
    names = ("ablation", "activations", "domains", "films", "optimizers", "systems", "windows")
    studies = [f"benchmarks.studies.{name}" for name in names]
    known = set().union(*(options(module, capsys) for module in [*MODULES.values(), "benchmarks.__main__", *studies]))
    named = set(re.findall(r"`(--[a-zA-Z][\w-]*)", FENCED.sub("", document.read_text())))
    assert named <= known | {"--version"}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_leads_somewhere(document):
    for link in re.findall(r"\]\(([^)#]+?)(?:#[\w-]*)?\)", document.read_text()):
        assert link.startswith("http") or (document.parent / link).exists(), link


RUN = [README, *(ROOT / "docs" / f"{name}.md" for name in ("training", "photographs", "export", "films", "cluster"))]
# Not run here, but in test_install.py, test_training.py, test_page.py and tests/benchmarks; or on photographs that are
# not here; or a program of others.
NOT_RUN = ("pip install", "TF_CONFIG=", "python -m benchmarks", "python -m pytest", "tensorboard", "tfcolor")
NOT_RUN += ("python -m tfcolor evaluate --dataset photos", "python -m tfcolor web", "dask")
HAS_DASK = importlib.util.find_spec("distributed") is not None
HAS_AV = importlib.util.find_spec("av") is not None and importlib.util.find_spec("cv2") is not None
SHORT = " --steps 2 --batch-size 2"  # for every training


def photograph(path: Path, number: int) -> None:
    """Write a small smooth picture with a few colours."""
    coarse = np.random.default_rng(number).integers(90, 166, (4, 5, 3), dtype=np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(coarse).resize((48, 40), Image.Resampling.BICUBIC).save(path)


@pytest.fixture
def workplace(tmp_path, monkeypatch) -> Path:
    """A folder with the scripts, photographs under the names that the pages give them, and a few made scenes."""
    for script in SCRIPTS:
        (tmp_path / script).symlink_to(ROOT / script)
    for number in range(40):
        photograph(tmp_path / "data" / SCENES_FOLDER / f"forest_made{number}.jpg", number)
        photograph(tmp_path / "data" / SCENES_FOLDER / f"coast_made{number}.jpg", number + 40)
        photograph(tmp_path / "my-photos" / f"{number}.jpg", number + 80)
    names = ("photo.jpg", "old-photo.jpg", "faded.jpg", "old/a.jpg", "old/deep/b.jpg", "album/c.png", "scans/d.tif")
    for number, name in enumerate(names):
        photograph(tmp_path / name, number + 120)
    for name in ("camera", "astronaut"):
        Image.fromarray(getattr(skimage.data, name)()).save(tmp_path / f"{name}.png")
    if HAS_AV:
        from benchmarks.clips import pan_and_zoom, write_clip

        write_clip(tmp_path / "film.mp4", (frame for frame, _ in pan_and_zoom(skimage.data.coffee(), (240, 320), 6)))
    monkeypatch.delenv("TFCOLOR_DATA", raising=False)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize("document", RUN, ids=lambda path: path.name)
def test_commands_run_in_their_order(document, workplace):
    if not shutil.which("bash") or shutil.which("python") != sys.executable:
        pytest.skip("bash is missing, or `python` is not the Python that runs the tests")
    lines = [line.rpartition(" && ")[2] for line in commands(document)]  # without `pip install -r FILE &&`
    for line in dict.fromkeys(line for line in lines if not line.startswith(NOT_RUN)):  # each once
        if ("film.mp4" in line and not HAS_AV) or ("--cluster" in line and not HAS_DASK) or "tcp://" in line:
            continue
        if line.startswith("python train.py") and "--list" not in line:
            line += SHORT
        done = subprocess.run(["bash", "-c", line], cwd=workplace, capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"


@pytest.mark.slow
def test_readmes_python_runs(workplace):
    (example,) = (block for language, block in FENCED.findall(README.read_text()) if language == "python")
    subprocess.run([sys.executable, "-c", example], cwd=workplace, check=True, capture_output=True, timeout=600)
    with Image.open(workplace / "coloured.png") as result:
        assert (result.size, result.mode) == ((48, 40), "RGB")


@pytest.mark.slow
@pytest.mark.skipif(not HAS_AV, reason="PyAV or OpenCV is not installed: pip install -r requirements-video.txt")
def test_the_python_of_films_runs(workplace):
    (example,) = (block for language, block in FENCED.findall((ROOT / "docs/films.md").read_text()) if language)
    subprocess.run([sys.executable, "-c", example], cwd=workplace, check=True, capture_output=True, timeout=600)
    with Image.open(workplace / "00005.png") as result:
        assert (result.size, result.mode) == ((320, 240), "RGB")
