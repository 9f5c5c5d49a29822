"""Pix2pix: a training step of its generator and discriminator, compared with PyTorch's."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import tensorflow as tf

from benchmarks import material
from benchmarks.measure import Row, Scale
from benchmarks.rivals import has_torch
from benchmarks.train import best_dtype, make_trainer
from benchmarks.unet import BEST, RIVALS, against_rivals
from tfcolor.networks.pix2pix import Pix2Pix
from tfcolor.objectives.adversarial import Adversarial
from tfcolor.training.optimizers import optimizer_maker

WIDTH, DEPTH, PATCH, BATCH = 1 / 4, 7, 128, 16
RATE, BETAS = 2e-4, (0.5, 0.999)  # Isola et al. 2017, section 3.3
_ORDER = "both gradients from one pass; PyTorch's in the authors' order, which runs the discriminator once more"


def measure(folder: Path, scale: Scale) -> list[Row]:
    """Measure at a quarter of the paper's width, with one discriminator, batch normalization and L1 x 100.

    Ours takes the gradients of both networks from one pass, before any weight changes, as TensorFlow's tutorial does.
    PyTorch's step is that of the authors' PyTorch code: the discriminator learns first, and judges the made colours
    again, with its new weights, before the generator learns.
    """
    width, depth, patch, batch_size = scale.of(
        full=(WIDTH, DEPTH, PATCH, BATCH), quick=(WIDTH, DEPTH, PATCH, BATCH), tiny=(1 / 16, 5, 32, 2)
    )
    dtype = best_dtype()
    objective = Adversarial(material.bins(16), width=width)  # its loss has no bins
    make_network = lambda: Pix2Pix(objective.num_outputs, depth, width, compute_dtype=dtype)  # noqa: E731
    maker = optimizer_maker("adam", *BETAS)
    trainer = make_trainer(make_network, objective, batch_size, make_optimizer=maker)
    batch = objective.batch(made_pictures(patch, batch_size), trainer.network)
    rivals = {BEST: _torch_steps(Pix2Pix(objective.num_outputs, depth, width), objective, batch)} if has_torch() else {}
    ours = lambda: trainer.step(batch, RATE, 0).loss.numpy()  # noqa: E731
    note = f"width {width:g}, depth {depth}, {batch_size} windows of {patch}, {dtype.name}; {_ORDER}"
    repeats = scale.of(full=11, quick=3, tiny=1)
    return against_rivals("training step", ours, rivals, repeats, ">= 1", (batch_size, "windows"), note)


def made_pictures(patch: int, batch_size: int) -> tf.Tensor:
    """Make random pictures, Lab float32 [batch_size, patch, patch, 3]."""
    rng, shape = np.random.default_rng(0), [batch_size, patch, patch, 3]
    return tf.constant(rng.uniform([0, -50, -50], [100, 50, 50], shape), tf.float32)


def _torch_steps(network: Pix2Pix, objective: Adversarial, batch: tuple) -> dict[str, Callable[[], object]]:
    """By name, the steps of copies of a network and of its discriminator in PyTorch."""
    import torch

    from benchmarks.rivals import torch_pix2pix

    arrays = [torch.tensor(tensor.numpy()).permute(0, 3, 1, 2) for tensor in batch[:2]]
    _, judges = objective.losses(network)
    steps = {
        name: torch_pix2pix.Training(
            torch_pix2pix.Generator(network),
            torch_pix2pix.Discriminator(judges.variables, judges.statistics),
            RATE,
            **options,
        )
        for name, options in RIVALS.items()
    }
    runs = {name: lambda training=training: training.step(*arrays) for name, training in steps.items()}
    return runs | {f"{name}, one thread": _on_one_thread(run) for name, run in runs.items() if "bfloat16" in name}


def _on_one_thread(run):
    """The same on one thread, which is faster where other programs keep the cores busy: its threads wait spinning."""
    import torch

    def run_alone():
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            return run()
        finally:
            torch.set_num_threads(threads)

    return run_alone
