"""Zhang's network: forward pass and training compared with PyTorch, its arithmetic, its loop on packed photographs."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import tensorflow as tf

from benchmarks import material
from benchmarks.measure import Row, Scale, alternate, ratios, row
from benchmarks.rivals import has_torch
from benchmarks.train import RATE, best_dtype, loop_and_step, make_trainer
from tfcolor.data.packs import write_pack
from tfcolor.networks.zhang import BLOCKS, Zhang
from tfcolor.objectives.classification import Classification
from tfcolor.training.loop import REPORT_STEPS
from tfcolor.training.options import TrainingOptions

NUM_BINS, SIDE = 313, 256
PATCH, BATCH = 128, 8  # of training
LOOP_WIDTH = 0.25


def measure(folder: Path, scale: Scale) -> list[Row]:
    """Measure at the paper's width; the loop at a quarter of it, at which a step leaves the least time to read."""
    return [*forward_rows(scale), *training_rows(scale), *loop_rows(folder, scale)]


def multiplications(width: float, side: int) -> float:
    """Compute how many multiplications the convolutions of one forward pass take, from the table of blocks.

    Args:
        width: width of the network.
        side: side of a square input in pixels.
    """
    total, before = 0.0, 1
    for block, (channels, depth, stride, _) in BLOCKS.items():
        side = 2 * side if block == "conv8" else side
        for k in range(1, depth + 1):
            side //= stride if k == depth else 1
            total += 9 * before * round(channels * width) * side**2
            before = round(channels * width)
    return total + before * NUM_BINS * side**2


def forward_rows(scale: Scale) -> list[Row]:
    """Time the forward pass of one photograph of 256x256 pixels."""
    width, side = scale.of(full=(1.0, SIDE), quick=(1.0, SIDE), tiny=(1 / 16, 32))
    networks = {dtype: Zhang(NUM_BINS, width=width, compute_dtype=dtype) for dtype in (tf.float32, tf.bfloat16)}
    for network in networks.values():
        network.freeze()  # as `Colorizer.load` does
    signature = [tf.TensorSpec([None, None, None, 1])]
    ours = {d: tf.function(network, input_signature=signature, autograph=False) for d, network in networks.items()}
    lightness = tf.random.stateless_uniform([1, side, side, 1], [0, 0], 0, 100)
    contestants = {
        "bfloat16": lambda: ours[tf.bfloat16](lightness).numpy(),
        "float32": lambda: ours[tf.float32](lightness).numpy(),
    }
    if has_torch():
        contestants |= _torch_passes(networks[tf.float32], lightness)
    seconds = alternate(contestants, scale.of(full=25, quick=3, tiny=1))
    gigaflops = 2 * multiplications(width, side) / 1e9
    note = f"width {width:g}, {NUM_BINS} bins, {side}x{side} pixels, {gigaflops:.0f} GFLOP"
    pairs = [("bfloat16", "PyTorch float32", ">= 2"), ("float32", "PyTorch float32", None)]
    pairs += [("bfloat16", "PyTorch bfloat16 channels_last", ">= 1")]
    return [
        row("forward, bfloat16", [gigaflops / 1e3 / s for s in seconds["bfloat16"]], "TFLOP/s", note=note),
        row("forward, float32", [gigaflops / 1e3 / s for s in seconds["float32"]], "TFLOP/s", note=note),
        *(
            row(f"forward, {our} / {rival}", ratios(seconds[rival], seconds[our]), "x", bar)
            for our, rival, bar in pairs
            if rival in seconds
        ),
    ]


def _torch_passes(network: Zhang, lightness: tf.Tensor) -> dict[str, Callable[[], None]]:
    """By name, the forward passes of two copies of a network in PyTorch."""
    import torch

    from benchmarks.rivals import torch_model

    plain = torch_model.Zhang(network).eval()
    best = torch_model.Zhang(network, channels_last=True, bfloat16=True).eval()
    array = torch.tensor(lightness.numpy())

    def run(model):
        with torch.inference_mode():
            model(array)

    return {"PyTorch float32": lambda: run(plain), "PyTorch bfloat16 channels_last": lambda: run(best)}


