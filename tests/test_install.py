"""What `pip install .` brings, and that it works without the checkout."""

import email
import hashlib
import os
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import numpy as np
import pytest
from packaging.requirements import Requirement
from PIL import Image

import tfcolor
from tfcolor.models.directory import shipped_models

ROOT = Path(__file__).parents[1]
PIP = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "--no-input"]
# sha256 of https://www.apache.org/licenses/LICENSE-2.0.txt
APACHE_2 = "cfc7749b96f63bd31c3c42b5c471bf756814053e847c10f3eb003417bc523d30"

pytestmark = pytest.mark.slow


def run(command, folder):
    """Run a program in a folder, without the checkout on its path; returns what it printed."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def requirements(name):
    """The packages that a requirements file asks for."""
    lines = (line.strip() for line in (ROOT / name).read_text().splitlines())
    return {Requirement(line) for line in lines if line and not line.startswith("#")}


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A copy of the checkout, without what earlier builds have left there."""
    folder = tmp_path_factory.mktemp("source")
    for pattern in ("*.py", "*.md", "*.toml", "LICENSE*", "NOTICE", "requirements*.txt"):
        for path in ROOT.glob(pattern):
            shutil.copy(path, folder)
    for name in ("tfcolor", "ops", "benchmarks", "tests"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", ".*"))
    return folder


@pytest.fixture(scope="module")
def wheel(source, tmp_path_factory):
    """The package's wheel; skips where pip cannot download what builds it."""
    folder = tmp_path_factory.mktemp("wheel")
    attempt = [*PIP, "download", "--no-deps", "--retries", "0", "--timeout", "10", "--dest", "download", "setuptools"]
    if subprocess.run(attempt, cwd=folder, capture_output=True).returncode:
        pytest.skip("pip cannot download setuptools, which builds the package")
    run([*PIP, "wheel", "--no-deps", "--wheel-dir", "built", source], folder)
    (built,) = (folder / "built").iterdir()
    return built


@pytest.fixture(scope="module")
def metadata(wheel):
    """What the wheel says about itself."""
    with zipfile.ZipFile(wheel) as archive:
        return email.message_from_bytes(archive.read(f"tfcolor-{tfcolor.__version__}.dist-info/METADATA"))


@pytest.fixture(scope="module")
def programs(wheel, tmp_path_factory):
    """The programs of a new environment outside the checkout, where the wheel is installed.

    It borrows the dependencies from the environment that runs the tests: installing TensorFlow takes most of a minute.
    """
    folder = tmp_path_factory.mktemp("environment")
    assert ROOT not in folder.parents
    venv.create(folder, with_pip=False)
    programs = folder / "bin"
    run([*PIP, "--python", programs / "python", "install", "--no-deps", wheel], folder)
    where = run([programs / "python", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], folder)
    packages = [path for path in sys.path if Path(path).name in ("site-packages", "dist-packages")]
    Path(where.strip(), "dependencies.pth").write_text("\n".join(packages))
    return programs


def test_the_wheel_holds_the_package_and_nothing_else(wheel, source):
    with zipfile.ZipFile(wheel) as archive:
        found = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert found == {str(path.relative_to(source)) for path in (source / "tfcolor").rglob("*") if path.is_file()}
    assert tfcolor.DEFAULT_MODEL in shipped_models()
    for model in shipped_models():
        assert {f"tfcolor/models/{model}/{name}" for name in ("bins.npz", "model.json", "weights.npz")} <= found


def test_the_wheel_has_the_license(wheel, metadata):
    assert metadata["License-Expression"] == "Apache-2.0"
    with zipfile.ZipFile(wheel) as archive:
        text = archive.read(f"tfcolor-{tfcolor.__version__}.dist-info/licenses/LICENSE")
    assert hashlib.sha256(text).hexdigest() == APACHE_2


def test_dependencies_are_those_of_the_requirements_files(metadata):
    needs = {Requirement(line) for line in metadata.get_all("Requires-Dist")}
    assert {need for need in needs if "extra ==" not in str(need.marker)} == requirements("requirements.txt")
    assert set(metadata.get_all("Provides-Extra")) == {"train", "web", "video", "cluster"}
    for extra in metadata.get_all("Provides-Extra"):
        found = {need.name for need in needs if f'extra == "{extra}"' in str(need.marker)}
        assert found == {need.name for need in requirements(f"requirements-{extra}.txt")}


def test_the_command_answers_from_any_folder(programs, tmp_path):
    assert run([programs / "tfcolor", "--version"], tmp_path) == f"tfcolor {tfcolor.__version__}\n"
    assert run([programs / "tfcolor", "colorize", "--list-models"], tmp_path).count("\n") == len(shipped_models())


def test_a_photograph_is_coloured(programs, tmp_path):
    gray = np.linspace(0, 255, 24 * 32).reshape(24, 32).astype(np.uint8)
    Image.fromarray(gray).save(tmp_path / "gray.png")
    run([programs / "tfcolor", "colorize", "--output", "results", "gray.png"], tmp_path)
    with Image.open(tmp_path / "results" / "gray.png") as result:
        assert (result.size, result.mode) == ((32, 24), "RGB")
        assert np.ptp(np.asarray(result).astype(int), axis=-1).max() > 4  # chroma


def test_the_library_is_imported_from_the_environment(programs, tmp_path):
    code = """
import sys
from importlib.metadata import version
from tfcolor.colorizer import Colorizer
from tfcolor.ops.rrelu import rrelu
print(version("tfcolor"), sys.modules["tfcolor"].__file__, *sys.path, sep="\\n")
"""
    installed, module, *path = run([programs / "python", "-c", code], tmp_path).splitlines()
    assert installed == tfcolor.__version__
    assert programs.parent in Path(module).parents
    assert ROOT not in map(Path, path)
