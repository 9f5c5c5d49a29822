"""The U-Net on its encoder: forward pass and training compared with PyTorch, and depthwise gradients."""

import statistics
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import tensorflow as tf

from benchmarks import material
from benchmarks.measure import Row, Scale, alternate, ratios, row
from benchmarks.rivals import has_torch
from benchmarks.train import RATE, best_dtype, loop_and_step, make_trainer
from benchmarks.zhang import made_batch
from tfcolor.networks.unet import UNet
from tfcolor.objectives.classification import Classification
from tfcolor.ops.depthwise import depthwise_conv2d
from tfcolor.training.loop import REPORT_STEPS
from tfcolor.training.options import TrainingOptions

ENCODER, NUM_BINS, SIDE = "lite2", 313, 256
PATCH, BATCH = 160, 16  # of training
CHANNELS = 144  # of the depthwise convolutions that are measured: those of lite2 at a quarter of the resolution
PASSES = 10  # of a picture, timed together
BEST = "PyTorch's best"
RIVALS = {
    "float32": {},
    "float32 channels_last": {"channels_last": True},
    "bfloat16": {"bfloat16": True},
    "bfloat16 channels_last": {"bfloat16": True, "channels_last": True},
}


def measure(folder: Path, scale: Scale) -> list[Row]:
    """Measure at the default width, with the largest encoder."""
    return [
        *forward_rows(scale),
        *training_rows(scale, "tuned", ">= 1.8"),
        *training_rows(scale, "unchanged"),
        *loop_rows(folder, scale),
        *depthwise_rows(scale),
    ]


def against_rivals(
    name: str,
    ours: Callable[[], object],
    rivals: dict[str, dict[str, Callable[[], object]]],
    repeats: int,
    bar: str | None,
    rate: tuple[int, str],
    note: str,
) -> list[Row]:
    """Time ours and PyTorch's in turn, and compare ours with the fastest rival of each group.

    Args:
        name: what is measured.
        ours: our function.
        rivals: PyTorch's by name, for each group; empty if it is not installed.
        repeats: runs of each.
        bar: the aim for the rival's seconds over ours.
        rate: what each run does: a number and a unit.
        note: how it is measured.
    """
    together = {(group, rival): run for group, runs in rivals.items() for rival, run in runs.items()}
    seconds = alternate({"ours": ours} | together, repeats)
    own = seconds.pop("ours")
    rows = [row(name, [rate[0] / s for s in own], f"{rate[1]}/s", note=note)]
    for group, runs in rivals.items():
        medians = {rival: statistics.median(seconds[group, rival]) for rival in runs}
        best = min(medians, key=medians.__getitem__)
        note = "PyTorch: " + ", ".join(f"{rival} {median:.3g} s" for rival, median in medians.items())
        rows.append(row(f"{name} / {group}", ratios(seconds[group, best], own), "x", bar, note))
    return rows


def forward_rows(scale: Scale) -> list[Row]:
    """Time the forward pass of one photograph of 256x256 pixels."""
    side, encoder, width = scale.of(full=(SIDE, ENCODER, 1.0), quick=(SIDE, ENCODER, 1.0), tiny=(32, "lite0", 1 / 16))
    network = UNet(NUM_BINS, encoder, width, compute_dtype=tf.bfloat16)
    for name, weight in network.weights.items():
        if name.endswith("/bias"):  # zeros would be left out of the graph
            weight.assign(tf.random.stateless_normal(weight.shape, [0, 1]))
    gray = tf.random.stateless_uniform([1, side, side, 1], [0, 0])
    rivals = {BEST: _torch_passes(network, gray)} if has_torch() else {}
    network.freeze()  # as `Colorizer.load` does
    forward = tf.function(network, input_signature=[tf.TensorSpec([None, None, None, 1])], autograph=False)
    repeats, note = scale.of(full=25, quick=5, tiny=1), f"{encoder}, {NUM_BINS} bins, {side}x{side} pixels"
    ours = _passes(lambda: np.asarray(forward(gray)))  # `numpy` would copy the result, which PyTorch does not
    return against_rivals("forward, bfloat16", ours, rivals, repeats, ">= 1.05", (PASSES, "pictures"), note)


def _passes(forward: Callable[[], object]) -> Callable[[], None]:
    """Several forward passes: in the first, threads of the library that ran before still spin."""

    def run():
        for _ in range(PASSES):
            forward()

    return run


def _torch_passes(network: UNet, gray: tf.Tensor) -> dict[str, Callable[[], object]]:
    """By name, the forward passes of copies of a network in PyTorch."""
    import torch

    from benchmarks.rivals import torch_unet

    array = torch.tensor(gray.numpy())

    def run(model):
        with torch.inference_mode():
            return model(array)

    models = {name: torch_unet.UNet(network, **options).for_prediction() for name, options in RIVALS.items()}
    return {name: _passes(lambda model=model: run(model)) for name, model in models.items()}


