"""Photographs packed into TFRecord shards, which disks and networks read faster than many small files.

Each record is an Example with two features: `file`, the name of the photograph, and `image`, a JPEG, PNG or BMP file.
`pack.json` is written last, so that a pack with it is whole.
"""

import functools
import io
import itertools
import zlib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf
from PIL import Image

from tfcolor.data.datasets import Dataset
from tfcolor.data.windows import cut_window
from tfcolor.photographs import jpeg
from tfcolor.photographs.pixels import UnreadableImage, opened, read_photo
from tfcolor.utils.errors import InputError, WorkError
from tfcolor.utils.files import read_json, write_json

FORMAT_VERSION = 1
_UPRIGHT = (None, 1)  # values of EXIF's orientation
_ORIENTATION = 0x0112
_INTERLEAVED = 8  # shards read at once
_SHUFFLED = 1000  # encoded photographs in the shuffle buffer, at most
_SHUFFLED_BYTES = 2**29  # of the shuffle buffer, at most, by the mean size of a record
_FEATURES = {"file": tf.io.FixedLenFeature([], tf.string), "image": tf.io.FixedLenFeature([], tf.string)}


@dataclass(frozen=True)
class Pack:
    """The photographs of one split, packed.

    folder: folder of the shards and `pack.json`.
    dataset, split: dataset and split of the photographs.
    fingerprint: `Dataset.fingerprint` of that split.
    records: number of photographs in each shard.
    """

    folder: Path
    dataset: str
    split: str
    fingerprint: str
    records: tuple[int, ...]

    @property
    def shards(self) -> list[Path]:
        """The paths of the shards."""
        return [_shard(self.folder, number, len(self.records)) for number in range(len(self.records))]

    @classmethod
    def load(cls, folder: Path) -> "Pack":
        """Read `pack.json`.

        Raises:
            InputError: if the folder holds no whole pack, or a pack of another format version.
        """
        content = read_json(folder / "pack.json")
        if content.pop("format_version", None) != FORMAT_VERSION:
            raise InputError(f"{folder / 'pack.json'} is not of format version {FORMAT_VERSION}; pack again")
        try:
            pack = cls(folder, records=tuple(content.pop("records")), **content)
        except (KeyError, TypeError) as error:
            raise InputError(f"{folder / 'pack.json'} is not the description of a pack") from error
        for path in pack.shards:
            if not path.is_file():
                raise InputError(f"{path} is missing: the pack is not whole; pack again")
        return pack


def write_pack(
    dataset: Dataset, split: str, folder: Path, num_shards: int, on_photo: Callable[[int, str], None]
) -> Pack:
    """Pack the photographs of a split, in a mixed order that makes each shard a fair sample.

    JPEG and PNG files that Pillow opens as RGB, upright and without transparency, are packed byte for byte. All other
    photographs are packed as BMP files of the pixels that `read_photo` returns: twice the size of PNG, but read in a
    tenth of the time, and many times in training.

    Args:
        dataset: the whole dataset.
        split: 'train', 'val', 'test' or 'all'.
        folder: an empty folder to write to.
        num_shards: number of files; more than the machines or disks that will read at once.
        on_photo: called with the number of photographs done, and why the last one was left out, or ''.

    Raises:
        WorkError: if no photograph can be read, or the folder cannot be written.
    """
    part = dataset.split(split)
    paths = sorted(part.paths, key=lambda path: (zlib.crc32(path.name.encode(errors="surrogateescape")), str(path)))
    shares = [paths[number::num_shards] for number in range(num_shards)]
    done, records = itertools.count(1), []
    try:
        for number, share in enumerate(shares):
            with tf.io.TFRecordWriter(str(_shard(folder, number, num_shards))) as writer:
                records.append(sum(_packed(path, writer, functools.partial(on_photo, next(done))) for path in share))
    except tf.errors.OpError as error:
        raise WorkError(f"{folder} cannot be written: {error.message}") from error
    if not sum(records):
        raise WorkError(f"none of the {len(paths)} photographs of {dataset.name} can be read")
    pack = Pack(folder, dataset.name, split, part.fingerprint(), tuple(records))
    content = {name: value for name, value in asdict(pack).items() if name != "folder"}
    write_json(folder / "pack.json", {"format_version": FORMAT_VERSION} | content)
    return pack


def _packed(path: Path, writer: tf.io.TFRecordWriter, on_photo: Callable[[str], None]) -> bool:
    """Write the record of a photograph; return False if it cannot be read."""
    try:
        example = _example(path)
    except (UnreadableImage, OSError) as error:
        on_photo(f"skipping {path}: {error}")
        return False
    writer.write(example)
    on_photo("")
    return True


