"""Mutated photographs in batches: each gets a whole result of its own lightness, or one line."""

import io
import random
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image
from skimage.color import rgb2lab

from benchmarks.faults.files import MUTATIONS, whole_files
from benchmarks.faults.rounds import Found, run

BATCH = 500
_LIGHTNESS = 3.0  # L*: two decoders of a damaged file may differ by as much
_FAILED = re.compile(r"^cannot colour in/(\S+): .+$", re.MULTILINE)


def one_round(number: int, folder: Path, batch: int = BATCH) -> Found:
    """Colour a batch of mutated files; those of a round are always the same."""
    rng, found = random.Random(number), Found(tried=batch)
    (folder / "in").mkdir()
    kinds = sorted(whole_files())
    for place in range(batch):
        kind = kinds[place % len(kinds)]
        mutate: Callable = rng.choice(MUTATIONS)
        path = folder / "in" / f"{place:03d}-{mutate.__name__}-{kind}"
        path.write_bytes(mutate(whole_files()[kind], rng))
    ended = run("predict.py", "in", "--output", "out", "--model", "forest", "--max-megapixels", 2, folder=folder)
    found.look_at(ended)
    failed = set(_FAILED.findall(ended.err))
    results = {path.name: path for path in (folder / "out").iterdir()} if (folder / "out").exists() else {}
    for source in (folder / "in").iterdir():
        names = [name for name in results if name == source.name or name.startswith(f"{source.name}.")]
        for name in names:
            _check(source, results.pop(name), found)
        if bool(names) == (source.name in failed):
            found.count("lost", f"{source.name}: {len(names)} results, and {source.name in failed} that it failed")
    for name in results:
        found.count("half-written", name)
    return found


def _check(source: Path, result: Path, found: Found) -> None:
    """Check that a result can be read, and has the lightness of its photograph where Pillow can tell that."""
    try:
        colored = _picture(result.read_bytes())
    except Exception as error:
        found.count("half-written", f"{result.name}: {error}")
        return
    try:
        expected = _picture(source.read_bytes())
    except Exception:
        return
    if expected is None or colored is None or _is_ambiguous(source):
        return
    if colored.shape != expected.shape:
        found.count("wrong", f"{result.name} has the shape {colored.shape}, not {expected.shape}")
    elif np.abs(rgb2lab(colored)[..., 0] - rgb2lab(expected)[..., 0]).mean() > _LIGHTNESS:
        found.count("wrong", f"{result.name} has another lightness")


def _is_ambiguous(path: Path) -> bool:
    """Whether a TIFF has the same tag twice in a directory: readers may take either."""
    try:
        with tifffile.TiffFile(path) as tiff:
            codes = [tag.code for tag in tiff.pages[0].tags]
    except Exception:
        return False
    return len(set(codes)) < len(codes)


def _picture(content: bytes) -> np.ndarray | None:
    """The pixels as uint8 [H, W, 3]; None for depths that Pillow does not reduce, and for transparent pixels."""
    with Image.open(io.BytesIO(content)) as image:
        image.load()
        if image.mode not in ("L", "RGB") or "icc_profile" in image.info or "transparency" in image.info:
            return None
        return np.asarray(image.convert("RGB"))