def training_rows(scale: Scale, encoder_is: str, bar: str | None = None) -> list[Row]:
    """Time a step on 16 windows of 160 pixels, with an encoder that is 'tuned' or 'unchanged'."""
    patch, batch_size = scale.of(full=(PATCH, BATCH), quick=(PATCH, BATCH), tiny=(32, 2))
    encoder, width = scale.of(full=(ENCODER, 1.0), quick=(ENCODER, 1.0), tiny=("lite0", 1 / 16))
    lightness, *targets = made_batch(patch, batch_size)  # as many targets a side as for a U-Net
    batch, dtype, tuned = (lightness / 100, *targets), best_dtype(), encoder_is == "tuned"
    make_network = lambda: UNet(NUM_BINS, encoder, width, compute_dtype=dtype)  # noqa: E731
    objective = Classification(material.bins(NUM_BINS))
    trainer = make_trainer(make_network, objective, batch_size, encoder_rate=float(tuned))
    rivals = {}
    if has_torch():
        copied = UNet(NUM_BINS, encoder, width)
        rivals[BEST] = _torch_steps(copied, batch, tune_encoder=tuned)
        if tuned:
            rivals[f"{BEST}, depthwise filters tuned too"] = _torch_steps(copied, batch, tune_depthwise=True)
    name = f"training step, encoder {encoder_is}"
    ours = lambda: trainer.step(batch, RATE, 0).loss.numpy()  # noqa: E731
    repeats, note = scale.of(full=7, quick=2, tiny=1), f"{encoder}, {batch_size} windows of {patch}, {dtype.name}"
    return against_rivals(name, ours, rivals, repeats, bar, (batch_size, "windows"), note)


def _torch_steps(network: UNet, batch: tuple, **trained: bool) -> dict[str, Callable[[], float]]:
    """By name, the steps of copies of a network in PyTorch; what is trained is given as in `torch_unet.UNet`."""
    import torch

    from benchmarks.rivals import torch_model, torch_unet

    arrays = [torch.tensor(tensor.numpy()) for tensor in (batch[0], batch[1][..., 0], batch[3])]
    models = {name: torch_unet.UNet(network, **options, **trained) for name, options in RIVALS.items()}
    steps = {name: torch_model.Training(model, RATE) for name, model in models.items()}
    return {name: lambda training=training: training.step(*arrays) for name, training in steps.items()}


def loop_rows(folder: Path, scale: Scale) -> list[Row]:
    """Time the loop of `train.py`, as it trains the default model, compared with its step alone.

    In the first epoch photographs are decoded; later they are in memory.
    """
    patch, batch_size = scale.of(full=(PATCH, BATCH), quick=(PATCH, BATCH), tiny=(64, 2))
    encoder, width = scale.of(full=(ENCODER, 1.0), quick=(ENCODER, 1.0), tiny=("lite0", 1 / 16))
    dataset, steps = material.photographs(folder, scale), REPORT_STEPS * scale.of(full=10, quick=3, tiny=2)
    network = {"network": "unet", "encoder": encoder, "width": width, "encoder_rate": 0.5, "initialization": "scratch"}
    windows = {"patch": patch, "batch_size": batch_size, "zoom": 1.5}
    options = TrainingOptions.of(dataset=dataset.name, steps=steps, precision=best_dtype().name, **network, **windows)
    lightness, *targets = made_batch(patch, batch_size)
    batch = (lightness / 100, *targets)
    few = replace(dataset, files=dataset.files[: batch_size * REPORT_STEPS])  # all read in the steps that are left out
    rows, note = [], f"{encoder}, {batch_size} windows of {patch}; ten steps each, in turn"
    for name, photographs, bar in (("", few, ">= 0.95"), (", first epoch", dataset, None)):
        run = folder / f"unet-run{len(rows)}"
        loop, bare = loop_and_step(options, run, photographs, material.bins(NUM_BINS), batch)
        rows.append(row(f"train.py's loop{name}", [batch_size * rate for rate in loop], "windows/s", note=note))
        rows.append(row(f"loop / bare step{name}", ratios(loop, bare), "x", bar, note))
    return rows


def depthwise_rows(scale: Scale) -> list[Row]:
    """Time the gradients of depthwise convolutions by their inputs and filters, compared with TensorFlow's own."""
    batch_size, side = scale.of(full=(BATCH, PATCH // 4), quick=(BATCH // 4, PATCH // 4), tiny=(1, 8))
    dtype, rows = best_dtype(), []
    x = tf.cast(tf.random.stateless_normal([batch_size, side, side, CHANNELS], [1, 0]), dtype)
    note = f"{batch_size} x {side}x{side} pixels, {CHANNELS} channels, {dtype.name}"
    for size, stride in ((3, 1), (5, 2)):
        filters = tf.random.stateless_normal([size, size, CHANNELS], [2, 0])
        arguments = x, filters, x[:, ::stride, ::stride]
        for k, by in enumerate(("input", "filters")):
            steps = {"ours": depthwise_conv2d, "TensorFlow's": _own_depthwise}
            graphs = {name: _gradient(convolve, stride, k) for name, convolve in steps.items()}
            contestants = {name: lambda graph=graph, a=arguments: graph(*a).numpy() for name, graph in graphs.items()}
            seconds = alternate(contestants, scale.of(full=25, quick=5, tiny=1))
            name = f"depthwise {size}x{size}, stride {stride}, gradient by {by} / TensorFlow's own"
            rows.append(row(name, ratios(seconds["TensorFlow's"], seconds["ours"]), "x", note=note))
    return rows


def _gradient(convolve, stride, k):
    """A graph of the gradient by the input (k = 0) or the filters (k = 1); it leaves out the convolution itself."""

    @tf.function(autograph=False)
    def gradient(x, filters, by_y):
        with tf.GradientTape() as tape:
            tape.watch([x, filters])
            y = convolve(x, filters, stride)
        return tape.gradient(y, (x, filters)[k], output_gradients=by_y)

    return gradient


def _own_depthwise(x, filters, stride):
    return tf.nn.depthwise_conv2d(x, tf.cast(filters, x.dtype)[..., None], [1, stride, stride, 1], "SAME")