def windows_of(
    pack: Pack,
    patch: int,
    batch_size: int,
    *,
    seed: int,
    first_example: int,
    pipeline: tf.distribute.InputContext,
    zoom: float = 1.0,
) -> tf.data.Dataset:
    """Make an endless dataset of batches of windows from a pack, which can start at any example.

    The same arguments give the same windows. Each epoch reads the shards in a new order, several at once, through a
    shuffle buffer. The position, size and mirroring of a window depend only on the seed and the number of the example.

    Args:
        pack: the pack to read.
        patch: side of the windows in pixels; smaller photographs are extended by mirror images.
        batch_size: windows in a batch.
        seed: seed of everything random.
        first_example: number of the first example in this pipeline; those before it are skipped.
        pipeline: which machine this is; each machine reads shards of its own.
        zoom: at least 1; windows are cut up to this many times smaller or larger, then resized to `patch`.

    Returns:
        A dataset of uint8 [batch_size, patch, patch, 3], sRGB.

    Raises:
        InputError: if there are fewer shards than machines, or this machine's shards are empty.
    """
    index, count = pipeline.input_pipeline_id, pipeline.num_input_pipelines
    if len(pack.records) < count:
        raise InputError(f"{pack.folder} has {len(pack.records)} shards, fewer than the {count} machines; pack again")
    shards, num_records = [str(path) for path in pack.shards[index::count]], sum(pack.records[index::count])
    if not num_records:
        raise InputError(f"{pack.folder} has no photographs for machine {index} of {count}; pack into fewer shards")
    first_epoch, skipped = divmod(first_example, num_records)
    record_bytes = sum(path.stat().st_size for path in pack.shards) / sum(pack.records)
    buffer_size = max(_INTERLEAVED, min(_SHUFFLED, int(_SHUFFLED_BYTES / record_bytes)))

    def epoch_of(epoch):
        epoch_seed = tf.stack([tf.cast(seed, tf.int64), epoch])
        last = tf.constant(len(shards) - 1, tf.int64)
        shuffled = tf.data.Dataset.range(len(shards)).map(
            lambda number: tf.random.experimental.index_shuffle(number, epoch_seed, last)
        )
        files = shuffled.map(lambda number: tf.gather(tf.constant(shards), number))
        records = files.interleave(tf.data.TFRecordDataset, cycle_length=min(_INTERLEAVED, len(shards)), block_length=1)
        return records.shuffle(buffer_size, seed=1 + tf.cast(seed, tf.int64) + epoch * 2**31)

    def draw(number, record):
        draws = tf.random.stateless_uniform([4], tf.stack([tf.cast(seed, tf.int64), number * count + index]))
        return tf.io.parse_single_example(record, _FEATURES)["image"], draws[:2], draws[3], draws[2] >= 0.5

    def cut_one(encoded, place, size, is_mirrored):
        return cut_window(_decoded(encoded), patch, place, size, zoom, is_mirrored)

    def cut_all(*drawn):
        return np.stack(list(map(cut_one, *drawn)))

    def cut(*drawn):
        rgb = tf.numpy_function(cut_all, drawn, tf.uint8, stateful=False)
        return tf.ensure_shape(rgb, [batch_size, patch, patch, 3])

    records = tf.data.Dataset.counter(tf.constant(first_epoch, tf.int64)).flat_map(epoch_of).skip(skipped)
    drawn = records.enumerate(first_example).map(draw).batch(batch_size, drop_remainder=True)
    return drawn.map(cut, num_parallel_calls=tf.data.AUTOTUNE)


def _shard(folder: Path, number: int, count: int) -> Path:
    return folder / f"{number:05d}-of-{count:05d}.tfrecord"


def _example(path: Path) -> bytes:
    photo = read_photo(path)  # also checks that the file is whole
    content = {"file": path.name.encode(errors="surrogateescape"), "image": _unchanged(path) or _as_bmp(photo.rgb)}
    features = {name: tf.train.Feature(bytes_list=tf.train.BytesList(value=[value])) for name, value in content.items()}
    return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()


def _unchanged(path: Path) -> bytes | None:
    """The bytes of the file, if it is decoded to the same picture without its metadata; else None."""
    with opened(path) as image:
        is_plain = image.format in ("JPEG", "PNG") and image.mode == "RGB" and not image.has_transparency_data
        is_upright = image.getexif().get(_ORIENTATION) in _UPRIGHT
    return path.read_bytes() if is_plain and is_upright else None


def _as_bmp(rgb: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(rgb).save(file, format="BMP")
    return file.getvalue()


def _decoded(encoded: bytes) -> np.ndarray:
    rgb = jpeg.rgb_of(encoded)
    if rgb is None:
        with Image.open(io.BytesIO(encoded)) as image:
            rgb = np.asarray(image.convert("RGB"))
    return rgb
