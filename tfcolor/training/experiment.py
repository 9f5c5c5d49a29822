"""A training run with checked options, from the data to the model directory.

`prepare` creates the parts, `train_model` trains, `finish` measures and writes the model; `run` does all three.
"""

import logging
import platform
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from tfcolor import __version__
from tfcolor.color.bins import Bins
from tfcolor.color.lab import levels_to_lab
from tfcolor.data.batches import training_batches
from tfcolor.data.datasets import Dataset
from tfcolor.data.packs import Pack, windows_of
from tfcolor.data.scan import scan
from tfcolor.data.windows import Windows
from tfcolor.models.directory import find_model, read_info, read_weights, save_model
from tfcolor.networks import initialization
from tfcolor.networks.inputs import INPUTS
from tfcolor.networks.layers import Network
from tfcolor.objectives.objective import Objective
from tfcolor.objectives.targets import batch_maker
from tfcolor.training.distribution import agree, broadcast_from_chief, make_strategy
from tfcolor.training.loop import train
from tfcolor.training.optimizers import optimizer_maker
from tfcolor.training.options import TrainingOptions
from tfcolor.training.previews import Previews
from tfcolor.training.recorder import Recorder
from tfcolor.training.run_folder import RunFolder
from tfcolor.training.state import TrainingState
from tfcolor.training.trainer import Trainer, learners_of
from tfcolor.training.validation import measure
from tfcolor.utils import precision, tf_config
from tfcolor.utils.console import Progress
from tfcolor.utils.errors import InputError, WorkError
from tfcolor.utils.files import check_names, remove_leftovers

log = logging.getLogger(__name__)

_INITIAL_PHOTOS = 16  # for data-dependent initial weights, about

WindowSource = Windows | Callable[[int, tf.distribute.InputContext, int], tf.data.Dataset]


@dataclass(frozen=True)
class Experiment:
    """The parts of a run, ready to train.

    options: the options of the run.
    folder: its directory.
    dataset: the whole dataset, with its splits.
    objective: with the colour bins.
    config: the content of `config.json`.
    trainer: its variables have their values at `state`.
    state: how far the run has come.
    windows: the source of training windows, see `batches.training_batches`.
    """

    options: TrainingOptions
    folder: RunFolder
    dataset: Dataset
    objective: Objective
    config: dict[str, Any]
    trainer: Trainer
    state: TrainingState
    windows: WindowSource


def run(
    options: TrainingOptions,
    folder: RunFolder,
    dataset: Dataset,
    bins: Bins | None,
    resume: bool,
    pack: Path | None = None,
    make_recorder: Callable[..., Recorder] = Recorder,
) -> None:
    """Train a model and write it; arguments and errors as in `prepare` and `train_model`."""
    experiment = prepare(options, folder, dataset, bins, resume, pack)
    train_model(experiment, make_recorder)
    if tf_config.is_chief():
        finish(experiment)
    agree(experiment.trainer.strategy, 0.0)  # wait for the chief to write the model


def prepare(
    options: TrainingOptions,
    folder: RunFolder,
    dataset: Dataset,
    bins: Bins | None,
    resume: bool,
    pack: Path | None = None,
) -> Experiment:
    """Create the parts of a run; only the chief writes to its directory.

    Args:
        options: the options of the run; to resume, the options it began with.
        folder: its directory.
        dataset: the whole dataset.
        bins: the colour bins, or None to count them on the training split.
        resume: whether to continue the run in the directory.
        pack: folder of a pack of the training photographs, see `packs.write_pack`; None to read the files themselves.

    Raises:
        InputError: if options do not fit each other or the data.
        WorkError: if no photograph can be read.
    """
    strategy = make_strategy()  # before any TensorFlow operation
    windows = _window_source(options, dataset, pack)
    if resume and folder.bins_path.exists():
        bins = Bins.load(folder.bins_path)
    objective = options.objective.make(bins or count_bins(options, dataset))
    config = folder.read_config() if resume else _new_config(options, dataset, strategy)
    trainer = make_trainer(options, objective, strategy, config["precision"])
    state = TrainingState()
    if resume and folder.checkpoint_path.exists():
        state = trainer.restore(folder.checkpoint_path)
    elif options.optimization.init:
        _start_from(trainer, options)
    else:
        _initialize(trainer, options, objective, dataset)
    if tf_config.is_chief():
        if not resume:
            folder.start(config)
        remove_leftovers(folder.folder)
        objective.bins.save(folder.bins_path)
    return Experiment(options, folder, dataset, objective, config, trainer, state, windows)


