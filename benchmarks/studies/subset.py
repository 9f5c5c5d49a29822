"""Some photographs of a dataset as a folder of links, in which each keeps its split. No TensorFlow."""

import os
from pathlib import Path

from tfcolor.data import datasets
from tfcolor.data.datasets import Dataset
from tfcolor.utils.errors import InputError
from tfcolor.utils.files import make_folder, new_folder


def spread(files: tuple[str, ...], most: int) -> list[str]:
    """Choose at most `most` files, spread evenly over all."""
    count = min(most, len(files))
    return [files[k * len(files) // count] for k in range(count)]


def with_fewer_training_photographs(dataset: Dataset, most: int) -> list[str]:
    """The files of a dataset: at most `most` of the training split, spread evenly, and all of the others."""
    chosen = spread(dataset.split("train").files, most) if most else []
    return sorted({*chosen, *dataset.split("val").files, *dataset.split("test").files})


def linked(dataset: Dataset, files: list[str], folder: Path) -> Dataset:
    """Make a folder of links to some photographs of a dataset; an existing one is kept.

    The links lie at the same relative paths as the photographs, which decide their splits.

    Args:
        dataset: the dataset; not several joined ones.
        files: some of its files.
        folder: the folder to make; its name becomes the dataset's.

    Raises:
        InputError: if the folder holds other photographs, or the dataset is of several.
    """
    if dataset.parts:
        raise InputError(f"{dataset.name} joins several datasets, whose photographs have splits of their own; give one")
    if not folder.exists():
        make_folder(folder.parent)
        with new_folder(folder) as unfinished:
            for file in files:
                link = unfinished / file
                link.parent.mkdir(parents=True, exist_ok=True)
                link.symlink_to(Path(os.path.abspath(dataset.folder / file)))  # noqa: PTH100 (keeps links as they are)
    found = datasets.find(str(folder))
    if found.files != tuple(sorted(files)):
        raise InputError(f"{folder} holds other photographs than {dataset.name} would give now; remove it")
    return found


def thinned(dataset: Dataset, argument: str, most: int, folder: Path) -> tuple[Dataset, str]:
    """Give a dataset fewer training photographs, spread evenly over all; validation and test photographs stay.

    Args:
        dataset: the dataset.
        argument: what `--dataset` calls it.
        most: the largest number of training photographs; a dataset without more stays as it is.
        folder: where a folder of links may be made.

    Returns:
        The dataset, and what `--dataset` calls it.
    """
    if len(dataset.split("train").files) <= most:
        return dataset, argument
    place = folder / f"{dataset.name}-{most}"
    return linked(dataset, with_fewer_training_photographs(dataset, most), place), str(place)
