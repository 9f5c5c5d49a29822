"""Zhang's network: forward and training against PyTorch, its arithmetic, and its loop on packed photographs."""

from pathlib import Path

import numpy as np
import tensorflow as tf

from benchmarks import material
from benchmarks.measure import Row, alternate, ratios, row
from benchmarks.rivals import torch_model
from benchmarks.train import RATE, Timed, best_dtype
from tfcolor.color.bins import Bins
from tfcolor.data.datasets import Dataset
from tfcolor.data.packs import write_pack
from tfcolor.networks.zhang import BLOCKS, Zhang
from tfcolor.training.loop import REPORT_STEPS
from tfcolor.training.options import TrainingOptions
from tfcolor.training.run_folder import Run
from tfcolor.training.trainer import Trainer

NUM_BINS, SIDE = 313, 256
PATCH, BATCH = 128, 8  # of training
MATRIX_SIDE = 4096
LOOP_WIDTH = 0.25


def measure(folder: Path, quick: bool) -> list[Row]:
    """Measure at the paper's width; the loop at a quarter of it, where a step leaves least time to read."""
    return [*forward_rows(quick), *training_rows(quick), *loop_rows(folder, quick)]


def multiplications(width: float, side: int) -> float:
    """Of one forward pass over a square, those of convolutions, worked out from the table."""
    total, before = 0.0, 1
    for block, (channels, depth, stride, _) in BLOCKS.items():
        side = 2 * side if block == "conv8" else side
        for k in range(1, depth + 1):
            side //= stride if k == depth else 1
            total += 9 * before * round(channels * width) * side**2
            before = round(channels * width)
    return total + before * NUM_BINS * side**2


def forward_rows(quick: bool) -> list[Row]:
    """One photograph of 256x256."""
    import torch

    networks = {dtype: Zhang(NUM_BINS, compute_dtype=dtype) for dtype in (tf.float32, tf.bfloat16)}
    for network in networks.values():
        network.freeze()  # as `Colorizer.load` does
    signature = [tf.TensorSpec([None, None, None, 1])]
    ours = {d: tf.function(network, input_signature=signature, autograph=False) for d, network in networks.items()}
    plain = torch_model.Zhang(networks[tf.float32]).eval()
    best = torch_model.Zhang(networks[tf.float32], channels_last=True, bfloat16=True).eval()
    lightness = tf.random.stateless_uniform([1, SIDE, SIDE, 1], [0, 0], 0, 100)
    array = torch.tensor(lightness.numpy())

    def rival(model):
        with torch.inference_mode():
            model(array)

    seconds = alternate(
        {
            "bfloat16": lambda: ours[tf.bfloat16](lightness).numpy(),
            "float32": lambda: ours[tf.float32](lightness).numpy(),
            "PyTorch": lambda: rival(plain),
            "PyTorch best": lambda: rival(best),
        },
        3 if quick else 25,
    )
    gigaflops = 2 * multiplications(1.0, SIDE) / 1e9
    note = f"width 1, {NUM_BINS} bins, {SIDE}x{SIDE} pixels, {gigaflops:.0f} GFLOP"
    return [
        row("forward, bfloat16", [gigaflops / 1e3 / s for s in seconds["bfloat16"]], "TFLOP/s", note=note),
        row("forward, float32", [gigaflops / 1e3 / s for s in seconds["float32"]], "TFLOP/s", note=note),
        row("forward, bfloat16 / PyTorch float32", ratios(seconds["PyTorch"], seconds["bfloat16"]), "x", ">= 2"),
        row("forward, float32 / PyTorch float32", ratios(seconds["PyTorch"], seconds["float32"]), "x"),
        row(
            "forward, bfloat16 / PyTorch bfloat16 channels_last",
            ratios(seconds["PyTorch best"], seconds["bfloat16"]),
            "x",
            ">= 1",
        ),
    ]


def training_rows(quick: bool) -> list[Row]:
    """A step on windows of 128, and what the machine could do."""
    import torch

    dtype = best_dtype()
    batch = made_batch(BATCH)
    trainer = Trainer(lambda: Zhang(NUM_BINS, compute_dtype=dtype), BATCH, tf.distribute.get_strategy())
    model = torch_model.Zhang(Zhang(NUM_BINS), channels_last=True, bfloat16=True)
    rival = torch_model.Training(model, RATE)
    arrays = [torch.tensor(t.numpy()) for t in (batch[0], batch[1][..., 0], batch[3])]
    square = tf.cast(tf.random.stateless_uniform([MATRIX_SIDE] * 2, [0, 0], -1, 1), dtype)
    seconds = alternate(
        {
            "ours": lambda: trainer.step(batch, RATE, 0).loss.numpy(),
            "PyTorch": lambda: rival.step(*arrays),
            "matrices": lambda: tf.matmul(square, square).numpy(),
        },
        2 if quick else 5,
    )
    teraflops = 3 * 2 * multiplications(1.0, PATCH) * BATCH / 1e12
    note = f"width 1, {BATCH} windows of {PATCH} a step, {dtype.name}; backward counts twice"
    return [
        row("training step", [teraflops / s for s in seconds["ours"]], "TFLOP/s", ">= 0.8", note),
        row("training step / PyTorch bfloat16 channels_last", ratios(seconds["PyTorch"], seconds["ours"]), "x"),
        row(
            "a product of two matrices",
            [2 * MATRIX_SIDE**3 / 1e12 / s for s in seconds["matrices"]],
            "TFLOP/s",
            note=f"{MATRIX_SIDE}x{MATRIX_SIDE}, {dtype.name}: what this machine can do at all",
        ),
    ]


def made_batch(size: int) -> tuple[tf.Tensor, ...]:
    """Random lightness and targets."""
    rng, side = np.random.default_rng(0), PATCH // Zhang.stride
    return (
        tf.constant(rng.uniform(0, 100, [size, PATCH, PATCH, 1]), tf.float32),
        tf.constant(rng.integers(0, NUM_BINS, [size, side, side, 5]), tf.int32),
        tf.fill([size, side, side, 5], 0.2),
        tf.ones([size, side, side]),
    )


def loop_rows(folder: Path, quick: bool) -> list[Row]:
    """`train.py --pack` with its pipeline, checkpoints and logs, against its step alone."""
    paths = material.photographs(folder)
    dataset = Dataset("made", paths[0].parent, tuple(path.name for path in paths))
    (folder / "zhang-pack").mkdir()
    write_pack(dataset, "train", folder / "zhang-pack", 16, lambda done, reason: None)
    bins: Bins = material.bins(NUM_BINS)
    steps = REPORT_STEPS * (2 if quick else 24)  # before the first preview, after which the loop's clock starts anew
    options = TrainingOptions(
        dataset="made", network="zhang", width=LOOP_WIDTH, steps=steps, batch_size=BATCH, patch=PATCH
    )
    run = Run(folder / "zhang-run")
    experiment = Timed(options, run, dataset, bins, resume=False, pack=folder / "zhang-pack")
    loop, bare = experiment.time_between(made_batch(BATCH), REPORT_STEPS)
    note = f"width {LOOP_WIDTH}, {BATCH} windows of {PATCH} a step, from TFRecord shards; ten steps each, in turn"
    return [
        row("train.py --pack", [BATCH * rate for rate in loop], "windows/s", note=note),
        row("loop on packed photographs / bare step", ratios(loop, bare), "x", ">= 0.9", note),
    ]