def train_model(experiment: Experiment, make_recorder: Callable[..., Recorder] = Recorder) -> None:
    """Train to the end, with checkpoints, previews and logs.

    Args:
        experiment: from `prepare`; its state is updated.
        make_recorder: takes the arguments of `Recorder`.

    Raises:
        WorkError: if memory runs out, a pack is damaged, or steps are not finite.
    """
    options, trainer, state = experiment.options, experiment.trainer, experiment.state
    how, config = options.optimization, experiment.config
    batches = trainer.strategy.distribute_datasets_from_function(
        lambda pipeline: training_batches(
            experiment.windows,
            batch_maker(experiment.objective, trainer.network),
            seed=how.seed,
            first_step=state.step,
            global_batch=how.batch_size,
            pipeline=pipeline,
            degrade=options.data.degrade,
        )
    )
    previews = _previews(experiment) if tf_config.is_chief() else None
    colored_pixels = how.batch_size * (options.data.patch - 2 * trainer.network.context) ** 2
    num_photos = len(experiment.dataset.split("train").files)
    with Progress("training", config["total_steps"], "steps", done=state.step) as progress:
        recorder = make_recorder(experiment.folder, config, trainer, previews, progress, colored_pixels)
        recorder.say(_summary(experiment, num_photos))
        try:
            train(
                trainer,
                iter(batches),
                state,
                config["total_steps"],
                recorder,
                learning_rate=how.learning_rate,
                schedule=how.schedule,
                steps_per_epoch=-(-num_photos // how.batch_size),
            )
        except tf.errors.ResourceExhaustedError as error:
            raise WorkError("out of memory; use a smaller `batch_size` or `patch`") from error
        except (tf.errors.DataLossError, tf.errors.InvalidArgumentError, tf.errors.NotFoundError) as error:
            if isinstance(experiment.windows, Windows):
                raise
            raise WorkError("the pack is damaged, or changed while it was read; pack again") from error
        recorder.preview(state)
    recorder.close()


def finish(experiment: Experiment) -> None:
    """Measure the model on validation photographs, and write its directory."""
    options, folder, trainer, state = experiment.options, experiment.folder, experiment.trainer, experiment.state
    objective = experiment.objective
    network = options.network.make(objective.num_outputs)
    arrays = trainer.model_arrays()
    for name, variable in network.saved.items():
        variable.assign(arrays[name])
    description = experiment.config | {"steps": state.step, "seconds": round(state.seconds, 1)}
    description |= {"skipped_steps": state.skipped}
    description["metrics"] = measure(network, objective, experiment.dataset, options.optimization.xla)
    save_model(folder.folder, network, objective.bins, options.network, options.objective, description)
    folder.checkpoint_path.unlink(missing_ok=True)


def count_bins(options: TrainingOptions, dataset: Dataset) -> Bins:
    """Make colour bins from a dataset's training split.

    Raises:
        WorkError: if no photograph can be read.
    """
    paths = dataset.split("train").paths
    with Progress("counting colours", len(paths), "images") as progress:
        found = scan(paths, progress.update)
        for path, reason in found.unreadable:
            progress.log(f"skipping {path}: {reason}")
    if not found.num_images:
        raise WorkError(f"none of the {len(paths)} training photographs of {dataset.name} can be read")
    counting = {"min_count": options.data.min_count, "kind": options.data.bins or "occupied"}
    if "uniform_share" in options.objective.arguments:
        counting["uniform_share"] = options.objective.arguments["uniform_share"]
    return found.bins(options.data.window, dataset.name, "train", **counting)


def make_trainer(
    options: TrainingOptions, objective: Objective, strategy: tf.distribute.Strategy, compute_dtype: str
) -> Trainer:
    """Create the network of a run and its optimizers on a strategy.

    Raises:
        InputError: if the batch size is not a multiple of the number of replicas, the network needs more bins, or the
            windows are too small for the objective.
    """
    how, replicas = options.optimization, strategy.num_replicas_in_sync
    if how.batch_size % replicas:
        raise InputError(f"`batch_size` must be a multiple of the number of replicas, {replicas}, got {how.batch_size}")

    def make():
        network = options.network.make(objective.num_outputs, how.seed, tf.as_dtype(compute_dtype))
        whole_encoder = how.initialization == "scratch"
        maker = optimizer_maker(how.optimizer, how.beta1, how.beta2, how.weight_decay)
        return network, learners_of(objective, network, how.seed, how.encoder_rate, whole_encoder, maker)

    try:
        trainer = Trainer(
            make,
            how.batch_size,
            strategy,
            xla=precision.use_xla(how.xla),
            seed=how.seed,
            average=how.weight_average,
            weight_decay=0.0 if how.optimizer == "adamw" else how.weight_decay,
        )
    except ValueError as error:
        bins = objective.bins
        at, remedy = f" at window {bins.window}", "a smaller `window` or photographs with more colours"
        if bins.codebook != "cells":
            at, remedy = "", "a codebook of more units"
        raise InputError(
            f"{bins.dataset} has {bins.num_bins} colour bins{at}, which {options.network.name} cannot take ({error}); "
            f"use {remedy}"
        ) from error
    objective.check_side((options.data.patch - 2 * trainer.network.context) // trainer.network.stride)
    return trainer


def _window_source(options: TrainingOptions, dataset: Dataset, folder: Path | None) -> WindowSource:
    training, data = dataset.split("train"), options.data
    if folder is None:
        return Windows(training.paths, data.patch, zoom=data.zoom)
    pack = Pack.load(folder)
    if pack.fingerprint != training.fingerprint():
        raise InputError(
            f"{folder} holds split {pack.split} of {pack.dataset} as it was when packed, not the training photographs "
            f"of {dataset.name}; pack them again"
        )
    return lambda first, pipeline, batch_size: windows_of(
        pack,
        data.patch,
        batch_size,
        seed=options.optimization.seed,
        first_example=first,
        pipeline=pipeline,
        zoom=data.zoom,
    )


def _new_config(options: TrainingOptions, dataset: Dataset, strategy: tf.distribute.Strategy) -> dict:
    dtype = precision.choose(
        options.optimization.precision, lambda: agree(strategy, precision.bfloat16_gain(training=True))
    )
    return {
        "options": options.to_json(),
        "total_steps": options.optimization.steps,
        "precision": dtype.name,
        "data": {
            "dataset": dataset.name,
            "photographs": dataset.message,
            "splits": {split: len(dataset.split(split).files) for split in ("train", "val", "test")},
            "fingerprint": dataset.split("train").fingerprint(),
        },
        "versions": {
            "tfcolor": __version__,
            "tensorflow": tf.__version__,
            "numpy": np.__version__,
            "python": platform.python_version(),
        },
    }


def _start_from(trainer: Trainer, options: TrainingOptions) -> None:
    """Start from the weights of a model with the same network, but a new optimizer.

    If that model's outputs stand for something else, the last layer keeps its own initial weights.
    """
    folder = find_model(options.optimization.init)
    path, network = folder / "weights.npz", trainer.network
    arrays = read_weights(path)
    if read_info(folder).objective.outputs != options.objective.outputs:
        arrays |= {name: weight.numpy() for name, weight in network.last.weights.items()}
    check_names(path, arrays, set(network.saved))
    trainer.set_weights(arrays, path)


def _initialize(trainer: Trainer, options: TrainingOptions, objective: Objective, dataset: Dataset) -> None:
    """Replace the network's initial weights by pretrained ones, and those of another initialization than He's."""
    kind, seed = options.optimization.initialization, options.optimization.seed
    pretrained = {} if kind == "scratch" else trainer.network.pretrained()
    if kind in ("he", "scratch") and not pretrained:
        return
    network = options.network.make(objective.num_outputs, seed)
    if kind == "xavier":
        initialization.xavier(network, seed)
    elif kind == "data":
        initialization.data_dependent(network, _sample_inputs(options, network, dataset), seed)
    # All machines take the chief's weights: results may differ in their last bits, and k-means amplifies this.
    weights = {name: weight.numpy() for name, weight in network.saved.items()} | pretrained
    trainer.set_weights(broadcast_from_chief(trainer.strategy, weights), "initialization")


def _sample_inputs(options: TrainingOptions, network: Network, dataset: Dataset) -> tf.Tensor:
    """Inputs of the network, float32 [B, P, P, C]: the middles of photographs spread over the training split."""
    paths = dataset.split("train").paths
    windows = Windows(paths[:: -(-len(paths) // _INITIAL_PHOTOS)], options.data.patch)
    middle = np.float32([0.5, 0.5])
    rgb = np.stack([windows.cut(index, middle) for index in range(len(windows.paths))])
    return INPUTS[network.takes].from_lightness(levels_to_lab(tf.constant(rgb))[..., :1])


def _previews(experiment: Experiment) -> Previews:
    dataset, network = experiment.dataset, experiment.trainer.network
    previews = Previews(dataset.split("val").paths, experiment.objective, network)
    if not len(previews):
        log.warning("%s has no photograph for validation: no previews, no metrics", dataset.name)
    return previews


def _summary(experiment: Experiment, num_photos: int) -> str:
    trainer = experiment.trainer
    parameters = sum(np.prod(weight.shape) for weight in trainer.network.weights.values())
    return (
        f"{experiment.options.network.name} with {experiment.objective.bins.num_bins} bins, "
        f"{parameters / 1e3:.0f} k weights, {experiment.config['precision']}, "
        f"{trainer.strategy.num_replicas_in_sync} replica(s), {num_photos} photographs, "
        f"from step {experiment.state.step}"
    )
