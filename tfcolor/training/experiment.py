"""A training run from data to model directory: what train.py does once its options are checked."""

import functools
import logging
import platform
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tensorflow as tf

from tfcolor import __version__
from tfcolor.color.bins import Bins
from tfcolor.colorizer.colorizer import Colorizer
from tfcolor.data.batches import training_batches
from tfcolor.data.datasets import Dataset
from tfcolor.data.packs import Pack, windows_of
from tfcolor.data.scan import scan
from tfcolor.data.windows import Windows
from tfcolor.evaluation.baselines import MeanGivenLightness, raw_aucs
from tfcolor.models.directory import find_model, save_model
from tfcolor.networks import initialization
from tfcolor.networks.registry import NETWORKS, network_class
from tfcolor.objectives.targets import TargetMaker
from tfcolor.photographs.pixels import UnreadableImage, read_size, write_png
from tfcolor.training.distribution import agree, make_strategy, of_chief
from tfcolor.training.loop import steps_for, train
from tfcolor.training.options import TrainingOptions
from tfcolor.training.previews import Previews
from tfcolor.training.run_folder import Run
from tfcolor.training.trainer import Position, Trainer
from tfcolor.utils import cluster, precision
from tfcolor.utils.console import Progress
from tfcolor.utils.errors import InputError, WorkError
from tfcolor.utils.files import remove_leftovers, write_json

log = logging.getLogger(__name__)

# What the final metrics are measured on: more would change little and could take longer than training.
_MEASURED_PIXELS = 5_000_000  # of validation photographs, at least one
_INITIAL_PHOTOS = 16  # that initial weights depend on
_BASELINE_PHOTOS = 500  # of training photographs, spread over all


def count_bins(options: TrainingOptions, dataset: Dataset) -> Bins:
    """Count the colours of a dataset's training split.

    Raises:
        WorkError: where no photograph can be read.
    """
    paths = dataset.split("train").paths
    with Progress("counting colours", len(paths), "images") as progress:
        found = scan(paths, progress.update)
        for path, reason in found.unreadable:
            progress.log(f"skipping {path}: {reason}")
    if not found.num_images:
        raise WorkError(f"none of the {len(paths)} training photographs of {dataset.name} can be read")
    counting = {"uniform_share": options.uniform_share, "min_count": options.min_count}
    if options.bins:
        counting["kind"] = options.bins
    return found.bins(options.window, dataset.name, "train", **counting)


