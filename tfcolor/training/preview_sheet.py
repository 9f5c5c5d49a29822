"""A sheet that shows what a network learns: photographs in rows, epochs in columns."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from tfcolor.data.datasets import Dataset
from tfcolor.photographs.pixels import Photo, read_photos, write_png
from tfcolor.training.previews import look_at
from tfcolor.training.recorder import Recorder
from tfcolor.training.state import TrainingState
from tfcolor.utils.files import read_npz, write_npz
from tfcolor.utils.sheets import sheet

EVERY_EPOCHS = 5
MOST_COLUMNS = 12  # of epochs; then every second one is left out, and the others come half as often
_LEAST_STEPS = 50  # between two columns: a few photographs are one epoch in a moment
_PHOTOS = 3  # that training sees, and as many that it does not
_SIDE = 128  # pixels, at least


class EpochColumns:
    """The coloured photographs by epoch, of which a sheet shows a column each.

    photographs: uint8 [N, S, S, 3].
    num_seen: how many of them, the first ones, are training photographs.
    spacing: epochs between two columns.
    epochs: of each column, as a number that need not be whole.
    columns: uint8 [N, s, s, 3] each.
    """

    def __init__(self, photographs: np.ndarray, num_seen: int, spacing: int):
        """Start without columns."""
        self.photographs, self.num_seen, self.spacing = photographs, num_seen, spacing
        self.epochs: list[float] = []
        self.columns: list[np.ndarray] = []

    def is_due(self, epochs: float) -> bool:
        """Whether a multiple of `spacing` has been reached since the last column."""
        return not self.epochs or epochs // self.spacing > self.epochs[-1] // self.spacing

    def add(self, epochs: float, pictures: np.ndarray) -> None:
        """Add a column; if there are too many, leave out every second one."""
        self.epochs.append(epochs)
        self.columns.append(pictures)
        if len(self.columns) > MOST_COLUMNS:
            kept = [k for k, each in enumerate(self.epochs) if each // self.spacing % 2 == 0]
            self.epochs, self.columns = ([values[k] for k in kept] for values in (self.epochs, self.columns))
            self.spacing *= 2

    def forget_after(self, epochs: float) -> None:
        """Remove the columns of later epochs, which come again when a run is resumed."""
        count = sum(each <= epochs for each in self.epochs)
        del self.epochs[count:], self.columns[count:]

    def save(self, path: Path) -> None:
        """Write everything, completely or not at all."""
        columns = np.stack(self.columns)
        numbers = {"num_seen": self.num_seen, "spacing": self.spacing, "epochs": self.epochs}
        write_npz(path, {"photographs": self.photographs, "columns": columns, **numbers})

    @classmethod
    def load(cls, path: Path) -> "EpochColumns":
        """Read what `save` wrote.

        Raises:
            InputError: if the file is missing or broken.
        """
        arrays = read_npz(path, {"photographs", "columns", "num_seen", "spacing", "epochs"})
        found = cls(arrays["photographs"], int(arrays["num_seen"]), int(arrays["spacing"]))
        found.epochs, found.columns = arrays["epochs"].tolist(), list(arrays["columns"])
        return found

    def picture(self, truths: np.ndarray, grays: np.ndarray) -> np.ndarray:
        """Lay out the sheet, uint8 [H, W, 3]: truth, gray and the epochs; seen photographs above, unseen ones below.

        Args:
            truths: uint8 [N, s, s, 3], the photographs.
            grays: the same without colour.
        """
        captions = [f"epoch {_shown(each)}" for each in self.epochs]
        rows = []
        for row in range(len(truths)):
            kind = {0: "seen", self.num_seen: "unseen"} if self.num_seen else {0: "unseen"}
            heads = [kind[row], "gray", *captions] if row in kind else [""] * (2 + len(captions))
            pictures = (truths, grays, *self.columns)
            rows.append([(head, column[row]) for head, column in zip(heads, pictures, strict=True)])
        return sheet(rows)


def _shown(epochs: float) -> str:
    return f"{epochs:.1f}" if 0 < epochs < EVERY_EPOCHS else f"{epochs:.0f}"


def first_spacing(epochs_per_step: float) -> int:
    """Return the epochs between two columns at first: 5, or the first multiple of it that takes 50 steps."""
    return EVERY_EPOCHS * int(np.ceil(max(1.0, _LEAST_STEPS * epochs_per_step / EVERY_EPOCHS)))


class SheetRecorder(Recorder):
    """A recorder that also writes `previews/sheet.png`, and `previews/sheet.npz` to go on with when resumed."""

    def __init__(self, *arguments: Any, dataset: Dataset):
        """Keep what is needed; nothing is read yet.

        Args:
            arguments: those of `Recorder`.
            dataset: the whole dataset; the sheet shows photographs of its splits train and val.
        """
        super().__init__(*arguments)
        self._dataset = dataset
        self._columns: EpochColumns | None = None
        options, splits = self._config["options"], self._config["data"]["splits"]
        self._epochs_per_step = options["batch_size"] / splits["train"]

    def pause(self, state: TrainingState) -> None:
        """Add a column if one is due."""
        if self._previews is None:  # another machine writes the sheet
            return
        epochs = state.step * self._epochs_per_step
        if self._columns is None:
            self._columns = self._start(epochs)
        if len(self._columns.photographs) and self._columns.is_due(epochs):
            self._add(epochs)

    def preview(self, state: TrainingState) -> None:
        """Write the usual previews; at the end, add the last column."""
        super().preview(state)
        columns, epochs = self._columns, state.step * self._epochs_per_step
        is_end = state.step == self._config["total_steps"]
        if is_end and columns and len(columns.photographs) and epochs > columns.epochs[-1]:
            self._add(epochs)

    def _start(self, epochs: float) -> EpochColumns:
        """The columns of the interrupted run, or none."""
        if self._npz_path.exists():
            columns = EpochColumns.load(self._npz_path)
            columns.forget_after(epochs)
            return columns
        network = self._trainer.network
        side = -(-_SIDE // network.multiple) * network.multiple + 2 * network.context
        seen, unseen = (_squares(self._dataset.split(split).paths, side) for split in ("train", "val"))
        photographs = np.stack(seen + unseen) if seen + unseen else np.empty([0, side, side, 3], np.uint8)
        return EpochColumns(photographs, len(seen), first_spacing(self._epochs_per_step))

    def _add(self, epochs: float) -> None:
        objective, network = self._previews.objective, self._trainer.network
        looks = [list(look_at(network, objective, rgb)[0].values()) for rgb in self._columns.photographs]
        truths, grays, predictions = (np.stack(pictures) for pictures in zip(*looks, strict=True))
        self._columns.add(epochs, predictions)
        self._npz_path.parent.mkdir(exist_ok=True)
        self._columns.save(self._npz_path)
        write_png(self._npz_path.with_suffix(".png"), self._columns.picture(truths, grays))

    @property
    def _npz_path(self) -> Path:
        return self._folder.folder / "previews" / "sheet.npz"


def recorder_with_sheet(dataset: Dataset) -> Callable[..., Recorder]:
    """Return what makes a `SheetRecorder` of a dataset from the arguments of `Recorder`."""
    return lambda *arguments: SheetRecorder(*arguments, dataset=dataset)


def _squares(paths: list[Path], side: int) -> list[np.ndarray]:
    """The middles of a few photographs, spread over all, uint8 [side, side, 3]; unreadable ones are left out."""
    squares = []
    for _, photo in read_photos(paths[:: max(1, len(paths) // _PHOTOS)]):
        if len(squares) == _PHOTOS:
            break
        if isinstance(photo, Photo):
            squares.append(np.asarray(ImageOps.fit(Image.fromarray(photo.rgb), (side, side))))
    return squares