def training_rows(scale: Scale) -> list[Row]:
    """Time a step on windows of 128 pixels, and what the machine can do at most."""
    dtype = best_dtype()
    width, patch, batch_size = scale.of(full=(1.0, PATCH, BATCH), quick=(1.0, PATCH, BATCH), tiny=(1 / 16, 32, 2))
    matrix_side = scale.of(full=4096, quick=4096, tiny=64)
    batch = made_batch(patch, batch_size)
    make_network = lambda: Zhang(NUM_BINS, width=width, compute_dtype=dtype)  # noqa: E731
    trainer = make_trainer(make_network, Classification(material.bins(NUM_BINS)), batch_size)
    square = tf.cast(tf.random.stateless_uniform([matrix_side] * 2, [0, 0], -1, 1), dtype)
    rival = "PyTorch bfloat16 channels_last"
    contestants = {"ours": lambda: trainer.step(batch, RATE, 0).loss.numpy()}
    if has_torch():
        contestants[rival] = _torch_step(Zhang(NUM_BINS, width=width), batch)
    contestants["matrices"] = lambda: tf.matmul(square, square).numpy()
    seconds = alternate(contestants, scale.of(full=5, quick=2, tiny=1))
    teraflops = 3 * 2 * multiplications(width, patch) * batch_size / 1e12
    note = f"width {width:g}, {batch_size} windows of {patch} a step, {dtype.name}; backward counts twice"
    rows = [row("training step", [teraflops / s for s in seconds["ours"]], "TFLOP/s", ">= 0.8", note)]
    if rival in seconds:
        rows.append(row(f"training step / {rival}", ratios(seconds[rival], seconds["ours"]), "x"))
    product = [2 * matrix_side**3 / 1e12 / s for s in seconds["matrices"]]
    note = f"{matrix_side}x{matrix_side}, {dtype.name}: the most that this machine can do"
    return [*rows, row("a product of two matrices", product, "TFLOP/s", note=note)]


def _torch_step(network: Zhang, batch: tuple) -> Callable[[], float]:
    """The step of a copy of a network in PyTorch."""
    import torch

    from benchmarks.rivals import torch_model

    training = torch_model.Training(torch_model.Zhang(network, channels_last=True, bfloat16=True), RATE)
    arrays = [torch.tensor(tensor.numpy()) for tensor in (batch[0], batch[1][..., 0], batch[3])]
    return lambda: training.step(*arrays)


def made_batch(patch: int, batch_size: int) -> tuple[tf.Tensor, ...]:
    """Make a batch of random lightness and targets, as `Classification.batch` gives it."""
    rng, side = np.random.default_rng(0), patch // Zhang.stride
    return (
        tf.constant(rng.uniform(0, 100, [batch_size, patch, patch, 1]), tf.float32),
        tf.constant(rng.integers(0, NUM_BINS, [batch_size, side, side, 5]), tf.int32),
        tf.fill([batch_size, side, side, 5], 0.2),
        tf.ones([batch_size, side, side]),
    )


def loop_rows(folder: Path, scale: Scale) -> list[Row]:
    """Time the loop of `train.py --pack` with its pipeline, checkpoints and logs, compared with its step alone."""
    width, patch, batch_size = scale.of(
        full=(LOOP_WIDTH, PATCH, BATCH), quick=(LOOP_WIDTH, PATCH, BATCH), tiny=(1 / 16, 32, 2)
    )
    dataset = material.photographs(folder, scale)
    pack = folder / "zhang-pack"
    pack.mkdir()
    write_pack(dataset, "train", pack, 16, lambda done, reason: None)
    steps = REPORT_STEPS * scale.of(full=24, quick=2, tiny=2)
    options = TrainingOptions.of(
        dataset=dataset.name, network="zhang", width=width, steps=steps, batch_size=batch_size, patch=patch
    )
    bins, batch = material.bins(NUM_BINS), made_batch(patch, batch_size)
    loop, bare = loop_and_step(options, folder / "zhang-run", dataset, bins, batch, pack)
    note = f"width {width:g}, {batch_size} windows of {patch} a step, from TFRecord shards; ten steps each, in turn"
    return [
        row("train.py --pack", [batch_size * rate for rate in loop], "windows/s", note=note),
        row("loop on packed photographs / bare step", ratios(loop, bare), "x", ">= 0.9", note),
    ]
