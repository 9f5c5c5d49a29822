"""The photographs on which commands choose something for a model: their options, and how they are found."""

import argparse
from pathlib import Path

from tfcolor.data import datasets
from tfcolor.data.datasets import Dataset


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say which photographs."""
    add = parser.add_argument
    add("--dataset", default="scenes", help="dataset of the photographs (default: scenes)")
    add("--split", default="val", choices=("val", "train"), help="never test, which must choose nothing (default: val)")
    add("--photographs", type=int, default=200, help="use at most this many, spread over the split (default: 200)")
    add("--data-dir", help="folder of the datasets (default: $TFCOLOR_DATA, else data/)")


def find(args: argparse.Namespace) -> tuple[Dataset, list[Path]]:
    """Return the dataset, and the paths of the photographs.

    Raises:
        InputError: the dataset is unknown, the split is empty, or `photographs` is below 1.
    """
    dataset = datasets.find(args.dataset, args.data_dir)
    return dataset, dataset.some_of(args.split, args.photographs)