class Experiment:
    """Everything of one run, tied together."""

    def __init__(
        self,
        options: TrainingOptions,
        run: Run,
        dataset: Dataset,
        bins: Bins | None,
        resume: bool,
        pack: Path | None = None,
    ):
        """Prepare the run; the directory is written to by the chief alone.

        Args:
            options: of the run; where it is resumed, those it began with.
            run: its directory.
            dataset: all of it; it is split here.
            bins: counted already, or None to count them on the training split.
            resume: whether to go on with the run that is in the directory.
            pack: folder with the training photographs as `tfcolor.pack` writes them; None to read them one by one.

        Raises:
            InputError: where options do not fit each other or the data.
            WorkError: where no photograph can be read.
        """
        self._strategy = make_strategy()  # before anything else of TensorFlow
        self._options, self._run, self._dataset = options, run, dataset
        self._training = dataset.split("train")
        self._pack = self._checked(pack) if pack else None
        if resume and run.bins_path.exists():
            bins = Bins.load(run.bins_path)
        self._bins = bins or count_bins(options, dataset)
        self._check_batch()
        network = network_class(options.network)
        self._config = run.read_config() if resume else self._new_config()
        make_targets = TargetMaker.of(options, self._bins, network)
        self._make_targets = make_targets
        xla = precision.use_xla(options.xla)
        self._trainer = Trainer(
            self._make_network,
            options.batch_size,
            self._strategy,
            xla,
            options.seed,
            options.weight_average,
            options.weight_decay,
        )
        self._position = Position()
        if resume and run.checkpoint_path.exists():
            self._position = self._trainer.restore(run.checkpoint_path)
        elif options.init:
            self._trainer.start_from(find_model(options.init) / "weights.npz")
        else:
            self._initialize()
        if cluster.is_chief():
            unseen = dataset.split("val").paths
            self._previews = Previews(unseen, self._bins, make_targets, network)
            if not len(self._previews):
                log.warning("%s has no photograph for validation: no previews, no metrics", dataset.name)
            if not resume:
                run.start(self._config)
            remove_leftovers(run.folder)
            self._bins.save(run.bins_path)

    def run(self) -> None:
        """Train, with checkpoints, previews and logs, and write the model."""
        options, position = self._options, self._position
        batches = self._strategy.distribute_datasets_from_function(self._batches)
        with Progress("training", self._config["total_steps"], "steps", done=position.step) as self._progress:
            self._say(self._summary())
            try:
                train(
                    self._trainer,
                    iter(batches),
                    position,
                    self._config["total_steps"],
                    learning_rate=options.learning_rate,
                    schedule=options.schedule,
                    steps_per_epoch=-(-len(self._training.files) // options.batch_size),
                    on_calibrated=self._calibrated,
                    on_report=self._report,
                    on_checkpoint=self._checkpoint,
                    on_preview=self._preview,
                )
            except tf.errors.ResourceExhaustedError as error:
                raise WorkError("out of memory; use a smaller --batch-size or --patch") from error
            except (tf.errors.DataLossError, tf.errors.InvalidArgumentError, tf.errors.NotFoundError) as error:
                if not self._pack:
                    raise
                raise WorkError(f"{self._pack.folder} is damaged, or was while it was read; pack again") from error
        if cluster.is_chief():
            self._finish()
        agree(self._strategy, 0.0)  # nobody leaves before the chief has written the model

    def _check_batch(self) -> None:
        replicas = self._strategy.num_replicas_in_sync
        if self._options.batch_size % replicas:
            raise InputError(f"--batch-size {self._options.batch_size} does not divide among {replicas} replicas")
        if self._bins.num_bins < 8:
            raise InputError(
                f"{self._dataset.name} has {self._bins.num_bins} colour bins at window {self._bins.window}, "
                "the network needs 8 or more; use a smaller --window or photographs with more colours"
            )

    def _new_config(self) -> dict:
        options = self._options
        dtype = precision.choose(options.precision, self._bfloat16_gain)
        return {
            "options": options.to_json(),
            "total_steps": options.steps,
            "precision": dtype.name,
            "data": {
                "dataset": self._dataset.name,
                "photographs": self._dataset.message,
                "splits": {split: len(self._dataset.split(split).files) for split in ("train", "val", "test")},
                "fingerprint": self._training.fingerprint(),
            },
            "versions": {
                "tfcolor": __version__,
                "tensorflow": tf.__version__,
                "numpy": np.__version__,
                "python": platform.python_version(),
            },
        }

    def _bfloat16_gain(self) -> float:
        return agree(self._strategy, precision.bfloat16_gain(training=True))

    def _make_network(self, dtype: tf.DType | None = None) -> tf.Module:
        options = self._options
        return network_class(options.network)(
            self._bins.num_bins,
            **self._network_arguments(),
            seed=options.seed,
            compute_dtype=dtype or tf.as_dtype(self._config["precision"]),
        )

    def _initialize(self) -> None:
        """Give the network other initial weights than those it was made with, where they are asked for."""
        kind, seed = self._options.initialization, self._options.seed
        if kind == "he":
            return
        network = self._make_network(tf.float32)
        if kind == "xavier":
            initialization.xavier(network, seed)
        else:
            initialization.data_dependent(network, self._some_lightness(), seed)
        # Of one machine for all: what is made of data may differ in its last bits, and k-means makes more of that.
        weights = of_chief(self._strategy, {name: weight.numpy() for name, weight in network.saved.items()})
        self._trainer.set_weights(weights, "initialization")

    def _some_lightness(self) -> tf.Tensor:
        """float32 [B, P, P, 1] of windows from photographs spread over those for training."""
        paths = self._training.paths
        windows = Windows(paths[:: -(-len(paths) // _INITIAL_PHOTOS)], self._options.patch)
        middle = np.float32([0.5, 0.5])
        rgb = np.stack([windows.cut(index, middle) for index in range(len(windows.paths))])
        return self._make_targets(tf.constant(rgb))[0]

    def _network_arguments(self) -> dict:
        return {name: getattr(self._options, name) for name in NETWORKS[self._options.network].arguments}

    def _checked(self, folder: Path) -> Pack:
        pack = Pack.load(folder)
        if pack.fingerprint != self._training.fingerprint():
            raise InputError(
                f"{folder} holds split {pack.split} of {pack.dataset}, or what that was before: not the training "
                f"photographs of {self._dataset.name}; pack them again"
            )
        return pack

    def _windows(self) -> Windows | Callable[[int, tf.distribute.InputContext], tf.data.Dataset]:
        options = self._options
        if self._pack is None:
            return Windows(self._training.paths, options.patch, zoom=options.zoom)
        return lambda first, pipeline: windows_of(
            self._pack, options.patch, seed=options.seed, first_example=first, pipeline=pipeline, zoom=options.zoom
        )

    def _batches(self, pipeline: tf.distribute.InputContext) -> tf.data.Dataset:
        return training_batches(
            self._windows(),
            self._make_targets,
            seed=self._options.seed,
            first_step=self._position.step,
            global_batch=self._options.batch_size,
            pipeline=pipeline,
        )

    def _summary(self) -> str:
        options = self._options
        parameters = sum(np.prod(weight.shape) for weight in self._trainer.network.weights.values())
        return (
            f"{options.network} with {self._bins.num_bins} bins, {parameters / 1e3:.0f} k weights, "
            f"{self._config['precision']}, {self._strategy.num_replicas_in_sync} replica(s), "
            f"{len(self._training.files)} photographs, from step {self._position.step}"
        )

    def _say(self, line: str) -> None:
        if cluster.is_chief():
            self._progress.log(line)

    def _calibrated(self, seconds_per_step: float) -> int:
        seconds_per_step = agree(self._strategy, seconds_per_step)
        total = steps_for(self._options.minutes, seconds_per_step)
        self._config["total_steps"] = self._progress.total = total
        if cluster.is_chief():
            write_json(self._run.config_path, self._config)
        self._say(f"{self._options.minutes:g} minutes are {total} steps of {seconds_per_step:.3f} s")
        return total

    def _report(self, position: Position, numbers: dict[str, float]) -> None:
        if not cluster.is_chief():
            return
        colored = self._options.batch_size * (self._options.patch - 2 * self._trainer.network.context) ** 2
        numbers["pixels_per_second"] = colored / numbers.pop("seconds_per_step")
        self._log_scalars(position.step, "training", numbers | {"skipped_steps": position.skipped})
        note = f"loss {numbers['loss']:.3f} ({numbers['plain_loss']:.3f} unweighted)"
        note += f", {numbers['pixels_per_second'] / 1e3:.1f} k pixels/s"
        self._progress.update(position.step, note + (f", {position.skipped} skipped" if position.skipped else ""))

    def _checkpoint(self, position: Position) -> None:
        if cluster.is_chief():
            self._trainer.save(self._run.checkpoint_path, position)

    def _preview(self, position: Position) -> None:
        if not cluster.is_chief() or not len(self._previews):
            return
        picture, numbers = self._previews.look(self._trainer.network)
        folder = self._run.folder / "previews"
        folder.mkdir(exist_ok=True)
        write_png(folder / f"step-{position.step:07d}.png", picture)
        self._log_scalars(position.step, "validation", numbers)
        with self._writer.as_default(position.step):
            tf.summary.image("preview", picture[None])
        self._say(
            f"step {position.step}: on unseen photographs loss {numbers['loss']:.3f} "
            f"({numbers['plain_loss']:.3f} unweighted), raw AuC {numbers['raw_auc']:.2f} %"
        )

    @property
    def _writer(self) -> tf.summary.SummaryWriter:
        if not hasattr(self, "_events"):
            self._events = tf.summary.create_file_writer(str(self._run.folder / "tensorboard"))
        return self._events

    def _log_scalars(self, step: int, group: str, numbers: dict[str, float]) -> None:
        with self._writer.as_default(step):
            for name, value in numbers.items():
                tf.summary.scalar(f"{group}/{name}", value)

    def _finish(self) -> None:
        """Measure the model and write it."""
        run, position = self._run, self._position
        self._preview(position)
        network = self._make_network(tf.float32)
        arrays = self._trainer.model_arrays()
        for name, variable in network.saved.items():
            variable.assign(arrays[name])
        options = {"name": self._options.network, "num_bins": self._bins.num_bins}
        description = {"network": options | self._network_arguments()}
        description |= self._config | {"steps": position.step, "seconds": round(position.seconds, 1)}
        description |= {"skipped_steps": position.skipped, "metrics": self._measure(network)}
        save_model(run.folder, network, self._bins, description)
        run.checkpoint_path.unlink(missing_ok=True)
        self._writer.close()

    def _measure(self, network: tf.Module) -> dict:
        paths = self._measurable()
        if not paths:
            return {}
        training = self._training.paths
        colorizer = Colorizer(network, self._bins, self._options.xla)
        predictors = {
            "mean ab given L": MeanGivenLightness(training[:: 1 + len(training) // _BASELINE_PHOTOS]),
        } | {
            f"T = {T:g}" if self._options.objective == "classification" else "regression": functools.partial(
                colorizer.predict_ab, temperature=T
            )
            for T in (1.0, 0.38)
        }
        with Progress("measuring", len(paths), "photographs") as progress:
            aucs = raw_aucs(predictors, paths, progress.update)
        return {"split": "val", "photographs": len(paths), "raw_auc_percent": aucs}

    def _measurable(self) -> list[Path]:
        """The first validation photographs that can be read, up to a number of pixels."""
        chosen, pixels = [], 0
        for path in self._dataset.split("val").paths:
            try:
                width, height = read_size(path)
            except UnreadableImage:
                continue
            pixels += width * height
            if chosen and pixels > _MEASURED_PIXELS:
                break
            chosen.append(path)
        return chosen
