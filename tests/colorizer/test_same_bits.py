"""In float32 a photograph's result depends on nothing else: its batch, the threads and the processes change no bit."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tfcolor.color.decoding_options import Decoding
from tfcolor.colorizer import Colorizer
from tfcolor.colorizer.tiles import Uncolored

ROOT = Path(__file__).parents[2]
MODELS = ("forest", "general", "zhang-outdoor")
DECODING = Decoding(0.38, smoothing=3, uniform_share=0.5)
# Successive ones of one size share a batch; the last is larger than what `zhang-outdoor` sees as it is.
SIZES = [(40, 50)] * 5 + [(33, 71)] * 2 + [(40, 50), (96, 96), (64, 300)]


def pictures() -> list[Uncolored]:
    """Smooth with noise; 16 bits show differences that 8 would hide."""
    rng, found = np.random.default_rng(0), []
    for height, width in SIZES:
        ramp = np.linspace(5, 95, height * width).reshape(height, width)
        found.append(Uncolored(np.clip(ramp + rng.normal(0, 8, ramp.shape), 0, 100).astype(np.float32), np.uint16))
    return found


def colored(model: str) -> dict[str, np.ndarray]:
    """All pictures in one go, each alone, and the sizes of the batches that the network saw in between."""
    colorizer, batches = Colorizer.load(model, "float32"), []
    forward = colorizer._forward
    colorizer._forward = lambda x: batches.append(len(x)) or forward(x)
    together = colorizer.colorize_all(pictures(), DECODING)
    found = {f"{model} {number}": picture for number, picture in enumerate(together)}
    found[f"{model} batches"] = np.array(batches)
    for number, picture in enumerate(pictures()):
        (found[f"{model} {number} alone"],) = colorizer.colorize_all([picture], DECODING)
    return found


IN_ANOTHER_PROCESS = """
import sys
from tfcolor.utils import console
console.load_tensorflow()
import numpy as np, tensorflow as tf
tf.config.threading.set_intra_op_parallelism_threads(int(sys.argv[1]))
tf.config.threading.set_inter_op_parallelism_threads(int(sys.argv[1]))
from tests.colorizer.test_same_bits import MODELS, colored
np.savez(sys.argv[2], **{name: x for model in MODELS for name, x in colored(model).items()})
"""


def colored_in_a_process(folder: Path, threads: int) -> dict[str, np.ndarray]:
    """All pictures by all models, together and alone, in a process of its own.

    Last bits can change in a process in which a SavedModel ran before, as in the tests of exports.
    """
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    environment.pop("TF_ENABLE_ONEDNN_OPTS", None)  # the program sets what it needs itself
    path = folder / f"{threads}.npz"
    command = [sys.executable, "-c", IN_ANOTHER_PROCESS, str(threads), str(path)]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    with np.load(path) as found:
        return dict(found)


@pytest.fixture(scope="module")
def with_two_threads(tmp_path_factory) -> dict[str, np.ndarray]:
    return colored_in_a_process(tmp_path_factory.mktemp("two"), 2)


@pytest.mark.parametrize("model", MODELS)
def test_a_picture_comes_out_the_same_alone_and_in_any_batch(with_two_threads, model):
    assert with_two_threads[f"{model} batches"].max() >= 5  # else nothing is tested
    for number, size in enumerate(SIZES):
        alone = with_two_threads[f"{model} {number} alone"]
        np.testing.assert_array_equal(with_two_threads[f"{model} {number}"], alone, err_msg=str(size))


@pytest.mark.parametrize("threads", [1, pytest.param(5, marks=pytest.mark.slow)])
def test_threads_change_no_bit(tmp_path, with_two_threads, threads):
    found = colored_in_a_process(tmp_path, threads)
    assert found.keys() == with_two_threads.keys()
    for name, expected in with_two_threads.items():
        np.testing.assert_array_equal(found[name], expected, err_msg=name)


def test_shares_of_several_processes_are_the_whole(predict, photo_folder, tmp_path):
    whole, shares = ["--output", "whole"], [["--output", "shares", "--shard", f"{i}/3"] for i in (1, 2, 3)]
    for options in (whole, *shares):
        outcome = predict(photo_folder, *options, "--precision", "float32", model="zhang-outdoor")
        assert outcome.status == 0, outcome.err
    files = sorted(path.name for path in (tmp_path / "whole").iterdir())
    assert files == sorted(path.name for path in (tmp_path / "shares").iterdir()) and len(files) == 6
    for name in files:
        assert (tmp_path / "shares" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
