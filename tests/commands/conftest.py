"""Photographs on which commands choose something."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tfcolor.data import datasets


@pytest.fixture(name="folder")
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Six small pictures of noise: 0 to 2 are the validation split, 3 to 5 the training split."""
    folder = tmp_path / "photographs"
    folder.mkdir()
    for i in range(6):
        rgb = np.random.default_rng(i).integers(0, 256, [20, 24, 3], np.uint8)
        Image.fromarray(rgb).save(folder / f"{i}.png")
    monkeypatch.setattr(datasets, "split_of", lambda file: "val" if file < "3" else "train")
    return folder
