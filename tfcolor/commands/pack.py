"""Pack a dataset's photographs into TFRecord shards for training: python -m tfcolor pack --dataset scenes

On hard disks and over networks, a few large files are read faster than many small ones. Train with
`train.py --pack FOLDER`.
"""

import argparse
from pathlib import Path

from tfcolor.data import datasets
from tfcolor.utils import console
from tfcolor.utils.errors import InputError
from tfcolor.utils.files import check_folder, new_folder


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = console.Parser(__doc__)
    add = parser.add_argument
    add("--dataset", default="scenes", help="name of a dataset, or a folder, as in train.py (default: scenes)")
    add("--split", default="train", choices=datasets.SPLITS, help="split to pack (default: train)")
    add(
        "--shards",
        type=int,
        default=16,
        help="number of files, at least one for each machine that will train (default: 16)",
    )
    add("--output", help="folder to write (default: packs/<dataset>-<split>)")
    add("--overwrite", action="store_true", help="replace an existing pack")
    add("--data-dir", help="folder of the datasets (default: $TFCOLOR_DATA, else data/)")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> None:
    """Write the pack to a temporary folder, and rename it when it is complete."""
    args = parse(arguments)
    if not 1 <= args.shards <= 10_000:
        raise InputError(f"--shards must be in 1 ... 10000, got {args.shards}")
    folder = Path(args.output or f"packs/{datasets.check_name(args.dataset, args.data_dir)}-{args.split}")
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        if not (folder / "pack.json").is_file():
            raise InputError(f"{folder} exists and is not a pack; give another --output")
        if not args.overwrite:
            raise InputError(f"{folder} holds a pack; give --overwrite to replace it, or another --output")
    check_folder(folder)
    dataset = datasets.find(args.dataset, args.data_dir)
    total = len(dataset.split(args.split).files)
    if total < args.shards:
        raise InputError(f"{dataset.name} has {total} photographs in split {args.split}; give at most as many --shards")
    print(dataset.message)
    console.load_tensorflow()
    from tfcolor.data.packs import write_pack

    folder.absolute().parent.mkdir(parents=True, exist_ok=True)
    with (
        new_folder(folder, replace=args.overwrite) as unfinished,
        console.Progress("packing", total, "photographs") as progress,
    ):

        def on_photo(done, reason):
            if reason:
                progress.log(reason)
            progress.update(done)

        pack = write_pack(dataset, args.split, unfinished, args.shards, on_photo)
    megabytes = sum(path.stat().st_size for path in folder.iterdir()) / 1e6
    print(f"{sum(pack.records):,} photographs in {args.shards} shards, {megabytes:,.0f} MB: {folder}")
